"""The interventions tab: against the same steering without a screen, by keys and by mouse."""

import threading

import pytest

from recaudit.interventions import file
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.steering import Steering
from recaudit.store import interventions as store
from recaudit.store import read, reading
from recaudit.tui.data import search as data
from recaudit.tui.data.steer import MEASURES
from recaudit.tui.desk import subject_of
from recaudit.tui.modals.review import Review
from recaudit.tui.modals.text import Writing
from recaudit.tui.widgets.sliders import Columns


@pytest.fixture(scope="module")
def steered(made):
    """Price and lists of an intervention, by raw user."""

    def run(*edits, watched=()):
        with reading(made) as audit:
            model = read.models(audit)[0]
            steering = Steering.of_audit(audit, model, read.saes(audit, model.model_id)[0], watched=watched)
            own = Intervention(edits)
            prices = {(p.name, *p.slice.values()): p for p in steering.priced(own, draws=0)}
            _, titles = read.raw_items(audit, model.dataset_id)
            after = steering.outcome(own).items
            users = steering.raw_users[steering.bench.inputs.listed_users]
            return prices, {
                str(user): [titles[i] for i in row] for user, row in zip(users, after, strict=True)
            }

    return run


def scale(latent, by=1.0):
    return Edit("scale", (latent,), by=by)


def rows(page, block):
    return {row.values[0]: row.values for b in page.blocks if b.name == block for row in b.rows}


def shown_lists(page):
    return {b.name.removeprefix("list_"): [row.values[3] for row in b.rows] for b in page.blocks}


async def add(see, text):
    await see.press("a")
    await see.type(text)
    await see.press("enter")


def test_lists_and_price_follow_the_sliders(drive, made, steered):
    async def steps(see):
        await see.press("7")
        pane = see.app.pane
        assert "Nothing is on the desk" in see.text
        prices, lists = steered()
        assert rows(pane.price, "price")["NDCG@10"][1:3] == (prices["ndcg@10",].before,) * 2
        assert all(lists[user] == titles for user, titles in shown_lists(pane.lists).items())
        await add(see, "0 3")
        await see.press("L", "h", "j", "H", "H")
        edits = (scale(0, 1.4), scale(3, 0.0))
        assert pane.state.trail.now.edits == edits
        prices, lists = steered(*edits)
        assert prices["overlap@10",].after < 1
        found = rows(pane.price, "price")
        for name, title in MEASURES.items():
            if (name,) in prices:
                price = prices[name,]
                assert found[title][1:] == pytest.approx((price.before, price.after, price.change)), title
        own = shown_lists(pane.lists)
        assert len(own) == 3
        assert all(lists[user] == titles for user, titles in own.items())
        assert pane.price.border_subtitle.endswith("ms")

    drive(made, steps, size=(140, 40))


def test_a_latent_goes_from_its_list_to_the_desk(drive, made):
    async def steps(see):
        await see.press("2", "I", "j")
        stayed = int(see.app.pane.listing.listed.keys[0])
        assert see.app.pane.id == "latents"
        await see.press("enter", "i")
        other = int(see.app.query_one("#latents").shown)
        assert see.app.pane.id == "interventions"
        assert see.app.desk.trail.now.edits == (scale(stayed), scale(other))
        await see.press("3", "enter", "i")
        assert see.app.desk.trail.now.edits[-1].select == "concept:genre:Action:3"
        assert "concept:genre:Action:3: " in see.text
        await see.press("4", "i")
        assert see.app.desk.users == ("1",)
        assert "User 1" in see.app.pane.lists.blocks[0].title
        await see.press("escape")
        assert see.app.pane.id == "users"

    drive(made, steps)


def test_the_palette_puts_on_the_desk(drive, made):
    async def steps(see):
        await see.press("ctrl+p")
        await see.type("desk popularity:4")
        await see.pilot.pause(0.3)
        await see.press("enter")
        assert see.app.pane.id == "interventions"
        assert see.app.desk.trail.now.edits == (Edit("scale", select="popularity:4", by=1.0),)

    drive(made, steps)


