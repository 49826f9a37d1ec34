"""Edits in words and files: what is accepted, what is refused and how it is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recaudit.errors import UsageError
from recaudit.interventions import file, words
from recaudit.interventions.edits import Edit, Intervention

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
NUMBERS = st.floats(-50, 50)
LATENTS = st.lists(st.integers(0, 5000), min_size=1, max_size=5, unique=True).map(tuple)
EDITS = st.one_of(
    st.builds(
        Edit,
        st.just("scale"),
        latents=LATENTS,
        by=NUMBERS,
        at=st.sampled_from([None, "codes", "pre-activations"]),
    ),
    st.builds(Edit, st.just("set"), select=TEXTS, to=NUMBERS, items=st.lists(TEXTS, max_size=2).map(tuple)),
    st.builds(
        Edit, st.just("project"), direction=TEXTS, by=NUMBERS, users=TEXTS.map(lambda text: f"a={text}")
    ),
)
INTERVENTIONS = st.builds(
    Intervention,
    st.lists(EDITS, min_size=1, max_size=3).map(tuple),
    dictionary=st.none() | TEXTS,
    dictionary_sha256=st.none() | TEXTS,
    keep_error=st.booleans(),
    about=st.just("") | TEXTS,
)


@given(INTERVENTIONS)
def test_a_file_says_the_whole_intervention(intervention):
    assert file.parsed(file.to_toml(intervention), Path("it.toml")) == intervention


WRONG = [
    ("scale latents=1", "`scale` needs an amount"),
    ("scale by=2", "names nothing to change"),
    ("scale latents=1 by=2 to=3", "takes no `to`"),
    ("scale latents=1,1 by=2", "repeats"),
    ("scale latents=1 by=nan", "`by` is nan"),
    ("scale latents=1 by=1e9", "`by` is"),
    ("scale direction=popularity by=2", "not an edit of a direction"),
    ("project latents=1 by=2", "not an edit of latents"),
    ("set latents=1", "needs one amount"),
    ("set latents=1 to=1 quantile=.5", "needs one amount"),
    ("set latents=1 quantile=1.5", "`quantile` is 1.5"),
    ("clamp latents=1 low=2 high=1", "clamp from 2.0 to 1.0"),
    ("blend latents=1 by=1.5", "`blend` by 1.5"),
    ("set latents=1 to=1 at=pre-activations", "cannot be done before the activation"),
    ("scale latents=1 by=2 users=F", "not a group"),
    ("scale latents=1 by=2 users=a=b items=3", "users or of items"),
    ("scale latents=x by=2", "must be numbers"),
    ("scale latents=1 by=two", "must be a number"),
    ("scael latents=1 by=2", "no edit named scael"),
    ("scale latens=1 by=2", "no key=value"),
    ("scale 'latents=1", "No closing quotation"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_wrong_words_are_told(text, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")) as error:
        words.edit(text)
    assert error.value.fix


def test_words_mean_the_edit():
    assert words.edit("scale latents=12,40 by=0.5 users=gender=F") == Edit(
        "scale", (12, 40), by=0.5, users="gender=F"
    )
    assert words.edit('set select="concept:Film-Noir" quantile=.9') == Edit(
        "set", select="concept:Film-Noir", quantile=0.9
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, r"no \[\[edit\]\]"),
        ('[[edit]]\nop = "scale"\nlatents = [1]\nby = 1\nbyy = 2\n', 5, "unknown key `byy`"),
        ('[[edit]]\nop = "scale"\nlatents = [1]\nby = 1\n\n[[edit]]\nop = "scale"\nlatents = ["1"]\nby = 1\n', 8, "whole numbers"),
        ('[[edit]]\nlatents = [1]\n', 1, "without `op`"),
        ('[[edit]]\nop = "scale"\nlatents = [1]\nby = "2"\n', 4, "must be a number"),
        ('keep_error = 1\n[[edit]]\nop = "ablate"\nlatents = [1]\n', 1, "must be true or false"),
        ('[[edit]]\nop = "ablate"\nlatents = [1]\nby = 2\n', 1, "takes no `by`"),
        ('dictionary = "x"\n[[edit]]\nop = "ablate"\nlatents = [1]\n', 1, "must be a table"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path, text, line, said):
    path = tmp_path / "it.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        file.read(path)
    assert line is None or f"line {line}" in error.value.message
