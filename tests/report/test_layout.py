"""Numbers with their intervals in one cell, and tables that fit."""

import io

import pytest
from rich.console import Console

from recaudit.report import layout, terminal
from recaudit.report.model import TableSection


def table(columns, *rows):
    return TableSection("t", "T", "", columns, [list(row) for row in rows], "SELECT 1", len(rows))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.981, ".98"),
        (-0.021, "-.02"),
        (0.996, "1.00"),
        (3.456, "3.46"),
        (-1.0, "-1.00"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_short_numbers(value, text):
    assert layout.short(value) == text


def test_intervals_join_their_number():
    columns, rows = layout.joined(
        table(
            ["name", "auc", "auc_low", "auc_high", "gain", "low", "high", "low_end"],
            ["a", 0.9, 0.85, 0.95, -0.1, -0.2, 0.0, 3],
            ["b", None, None, None, 0.1, None, None, 4],
        )
    )
    assert columns == ["name", "auc", "gain", "low_end"]
    assert rows == [["a", ".90 [.85, .95]", "-.10 [-.20, .00]", 3], ["b", "–", ".10", 4]]


def test_other_columns_stay():
    columns = ["low", "high", "x", "low", "y", "x_low", "x_high"]
    assert layout.joined(table(columns, list(range(7)))) == (columns, [list(range(7))])


@pytest.mark.parametrize(("width", "gone"), [(66, {"n", "kind"}), (74, {"n"}), (120, set())])
def test_a_narrow_terminal_loses_columns_and_not_digits(width, gone):
    columns = ["kind", "concept", "n", "auc", "auc_low", "auc_high", "verdict", "rating", "low", "high"]
    section = table(
        columns, ["genre", "Children's", 1007, 0.98, 0.97, 0.99, "not present", -0.02, -0.07, 0.03]
    )
    console = Console(file=io.StringIO(), width=width)
    terminal.render_tables([section], console)
    drawn = console.file.getvalue()
    assert "-.02 [-.07, .03]" in drawn
    assert ".98 [.97, .99]" in drawn
    assert "…" not in drawn
    for name in ("kind", "n"):
        assert (name in drawn.split("auc")[0].split()) is (name not in gone)
