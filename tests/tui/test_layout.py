"""Tables that fit a width, and drawings."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from recaudit.tui.blocks import Block, Column, Row, cut, fitted
from recaudit.tui.places import History, Place
from recaudit.tui.plot import Canvas, framed, spread


def table(*rows, right=(False, True, True)):
    columns = tuple(Column(name, side) for name, side in zip(("title", "n", "value"), right, strict=True))
    return Block("t", "T", columns=columns, rows=tuple(Row(row, row) for row in rows))


def test_text_is_cut_before_numbers_leave():
    block = table(("A rather long title of a film", "12", "3.25"))
    fit = fitted(block, 32)
    assert fit.places == (0, 1, 2)
    line = "".join(text for text, _ in fit.line(block.rows[0].cells, block.columns))
    assert line.rstrip().endswith("3.25")
    assert "…" in line
    assert cell_len(line) <= 32


def test_columns_leave_where_nothing_else_helps():
    assert fitted(table(("Title of a film", "123,456,789", "3.25")), 24).places == (0, 2)


@given(
    st.lists(st.tuples(st.text(max_size=40), st.text("0123456789.", max_size=12), st.text(max_size=20))),
    st.integers(16, 140),
)
def test_lines_never_exceed_the_width(rows, width):
    block = table(*rows)
    fit = fitted(block, width)
    for row in block.rows:
        assert sum(cell_len(text) for text, _ in fit.line(row.cells, block.columns)) <= width


def test_cut_counts_cells_not_letters():
    assert cut("映画の題名", 6) == "映画…"
    assert cut("short", 10) == "short"


def test_dots_fall_where_they_should():
    canvas = Canvas(2, 1, (0, 1), (0, 1))
    canvas.dot(0, 0)
    canvas.dot(1, 1)
    canvas.dot(2, 0)
    assert canvas.lines() == [chr(0x2800 + 0x40) + chr(0x2800 + 0x08)]


def test_words_beside_dots_never_cover_each_other():
    canvas = Canvas(20, 3, (0, 1), (0, 1))
    canvas.text(0.1, 0.5, "first")
    canvas.text(0.2, 0.5, "second")
    canvas.text(0.99, 1, "edge")
    lines = canvas.lines()
    assert "first" in lines[1]
    assert "second" not in lines[1]
    assert lines[0].endswith("edge") or "edge" in lines[0]


def test_frame_says_least_and_most():
    lines = framed(Canvas(30, 4, (0, 1), (0, 1)), ("0", "users", "1"), ("-1", "rating", "+1"))
    assert lines[1].startswith("+1")
    assert lines[-3].startswith("-1")
    assert "users" in lines[-1]


def test_spread_of_one_value_is_no_empty_stretch():
    least, most = spread([2.0, 2.0])
    assert least < 2.0 < most


def test_history_goes_back_and_forward_and_forgets():
    history = History()
    a, b, c = (Place("latent", str(n)) for n in range(3))
    for place in (a, b, b, c):
        history.visit(place)
    assert [history.back(), history.back(), history.back()] == [b, a, None]
    assert history.forward() == b
    history.visit(a)
    assert history.forward() is None
    assert history.back() == b
