"""What is held out, and what the models are asked about it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from recommender.events import SECONDS_PER_DAY
from recommender.recommendations.replay import Case
from recommender.training.holdout import held_out_since, hold_out
from recommender.training.interest import Interest
from tests.recommender.training.clicks import MIDNIGHT, shop_days, views

HOUR = 3600.0


def interest_of(rows: list[tuple[str, str, float]], **options: float) -> Interest:
    """Return the interest in views of (visitor, item, hours after midnight)."""
    return Interest.of(views([(who, item, MIDNIGHT + HOUR * hours) for who, item, hours in rows]), **options)


def everything(interest: Interest) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return that every item is known."""
    return np.ones(len(interest.item_ids), dtype=np.bool_)


def named(interest: Interest, cases: list[Case]) -> list[tuple[str, str]]:
    """Return sessions and targets by the items' names."""
    ids = interest.item_ids
    return [("".join(ids[row] for row in case.session), ids[case.target]) for case in cases]


def test_the_newest_day_is_held_out_from_a_full_hour_on() -> None:
    """Four days, the last of which ends at about ten to twelve."""
    interest = Interest.of(shop_days(4))
    assert held_out_since(interest, 1.0) == MIDNIGHT + 3 * SECONDS_PER_DAY
    assert held_out_since(interest, 2.0) == MIDNIGHT + 2 * SECONDS_PER_DAY


def test_of_a_first_day_the_newest_tenth_is_held_out() -> None:
    """Holding out all there is would leave nothing to learn from."""
    interest = Interest.of(shop_days(1))
    since = held_out_since(interest, 1.0)
    assert since is not None
    assert np.mean(interest.rows.timestamp >= since) == pytest.approx(0.1, abs=0.01)


def test_what_the_current_model_has_seen_is_not_held_out() -> None:
    """A training at noon tests on the morning, which neither model knows."""
    interest = Interest.of(shop_days(3, visits_a_day=500))
    seen_until = interest.rows.newest - 6 * HOUR
    since = held_out_since(interest, 1.0, seen_until)
    assert since is not None
    assert interest.rows.timestamp[interest.rows.timestamp < since].max() <= seen_until < since


def test_too_little_news_leaves_the_whole_day() -> None:
    """A second training in the same hour still measures its candidate, and compares it with nobody."""
    interest = Interest.of(shop_days(3))
    assert held_out_since(interest, 1.0, interest.rows.newest - HOUR) == MIDNIGHT + 2 * SECONDS_PER_DAY
    assert held_out_since(interest, 1.0, interest.rows.newest) == MIDNIGHT + 2 * SECONDS_PER_DAY


def test_one_moment_cannot_be_divided() -> None:
    """A shop's first view: nothing is left to learn from if it is held out."""
    assert held_out_since(interest_of([("v", "a", 0.0)]), 1.0) is None


def test_sessions_without_times_are_cut_between_two_of_them() -> None:
    """The newest tenth of the clicks, and the whole session that the tenth begins in."""
    rows = [
        (f"{number}", item, number * SECONDS_PER_DAY + place / 1024)
        for number in range(20)
        for place, item in enumerate("abcd")
    ]
    interest = Interest.of(replace(views(rows), timed=False))
    since = held_out_since(interest, 1.0)
    assert since is not None
    late = interest.rows.timestamp >= since
    assert set(np.flatnonzero(late)) == set(range(17 * 4, 80))


def test_a_session_over_the_boundary_is_asked_about_its_later_clicks_only() -> None:
    """What came before is what the visitor had looked at by then."""
    interest = interest_of([("v", "a", 0.8), ("v", "b", 0.9), ("v", "c", 1.1), ("v", "d", 1.2)])
    held_out = hold_out(interest, MIDNIGHT + HOUR, everything(interest))
    assert named(interest, held_out.cases) == [("ab", "c"), ("abc", "d")]
    assert held_out.wanted.tolist() == [0, 0, 1, 1]
    assert interest.sessions(before=MIDNIGHT + HOUR).items.tolist() == [0, 1]


def test_repeats_and_what_nobody_can_know_are_no_cases() -> None:
    """A target must be new to its session and known to some model, and so must something before it."""
    interest = interest_of(
        [("v", item, 0.1 * place) for place, item in enumerate("xaabaxc")], session_gap_seconds=HOUR
    )
    known = np.array([item != "x" for item in interest.item_ids])
    held_out = hold_out(interest, 0.0, known)
    assert named(interest, held_out.cases) == [("xaa", "b"), ("xaabax", "c")]


def test_cases_speak_a_models_own_rows() -> None:
    """Items that a model does not know are left out of sessions, as in serving, and missed as targets."""
    interest = interest_of([("v", item, 0.1 * place) for place, item in enumerate("abc")])
    held_out = hold_out(interest, 0.0, everything(interest))
    assert held_out.cases_in(np.array([7, -1, 3], dtype=np.int32)) == [Case([7], -1), Case([7], 3)]


def test_clusters_number_the_sessions() -> None:
    """Clicks of one session are no independent evidence, nor are two visitors one."""
    rows = [(who, item, 0.1 * place) for who in "vw" for place, item in enumerate("abc")]
    rows += [("v", item, 5 + 0.1 * place) for place, item in enumerate("ab")]
    held_out = hold_out(interest_of(rows), 0.0, np.ones(3, dtype=np.bool_))
    assert held_out.clusters.tolist() == [0, 0, 1, 1, 2]


def test_of_many_sessions_evenly_spaced_ones_are_asked() -> None:
    """The sample covers the whole time, and whole sessions."""
    interest = Interest.of(shop_days(2))
    since = MIDNIGHT + SECONDS_PER_DAY
    all_cases = hold_out(interest, since, everything(interest))
    some = hold_out(interest, since, everything(interest), most_cases=100)
    assert len(all_cases.cases) == 280
    assert 60 <= len(some.cases) <= 100
    assert np.unique(some.clusters, return_counts=True)[1].tolist() == [4] * (len(some.cases) // 4)
    assert some.cases[-1] == all_cases.cases[-1]


def test_order_histories_are_one_session_however_long() -> None:
    """Where nothing else happens within half an hour, what was bought last month leads to today's purchase."""
    rows = [(f"v{number}", item, 24.0 * 30 * place) for number in range(5) for place, item in enumerate("ab")]
    interest = interest_of(rows)
    assert interest.gap_seconds == math.inf
    held_out = hold_out(interest, MIDNIGHT + 24 * HOUR, everything(interest))
    assert named(interest, held_out.cases) == [("a", "b")] * 5
