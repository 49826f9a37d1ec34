"""Verdicts as the gate kept them, drawn against their limits; two models as ``compare`` finds them."""

import math
import shutil

import pytest

from recaudit.analyses.diff import compare
from recaudit.gates.keeping import keep_verdicts
from recaudit.gates.outcome import GateRun, Kind, Verdict, counted
from recaudit.gates.rules import Bound
from recaudit.store import reading, writing
from recaudit.tui.data.gate import drawn, limits

POLICY = "policy.toml"


def verdict(name, kind, threshold="at least 0.8", **more):
    values = {"value": 0.9, "judged": 0.9, "low": 0.85, "high": 0.95, "n": 300, "unit": "users"} | more
    said = values.pop("said", "the interval lies wholly inside")
    evidence = "SELECT raw_id AS item, title FROM items ORDER BY item_id LIMIT 3"
    return Verdict(
        name, "coverage.share", kind, threshold, said, "bootstrap", "because", 3, evidence, **values
    )


@pytest.fixture(scope="module")
def judged(made, tmp_path_factory):
    """A copy of ``made`` with a gate's verdicts."""
    path = shutil.copy(made, tmp_path_factory.mktemp("gate") / "judged.duckdb")
    verdicts = (
        verdict("holds", Kind.PASS),
        verdict("lost", Kind.FAIL, judged=0.4, low=0.3, high=0.5, said="wholly beyond the threshold"),
        verdict("later", Kind.WAIVED, said="waived until 2027-01-31 by ana: retrain is due"),
        verdict(
            "no number", Kind.SKIPPED, "no finding above info", value=None, judged=None, low=None, high=None
        ),
    )
    keep_verdicts(
        path,
        GateRun(
            1, "0", POLICY, "ab", "", "made", "ab", None, "history", None, 0, False, "failed", 1,
            counted(verdicts), verdicts,
        ),
    )  # fmt: skip
    return path


BOUNDS = [
    Bound("min", 0.8), Bound("max", 1e-05), Bound("max_drop", 0.05, True), Bound("max_rise", 12.0), Bound("within", 0.1, True),
    Bound("min", -0.25),
]  # fmt: skip


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_limits_are_read_from_the_words_that_are_kept(bound):
    assert limits(str(bound)) == pytest.approx(bound.allowed)


@pytest.mark.parametrize("threshold", ["no finding above info", "verdict is clean", "none lost"])
def test_other_rules_have_no_limits(threshold):
    assert limits(threshold) is None
    assert drawn(verdict("a", Kind.PASS, threshold)) == ""


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
@pytest.mark.parametrize("inside", [True, False])
def test_an_interval_is_drawn_on_its_side_of_the_limit(bound, inside):
    low, high = bound.allowed
    size = abs(bound.amount)
    end = low if math.isfinite(low) else high
    middle = end + (size if (end == low) == inside else -size) * 0.6
    line = drawn(
        verdict("a", Kind.PASS, str(bound), judged=middle, low=middle - size / 5, high=middle + size / 5)
    )
    assert line.count("●") == 1
    assert line.count("┃") == sum(map(math.isfinite, bound.allowed))
    limit = line.index("┃") if end == low else line.rindex("┃")
    assert (line.index("●") > limit) == (middle > end)


def test_verdicts_their_evidence_and_the_overview(drive, judged):
    async def steps(see):
        assert "✗ 1 fail, ~ 1 waived, – 1 skipped, ✓ 1 pass" in see.text
        await see.press("9")
        pages = {page.id: page for page in see.app.pane.query("Page")}
        table = pages["verdicts"].blocks[0]
        assert [row.values[0] for row in table.rows] == ["fail", "waived", "skipped", "pass"]
        assert "Runs" in [block.title for block in pages["verdicts"].blocks]
        assert pages["evidence"].blocks[0].title.endswith("lost: coverage.share")
        assert [row.places[0].key for row in pages["evidence"].blocks[-1].rows] == ["1", "2", "3"]
        await see.press("j", "enter")
        assert "waived until 2027-01-31 by ana: retrain is due" in see.text
        assert f"{POLICY}, line 3" in str(pages["evidence"].blocks[1].rows)

    drive(judged, steps, size=(140, 40))


def test_without_verdicts_the_command_is_named(drive, made):
    async def steps(see):
        await see.press("9")
        assert "recaudit gate made --policy" in see.text

    drive(made, steps)


@pytest.fixture(scope="module")
def two(made, tmp_path_factory):
    """A copy of ``made`` with a second model whose lists differ for some users."""
    path = shutil.copy(made, tmp_path_factory.mktemp("two") / "two.duckdb")
    with writing(path) as audit:
        for statement in (
            "INSERT INTO models SELECT 1 AS model_id, 'other' AS name, * EXCLUDE (model_id, name) FROM models",
            "INSERT INTO recommendations SELECT 1 AS model_id, * EXCLUDE (model_id) REPLACE (CASE WHEN case_id % 5 = 0 THEN (item_id + 7) % 400 "
            "ELSE item_id END AS item_id) FROM recommendations",
            "INSERT INTO cases SELECT 1 AS model_id, * EXCLUDE (model_id) FROM cases",
            "INSERT INTO targets SELECT 1 AS model_id, * EXCLUDE (model_id) FROM targets",
            "INSERT INTO model_items SELECT 1 AS model_id, * EXCLUDE (model_id) FROM model_items",
            "INSERT INTO metrics SELECT 1 AS model_id, * EXCLUDE (model_id) REPLACE (value - .02 AS value) FROM metrics",
        ):
            audit.connection.execute(statement)
    return path


def test_two_models_side_by_side(drive, two):
    with reading(two) as audit:
        diff = compare(audit, "other", audit, "made")

    async def steps(see):
        await see.press("8")
        page = see.app.pane.query_one("Page")
        found = {block.name: block for block in page.blocks}
        assert found["diff"].title == "From other by sae to made" or found["diff"].title.startswith(
            "From other"
        )
        assert [line[2:] for line in found["findings"].sentences] == [one.sentence for one in diff.findings]
        user = diff.lists.most_changed[0]
        rows = found[f"diff_user_{user.user}"].rows
        assert len(rows) == 10
        assert rows[0].places[0].key == user.user
        assert {place.key for place in rows[0].places[1:]} == {user.a[0].raw_id, user.b[0].raw_id}
        await see.press("c", "enter")
        assert "Comparing" not in see.text

    drive(two, steps, size=(140, 40), model="made")


def test_alone_there_is_nothing_to_compare(drive, made):
    async def steps(see):
        await see.press("8")
        assert "There is nothing to compare with" in see.text
        await see.press("c")
        assert len(see.app.screen_stack) == 1

    drive(made, steps)
