import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from recaudit.text import printable


def test_escape_sequences_are_shown_not_sent():
    assert printable("\x1b[2Jowned\x07") == "\\x1b[2Jowned\\x07"


def test_bidirectional_override_is_shown():
    assert printable("\u202eevil") == "\\u202eevil"


def test_ordinary_text_is_untouched():
    assert printable("Amélie (2001) – 天空の城ラピュタ") == "Amélie (2001) – 天空の城ラピュタ"


def test_markup_is_left_for_rich_text_not_interpreted():
    assert printable("[bold]Title[/bold]") == "[bold]Title[/bold]"


@pytest.mark.parametrize(("text", "width", "shown"), [("abcdef", 4, "abc…"), ("天空の城", 5, "天空…")])
def test_cut_by_cells(text, width, shown):
    assert printable(text, width) == shown


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_never_wider_than_asked_and_never_hidden(text, width):
    shown = printable(text, width)
    assert cell_len(shown) <= width
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in shown)
