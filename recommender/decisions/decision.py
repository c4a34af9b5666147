"""The decision of a page: one pure function of the question, the visitor, the catalog, the model and the time."""

from typing import Final, Literal, NamedTuple

from recommender.affinity import NO_EVIDENCE, AffinityParameters, DiscountAffinity, decide_affinity
from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item, Sku, sku_for
from recommender.decisions.fit import Fit
from recommender.decisions.question import Question
from recommender.decisions.selection import select
from recommender.decisions.served import ServedModel
from recommender.decisions.shelf import Recommendation
from recommender.decisions.treatment import AS_CONFIGURED, Treatment
from recommender.events import SECONDS_PER_DAY
from recommender.homepage import HomepageVariant, decide_homepage
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.labels import format_size
from recommender.sizes.scales import size_system_of
from recommender.sizes.size import Size
from recommender.visitor.state import VisitorState, settle

PRIOR: Final = SizeCalibration()
"""What sizes are judged by before there is a model."""

WITHHELD: Final = "experiment"
"""Why a size that was decided is not acted on: the visitor is in the control group."""

SWITCHED_OFF: Final = "switched_off"

_new = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor: a decision consists of three."""


class SizeChoice(NamedTuple):
    """The size of the page's item, as the shop labels it; ``sku_id`` is the one to choose, if it is in stock.

    To a control group the action is ``none``, and the rest tells what would have been shown.
    """

    action: Literal["preselect", "hint", "none"]
    size: str | None
    size_system: str | None
    sku_id: str | None
    confidence: float
    reason: str
    times: int
    of: int

    @property
    def would_show(self) -> bool:
        """Whether a size is shown, or would have been to anybody but the control group."""
        return self.action != "none" or self.reason == WITHHELD


class HomepageChoice(NamedTuple):
    """The homepage's variant and why.

    Attributes:
        variant: what to show.
        reason: why.
        pin: asks to remember the variant for the session.
        personalized: what discount affinity alone would show now.
    """

    variant: HomepageVariant
    reason: Literal["discount_affinity", "experiment", "default", "preview"]
    pin: bool
    personalized: HomepageVariant


class Decision(NamedTuple):
    """Everything that a page is told."""

    size: SizeChoice
    homepage: HomepageChoice
    affinity: DiscountAffinity
    recommendations: list[Recommendation]


def decide(  # noqa: PLR0917 - a decision depends on that much, and its callers name what is not plain
    question: Question,
    state: VisitorState,
    affinity: DiscountAffinity,
    catalog: Catalog,
    model: ServedModel | None,
    treatment: Treatment = AS_CONFIGURED,
    *,
    now: float,
) -> Decision:
    """Decide what a page shows a visitor.

    Args:
        question: what the page asks.
        state: what is known of the visitor, :data:`~recommender.visitor.state.EMPTY_STATE` for nothing.
        affinity: the visitor's, from :func:`affinity_of`.
        catalog: may be empty.
        model: ``None`` before the first training; then recommendations are the newest items.
        treatment: what experiments and switches make of it.
        now: Unix seconds.
    """
    today = int(now // SECONDS_PER_DAY)
    calibration = PRIOR if model is None else model.calibration
    item, viewed = page_item(question, catalog)
    homepage = homepage_of(question, state, affinity, treatment)
    fit = Fit(settle(state.evidence), calibration, today=today)
    recommendations: list[Recommendation] = []
    if treatment.recommendations_are_on:
        recommendations = select(
            question,
            item,
            state,
            catalog,
            model,
            fit=fit,
            variant=homepage.variant,
            source=treatment.recommendations,
            now=now,
        )
    size = _treated_size(question, item, viewed, fit, treatment)
    return _new(Decision, (size, homepage, affinity, recommendations))


def page_item(question: Question, catalog: Catalog) -> tuple[Item | None, Sku | None]:
    """Return the item that the page is about and the SKU being viewed, as far as the catalog knows them."""
    item: Item | None = None
    viewed: Sku | None = None
    for identifier in (question.item_id, question.sku):
        resolved = catalog.resolve(identifier) if identifier else None
        if resolved is not None and (item is None or resolved.item is item):
            item = resolved.item
            viewed = resolved.sku or viewed
    return item, viewed


def affinity_of(state: VisitorState, parameters: AffinityParameters, today: int) -> DiscountAffinity:
    """Return the visitor's discount affinity as of ``today``.

    Sums that were made with another half-life mean nothing under this one: until ``kabin rebuild`` has
    recomputed them, the visitor counts as unknown.
    """
    comparable = state.affinity_version in (0, parameters.sums_version)
    return decide_affinity(state.affinity if comparable else NO_EVIDENCE, parameters, today)


def homepage_of(
    question: Question,
    state: VisitorState,
    affinity: DiscountAffinity,
    treatment: Treatment = AS_CONFIGURED,
) -> HomepageChoice:
    """Return the homepage's variant: a preview goes first, then the switch, then the treatment.

    Where personalization decides, the variant is pinned if a home page shows it; nothing else ever is.
    """
    pinned = state.homepage
    decision = decide_homepage(
        affinity,
        None if pinned is None else pinned.variant,
        same_session=pinned is not None and pinned.second >= state.session_started,
    )
    personalized = decision.variant
    if question.preview is not None:
        return HomepageChoice(question.preview, "preview", pin=False, personalized=personalized)
    if not treatment.homepage_is_on:
        return HomepageChoice("full_price", "default", pin=False, personalized=personalized)
    if treatment.homepage != "personalized":
        return HomepageChoice(treatment.homepage, "experiment", pin=False, personalized=personalized)
    is_pinned = decision.pin and question.page_type == "home"
    return _new(HomepageChoice, (personalized, decision.reason, is_pinned, personalized))


def _treated_size(
    question: Question, item: Item | None, viewed: Sku | None, fit: Fit, treatment: Treatment
) -> SizeChoice:
    """Return the size as the treatment has it: with a control group it is decided all the same, and withheld."""
    if treatment.size == "off":
        return SizeChoice("none", None, None, None, 0.0, SWITCHED_OFF, 0, 0)
    choice = _size_of(question, item, viewed, fit)
    if treatment.size == "on" or choice.action == "none":
        return choice
    return choice._replace(action="none", reason=WITHHELD)


def _size_of(question: Question, item: Item | None, viewed: Sku | None, fit: Fit) -> SizeChoice:
    if item is None:
        asked = question.item_id or question.sku
        return SizeChoice("none", None, None, None, 0.0, "unknown_item" if asked else "no_item", 0, 0)

    chosen: dict[Size, Sku | None] = {}

    def sku_of(size: Size) -> Sku | None:
        """Return the SKU to choose: of the colour viewed, as nobody wants a blue dress for looking at a red one."""
        if size not in chosen:
            chosen[size] = sku_for(item, size, prefer_like_sku=viewed, same_color_only=True)
        return chosen[size]

    action, size, confidence, (code, times, of), _ = fit.size_of(item, sku_of)
    if size is None:
        return SizeChoice("none", None, None, None, confidence, str(code), times, of)
    sku = sku_of(size)
    sku_id = None if sku is None else sku.sku_id
    label, system = _label_of(item, size), size_system_of(size.scale)
    return _new(SizeChoice, (str(action), label, system, sku_id, confidence, str(code), times, of))


def _label_of(item: Item, size: Size) -> str:
    """Return what the shop calls a size of an item."""
    for sku in item.skus:
        if sku.size == size and sku.label:
            return sku.label
    return format_size(size)
