"""What the user may say about data that the files do not say themselves."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recaudit.datasets.columns import ROLES
from recaudit.datasets.layouts import LAYOUTS
from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

SPLITS = ("given", "leave_one_out", "global_time", "random")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a data set. The defaults take everything from the files.

    Attributes:
        layout: name of a layout, where detection is wrong.
        split: one of ``SPLITS``; None takes the data's own split, else leave-one-out, else random.
        split_column: column that ``given`` reads, where it is not called ``split``.
        seed: of the random split.
        cut_points: of ``global_time``, as shares of the time range: test begins at the second.
        shares: of ``random``, what each user gives to valid and to test.
        min_rating: drop rows rated lower, or not at all.
        min_tag_support: drop tags that fewer items carry.
        columns: role (``user``, ``item``, ``rating``, …) to the name of the column that plays it.
        mapping: TOML file whose ``[columns]`` table says the same; ``columns`` wins over it.
        column_names: names for the columns of an interactions file that has no header line.
        delimiter: between fields of an interactions file, where the header does not tell.
        items: table of items, where the layout has none.
        users: table of users, likewise.
        name: of the data set; None takes the name of the folder or file.
    """

    layout: str | None = None
    split: str | None = None
    split_column: str | None = None
    seed: int = 0
    cut_points: tuple[float, float] = (0.8, 0.9)
    shares: tuple[float, float] = (0.1, 0.1)
    min_rating: float | None = None
    min_tag_support: int = 5
    columns: Mapping[str, str] = field(default_factory=dict)
    mapping: Path | None = None
    column_names: tuple[str, ...] = ()
    delimiter: str | None = None
    items: Path | None = None
    users: Path | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.layout is not None:
            check_known("layout", self.layout, LAYOUTS)
        if self.split is not None:
            check_known("split", self.split, SPLITS)
        for role in self.columns:
            check_known("column role", role, ROLES)
        if self.split_column is not None and self.split not in (None, "given"):
            raise UsageError(
                f"--split-column {printable(self.split_column)} has no meaning with --split {self.split}",
                fix="drop one of the two, or use --split given",
            )
        first, second = self.cut_points
        if not 0 < first < second < 1:
            raise UsageError(
                f"cut points {first:g} and {second:g} are not two rising shares between 0 and 1",
                fix="give them like 0.8,0.9",
            )
        if min(self.shares) < 0 or sum(self.shares) >= 1:
            raise UsageError(
                f"shares {self.shares[0]:g} for valid and {self.shares[1]:g} for test leave nothing to train on",
                fix="give shares that add to less than 1, like 0.1,0.1",
            )

    def column_of(self) -> dict[str, str]:
        """Role to column name, from the mapping file and the flags."""
        from_file = {} if self.mapping is None else read_mapping(self.mapping)
        return {**from_file, **self.columns}


def read_mapping(path: Path) -> dict[str, str]:
    """The ``[columns]`` table of a TOML file.

    Raises:
        InputRefused: the file cannot be read, or holds anything but roles and column names.
    """
    shown = printable(path.name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputRefused(
            f"{shown}: not a readable TOML file ({printable(error, 120)})",
            fix='write a table [columns] with lines like user = "customer"',
        ) from error
    for key in content:
        check_known(f"table of {shown}", key, ("columns",))
    columns = content.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns.values()):
        raise InputRefused(
            f"{shown}: [columns] must give a column name, in quotes, for each role",
            fix='write lines like user = "customer"',
        )
    for role in columns:
        check_known(f"column role in {shown}", role, ROLES)
    return columns


def check_known(what: str, value: str, known: Iterable[str]) -> None:
    """Refuse ``value`` unless it is one of ``known``, naming the nearest."""
    names = list(known)
    if value in names:
        return
    nearest = difflib.get_close_matches(value, names, n=1)
    meant = f"did you mean {nearest[0]}? " if nearest else ""
    raise UsageError(f"unknown {what}: {printable(value, 60)}", fix=f"{meant}known: {', '.join(names)}")
