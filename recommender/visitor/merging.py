"""What becomes of a visitor's exposures when they sign in: one rule for who had seen two variations of something."""

from collections.abc import Iterable, Sequence

from recommender.visitor.state import EXPOSURES_CAPACITY, Exposure


def merge_exposures(customer: Iterable[Exposure], visitor: Sequence[Exposure]) -> tuple[Exposure, ...]:
    """Return the exposures of a customer who was just recognised in a visitor, newest first, at most 16.

    The customer's variation wins, however old: they have lived with it on every device so far. What only the
    visitor saw is added while there is room, the newest first; the customer's own never makes way for it.
    So what the customer had is the same whichever visitors are merged, in whichever order and however often.

    Args:
        customer: what the customer holds.
        visitor: what the visitor held until they signed in.
    """
    merged = {shown.experiment_key: shown for shown in sorted(customer)}
    for shown in sorted(visitor, reverse=True):
        if len(merged) >= EXPOSURES_CAPACITY:
            break
        merged.setdefault(shown.experiment_key, shown)
    return tuple(sorted(merged.values(), reverse=True))
