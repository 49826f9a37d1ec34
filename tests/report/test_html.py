"""The page: its structure, that it loads nothing, escapes everything, and says what was not run."""

import pytest

from recaudit.report import files, html
from recaudit.report.build import context
from recaudit.report.document import compose
from recaudit.store import reading


@pytest.fixture(scope="module")
def plain(audit_path):
    """The page of an audit in which nothing but the ranking and the dictionary was looked at."""
    with reading(audit_path) as audit:
        return html.render(compose(context(audit, "sasrec_sae")))


def test_it_is_one_whole_page(plain):
    assert plain.startswith("<!doctype html>")
    assert plain.rstrip().endswith("</html>")
    assert "Not run:" in plain


def test_the_command_writes_it(cli, audit_path, tmp_path):
    done = cli("report", "sasrec_sae", "--db", audit_path, "-o", tmp_path / "x.html")
    assert done.code == 0, done.err
    assert (tmp_path / "x.html").read_text("utf-8").startswith("<!doctype html>")
    assert sorted(files.RENDERERS) == [".html", ".json", ".md"]
