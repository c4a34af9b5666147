"""The decision of a page: one pure function of the question, the visitor, the catalog, the model and the time."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from recommender.affinity import NO_EVIDENCE, AffinityParameters, DiscountAffinity, decide_affinity
from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item, Sku, sku_for
from recommender.decisions.fit import Fit
from recommender.decisions.question import Question
from recommender.decisions.selection import select
from recommender.decisions.served import ServedModel
from recommender.decisions.shelf import Recommendation
from recommender.events import SECONDS_PER_DAY
from recommender.homepage import HomepageVariant, decide_homepage
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.decision import decide_size
from recommender.sizes.labels import format_size
from recommender.sizes.scales import size_system_of
from recommender.sizes.size import Size
from recommender.visitor.state import VisitorState

PRIOR: Final = SizeCalibration()
"""What sizes are judged by before there is a model."""


class SizeChoice(NamedTuple):
    """The size of the page's item, as the shop labels it; ``sku_id`` is the one to choose, if it is in stock."""

    action: Literal["preselect", "hint", "none"]
    size: str | None
    size_system: str | None
    sku_id: str | None
    confidence: float
    reason: str
    times: int
    of: int


class HomepageChoice(NamedTuple):
    """The homepage's variant and why; ``pin`` asks to remember it for the session."""

    variant: HomepageVariant
    reason: Literal["discount_affinity", "default", "preview"]
    pin: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that a page is told."""

    size: SizeChoice
    homepage: HomepageChoice
    affinity: DiscountAffinity
    recommendations: list[Recommendation]


def decide(
    question: Question,
    state: VisitorState,
    catalog: Catalog,
    model: ServedModel | None,
    parameters: AffinityParameters,
    *,
    now: float,
) -> Decision:
    """Decide what a page shows a visitor.

    Args:
        question: what the page asks.
        state: what is known of the visitor, :data:`~recommender.visitor.state.EMPTY_STATE` for nothing.
        catalog: may be empty.
        model: ``None`` before the first training; then recommendations are the newest items.
        parameters: of discount affinity; the model's, or defaults for this catalog.
        now: Unix seconds.
    """
    today = int(now // SECONDS_PER_DAY)
    calibration = PRIOR if model is None else model.calibration
    evidence = state.settled_evidence()
    item, viewed = page_item(question, catalog)
    affinity = affinity_of(state, parameters, today)
    homepage = homepage_of(question, state, affinity)
    fit = Fit(evidence, catalog, calibration, today=today)
    return Decision(
        size=_size_of(question, item, viewed, fit),
        homepage=homepage,
        affinity=affinity,
        recommendations=select(
            question, item, state, catalog, model, fit=fit, variant=homepage.variant, now=now
        ),
    )


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


def homepage_of(question: Question, state: VisitorState, affinity: DiscountAffinity) -> HomepageChoice:
    """Return the homepage's variant; it is pinned where a home page shows it, previews never are."""
    if question.preview is not None:
        return HomepageChoice(question.preview, "preview", pin=False)
    pinned = state.homepage
    decision = decide_homepage(
        affinity,
        None if pinned is None else pinned.variant,
        same_session=pinned is not None and pinned.second >= state.session_started,
    )
    return HomepageChoice(
        decision.variant, decision.reason, pin=decision.pin and question.page_type == "home"
    )


def _size_of(question: Question, item: Item | None, viewed: Sku | None, fit: Fit) -> SizeChoice:
    if item is None:
        asked = question.item_id or question.sku
        return SizeChoice("none", None, None, None, 0.0, "unknown_item" if asked else "no_item", 0, 0)
    sizes_in_stock = fit.sizes_in_stock(item)

    def sku_of(size: Size) -> Sku | None:
        """Return the SKU to choose: of the colour viewed, as nobody wants a blue dress for looking at a red one."""
        if size not in sizes_in_stock:
            return None
        return sku_for(item, size, prefer_like_sku=viewed, same_color_only=True)

    decided = decide_size(
        fit.evidence,
        item.ladder(),
        department=item.department,
        in_stock=lambda size: sku_of(size) is not None,
        calibration=fit.calibration,
        today=fit.today,
    )
    reason = decided.reason
    if decided.size is None:
        return SizeChoice(
            "none", None, None, None, decided.confidence, reason.code.value, reason.times, reason.of
        )
    size = decided.size
    chosen = sku_of(size)
    label = next((sku.label for sku in item.skus if sku.size == size), None) or format_size(size)
    return SizeChoice(
        decided.action.value,
        label,
        size_system_of(size.scale),
        None if chosen is None else chosen.sku_id,
        decided.confidence,
        reason.code.value,
        reason.times,
        reason.of,
    )
