"""Interventions, searches and tunings as declared: kept once, done again when a setting changes, checked before anything is done."""

import pytest

from recaudit.errors import ExitCode
from recaudit.store import reading
from tests.plan.declared import done

DECLARED = """
[tuning]
sae = "small"
draws = 1
levels = [-10, "q0.9"]

[[intervention]]
name = "softer"
edit = ["scale latents=1,2 by=0.5", "project direction=popularity by=0.2"]
controls = 1

[[debias]]
save = "even"
max-loss = "50%"
"""
TUNE, SOFTER, EVEN = "tune small", "intervene softer", "debias popularity, even"


@pytest.fixture
def with_interventions(project):
    project.change("[report]", f"{DECLARED}\n[report]")
    return project


def test_each_is_kept_once_and_done_again_when_it_changes(with_interventions):
    project = with_interventions
    first = project.run()
    assert first.code == ExitCode.OK, first.err
    assert done(first.err)[:3] == [TUNE, SOFTER, EVEN]
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
    assert project.due()[:3] == [TUNE, SOFTER, EVEN]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("scale latents", "scle latents", "did you mean scale"),
        ('"50%"', '"150%"', "a share from 0 to 1"),
        ('"q0.9"', '"ten"', "neither a factor nor a quantile"),
        ('edit = ["scale', 'file = "tiny.toml"\nedit = ["scale', "one of both"),
        ('save = "even"', "seed = 1", "`save`"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(with_interventions, before, after, said):
    with_interventions.change(before, after)
    result = with_interventions.run("--dry-run")
    assert result.code == ExitCode.USAGE
    assert said in result.err
