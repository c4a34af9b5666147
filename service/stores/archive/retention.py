"""How long events stay in the archive: whole UTC days from the day on which they arrived."""

from recommender.events import SECONDS_PER_DAY


def expired_before(now: float, retention_days: int) -> float:
    """Return before which moment (Unix seconds) what arrived is no longer kept; 0 if everything is.

    It is a midnight, so that a day goes at once and not bit by bit.

    Args:
        now: Unix seconds.
        retention_days: how many days before today are kept; 0 for ever.
    """
    if not retention_days:
        return 0.0
    return max(0.0, (now // SECONDS_PER_DAY - retention_days) * SECONDS_PER_DAY)
