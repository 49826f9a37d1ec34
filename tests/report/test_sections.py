"""Sections that other packages register."""

from importlib.metadata import EntryPoint

import pytest

from recaudit.errors import UsageError
from recaudit.report import build, charts, register, sections
from recaudit.report.model import Exhibit, TableSection
from recaudit.store import reading
from tests.report.conftest import page_of
from tests.report.pages import parsed

TABLE = TableSection(
    "churn", "Churn <by> band", "Who leaves.", ["band", "share"], [["head", 0.25]], "SELECT 1", 1
)


@pytest.fixture
def registry(monkeypatch):
    """Sections of other packages, forgotten after the test."""
    monkeypatch.setattr(sections, "_REGISTERED", [])
    return sections._REGISTERED


def test_one_function_is_a_section(registry, looked_at):
    seen = []

    @register("churn", missing="run our churn job", title="Churn", about="Leaving <users>.")
    def churn(context):
        seen.append((context.model.name, context.rule))
        return [TABLE]

    tree = parsed(page_of(looked_at))
    assert seen == [("sasrec_sae", "recommended10")]
    chapter = tree.by_id("churn")
    assert "Churn <by> band" in chapter.text
    assert "Leaving <users>." in chapter.text
    with reading(looked_at) as audit:
        report = build(audit, "sasrec_sae")
    assert report.tables[-1] == TABLE
    assert churn.__name__ == "churn"


def test_a_section_may_draw(registry, looked_at):
    points = [charts.Row("head", 0.25, 0.2, 0.3, "head: 25%")]

    @register(
        "churn", missing="", draw=lambda context: [Exhibit(TABLE, charts.forest(points, x_title="share"))]
    )
    def churn(context):
        return [TABLE]

    chapter = parsed(page_of(looked_at)).by_id("churn")
    assert len(chapter.all("figure")) == 1
    assert len(chapter.all("table")) == 1  # the exhibit stands in for the table of its name


def test_without_tables_it_says_what_to_do(registry, looked_at):
    @register("churn", missing="run `our-job`")
    def churn(context):
        return []

    assert "Not run: run our-job" in " ".join(parsed(page_of(looked_at)).by_id("churn").text.split())
    with reading(looked_at) as audit:
        assert build(audit, "sasrec_sae").missing["churn"] == "run `our-job`"


@pytest.mark.parametrize("name", ["ranking", "churn"])
def test_a_name_is_taken_once(registry, name):
    register("churn", missing="")(lambda context: [])
    with pytest.raises(UsageError, match=name):
        register(name, missing="")(lambda context: [])


def plugin(value):
    return EntryPoint("churn", value, sections.PLUGINS)


def test_packages_are_found_by_their_entry_point(registry, monkeypatch, tmp_path):
    (tmp_path / "our_sections.py").write_text(
        "from recaudit.report import register\n\n@register('churn', missing='')\ndef churn(context):\n    return []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sections, "entry_points", lambda group: [plugin("our_sections:churn")])
    sections._load_plugins.cache_clear()
    assert [section.name for section in sections.all_sections()][-1] == "churn"
    sections._load_plugins.cache_clear()


@pytest.mark.parametrize("value", ["nowhere_at_all:churn", "json:churn"])
def test_a_broken_package_is_named(registry, monkeypatch, value):
    monkeypatch.setattr(sections, "entry_points", lambda group: [plugin(value)])
    sections._load_plugins.cache_clear()
    with pytest.raises(UsageError, match=value) as raised:
        sections.all_sections()
    assert "uninstall" in str(raised.value.fix)
    sections._load_plugins.cache_clear()
