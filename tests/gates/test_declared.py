"""Gates in an audit's own TOML: `recaudit run` judges them last, every time."""

from __future__ import annotations

import shutil

import pytest

AUDIT = """
[model]
name = "tiny"
checkpoint = "model.pt"
data = "data"

[report]
outputs = ["report.md"]

[gates]
outputs = ["gate.xml"]

[[gate]]
name = "ranks"
metric = "ranking.ndcg@10"
min = {least}
why = "It ranks."
"""
WAIVER = '[[waiver]]\ngate = "ranks"\nreason = "r"\nowner = "o"\nuntil = 2999-01-01\n'


@pytest.fixture
def declared(cli, tmp_path, world):
    shutil.copy(world.models["bprmf"], tmp_path / "model.pt")
    (tmp_path / "data").symlink_to(world.data)

    def run(text):
        (tmp_path / "tiny.toml").write_text(text)
        return cli("run", "tiny.toml", "--db", "tiny.duckdb")

    return run


def test_judged_last_and_every_time(declared, tmp_path):
    failed = declared(AUDIT.format(least=0.99))
    assert failed.code == 1
    assert (tmp_path / "report.md").exists()
    assert "<failure" in (tmp_path / "gate.xml").read_text()
    again = declared(AUDIT.format(least=0.99))
    assert again.code == 1, "a gate that failed does not pass by being run again"
    assert "up to date" in again.err
    assert declared(AUDIT.format(least=0.0)).code == 0
    assert declared(AUDIT.format(least=0.99) + WAIVER).code == 0


def test_mistakes_are_told_before_anything_is_done(declared, tmp_path):
    wrong = declared(AUDIT.format(least=0.5).replace("ndcg@10", "ndgc@10"))
    assert wrong.code == 2
    assert "did you mean `ranking.ndcg@10`" in wrong.err
    assert not (tmp_path / "tiny.duckdb").exists()
    unknown = declared(AUDIT.format(least=0.5) + "mim_n = 3\n")
    assert unknown.code == 2
    assert "min_n" in unknown.err
