"""The generated reference pages say what the code does."""

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
