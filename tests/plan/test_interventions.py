"""Interventions, searches and tunings as declared: kept once, done again when a setting changes, checked before anything is done."""

import pytest

from recaudit.errors import ExitCode
from recaudit.sae.training import trainer
from recaudit.store import reading
from tests.plan.declared import done

DECLARED = """
[[dictionary]]
name = "items"
latents = 16
k = 4
batch = 64
steps = 20
site = "both"

[tuning]
sae = "small"
draws = 1
levels = [-10, "q0.9"]

[[intervention]]
name = "softer"
edit = ["scale latents=1,2 by=0.5", "project direction=popularity by=0.2"]
controls = 1

[[promotion]]
item = ["1", "4"]
latents = "1,2"
levels = [0, 1]
draws = 1
sae = "items"

[[debias]]
save = "even"
max-loss = "50%"
"""
PROMOTE = "promote 1, 4 to everyone"
TUNE, SOFTER, EVEN = "tune small", "intervene softer", "debias popularity, even"

MINE = [TUNE, PROMOTE, SOFTER, EVEN]


@pytest.fixture
def with_interventions(project, monkeypatch):
    # The tiny world has fewer items than a dictionary wants; here it only has to exist.
    monkeypatch.setattr(trainer, "FEWEST_ROWS", 16)
    project.change("[report]", f"{DECLARED}\n[report]")
    return project


def test_each_is_kept_once_and_done_again_when_it_changes(with_interventions):
    project = with_interventions
    first = project.run()
    assert first.code == ExitCode.OK, first.err
    assert [title for title in done(first.err) if title in MINE] == MINE
    with reading(project.db) as audit:
        assert [name for (name,) in audit.rows("SELECT DISTINCT name FROM interventions ORDER BY name")][
            -1
        ] == "softer"
        assert audit.rows("SELECT DISTINCT target FROM fronts") == [("popularity",)]
        assert (
            audit.rows("SELECT count(*) FROM intervention_prices WHERE name = 'softer' AND variant = 'edit'")[
                0
            ][0]
            > 0
        )
    assert project.due() == []
    project.change("by=0.5", "by=0.4")
    assert project.due()[:1] == [SOFTER]
    project.change("50%", "40%")
    assert project.due()[:2] == [SOFTER, EVEN]
    project.change("q0.9", "q0.8")
    project.change("[0, 1]", "[0, 2]")
    assert project.due()[:4] == MINE


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("scale latents", "scle latents", "did you mean scale"),
        ('"50%"', '"150%"', "a share from 0 to 1"),
        ('"q0.9"', '"ten"', "neither a factor nor a quantile"),
        ('edit = ["scale', 'file = "tiny.toml"\nedit = ["scale', "one of both"),
        ('save = "even"', "seed = 1", "`save`"),
        ("[0, 1]", '"much"', "not numbers"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(with_interventions, before, after, said):
    with_interventions.change(before, after)
    result = with_interventions.run("--dry-run")
    assert result.code == ExitCode.USAGE
    assert said in result.err
