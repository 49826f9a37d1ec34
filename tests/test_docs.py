"""The generated reference pages say what the code does."""

import re
import runpy
from pathlib import Path

import pytest

from recaudit.cli import COMMANDS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name):
    assert (DOCS / name).read_text("utf-8") == PAGES[name], "run: python docs/generate.py"


def test_every_command_is_in_the_readme():
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    assert [command for command in COMMANDS if f"recaudit {command}" not in readme] == []


def test_links_between_pages_lead_somewhere():
    root = DOCS.parent
    pages = [root / "README.md", *sorted(DOCS.glob("*.md")), *sorted(root.glob("*/README.md"))]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            path, _, anchor = target.partition("#")
            if "://" in target:
                continue
            found = page.parent / path if path else page
            if not found.exists() or (anchor and anchor not in anchors(found)):
                broken.append(f"{page.relative_to(root)}: {target}")
    assert broken == []


def anchors(page):
    """What headings of a page are called in links, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
