"""The desk without a screen: what people type, sliders, undo; and that late answers are dropped."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App

from recaudit.errors import UsageError
from recaudit.interventions import words
from recaudit.interventions.edits import OPS, Edit
from recaudit.tui import desk
from recaudit.tui.asking import Asking, Newest
from recaudit.tui.desk import Desk, Trail


def scale(latent, by=1.0, **more):
    return Edit("scale", (latent,), by=by, **more)


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("12, 40 12", (scale(12), scale(40))),
        ("popularity:8", (Edit("scale", select="popularity:8", by=1.0),)),
        ("concept:Horror:3", (Edit("scale", select="concept:Horror:3", by=1.0),)),
        ("direction popularity", (Edit("project", direction="popularity", by=0.0),)),
        ("set latents=3 to=2 users=gender=F", (Edit("set", (3,), to=2.0, users="gender=F"),)),
    ],
)
def test_what_people_type(text, edits):
    assert desk.read(text) == edits


@pytest.mark.parametrize("text", ["", "horror", "scale", "12.5", "scale latents=x by=1"])
def test_what_is_none_of_these_is_told_with_an_example(text):
    with pytest.raises(UsageError) as error:
        desk.read(text)
    assert error.value.fix


EDITS = st.one_of(
    st.builds(
        scale, st.integers(0, 999), st.floats(-9, 9).map(lambda x: float(f"{x:g}")), users=st.sampled_from([None, "gender=F", "user=4 2"])
    ),
    st.builds(lambda j: Edit("clamp", (j, j + 1), low=0.5, high=2.0), st.integers(0, 99)),
    st.just(Edit("project", direction="concept:Film Noir", by=0.25)),
    st.just(Edit("shift", select="label:titles with “king”", by=-1.0, at="codes")),
    st.just(Edit("ablate", (1,), items=("7", "9"))),
)  # fmt: skip


@given(EDITS)
def test_an_edit_in_words_is_read_back_as_it_was(edit):
    assert words.edit(desk.typed(edit)) == edit


@pytest.mark.parametrize("op", OPS)
def test_every_operation_begins_where_it_can(op):
    of = Edit("project", direction="popularity", by=0.0) if op == "project" else scale(3)
    assert op in [name for name, _ in desk.ops_for(of)]
    edit = desk.fresh(of, op, most=4.0)
    track = desk.slider(edit, 4.0)
    if track is None:
        assert op == "ablate"
        return
    assert track.low <= desk.value_of(edit, track) <= track.high
    assert desk.idle(edit) == (track.neutral is not None)
    for share in (0.0, 0.37, 1.0):
        value = track.at(share)
        assert track.share(value) == pytest.approx(share, abs=track.step / (track.high - track.low))
        assert desk.value_of(desk.turned(edit, track, value), track) == value


def test_what_stands_at_its_neutral_place_is_left_out():
    lying = Desk((scale(1), scale(2, 0.5), Edit("ablate", (3,))), keep_error=False, about="why")
    made = lying.intervention()
    assert made.edits == lying.edits[1:]
    assert (made.keep_error, made.about) == (False, "why")


def test_the_same_is_put_on_once():
    lying = Desk().put(scale(1), scale(2)).put(scale(1, 0.3), scale(1, users="gender=F"))
    assert lying.edits == (scale(1), scale(2), scale(1, users="gender=F"))


def test_quick_turns_of_one_slider_are_one_step_back():
    now = [0.0]
    trail = Trail(clock=lambda: now[0])
    first = Desk((scale(1), scale(2)))
    trail.change(first)
    for step in range(1, 4):
        now[0] += 0.1
        trail.change(first.changed(0, scale(1, 1 - step / 10)), turning=(0, "by"))
    other = trail.now.changed(1, scale(2, 0.5))
    trail.change(other, turning=(1, "by"))
    now[0] += 5
    trail.change(other.changed(1, scale(2, 0.4)), turning=(1, "by"))
    seen = []
    while trail.undo():
        seen.append(trail.now)
    assert seen == [other, first.changed(0, scale(1, 0.7)), first, Desk()]
    while trail.redo():
        pass
    assert trail.now.edits == (scale(1, 0.7), scale(2, 0.4))
    trail.undo()
    trail.change(first)
    assert not trail.redo()


def test_only_the_newest_question_is_answered():
    begun, taken, gates = [], [], {1: threading.Event()}
    started = threading.Event()

    def answer(question):
        begun.append(question)
        started.set()
        if question in gates:
            assert gates[question].wait(5)
        yield f"{question} first"
        yield f"{question} second"

    class Little(App):
        def compose(self):
            yield Asking()

    async def steps():
        async with Little().run_test() as pilot:
            done = []
            newest = Newest(pilot.app.query_one(Asking), answer, taken.append, done.append)
            newest.ask(1)
            await asyncio.to_thread(started.wait, 5)
            newest.ask(2)
            newest.ask(3)
            gates[1].set()
            while not done:
                await pilot.pause(0.01)
            assert done == [None]

    asyncio.run(steps())
    assert begun == [1, 3]
    assert taken == ["3 first", "3 second"]
