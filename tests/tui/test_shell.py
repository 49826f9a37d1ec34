"""What works in every tab: places and the way back, palette, jump, help, copy, export, choosing, problems."""

import subprocess
import sys

import duckdb
import pandas as pd
import pytest

from recaudit.store import writing
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.text import Help, Reading
from recaudit.tui.places import Place


def test_tabs_by_digit_and_by_click(drive, made):
    async def steps(see):
        for digit, pane in zip(
            "234560", ("latents", "concepts", "users", "items", "bias", "sql"), strict=True
        ):
            await see.press("escape" if pane == "sql" else "f12", digit)
            assert see.app.pane.id == pane
        await see.pilot.click("#tab-users")
        await see.settle()
        assert see.app.pane.id == "users"

    drive(made, steps)


def test_links_lead_on_and_back(drive, made):
    async def steps(see):
        await see.press("4", "enter")
        page = see.app.pane.page
        await see.press("J")
        assert page.behind[0].name == "recommendations"
        await see.press("enter")
        assert isinstance(see.app.screen, Choose)
        await see.press("enter")
        item = see.app.history.visited[-1]
        assert item.kind == "item"
        assert see.app.pane.shown == item.key
        await see.press("J", "J")
        assert page is not see.app.pane.page
        await see.press("escape")
        assert see.app.pane.id == "users"
        await see.press("right_square_bracket")
        assert see.app.pane.id == "items"
        await see.press("escape", "escape")
        assert not see.app.pane.has_class("-detail")

    drive(made, steps, size=(80, 24))


def test_a_table_that_is_leapt_to_is_under_its_heading(drive, made):
    async def steps(see):
        await see.press("4", "enter")
        page = see.app.pane.page
        titles = [block.title for block in page.blocks if block.rows and block.title]
        for key, wanted in (("J", titles[1]), ("J", titles[2]), ("K", titles[1])):
            await see.press(key)
            assert page.behind[0].title == wanted
            assert page.behind[1] is page.behind[0].rows[0]
            lines = [line for line in see.text.splitlines() if wanted in line]
            assert lines, f"{wanted} is not on the screen after {key}"

    drive(made, steps, size=(80, 24))


@pytest.mark.parametrize(
    ("query", "kind", "key"),
    [
        ("latent 12", "latent", "12"),
        ("ite film 7", "item", None),
        ("concept horr", "concept", "genre:Horror"),
        ("user 42", "user", "42"),
    ],
)
def test_palette_finds_entities(drive, made, query, kind, key):
    async def steps(see):
        await see.press("ctrl+p")
        await see.type(query)
        await see.pilot.pause(0.3)
        await see.press("down", "enter")
        await see.settle()
        place = see.app.history.visited[-1]
        assert place.kind == kind
        assert key is None or place.key == key
        assert see.app.pane.shown == place.key

    if kind == "item":
        query = "ite Film [77]"
    drive(made, steps)


def test_jump_goes_to_a_letter(drive, made):
    async def steps(see):
        await see.press("o")
        assert " A " in see.text.splitlines()[0]
        await see.press("s")
        assert see.app.pane.id == "latents"
        await see.press("o", "escape")
        assert see.app.pane.id == "latents"

    drive(made, steps)


def test_help_is_about_what_has_the_focus(drive, made):
    async def steps(see):
        await see.press("2", "question_mark")
        assert isinstance(see.app.screen, Help)
        assert "density>0.01" in see.text
        await see.press("escape", "0", "f1")
        assert "ctrl+r" in see.text or "^r" in see.text
        assert "read-only" in see.text

    drive(made, steps)


def test_keys_are_changed_by_id(drive, made):
    async def steps(see):
        await see.press("x")
        assert see.app.pane.id == "users"

    drive(made, steps, keys={"pane.users": "x"})


def test_copy_offers_values_row_and_sql(drive, made):
    async def steps(see):
        await see.press("2", "y")
        assert isinstance(see.app.screen, Choose)
        await see.press("enter")
        row = see.app.clipboard.split("\t")
        assert row[0] == str(see.app.pane.listing.key)
        await see.press("y", "end", "enter")
        with see.app.session.reading() as audit:
            assert str(audit.rows(see.app.clipboard)[0][0]) == row[0]

    drive(made, steps)


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_export_writes_the_whole_filtered_list(drive, made, tmp_path, form):
    target = tmp_path / f"out.{form}"

    async def steps(see):
        await see.press("2", "slash")
        await see.type("label:horror")
        await see.press("enter", "e")
        see.app.screen.query_one("Input").value = str(target)
        await see.press("enter")

    drive(made, steps)
    frame = {"csv": pd.read_csv, "json": pd.read_json, "parquet": _parquet}[form](target)
    assert set(frame["label"]) == {"Horror"}
    assert list(frame.columns[:3]) == ["latent", "label", "density"]


