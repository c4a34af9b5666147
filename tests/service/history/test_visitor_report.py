"""What is told of a visitor: also which experiments they are in, and what they have been shown of them."""

from recommender.decisions.policy import NO_POLICY, Policy
from recommender.visitor.state import EMPTY_STATE, Exposure, VisitorState, experiment_key_of
from service.history.visitor_report import VisitorReport, report_of
from tests.recommender.decisions.policies import experiment, feature, policy_of
from tests.recommender.decisions.shop import NOW, PARAMETERS, catalog_of

EXPOSURES = tuple(
    Exposure(int(NOW) - age, variation, experiment_key_of(name))
    for age, variation, name in ((1, 1, "page"), (2, 5, "page of old"), (3, 9, "colour"))
)


def report(policy: Policy, state: VisitorState = EMPTY_STATE) -> VisitorReport:
    """Return what is told of a visitor of the small shop."""
    return report_of(
        "visitor",
        state,
        catalog_of(),
        None,
        parameters=PARAMETERS,
        policy=policy,
        now=NOW,
        session_is_over=True,
    )


def test_a_report_decides_as_the_visitors_next_page_would() -> None:
    """An experiment that fixes the homepage shows in the report, with its name."""
    rule = experiment("promo", "promo", key="page")
    told = report(policy_of({"kabin-homepage": feature("personalized", rule)}))
    assert told.decision.homepage == ("promo", "experiment", False, "full_price")
    assert [each.experiment_id for each in told.experiments] == ["page"]
    usual = report(NO_POLICY)
    assert (usual.decision.homepage.variant, usual.experiments) == ("full_price", ())


def test_a_report_names_what_the_visitor_has_been_shown() -> None:
    """Also of experiments that are over, of which only the key is left, and variations that are gone."""
    policy = policy_of(
        {
            "kabin-homepage": feature("personalized", experiment("personalized", "promo", key="page")),
            "banner": feature("red", experiment("red", "blue", key="colour")),
        }
    )
    told = report(policy, VisitorState(exposures=EXPOSURES, last_seen=int(NOW)))
    assert told.exposures == [
        ("page", 1, "promo", int(NOW) - 1),
        (None, 5, None, int(NOW) - 2),
        ("colour", 9, None, int(NOW) - 3),
    ]