def test_values_operations_and_audiences(drive, made, steered):
    async def steps(see):
        await see.press("7")
        await add(see, "popularity:2")
        pane = see.app.pane
        await see.press("enter", "ctrl+u")
        await see.type("much")
        await see.press("enter")
        assert "much is no number" in see.text
        await see.press("ctrl+u")
        await see.type("-10")
        await see.press("enter")
        assert pane.state.trail.now.edits[0].by == -10
        assert "◀" in see.text  # beyond the track
        await see.press("l")
        assert pane.state.trail.now.edits[0].by == -2
        await see.press("u", "down", "enter")
        assert pane.state.trail.now.edits[0].users == "gender=F"
        await see.press("u", "end", "enter")
        await see.type("7")
        await see.press("enter")
        (edit,) = pane.state.trail.now.edits
        assert edit.users == "user=7"
        prices, lists = steered(edit.with_latents(pane._facts[subject_of(edit)].latents))
        assert shown_lists(pane.lists)["7"] == lists["7"]
        assert rows(pane.price, "price")["places kept"][2] == pytest.approx(prices["overlap@10",].after)
        await see.press("c")
        await see.press("home", "down", "enter")
        assert pane.state.trail.now.edits[0].op == "ablate"
        await see.press("z", "t")
        assert [len(e.latents) for e in pane.state.trail.now.edits] == [1, 1]
        await see.press("x", "w", "ctrl+u")
        await see.type("shift latents=5 by=2 at=codes")
        await see.press("enter")
        assert pane.state.trail.now.edits == (Edit("shift", (5,), by=2.0, at="codes"),)
        await see.press("n", "z", "z", "Z")
        assert pane.state.trail.now.edits == (Edit("shift", (5,), by=2.0, at="codes"),)

    drive(made, steps)


def test_what_cannot_be_put_on_the_desk_is_told(drive, made):
    async def steps(see):
        await see.press("7", "a")
        await see.type("horror")
        await see.press("enter")
        assert isinstance(see.app.screen, Writing)
        assert "neither latents" in see.text
        await see.press("escape")
        for text, said in (("4000", "is beyond the 64"), ("label:zebra", "no latent is named zebra")):
            await add(see, text)
            assert said in see.text
            await see.press("escape")
        assert see.app.desk.trail.now.edits == ()
        await see.press("s")
        assert see.app.screen is see.app.screen_stack[0]

    drive(made, steps)


def test_keys_that_come_faster_than_answers_all_count(drive, made):
    async def steps(see):
        await see.press("7")
        await add(see, "0")
        await see.pilot.press(*"lllllHl")
        await see.settle()
        assert see.app.desk.trail.now.edits == (scale(0, 1.1),)
        await see.press("z")
        assert see.app.desk.trail.now.edits == (scale(0),)

    drive(made, steps)


def test_the_mouse_sets_and_pulls_a_slider(drive, made):
    async def steps(see):
        await see.press("7")
        await add(see, "0 3")
        pane = see.app.pane
        columns = Columns.of(pane.sliders.scrollable_content_region.width, pane.sliders.cards)
        left = columns.start + pane.sliders.gutter.left
        await see.pilot.click(pane.sliders, offset=(left, 2))
        await see.settle()
        assert [e.by for e in pane.state.trail.now.edits] == [1.0, -2.0]
        await see.pilot.mouse_down(pane.sliders, offset=(left, 1))
        await see.pilot.hover(pane.sliders, offset=(left + columns.track - 1, 1))
        await see.pilot.mouse_up(pane.sliders, offset=(left + columns.track - 1, 1))
        await see.settle()
        assert [e.by for e in pane.state.trail.now.edits] == [4.0, -2.0]
        assert len(see.app.screen_stack) == 1

    drive(made, steps)


def test_an_intervention_into_a_file_and_back(drive, made, tmp_path):
    path = tmp_path / "softer.toml"

    async def steps(see):
        await see.press("7")
        await add(see, "scale latents=3 by=0.5")
        await see.press("s", "enter")
        assert isinstance(see.app.screen, Review)
        assert "+by = 0.5" in see.text
        assert not path.exists()
        await see.press("ctrl+u")
        await see.type(str(path))
        await see.press("enter")
        with reading(made) as audit:
            sae = read.saes(audit, 0)[0]
        assert file.read(path) == Intervention((scale(3, 0.5),), sae.name, sae.sha256)
        await see.press("h", "s", "enter", "ctrl+u")
        await see.type(str(path))
        assert "-by = 0.5" in see.text
        assert "will be replaced" in see.text
        await see.press("escape", "x", "f", "end", "enter", "ctrl+u")
        await see.type(str(path))
        await see.press("enter")
        assert see.app.desk.trail.now.edits == (scale(3, 0.5),)

    drive(made, steps, size=(100, 30))


