"""Markdown with its images beside it."""

import re
from xml.etree import ElementTree

import pytest

from tests.report.conftest import HOSTILE


@pytest.fixture
def written(cli, tmp_path):
    """A report as Markdown: the text, and the folder of images."""

    def write(db, *options):
        done = cli("report", "sasrec_sae", "--db", db, "-o", "my report.md", *options)
        assert done.code == 0, done.err
        return (tmp_path / "my report.md").read_text("utf-8"), tmp_path / "my report-files"

    return write


def test_every_image_is_there_and_every_file_is_linked(written, looked_at):
    text, folder = written(looked_at)
    linked = re.findall(r"!\[[^\]]*\]\((.*?)\)", text)
    assert len(linked) >= 8
    assert sorted(linked) == sorted(f"my%20report-files/{path.name}" for path in folder.iterdir())
    for path in folder.iterdir():
        drawing = ElementTree.fromstring(path.read_text("utf-8"))
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in path.read_text("utf-8")
    # The table behind it follows, folded away.
    assert text.count("<details><summary>Table</summary>") == text.count("</details>") == len(linked)


def test_images_can_be_left_out(written, looked_at):
    text, folder = written(looked_at, "--no-pictures")
    assert not folder.exists()
    assert "![" not in text
    assert "<details>" not in text
    assert "| Horror |" in text


def test_text_of_files_stays_text(written, hostile):
    text, folder = written(hostile)
    unescaped = re.sub(r"\\.", "", text)
    outside_code = re.sub(r"`[^`\n]*`", "", unescaped)
    assert set(re.findall(r"<[a-z/]+", outside_code)) == {"<details", "<summary", "</summary", "</details"}
    assert "\x1b" not in text
    for path in folder.iterdir():
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert names <= {"svg", "style", "g", "path", "line", "rect", "text", "tspan"}
    assert HOSTILE[:9] in "".join(
        "".join(ElementTree.parse(path).getroot().itertext()) for path in folder.iterdir()
    )
