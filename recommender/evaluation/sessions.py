"""Readers of the public session data sets that recommendations are measured on."""

import csv
import gzip
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from recommender.recommendations.replay import Case
from recommender.recommendations.sessions import Sessions

DIGINETICA_TRAIN = "diginetica_train_sessions.txt.gz"
DIGINETICA_TEST = "diginetica_test_prefix_target.tsv.gz"
YOOCHOOSE_TRAIN = "yoochoose_100k_train_full.tsv.gz"
YOOCHOOSE_TEST = "yoochoose_100k_test.tsv.gz"


@dataclass(frozen=True, slots=True, eq=False)
class SessionSplit:
    """Sessions to train on and the later cases to be measured by.

    Attributes:
        name: of the data set, for the report.
        train: sessions in time order.
        cases: later sessions' clicks, only of items that ``train`` holds.
        item_ids: the data set's id of each item row.
    """

    name: str
    train: Sessions
    cases: list[Case]
    item_ids: list[str]

    @classmethod
    def of(
        cls,
        name: str,
        train: Iterable[Sequence[Hashable]],
        test: Iterable[tuple[Sequence[Hashable], Hashable]],
    ) -> Self:
        """Number the items of ``train`` in order of appearance and keep the test cases made of them."""
        rows: dict[Hashable, int] = {}
        sequences = [[rows.setdefault(item, len(rows)) for item in sequence] for sequence in train]
        cases = []
        for prefix, target in test:
            known = [rows[item] for item in prefix if item in rows]
            if known and target in rows:
                cases.append(Case(known, rows[target]))
        return cls(name, Sessions.of(sequences, len(rows)), cases, [str(item) for item in rows])

    @classmethod
    def newest(cls, name: str, sessions: Sessions, share: float, item_ids: list[str]) -> Self:
        """Hold out the newest ``share`` of a shop's own sessions."""
        train, held_out = sessions.split_newest(share)
        known = train.item_weights() > 0
        cases = [
            Case(kept[:position], kept[position])
            for sequence in held_out.sequences()
            for kept in [[row for row in sequence if known[row]]]
            for position in range(1, len(kept))
        ]
        return cls(name, train, cases, item_ids)


def read_diginetica(folder: Path) -> SessionSplit:
    """Read Diginetica (CIKM Cup 2016) in the split of SR-GNN and its successors.

    Args:
        folder: holds ``diginetica_train_sessions.txt.gz`` and ``diginetica_test_prefix_target.tsv.gz``.

    Raises:
        FileNotFoundError: one of the files is absent.
        ValueError: a test line is no prefix and target.
    """
    with gzip.open(folder / DIGINETICA_TRAIN, "rt", encoding="ascii") as lines:
        train = [line.split() for line in lines]
    test = []
    with gzip.open(folder / DIGINETICA_TEST, "rt", encoding="ascii") as lines:
        for number, line in enumerate(lines, start=1):
            prefix, tab, target = line.strip().partition("\t")
            if not tab:
                raise ValueError(f"{DIGINETICA_TEST}, line {number}: expected prefix, tab, target")
            test.append((prefix.split(), target))
    return SessionSplit.of("diginetica", train, test)


def read_yoochoose(folder: Path) -> SessionSplit:
    """Read the YooChoose (RecSys Challenge 2015) sample of session-rec; its last day is the test.

    Args:
        folder: holds ``yoochoose_100k_train_full.tsv.gz`` and ``yoochoose_100k_test.tsv.gz``.

    Raises:
        FileNotFoundError: one of the files is absent.
        KeyError: a column is missing.
    """
    train = _timed_sessions(folder / YOOCHOOSE_TRAIN)
    held_out = _timed_sessions(folder / YOOCHOOSE_TEST)
    known = {item for sequence in train for item in sequence}
    test = [
        (kept[:position], kept[position])
        for sequence in held_out
        for kept in [[item for item in sequence if item in known]]
        for position in range(1, len(kept))
    ]
    return SessionSplit.of("yoochoose_100k", train, test)


def _timed_sessions(path: Path) -> list[list[str]]:
    """Return the sessions of a ``SessionId, ItemId, Time`` file in the order of their last click."""
    clicks: dict[str, list[tuple[float, str]]] = {}
    with gzip.open(path, "rt", encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            clicks.setdefault(row["SessionId"], []).append((float(row["Time"]), row["ItemId"]))
    # Clicks of one instant keep the order of the file.
    ordered = [sorted(session, key=lambda click: click[0]) for session in clicks.values()]
    ordered.sort(key=lambda session: session[-1][0])
    return [[item for _, item in session] for session in ordered]
