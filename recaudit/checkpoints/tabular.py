"""Delimited text: is it a table recaudit can use, and what is odd about it?

Interactions and items are only checked here (the data readers load them); tables of numbers are
embeddings and are handed on as arrays.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recaudit.checkpoints.decoding import decode_text
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short
from recaudit.checkpoints.vectors import fold_vectors

ITEM_COLUMNS = (
    "item_id",
    "item",
    "itemid",
    "iid",
    "movie_id",
    "movieid",
    "movielens_id",
    "asin",
    "product_id",
    "track_id",
    "artist_id",
    "song_id",
    "book_id",
    "video_id",
    "news_id",
)
USER_COLUMNS = ("user_id", "user", "userid", "uid")
MAP_COLUMNS = ("raw_id", "id")
RATING_COLUMNS = ("rating", "score", "stars")
TIME_COLUMNS = ("timestamp", "time", "unixtime", "unixreviewtime")
LATEST_TIME = 32_503_680_000.0
"""The year 3000 in seconds."""
LONGEST_FIELD = 1 << 24
LONGEST_QUOTED_LINES = 20
SHOWN = 5
_DELIMITERS = "\t,;|"


@dataclass
class _Places:
    """How often something odd was seen, and where first."""

    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.lines) < SHOWN:
            self.lines.append(line)

    def __str__(self) -> str:
        more = " …" if self.count > len(self.lines) else ""
        return f"line{'s' if self.count > 1 else ''} {', '.join(map(str, self.lines))}{more}"


@dataclass(frozen=True)
class _Row:
    line: int
    fields: list[str]


def read_table(data: memoryview, reading: Reading) -> dict[str, Any]:
    reading.format = "csv"
    text = decode_text(data, reading)
    _check_nul(text, reading)
    rows = _rows(text, _delimiter(text))
    header = next(rows, None)
    if header is None:
        raise Damaged("the table is empty", fix="Give a table with a header line.")
    names = [_plain_name(name) for name in header.fields]
    if _is_matrix(names):
        return _matrix(header.fields, rows, reading)
    _check_columns(names, header.fields)
    _check_rows(names, rows, reading)
    _check_quotes(text, reading)
    return {}


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Rows with the line they start on; blank lines are left out."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        line = 1
        for fields in reader:
            if fields:
                yield _Row(line, fields)
            line = reader.line_num + 1
    except csv.Error as error:
        raise Damaged(
            f"the table cannot be split into fields after line {reader.line_num}: {error}",
            fix="Write it with a CSV library.",
        ) from error
    finally:
        csv.field_size_limit(before)


def _plain_name(name: str) -> str:
    """Lower case, without the type RecBole appends (``item_id:token``)."""
    return name.strip().lower().partition(":")[0]


def _is_matrix(names: list[str]) -> bool:
    """Columns numbered from 0, perhaps after an index without a name or an id."""
    numbered = names[1:] if names and not names[0].isdigit() else names
    return bool(numbered) and numbered == [str(index) for index in range(len(numbered))]


def _matrix(header: list[str], rows: Iterator[_Row], reading: Reading) -> dict[str, Any]:
    found = list(rows)
    for row in found:
        if len(row.fields) != len(header):
            raise Damaged(f"line {row.line} has {len(row.fields)} fields, but the header has {len(header)}")
    if not found:
        reading.warn("no-rows", "the table has a header and no rows")
    columns = {
        name: _column([row.fields[index] for row in found], name, is_id=not name.isdigit())
        for index, name in enumerate(header)
    }
    return fold_vectors(columns)


def _column(values: list[str], name: str, *, is_id: bool) -> Any:
    if is_id:
        return values
    try:
        return np.array([float(value) if value else math.nan for value in values])
    except ValueError as error:
        raise Damaged(f"column {short(name)} holds something that is no number") from error


def _check_columns(names: list[str], original: list[str]) -> None:
    known = ITEM_COLUMNS + USER_COLUMNS + MAP_COLUMNS
    if not set(names) & set(known):
        raise Damaged(
            f"the table has no column of ids: it has {', '.join(map(short, original[:8]))}; "
            f"looked for {', '.join(known)}",
            fix="Rename the column of ids to item_id or user_id.",
        )


def _check_nul(text: str, reading: Reading) -> None:
    places = _Places()
    for line, content in enumerate(text.split("\n"), start=1) if "\0" in text else ():
        if "\0" in content:
            places.add(line)
    if places.count:
        reading.warn("nul", f"NUL characters in {places}", str(places))


def _check_quotes(text: str, reading: Reading) -> None:
    """An odd number of quotes leaves one open; a field of many lines was closed by accident."""
    if text.count('"') % 2:
        line = text.count("\n", 0, text.find('"')) + 1
        reading.warn(
            "open-quote",
            f"a quote is never closed (the first quote is on line {line}); "
            "the rows after it were read as one field",
            f"line {line}",
        )


class _Ids:
    """One column of ids: repeats, floats, blanks, and numbers mixed with text."""

    def __init__(self, name: str, *, unique: bool) -> None:
        self.name = name
        self._unique = unique
        self._seen: Counter[str] = Counter()
        self._floats, self._blank = _Places(), _Places()
        self._text, self._numbers = _Places(), 0

    def add(self, value: str, line: int) -> None:
        if not value:
            self._blank.add(line)
            return
        if self._unique:
            self._seen[value] += 1
        if value.isascii() and value.isdigit():
            self._numbers += 1
        elif _is_whole_float(value):
            self._floats.add(line)
        else:
            self._text.add(line)

    def report(self, reading: Reading) -> None:
        repeated = [value for value, count in self._seen.items() if count > 1]
        if repeated:
            shown = ", ".join(map(short, repeated[:SHOWN]))
            reading.warn(
                "duplicate-ids",
                f"{len(repeated):,} ids occur more than once in {self.name}: {shown}; "
                "the first row of each counts",
                self.name,
            )
        if self._floats.count:
            reading.warn(
                "float-ids",
                f"{self._floats.count:,} ids in {self.name} are written like 1.0, which is not "
                f"the id 1 ({self._floats})",
                self.name,
            )
        if self._text.count and self._numbers:
            reading.warn(
                "mixed-ids",
                f"{self._text.count:,} ids in {self.name} are text where the others are numbers, "
                f"so no table may know them ({self._text})",
                self.name,
            )
        if self._blank.count:
            reading.warn("empty-fields", f"{self._blank.count:,} ids in {self.name} are empty", self.name)


def _is_whole_float(value: str) -> bool:
    whole, _, decimals = value.partition(".")
    return whole.lstrip("-").isdigit() and decimals != "" and not decimals.strip("0")


class _Numbers:
    """A column of times or ratings: values that cannot be one."""

    def __init__(self, name: str, code: str, lowest: float, highest: float) -> None:
        self.name, self._code, self._lowest, self._highest = name, code, lowest, highest
        self._odd = _Places()

    def add(self, value: str, line: int) -> None:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self._lowest <= number <= self._highest:
            self._odd.add(line)

    def report(self, reading: Reading) -> None:
        if self._odd.count:
            reading.warn(
                self._code,
                f"{self._odd.count:,} values of {self.name} are missing, no numbers or out of "
                f"range ({self._odd})",
                self.name,
            )


def _checkers(names: list[str]) -> dict[int, _Ids | _Numbers]:
    interactions = bool(set(names) & set(USER_COLUMNS)) and bool(set(names) & set(ITEM_COLUMNS))
    checkers: dict[int, _Ids | _Numbers] = {}
    for index, name in enumerate(names):
        if name in ITEM_COLUMNS + USER_COLUMNS + MAP_COLUMNS:
            # A second id column of an item table points elsewhere and may repeat.
            first = not any(isinstance(checker, _Ids) for checker in checkers.values())
            checkers[index] = _Ids(name, unique=first and not interactions)
        elif name in TIME_COLUMNS and interactions:
            checkers[index] = _Numbers(name, "bad-times", 0.0, LATEST_TIME * 1000)
        elif name in RATING_COLUMNS and interactions:
            checkers[index] = _Numbers(name, "bad-ratings", -math.inf, math.inf)
    return checkers


def _check_rows(names: list[str], rows: Iterator[_Row], reading: Reading) -> None:
    checkers = _checkers(names)
    ragged, long_quotes, count = _Places(), _Places(), 0
    for row in rows:
        count += 1
        if len(row.fields) != len(names):
            ragged.add(row.line)
        for index, checker in checkers.items():
            checker.add(row.fields[index] if index < len(row.fields) else "", row.line)
        if any(value.count("\n") > LONGEST_QUOTED_LINES for value in row.fields):
            long_quotes.add(row.line)
    if not count:
        reading.warn("no-rows", "the table has a header and no rows")
    if ragged.count:
        reading.warn(
            "ragged-rows",
            f"{ragged.count:,} rows do not have the header's {len(names)} fields ({ragged})",
            str(ragged),
        )
    if long_quotes.count:
        reading.warn("open-quote", f"a quoted field swallows many lines ({long_quotes})")
    for checker in checkers.values():
        checker.report(reading)