def test_kept_interventions_are_priced_compared_and_loaded(drive, writable, steered):
    async def steps(see):
        await see.press("7")
        await add(see, "scale latents=3 by=0")
        await see.press("P")
        pane = see.app.pane
        assert pane.price.border_subtitle == "95 % intervals"
        assert "random latents" in [column.name for b in pane.price.blocks for column in b.columns]
        await see.press("s", "down", "enter")
        await see.type("silent")
        await see.press("enter")
        await see.press("x", "v")
        assert "scale latent 3 (by 0)" in see.text
        kept = rows(pane.lists, "gini@10")["silent"]
        assert kept[2] == pytest.approx(steered(scale(3, 0.0))[0]["gini@10",].after)
        await see.press("g", "enter")
        assert see.app.desk.trail.now.edits == (scale(3, 0.0),)

    drive(writable, steps, size=(140, 40))
    with reading(writable) as audit:
        assert [one.name for one in store.kept(audit, read.models(audit)[0])] == ["silent"]


def test_a_search_is_followed_cancelled_and_put_on_the_desk(drive, made, monkeypatch):
    search, looked = data.search, threading.Event()

    def waiting(steering, target, max_loss, progress):
        def told(done, total):
            assert looked.wait(20)
            progress(done, total)

        return search(steering, target, max_loss, told)

    monkeypatch.setattr(data, "search", waiting)

    async def steps(see):
        await see.press("7")
        pane = see.app.pane
        await see.press("d", "enter")
        await see.pilot.press("enter")
        await see.pilot.pause()
        assert "points tried" in see.text
        await see.pilot.press("escape")
        looked.set()
        await see.settle()
        assert (pane.over, pane.found) == ("", None)
        await see.press("d", "down", "enter", "ctrl+u")
        await see.type("90%")
        await see.press("enter")
        own = pane.found.chosen["latents"]
        assert rows(pane.lists, "methods")["latents"][1] == pytest.approx(
            pane.found.before[1] + own.change.value
        )
        await see.press("enter")
        assert see.app.desk.trail.now.edits == own.point.intervention.edits

    drive(made, steps, size=(140, 40))


def test_concepts_are_counted_and_users_chosen(drive, made, steered):
    async def steps(see):
        await see.press("7")
        await add(see, "set latents=3 to=9")
        await see.press("W")
        await see.type("genre:Horror")
        await see.press("enter")
        pane = see.app.pane
        own = Edit("set", (3,), to=9.0)
        prices, lists = steered(own, watched=("genre:Horror",))
        after = rows(pane.price, "price")["share of genre:Horror"][2]
        assert after == pytest.approx(prices["concept_share@10", "genre:Horror"].after)
        await see.press("U")
        await see.type("12, 5")
        await see.press("enter")
        assert list(shown_lists(pane.lists)) == ["12", "5"]
        await see.press("M")
        _, before = steered()
        most = min(len(set(before[user]) & set(lists[user])) for user in lists)
        for user, titles in shown_lists(pane.lists).items():
            assert len(set(before[user]) & set(titles)) == most
        await see.press("U", "ctrl+u")
        await see.type("nobody")
        await see.press("enter")
        assert "user nobody has no list" in see.text
        await see.press("escape", "W", "ctrl+u")
        await see.type("Zebras")
        await see.press("enter")
        assert "no concept Zebras" in see.text
        await see.press("escape", "u", "end", "enter")
        await see.type("nobody")
        await see.press("enter")
        assert "no case of user nobody" in see.text
        await see.press("escape", "h")
        assert pane.state.watched == ("genre:Horror",)
        assert pane.state.trail.now.edits[0].users is None
        assert pane.price.border_subtitle.endswith("ms")

    drive(made, steps)


def test_the_steered_model_is_exported(drive, made, tmp_path):
    async def steps(see):
        await see.press("7")
        await add(see, "ablate latents=3")
        await see.press("s", "end", "enter", "down", "enter", "ctrl+u")
        await see.type(str(tmp_path / "vectors"))
        await see.press("enter")

    drive(made, steps, size=(140, 40))
    assert (tmp_path / "vectors").is_file() or any((tmp_path / "vectors").iterdir())