def _parquet(path):
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").df()


def test_export_asks_before_it_replaces_and_says_what_is_wrong(drive, made, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("mine")

    async def steps(see):
        await see.press("2", "enter", "e")
        box = see.app.screen.query_one("Input")
        for text, said in (
            (str(tmp_path / "x.doc"), ".parquet"),
            (str(tmp_path / "no" / "x.csv"), "no folder"),
        ):
            box.value = text
            await see.press("enter")
            assert said in see.text
        box.value = str(target)
        await see.press("enter")
        assert target.read_text() == "mine"
        await see.press("enter")

    drive(made, steps)
    assert target.read_text().startswith("fact,value")


def test_whole_row(drive, made):
    async def steps(see):
        await see.press("2", "space")
        assert isinstance(see.app.screen, Reading)
        assert "density" in see.text

    drive(made, steps)


def test_several_models_are_chosen_from(drive, writable):
    with writing(writable) as audit:
        audit.connection.execute(
            "INSERT INTO models SELECT 1 AS model_id, 'other' AS name, * EXCLUDE (model_id, name) FROM models"
        )

    async def choosing(see):
        assert "Which model" in see.text
        await see.press("down", "enter")
        assert see.app.subject.model.name == "other"
        await see.press("2")
        assert "recaudit train MODEL" in see.text
        await see.press("m", "up", "enter")
        assert see.app.subject.model.name == "made"

    drive(writable, choosing)

    async def named(see):
        assert see.app.subject.model.name == "other"

    drive(writable, named, model="other")

    async def wrong(see):
        assert "no model nobody" in see.text

    drive(writable, wrong, model="nobody", trouble=True)


def test_a_file_in_use_says_by_whom_and_opens_later(look, writable):
    import asyncio

    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()",
            str(writable),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()

    async def steps():
        async with look(writable, trouble=True) as see:
            assert see.problem is not None
            assert str(holder.pid) in see.text
            holder.communicate()
            await see.press("r")
            assert see.problem is None
            assert see.app.subject.model.name == "made"

    try:
        asyncio.run(steps())
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


def test_a_file_that_is_no_audit(drive, tmp_path):
    path = tmp_path / "text.duckdb"
    path.write_text("not a database, but long enough to be looked at" * 100)

    async def steps(see):
        assert "not an audit file" in see.text

    drive(path, steps, trouble=True)


def test_an_empty_audit_says_how_to_fill_it(drive, tmp_path):
    path = tmp_path / "empty.duckdb"
    with writing(path):
        pass

    async def steps(see):
        assert "recaudit ingest" in see.text

    drive(path, steps, trouble=True)


def test_others_may_write_while_nobody_looks(drive, writable):
    async def steps(see):
        assert see.app.session.is_open
        see.app.session.rest(after=0)
        assert not see.app.session.is_open
        with writing(writable) as audit:
            audit.connection.execute("UPDATE labels SET text = 'Written meanwhile'")
        await see.press("2")
        see.app._idle()
        assert "Written meanwhile" in see.text
        await see.pilot.pause()
        assert "The audit file has changed" in " ".join(n.message for n in see.app._notifications)

    drive(writable, steps)


def test_a_bug_in_a_thread_is_told_and_the_rest_stands(drive, made, monkeypatch):
    from recaudit.tui.data import users

    monkeypatch.setattr(users, "blocks", lambda *_: 1 / 0)

    async def steps(see):
        await see.press("4", "enter")
        assert "ZeroDivisionError" in see.text
        await see.press("escape", "5")
        assert see.app.pane.id == "items"
        assert see.problem is None

    drive(made, steps)


def test_place_to_begin_with(drive, made):
    async def steps(see):
        assert see.app.pane.id == "latents"
        assert "Latent 7" in see.text

    drive(made, steps, place=Place("latent", "7"))


def test_markup_in_titles_is_only_text(drive, writable):
    with writing(writable) as audit:
        audit.connection.execute(
            "UPDATE items SET title = '[bold red]x[/] ' || chr(27) || '[31m' WHERE item_id < 30"
        )

    async def steps(see):
        await see.press("5")
        assert "[bold red]x[/] \\x1b[31m" in see.text
        await see.press("enter")

    drive(writable, steps)
