"""A sentence encoder in the place of metadata; the library itself is an extra, and stands in here."""

import json
import shutil
import sys
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from recaudit.errors import ExitCode
from recaudit.store import reading


class Letters:
    """Counts of letters: a deterministic encoder that knows no more than the text."""

    asked: ClassVar[list[list[str]]] = []

    def __init__(self, name, *, device, trust_remote_code):
        if name == "missing":
            raise OSError("missing is no local folder")
        assert not trust_remote_code
        self.name = name

    def encode(self, texts, show_progress_bar):
        Letters.asked.append(texts)
        return np.array([[text.lower().count(letter) for letter in "aeiou"] for text in texts], np.float32)


@pytest.fixture
def library(monkeypatch):
    Letters.asked = []
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Letters))


@pytest.fixture
def db(audit_path, tmp_path):
    return shutil.copy(audit_path, tmp_path / "audit.duckdb")


def alike(db):
    with reading(db) as audit:
        return audit.rows(
            "SELECT latent, value FROM latent_scores WHERE score = 'ms-all-independent' ORDER BY ALL"
        )


def test_items_are_compared_by_their_texts(cli, db, library):
    assert cli("concepts", "sasrec_sae", "--db", db).code == 0
    by_metadata = alike(db)
    assert not Letters.asked
    done = cli("concepts", "sasrec_sae", "--db", db, "--text-encoder", "letters")
    assert done.code == 0, done.err
    (texts,) = Letters.asked
    assert len(texts) == 30
    assert all(isinstance(text, str) and text for text in texts)
    by_text = alike(db)
    assert [latent for latent, _ in by_text] == [latent for latent, _ in by_metadata]
    assert by_text != by_metadata
    with reading(db) as audit:
        arguments = [
            json.loads(one) for (one,) in audit.rows("SELECT arguments FROM runs WHERE command = 'concepts'")
        ]
    assert [one.get("text_encoder") for one in arguments] == [None, "letters"]


def test_an_encoder_that_cannot_be_had_changes_nothing(cli, db, library):
    before = db.read_bytes()
    done = cli("concepts", "sasrec_sae", "--db", db, "--text-encoder", "missing")
    assert done.code == ExitCode.ENVIRONMENT
    assert "missing is no local folder" in done.err
    assert db.read_bytes() == before


def test_without_the_library_the_extra_is_named(cli, db, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    done = cli("concepts", "sasrec_sae", "--db", db, "--text-encoder", "any")
    assert done.code == ExitCode.ENVIRONMENT
    assert "recaudit[text]" in done.err
