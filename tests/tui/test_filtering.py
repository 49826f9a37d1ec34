"""The language of filters, against the database and against people's slips."""

import pytest

from recaudit.store import browse, listings, read, reading
from recaudit.tui.filtering import Condition, FilterError, parse

KINDS = {"density": "share", "pop": "number", "label": "text", "dead": "flag", "named": "flag"}


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("", ()),
        ("density>0.01", (Condition("density", ">", 0.01),)),
        ("density>1%", (Condition("density", ">", 0.01),)),
        ("pop<=-1e-3", (Condition("pop", "<=", -0.001),)),
        ("pop:3", (Condition("pop", "=", 3.0),)),
        ("label:horror", (Condition("label", ":", "horror"),)),
        ('label="Film Noir"', (Condition("label", "=", "Film Noir"),)),
        ("horror", (Condition("label", ":", "horror"),)),
        ("-is:dead", (Condition("dead", "=", True, negated=True),)),
        ("  is:named   pop>0.3 ", (Condition("named", "=", True), Condition("pop", ">", 0.3))),
    ],
)
def test_reads(text, read_as):
    assert parse(text, KINDS, "label") == read_as


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("density>0.01 labl:x", 13, "did you mean `label`?"),
        ("density>much", 8, "is a number"),
        ("label>3", 5, "is a text"),
        ('label:"open', 6, "never closed"),
        ("is:ded", 3, "did you mean `dead`?"),
        ("density>", 8, "what should `density` be?"),
        ("pop>1 -", 6, "a minus stands before a term"),
        ('"a"b', 3, "space between"),
        ("dead:1", 0, "no field `dead`"),
    ],
)
def test_says_where(text, position, said):
    with pytest.raises(FilterError) as told:
        parse(text, KINDS, "label")
    assert told.value.position == position
    assert said in told.value.message


@pytest.fixture(scope="module")
def opened(made):
    with reading(made) as audit:
        model = read.model_named(audit, None)
        yield audit, listings.parameters(listings.LATENTS, model, read.sae_of(audit, model))


def found(opened, *terms, **query):
    audit, parameters = opened
    return browse.page(audit, listings.LATENTS, parameters, browse.Query(tuple(terms), **query))


def test_filter_agrees_with_plain_sql(opened):
    audit, _ = opened
    page = found(opened, browse.Term("density", ">", 0.1), browse.Term("label", ":", "HORROR"), limit=None)
    names = "SELECT latent FROM labels WHERE text = 'Horror'"
    plain = audit.rows(f"SELECT latent FROM latents WHERE density > .1 AND latent IN ({names})")
    assert sorted(page.keys) == sorted(latent for (latent,) in plain) != []
    assert page.matched == len(plain)
    assert page.total == 64


def test_negation_keeps_what_has_no_value(opened):
    above = found(opened, browse.Term("label", "=", "Horror")).matched
    assert found(opened, browse.Term("label", "=", "Horror", negated=True)).matched == 64 - above


def test_pages_are_one_list_cut(opened):
    whole = found(opened, limit=None).keys
    pages = [found(opened, limit=10, offset=start).keys for start in range(0, 64, 10)]
    assert [key for page in pages for key in page] == whole


def test_place_is_where_the_list_has_it(opened):
    audit, parameters = opened
    query = browse.Query(order="density", descending=False, limit=None)
    keys = browse.page(audit, listings.LATENTS, parameters, query).keys
    assert browse.place_of(audit, listings.LATENTS, parameters, query, keys[17]) == 17
    hidden = browse.Query((browse.Term("dead", "=", True),))
    assert browse.place_of(audit, listings.LATENTS, parameters, hidden, keys[-1]) is None


def test_values_never_become_sql(opened):
    assert found(opened, browse.Term("label", ":", "'; DROP TABLE latents; --")).matched == 0
    assert found(opened).total == 64


def test_readable_sql_runs_and_gives_the_page(opened):
    audit, parameters = opened
    query = browse.Query((browse.Term("label", "!=", "it's"),), limit=5)
    page = browse.page(audit, listings.LATENTS, parameters, query)
    assert audit.rows(browse.readable_sql(listings.LATENTS, parameters, query)) == page.rows
