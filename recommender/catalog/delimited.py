"""Records of CSV and TSV feeds, with quoted line breaks and in spite of stray quotes."""

import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from recommender.catalog.rows import RowError

DELIMITERS: Final = ("\t", ",", ";", "|")
MAX_RECORD_LINES: Final = 200
MAX_RECORD_CHARACTERS: Final = 1 << 17
"""The csv module's own limit for one field."""


class Line(NamedTuple):
    """A decoded line of the feed, counted from 1."""

    number: int
    text: str


class Record(NamedTuple):
    """The cells of a record and the line where it starts."""

    line: int
    cells: list[str]


def delimiter_of(header: str) -> str:
    """Return the separator that occurs most in a header line; a comma if none does."""
    return max(DELIMITERS, key=lambda mark: (header.count(mark), mark == ","))


class _UnclosedQuoteError(Exception):
    """A quoted value runs on and on."""


class _Source:
    """Feeds lines to the csv module, remembers those of the current record and takes some back."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: list[Line] = []
        self.taken: list[Line] = []
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        while True:
            if self._returned:
                line = self._returned.pop()
            else:
                following = next(self._lines, None)
                if following is None:
                    self.exhausted = True
                    return
                line = following
            taken = self.taken
            taken.append(line)
            if len(taken) > 1 and (
                len(taken) > MAX_RECORD_LINES or sum(len(text) for _, text in taken) > MAX_RECORD_CHARACTERS
            ):
                raise _UnclosedQuoteError
            yield line.text

    def return_all_but_first(self) -> Line:
        """Give the record's lines back, except the first, which is returned."""
        first, *others = self.taken
        self._returned.extend(reversed(others))
        self.exhausted = False
        return first

    def runs_out_in_quotes(self) -> bool:
        """Tell whether the feed ended inside a quoted value."""
        return (
            self.exhausted and len(self.taken) > 0 and sum(text.count('"') for _, text in self.taken) % 2 == 1
        )


def records(lines: Iterator[Line], delimiter: str, width: int | None = None) -> Iterator[Record | RowError]:
    """Yield the records of a feed.

    A quote that is opened at the start of a value and never closed would swallow the lines after it. A record of
    several lines that does not have the header's number of cells, or does not end, is therefore read again:
    its first line alone, quotes taken literally, and the others as records of their own.

    Args:
        lines: the feed's lines after the header.
        delimiter: what separates cells.
        width: number of cells of the header; ``None`` reads the header itself.
    """
    source = _Source(lines)
    reader = csv.reader(iter(source), delimiter=delimiter)
    while True:
        source.taken = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _UnclosedQuoteError:
            cells = None
        except csv.Error as error:
            first = source.return_all_but_first() if source.taken else Line(0, "")
            yield RowError(
                first.number, None, f"the line cannot be read ({error}): shorten or quote its values"
            )
            reader = csv.reader(iter(source), delimiter=delimiter)
            continue
        several = len(source.taken) > 1 and width is not None and cells is not None and len(cells) != width
        if cells is None or several or source.runs_out_in_quotes():
            yield from _literally(source.return_all_but_first(), delimiter, width)
            reader = csv.reader(iter(source), delimiter=delimiter)
        elif (
            cells and width is not None and len(cells) > width and any(cell.strip() for cell in cells[width:])
        ):
            detail = (
                f"the line has {len(cells)} values, the header {width}: quote values that hold a separator"
            )
            yield RowError(source.taken[0].number, None, detail)
        elif cells:
            yield Record(source.taken[0].number, cells)


def _literally(line: Line, delimiter: str, width: int | None) -> Iterator[Record | RowError]:
    cells = [_unquoted(cell) for cell in line.text.rstrip("\r\n").split(delimiter)]
    kept = width is None or len(cells) == width
    detail = "a quote is opened and never closed: double it or remove it"
    yield RowError(line.number, None, f"{detail}; taken literally" if kept else detail, rejected=not kept)
    if kept:
        yield Record(line.number, cells)


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
