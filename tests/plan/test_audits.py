"""The audits that come with recaudit: all can be read, those whose data is here know what they would do."""

import pytest

from recaudit.cli.declared import sections
from recaudit.plan import read_plan, steps_of
from tests.plan.declared import AUDITS, done
from tests.shared import SHARED, needs_shared

SHIPPED = sorted(path.stem for path in AUDITS.glob("*.toml"))
SEEDS = {
    "recsae-ml1m-bprmf", "recsae-ml1m-lightgcn", "recsae-ml1m-sasrec", "recsae-ml1m-timirec", "poster-sasrec",
    "monosemanticity4rec-ml1m-mf", "monosemanticity4rec-ml1m-ncf", "cav-ml1m-lightgcn", "cvae",
    "popsteer-ml1m-sasrec",
}  # fmt: skip
MADE_BY_A_SCRIPT = {"monosemanticity4rec-ml1m-mf", "monosemanticity4rec-ml1m-ncf"}


def test_there_is_one_for_each_published_system():
    assert {*SEEDS, "sample-sasrec", "template"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_can_be_read(name):
    plan = read_plan(AUDITS / f"{name}.toml", sections())
    assert plan.about
    assert plan.source or name == "template", "who lacks the files is told where they come from"
    steps = steps_of(plan)
    assert steps[0].name == "ingest"
    assert steps[-1].name == "report", "every audit ends in its reports"


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(SEEDS - MADE_BY_A_SCRIPT))
def test_its_files_are_found_and_its_settings_hold(cli, name):
    root = ("--root", SHARED / "fixtures", "--root", SHARED)
    result = cli("run", AUDITS / f"{name}.toml", "--dry-run", *root)
    assert result.code == 0, result.err
    plan = read_plan(AUDITS / f"{name}.toml", sections())
    assert len(done(result.err)) == len(steps_of(plan))


def test_who_lacks_the_files_is_told_what_and_where_from(cli):
    result = cli("run", AUDITS / "cvae.toml", "--root", "here")
    assert result.code == 3
    for missing in ("`checkpoint` is nowhere", "`data` is nowhere", "`ids` is nowhere"):
        assert missing in result.err
    assert "line 4, [model]" in result.err
    assert "fix: Train rectorch's CMultiVAE on MovieLens-100K" in result.err
