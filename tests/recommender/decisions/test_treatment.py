"""What a treatment makes of a decision, and that it changes nothing else."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.decisions.treatment import AS_CONFIGURED, HomepagePolicy, RecommendationSource, Treatment
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.ranking import Ranker
from recommender.visitor.state import HomepagePin, VisitorState
from tests.recommender.decisions.shop import NOW, ask, catalog_of, model_of, shown, visitor

CONTROL = Treatment(size="control")
DEAL_SEEKER = [("purchase", f"d{number}-10") for number in (0, 3, 6, 9)] * 4
TEN = [("add_to_cart", f"d{number}-10") for number in (1, 2, 3)]

TREATMENTS = st.builds(
    Treatment,
    homepage=st.sampled_from(get_args(HomepagePolicy)),
    homepage_is_on=st.booleans(),
    size=st.sampled_from(["on", "control", "off"]),
    recommendations=st.none() | st.sampled_from(get_args(RecommendationSource)),
    recommendations_are_on=st.booleans(),
)


def lists_of(items: dict[int, list[int]]) -> Neighbours:
    """Return neighbour lists of the small shop, best first."""
    return model_of(items).model.neighbours["blend"]


def model_of_sources() -> ServedModel:
    """Return a model whose three sources propose different items to go with d5."""
    model = model_of({5: [1, 2]}, popular=[10, 11]).model
    lists = {"blend": lists_of({5: [1, 2]}), "als": lists_of({5: [4, 7]}), "covisit": lists_of({5: [8, 9]})}
    return ServedModel(replace(model, neighbours=lists), source="covisit")


@pytest.mark.parametrize("variant", ["full_price", "promo"])
def test_a_homepage_that_an_experiment_fixes_is_the_same_for_everybody_and_never_pinned(
    variant: HomepagePolicy,
) -> None:
    """What personalization would have shown is told beside it, and the list follows what is shown."""
    catalog = catalog_of()
    treatment = Treatment(homepage=variant)
    for acts, personalized in ((DEAL_SEEKER, "promo"), ([], "full_price")):
        decision = ask(Question("home"), visitor(catalog, *acts), catalog=catalog, treatment=treatment)
        assert decision.homepage == (variant, "experiment", False, personalized)
    listed = {one.source for one in decision.recommendations[:3]}
    assert listed == {"on_sale" if variant == "promo" else "newest"}


def test_what_personalization_would_show_respects_the_pin() -> None:
    """The other policy's page, too, would not turn around within a session."""
    seeker = visitor(catalog_of(), *DEAL_SEEKER)
    pinned = VisitorState(
        affinity=seeker.affinity,
        affinity_version=seeker.affinity_version,
        homepage=HomepagePin(int(NOW) - 60, "full_price"),
        session_started=int(NOW) - 3600,
        last_seen=int(NOW),
    )
    assert ask(Question("home"), pinned, treatment=Treatment("promo")).homepage.personalized == "full_price"


def test_a_preview_goes_before_experiments_and_switches() -> None:
    """Quality assurance sees the page it asked for."""
    question = Question("home", preview="promo")
    for treatment in (Treatment("full_price"), Treatment(homepage_is_on=False)):
        assert ask(question, treatment=treatment).homepage == ("promo", "preview", False, "full_price")


def test_a_switched_off_homepage_is_the_full_price_page_for_everybody() -> None:
    """As if nothing were known of anybody, whatever an experiment says."""
    seeker = visitor(catalog_of(), *DEAL_SEEKER)
    for homepage in get_args(HomepagePolicy):
        treatment = Treatment(homepage, homepage_is_on=False)
        decision = ask(Question("home"), seeker, treatment=treatment)
        assert decision.homepage == ("full_price", "default", False, "promo")


def test_a_control_group_is_told_what_it_would_have_got() -> None:
    """Action none, and everything else as decided: so both sides of the test count the same visitors."""
    catalog = catalog_of()
    question, state = Question("product", item_id="d5"), visitor(catalog, *TEN)
    treated = ask(question, state, catalog=catalog).size
    control = ask(question, state, catalog=catalog, treatment=CONTROL).size
    assert treated.action == "preselect"
    assert control == treated._replace(action="none", reason="experiment")
    assert (control.size, control.sku_id, control.times, control.of) == ("10", "d5-10", 3, 3)
    assert treated.would_show
    assert control.would_show


