"""The page: its structure, that it loads nothing, escapes everything, and says what was not run."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest

from recaudit.report import gallery, sections
from recaudit.store import reading, writing
from tests.report.conftest import HOSTILE, page_of
from tests.report.pages import parsed

BUDGET = 5_000_000
"""Bytes of a page."""


@pytest.fixture(scope="module")
def tree(page):
    return parsed(page)


@pytest.fixture(scope="module")
def attacked(hostile):
    return page_of(hostile)


def test_chapters_come_in_the_order_of_reading(tree):
    (main,) = tree.all("main")
    ids = [node.attributes["id"] for node in main.children if node.tag == "section"]
    own = ["ranking", "concepts", "latents", "names", "survey", "bias", "concept-vectors", "time", "interventions"]  # fmt: skip
    assert ids == ["summary", "model", *own, "method", "reproduce"]
    (contents,) = [node for node in tree.all("nav") if node.attributes["aria-label"] == "Contents"]
    assert [link.attributes["href"] for link in contents.all("a")] == [f"#{name}" for name in ids]


def test_the_figures_at_the_top_stand_beside_their_controls(tree, looked_at):
    tiles = {node.all("dt")[0].text: node.all("dd")[0].text for node in tree.with_class("tiles")[0].children}
    assert list(tiles) == ["NDCG@10", "NDCG@10 kept", "First ten kept", "Concepts covered"]
    assert "plain popularity" in tiles["NDCG@10"]
    with reading(looked_at) as audit:
        ((covered, untrained),) = audit.rows(
            "SELECT avg((verdict = 'covered')::INT) FILTER (s.role = 'sae'), "
            "avg((verdict = 'covered')::INT) FILTER (s.role = 'untrained') "
            "FROM concept_coverage JOIN saes s USING (sae_id) WHERE rule = 'recommended10'"
        )
    assert tiles["Concepts covered"].startswith(f"{covered:.0%}")
    assert tiles["Concepts covered"].endswith(f"untrained dictionary {untrained:.0%}")


def test_every_link_has_its_place_and_no_id_is_there_twice(tree):
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in tree.all():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set(node.attributes.get(name, "").split()) <= set(ids)
        if node.tag == "a":
            assert node.attributes["href"].removeprefix("#") in ids


def test_nothing_is_loaded_and_nothing_else_may_run(page, tree):
    for node in tree.all():
        assert node.tag not in {"iframe", "object", "embed", "form", "base", "img", "foreignobject"}
        assert not [name for name in node.attributes if name.startswith("on") or name in {"style", "src"}]
        if "href" in node.attributes:
            assert node.attributes["href"].startswith(("#", "data:"))
    (script,), (style,) = tree.all("script"), tree.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    assert not re.search(r"fetch|XMLHttpRequest|innerHTML|eval|https?:", script.text)
    (policy,) = [
        node.attributes["content"]
        for node in tree.all("meta")
        if node.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    for kind, node in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(node.text.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"
    # The policy comes before anything it governs.
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script>")


def test_text_of_files_stays_text(attacked):
    tree = parsed(attacked)
    assert len(tree.all("script")) == 1
    assert not tree.all("img")
    assert not any(name.startswith("on") for node in tree.all() for name in node.attributes)
    assert "\x1b" not in attacked
    assert "‮" not in attacked
    # It is shown, in sentences, tables, cards and charts, and not dropped.
    shown = HOSTILE[: HOSTILE.index("<img")]  # titles in cards are cut
    for place in ("summary", "model", "concepts", "gallery", "names"):
        assert shown in tree.by_id(place).text
    assert any(shown in node.attributes.get("data-say", "") for node in tree.all("path"))


def test_headings_go_down_one_step_at_a_time(tree):
    levels = [int(node.tag[1]) for node in tree.all() if re.fullmatch("h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_headers(tree):
    tables = tree.all("table")
    assert len(tables) > 15
    for table in tables:
        (caption,) = table.all("caption")
        assert caption.text.strip()
        (head,), (body,) = table.all("thead"), table.all("tbody")
        width = len(head.all("th"))
        assert all(cell.attributes["scope"] == "col" for cell in head.all("th"))
        for row in body.all("tr"):
            assert [cell.tag for cell in row.children] == ["th", *["td"] * (width - 1)]
            assert row.children[0].attributes["scope"] == "row"


def test_charts_have_a_name_a_table_and_their_sql(tree):
    figures = tree.all("figure")
    assert len(figures) >= 8
    for figure in figures:
        (plot,) = figure.with_class("plot")
        assert plot.attributes["tabindex"] == "0"
        assert plot.attributes["aria-label"]
        (drawing,) = plot.all("svg")
        assert drawing.attributes["role"] == "img"
        assert drawing.attributes["aria-label"].startswith("Chart: ")
        block = figure.parent
        assert block is not None
        assert block.with_class("see")[0].text.strip()
        assert block.with_class("behind")[0].all("table")
        assert block.with_class("sql")[0].text.upper().count("SELECT")
    hidden = [node for node in tree.all("svg") if node.attributes.get("role") != "img"]
    assert all(node.attributes.get("aria-hidden") == "true" for node in hidden)


def test_every_sql_shown_runs_and_gives_rows(tree, looked_at):
    shown = [node.all("code")[0].text for node in tree.with_class("sql")]
    assert len(shown) > 25
    with reading(looked_at) as audit:
        empty = [sql for sql in shown if not audit.rows(sql)]
    # Evidence of something that is not there lists nothing.
    assert all("dead" in sql or "density" in sql or "verdict" in sql for sql in empty), empty


def test_marks_say_their_numbers(tree):
    said = [node.attributes["data-say"] for node in tree.by_id("coverage-direct").all() if "data-say" in node.attributes]  # fmt: skip
    assert (
        "Horror: AUC .75 [.65, .85], latent 2, not covered; best random direction .60; n = 10 items" in said
    )


def test_fields_and_buttons_have_names(tree):
    for node in tree.all("input"):
        assert [label for label in tree.all("label") if label.attributes.get("for") == node.attributes["id"]]
    for node in tree.all("button"):
        assert node.text.strip()
        assert node.attributes["type"] == "button"
    (root,) = tree.all("html")
    assert root.attributes["lang"] == "en"
    assert "sasrec_sae" in tree.all("title")[0].text


def test_all_live_latents_have_a_card_that_search_can_find(tree, looked_at):
    cards = tree.by_id("gallery").with_class("cards")[0].children
    assert 0 < len(cards) <= gallery.CARDS
    for card in cards:
        words = card.attributes["data-words"]
        assert words == words.lower()
        assert card.all("h4")[0].text.split()[0] in words.split()
        titles = [item.all("span")[0].text for item in card.all("li")]
        assert all(title.lower() in words for title in titles)


def test_the_other_model_stands_beside(tree):
    assert "sasrec has no dictionary to set beside it" in tree.by_id("survey").text


def test_a_bare_audit_says_what_would_fill_each_chapter(audit_path):
    tree = parsed(page_of(audit_path, "sasrec_sae"))
    wanted = {
        section.name.replace(" ", "-"): section.missing.replace("`", "")
        for section in sections.SECTIONS
        if section.missing
    }
    assert len(wanted) >= 6
    for name, missing in wanted.items():
        assert f"Not run: {missing}" in " ".join(tree.by_id(name).text.split())


def test_a_model_without_dictionary_says_so(audit_path):
    tree = parsed(page_of(audit_path, "bprmf"))
    for name in ("ranking", "concepts", "latents", "names", "survey", "time"):
        assert "no sparse autoencoder: train one with recaudit train" in tree.by_id(name).text
    assert not any(node.attributes.get("id") == "gallery" for node in tree.all())


def test_parts_that_the_data_cannot_give_are_named(tree):
    assert "ranking by user group" in " ".join(tree.by_id("bias").text.split())


def test_the_size_is_bounded(page, attacked):
    assert max(len(page.encode()), len(attacked.encode())) < BUDGET / 5


def test_the_same_audit_gives_the_same_bytes(looked_at, page, tmp_path):
    """In another process too, whose hashes are other ones."""
    path = tmp_path / "x.html"
    command = [sys.executable, "-m", "recaudit", "report", "sasrec_sae", "--beside", "sasrec", "--db", str(looked_at)]  # fmt: skip
    subprocess.run([*command, "-o", str(path)], check=True, capture_output=True)
    assert path.read_text("utf-8") == page


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("run `recaudit cav`", "run <code>recaudit cav</code>"),
        ("`<b>` & more", "<code>&lt;b&gt;</code> &amp; more"),
        ("one ` backtick", "one ` backtick"),
    ],
)
def test_words_in_backticks_are_code(text, markup):
    from recaudit.report.html.render import prose

    assert prose(text) == markup


def test_a_dictionary_of_items_shows_what_it_fires_on(audit_path, tmp_path):
    db = tmp_path / "audit.duckdb"
    shutil.copy(audit_path, db)
    with writing(db) as audit:  # one latent for every eighth item, the later the stronger
        audit.connection.execute("UPDATE saes SET site = 'item'")
        audit.connection.execute("UPDATE latents SET entity_kind = 'item', n_cases = 4, dead = false")
        audit.connection.execute("DELETE FROM activations")
        audit.connection.execute(
            "INSERT INTO activations BY NAME SELECT 0 AS sae_id, 'item' AS entity_kind, item_id AS entity_id, "
            "item_id % 8 AS latent, 1 + item_id AS value FROM items"
        )
        ((last, title),) = audit.rows("SELECT item_id, title FROM items ORDER BY item_id DESC LIMIT 1")
    tree = parsed(page_of(db, "sasrec_sae"))
    assert "Beside an item: its activation" in tree.by_id("gallery").text
    card = tree.by_id(f"latent-{last % 8}")
    assert [node.text for node in card.all("li")[0].children] == [title, str(1.0 + last)]
    assert "of items" in card.with_class("stats")[0].text


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_runs_it_under_its_policy(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--enable-logging=stderr", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r'data-ready="\d+"', done.stdout)
    assert "CONSOLE" not in done.stderr  # neither an error nor anything the policy refused