def test_a_control_group_that_would_have_got_nothing_is_told_why_as_usual() -> None:
    """Nothing to show is nothing to withhold: such a decision exposes nobody, on either side."""
    question = Question("product", item_id="d5")
    treated, control = (ask(question, treatment=each).size for each in (AS_CONFIGURED, CONTROL))
    assert control == treated
    assert not control.would_show


def test_a_switched_off_size_is_not_decided() -> None:
    """The reason says so."""
    catalog = catalog_of()
    treatment = Treatment(size="off")
    size = ask(
        Question("product", item_id="d5"), visitor(catalog, *TEN), catalog=catalog, treatment=treatment
    ).size
    assert not size.would_show
    assert size == ("none", None, None, None, 0.0, "switched_off", 0, 0)


def test_switched_off_recommendations_are_none_at_all() -> None:
    """On every page."""
    treatment = Treatment(recommendations_are_on=False)
    for page in ("home", "product", "cart"):
        assert shown(ask(Question(page, item_id="d5"), model=model_of_sources(), treatment=treatment)) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [(None, ["d8", "d9"]), ("covisit", ["d8", "d9"]), ("als", ["d4", "d7"]), ("blend", ["d1", "d2"])],
)
def test_a_treatment_chooses_the_source_of_recommendations(
    source: RecommendationSource | None, expected: list[str]
) -> None:
    """One model serves them all; without a word of an experiment it is the configured one."""
    question = Question("product", item_id="d5", limit=2)
    decision = ask(question, model=model_of_sources(), treatment=Treatment(recommendations=source))
    assert shown(decision) == expected
    assert {one.source for one in decision.recommendations} == {"als" if source == "als" else "covisit"}


def test_popular_does_without_neighbours() -> None:
    """On product pages, and on a home page, whose order is then nobody's."""
    treatment = Treatment(recommendations="popular")
    model = model_of_sources()
    decision = ask(Question("product", item_id="d5", limit=2), model=model, treatment=treatment)
    assert [(one.item.item_id, one.source) for one in decision.recommendations] == [
        ("d10", "popular"), ("d11", "popular"),
    ]  # fmt: skip
    catalog = catalog_of()
    state = visitor(catalog, ("view_item", "d5"))
    home = ask(Question("home", limit=3), state, catalog=catalog, model=model, treatment=treatment)
    assert shown(home) == ["d1", "d2", "d4"]


def test_a_source_that_the_model_lacks_falls_back_as_a_setting_would() -> None:
    """A model of an older training has one source; an experiment cannot empty the slots."""
    model = model_of({5: [7, 8]})
    for source in get_args(RecommendationSource):
        ranker = model.ranker_of(source)
        assert ranker is (None if source == "popular" else model.ranker)


def test_rankers_of_other_sources_are_made_when_asked_for_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a model costs what it did, and the second request for a source costs nothing."""
    made: list[Neighbours] = []
    prepare = Ranker.__init__

    def counting(self: Ranker, neighbours: Neighbours, **settings: object) -> None:
        made.append(neighbours)
        prepare(self, neighbours, **settings)  # type: ignore[arg-type]

    published = model_of_sources().model
    monkeypatch.setattr(Ranker, "__init__", counting)
    model = ServedModel(published, source="covisit")
    assert [each is published.neighbours["covisit"] for each in made] == [True]
    assert model.ranker_of("als") is model.ranker_of("als")
    assert model.ranker_of("covisit") is model.ranker_of(None) is model.ranker
    assert len(made) == 2


@given(TREATMENTS, st.sampled_from(["home", "product", "cart"]), st.booleans())
def test_a_treatment_changes_only_what_it_is_about(
    treatment: Treatment, page: str, seeks_deals: bool
) -> None:
    """A part of the decision that is treated as configured comes out as it does without any experiment."""
    catalog, model = catalog_of(), model_of_sources()
    state = visitor(catalog, *(DEAL_SEEKER if seeks_deals else TEN))
    question = Question(page, item_id="d5")  # type: ignore[arg-type]
    usual = ask(question, state, catalog=catalog, model=model)
    treated = ask(question, state, catalog=catalog, model=model, treatment=treatment)
    assert treated.affinity == usual.affinity
    assert treated.homepage.personalized == usual.homepage.variant
    if treatment.homepage == "personalized" and treatment.homepage_is_on:
        assert treated.homepage == usual.homepage
        if treatment.recommendations in (None, "covisit") and treatment.recommendations_are_on:
            assert treated.recommendations == usual.recommendations
    if treatment.size == "on":
        assert treated.size == usual.size
    assert treated.size.would_show == (usual.size.would_show and treatment.size != "off")
