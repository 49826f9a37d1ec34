"""Around the desk: edits are put on it, turned and taken off, and every turn asks what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Grid

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions import words
from recaudit.interventions.edits import Edit
from recaudit.tui import desk
from recaudit.tui.asking import Newest
from recaudit.tui.blocks import Block
from recaudit.tui.desk import Desk, Question, State, subject_of
from recaudit.tui.host import host
from recaudit.tui.messages import Told
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.text import Writing
from recaudit.tui.panes.pane import Pane
from recaudit.tui.widgets.page import Page
from recaudit.tui.widgets.sliders import Card, Sliders

if TYPE_CHECKING:
    from textual.timer import Timer

    from recaudit.interventions.dry_run import DryRun
    from recaudit.store import Audit
    from recaudit.tui.data.desk import Facts
    from recaudit.tui.data.steer import Engine, Part

EMPTY = """\
Nothing is on the desk.

a  adds latents (12, 40), a selection (popularity:8), a direction
i  on a latent or a concept puts it here
d  searches for the cheapest edit against a bias
f  takes an intervention from a file or from the audit"""
HINT = "12, 40 · popularity:8 · niche:8 · concept:Horror:3 · group:gender=F · label:war · direction popularity · scale latents=12 by=0.5"
"""What can be typed to put something on the desk."""
LISTS, PRICE = "#desk-lists", "#desk-price"
SLOW = 0.3
"""Seconds after which a price that is not there yet is said to be computed; sooner it would only flicker."""


class DeskPane(Pane):
    """Sliders above; below them lists of users before and after, and the price of it all."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: dict[object, Facts] = {}
        self._engine: Engine | None = None
        self._newest: Newest[Question, Part] = Newest(self, self._answer, self._show, self._answered)
        self.priced: DryRun | None = None
        """The price with intervals of what lies on the desk, once it was asked for."""
        self._good: Question | None = None
        """The last question that could be answered."""
        self.over = ""
        """What lies over the lists: `kept`, `search`, or nothing."""
        self._waiting: Timer | None = None
        self._encodes = False
        """Whether what edits before the activation need is being loaded, or is there."""

    def compose(self) -> ComposeResult:
        with Grid(classes="steering"):
            yield Sliders(EMPTY, id="desk")
            yield Page(id="desk-lists")
            yield Page(id="desk-price")

    @property
    def state(self) -> State:
        """What lies on the desk, kept while other tabs are shown."""
        return host(self).desk

    @property
    def sliders(self) -> Sliders:
        """The desk itself."""
        return self.query_one(Sliders)

    @property
    def lists(self) -> Page:
        """Lists before and after, or what lies over them."""
        return self.query_one(LISTS, Page)

    @property
    def price(self) -> Page:
        """What it costs and gains."""
        return self.query_one(PRICE, Page)

    def focus_first(self) -> None:
        """On the desk."""
        self.sliders.focus()

    def load(self) -> None:
        """Everything anew: the audit may hold another model now."""
        self._engine, self._facts, self.priced, self.over, self._good = None, {}, None, "", None
        self.lists.border_title, self.price.border_title = "Lists", "Price"
        self.lists.say("Reading the model …")
        self.price.show([])
        self.desk_changed()

    def desk_changed(self, at: int | None = None) -> None:
        """Show the desk and ask what it comes to."""
        edits = self.state.trail.now.edits
        missing = [edit for edit in edits if subject_of(edit) not in self._facts]
        if missing:
            self._ask_facts(missing, lambda: self.desk_changed(at))
            return
        self._draw(at)
        if not self._encodes and any(edit.place == "pre-activations" for edit in edits):
            self._encodes = True
            self.run_worker(_load_encoder, thread=True, group="encoder", exit_on_error=False)
        self.ask_again()

    def _draw(self, at: int | None = None) -> None:
        now, trail = self.state.trail.now, self.state.trail
        cards = []
        for edit in now.edits:
            facts = self._facts[subject_of(edit)]
            cards.append(Card(edit, facts.name, facts.most))
        least, most = (3, 16) if self.app.screen.has_class("-wide") else (2, 7)
        height = min(max(len(cards), least), most) if cards else EMPTY.count("\n") + 1
        self.query_one(Grid).styles.grid_rows = f"{height + 2} 1fr"
        self.sliders.show(cards, at)
        self.sliders.border_title = "Desk" + ("" if now.keep_error else ": vectors replaced by their reconstruction")  # fmt: skip
        back, forth = len(trail.before), len(trail.after)
        self.sliders.border_subtitle = f"undo {back}, redo {forth}" if back or forth else ""
        self.post_message(Told("", f"{len(cards)} on the desk"))

    def ask_again(self) -> None:
        """Ask what the desk comes to."""
        self.priced = None
        self._stop_waiting()
        self._waiting = self.set_timer(SLOW, self._computing)
        self._newest.ask(self.state.question())

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def _computing(self) -> None:
        self.price.border_subtitle = "computing …"

    # Answers

    def _answer(self, question: Question) -> Iterator[Part]:
        """In a thread: the model is read, and perhaps torch loaded, with the first question."""
        from recaudit.tui.data.steer import Engine

        if self._engine is None:
            self._engine = Engine(host(self).session, self.subject)
        return self._engine.answer(question)

    def _show(self, part: Part) -> None:
        if part.name == "price":
            self._stop_waiting()
            self.price.show(part.blocks, keep=True)
            self.price.border_title = "Price"
            self.price.border_subtitle = f"{part.seconds * 1000:,.0f} ms"
        elif not self.over:
            state = self.state
            chosen = "of chosen users" if state.users else "where the desk fires most"
            self.lists.border_title = f"Lists {'that change most' if state.most_changed else chosen}"
            self.lists.show(part.blocks, keep=True)

    def _answered(self, error: Exception | None) -> None:
        """What cannot be answered goes, or every turn of a slider would fail with it."""
        self._stop_waiting()
        if error is None:
            self._good = self.state.question()
            return
        self.price.border_subtitle = ""
        good = self._good
        if good is None or not isinstance(error, (UsageError, NoVerdictError)):
            return
        state = self.state
        state.users, state.most_changed, state.watched = good.users, good.most_changed, good.watched
        state.trail.change(good.desk)
        self.desk_changed()

    def _ask_facts(self, edits: Sequence[Edit], then: Callable[[], None]) -> None:
        subject = self.subject

        def question(audit: Audit) -> list[Facts]:
            from recaudit.tui.data.desk import facts_of

            return facts_of(audit, subject, edits)

        def known(found: list[Facts]) -> None:
            self._facts |= {subject_of(edit): facts for edit, facts in zip(edits, found, strict=True)}
            then()

        self.ask(question, known, group="facts")

    # Turning

    def change_to(self, desk: Desk, turning: object = None, at: int | None = None) -> None:
        """Another desk; the cursor stays, or goes to ``at``."""
        self.state.trail.change(desk, turning)
        self.desk_changed(at)

    def _replace(self, place: int, *edits: Edit, turning: object = None) -> None:
        """Other edits instead of one, once they are known to be possible."""
        missing = [edit for edit in edits if subject_of(edit) not in self._facts]
        if missing:
            self._ask_facts(missing, lambda: self._replace(place, *edits))
        else:
            self.change_to(self.state.trail.now.changed(place, *edits), turning)

    @on(Sliders.Turned)
    def _turned(self, event: Sliders.Turned) -> None:
        event.stop()
        # What the slider says now, not when it sent this: keys may have come since.
        edit = self.sliders.cards[event.place].edit
        if edit != self.state.trail.now.edits[event.place]:
            self._replace(event.place, edit, turning=(event.place, edit.op))

    @on(Sliders.Exact)
    def _exact(self, event: Sliders.Exact) -> None:
        event.stop()
        card = self.sliders.cards[event.place]
        track = card.track
        if track is None:
            self.action_words()
            return
        before = f"{desk.value_of(card.edit, track):.6g}"

        def checked(text: str) -> Edit:
            return desk.turned(card.edit, track, number(text))

        def written(text: str | None) -> None:
            if text is not None:
                self._replace(event.place, checked(text))

        title = f"{card.name}: {card.edit.op}, {track.about}"
        hint = f"The slider goes from {track.low:g} to {track.high:g}; more may be typed. Escape leaves."
        self.app.push_screen(Writing(title, before, before=before, hint=hint, check=checked), written)

    @property
    def in_hand(self) -> tuple[int, Card] | None:
        """The edit under the cursor with its place; tells where there is none."""
        place = self.sliders.place
        if place is None:
            self.notify("Put something on the desk first: a.", severity="warning")
            return None
        return place, self.sliders.cards[place]

    def action_exact(self) -> None:
        """Type a value."""
        found = self.in_hand
        if found is not None:
            self._exact(Sliders.Exact(found[0]))

    def action_neutral(self) -> None:
        """Back to where it changes nothing."""
        found = self.in_hand
        track = found[1].track if found else None
        if found is not None and track is not None and track.neutral is not None:
            self._replace(found[0], desk.turned(found[1].edit, track, track.neutral))

    def action_off(self) -> None:
        """Take the edit off the desk."""
        found = self.in_hand
        if found is not None:
            self._replace(found[0])

    def action_undo(self) -> None:
        """One step back."""
        if self.state.trail.undo():
            self.desk_changed()
        else:
            self.notify("This is where you began.")

    def action_redo(self) -> None:
        """One step forward."""
        if self.state.trail.redo():
            self.desk_changed()

    def action_keep_error(self) -> None:
        """Keep or drop what the dictionary does not explain."""
        from dataclasses import replace

        now = self.state.trail.now
        self.change_to(replace(now, keep_error=not now.keep_error))

    # What is on it

    def put(self, edits: Sequence[Edit]) -> None:
        """Put edits on the desk, the cursor on the first of them."""
        missing = [edit for edit in edits if subject_of(edit) not in self._facts]
        if missing:
            self._ask_facts(missing, lambda: self.put(edits))
            return
        now = self.state.trail.now
        self.change_to(now.put(*edits), at=len(now.edits))

    def action_add(self) -> None:
        """Latents, a selection, a direction or an edit in words."""

        def written(text: str | None) -> None:
            if text:
                self.put(desk.read(text))

        self.app.push_screen(Writing("Put on the desk", "", hint=HINT, check=desk.read), written)

    def action_words(self) -> None:
        """The edit as it is written on a command line."""
        found = self.in_hand
        if found is None:
            return
        place, card = found
        before = desk.typed(card.edit)

        def written(text: str | None) -> None:
            if text is not None:
                self._replace(place, words.edit(text))

        hint = "As for recaudit steer --edit. Amounts: by, to, quantile, low, high; users=gender=F; at=codes."
        screen = Writing(f"Edit of {card.name}", before, before=before, hint=hint, check=words.edit)
        self.app.push_screen(screen, written)

    def action_operation(self) -> None:
        """Another operation."""
        found = self.in_hand
        if found is None:
            return
        place, card = found
        choices = desk.ops_for(card.edit)
        names = [name for name, _ in choices]

        def chosen(number: int | None) -> None:
            if number is not None and names[number] != card.edit.op:
                self._replace(place, desk.fresh(card.edit, names[number], card.most))

        self.app.push_screen(Choose(f"What to do with {card.name}", choices, names.index(card.edit.op)), chosen)  # fmt: skip

    def action_audience(self) -> None:
        """For whom."""
        found, subject = self.in_hand, self.subject
        if found is None:
            return
        place, card = found

        def question(audit: Audit) -> list[tuple[str, int]]:
            from recaudit.tui.data.desk import audiences

            return audiences(audit, subject)

        def choose(groups: list[tuple[str, int]]) -> None:
            users = [None, *(name for name, _ in groups)]
            choices = [("everyone", ""), *((name, f"{n:,} users") for name, n in groups), ("one user …", "")]
            at = users.index(card.edit.users) if card.edit.users in users else len(choices) - 1

            def chosen(number: int | None) -> None:
                if number is not None and number < len(users):
                    self._for(place, card.edit, users[number])
                elif number is not None:
                    self._one_user(place, card)

            self.app.push_screen(Choose(f"For whom is {card.name} edited?", choices, at), chosen)

        self.ask(question, choose, group="audiences")

    def _one_user(self, place: int, card: Card) -> None:
        def written(user: str | None) -> None:
            if user:
                self._for(place, card.edit, f"user={user}")

        known = (card.edit.users or "").removeprefix("user=") if "user=" in (card.edit.users or "") else ""
        self.app.push_screen(Writing("For which user?", known, hint="A user's id in the data."), written)

    def _for(self, place: int, edit: Edit, users: str | None) -> None:
        from dataclasses import replace

        self._replace(place, replace(edit, users=users, items=()))

    def action_single(self) -> None:
        """A slider for each latent of a selection."""
        found, subject = self.in_hand, self.subject
        if found is None:
            return
        place, edit = found[0], found[1].edit

        def question(audit: Audit) -> tuple[Edit, ...]:
            from recaudit.tui.data.desk import single

            return single(audit, subject, edit)

        self.ask(question, lambda edits: self._replace(place, *edits), group="single")

    # What is looked at

    def action_users(self) -> None:
        """Whose lists are shown."""
        state = self.state

        def written(text: str | None) -> None:
            if text is not None:
                state.users, state.most_changed = tuple(text.replace(",", " ").split()), False
                self.show_lists()

        before = " ".join(state.users)
        hint = "Ids of the data, with spaces between; nothing for some that lie evenly among all."
        self.app.push_screen(Writing("Whose lists?", before, before=before, hint=hint), written)

    def action_most_changed(self) -> None:
        """Users whose lists change most, whoever they are; again for those chosen before."""
        self.state.most_changed = not self.state.most_changed
        self.show_lists()

    def action_watch(self) -> None:
        """Concepts that are counted in the lists."""
        state = self.state

        def written(text: str | None) -> None:
            if text is not None:
                state.watched = tuple(part.strip() for part in text.split(",") if part.strip())
                self.ask_again()

        before = ", ".join(state.watched)
        hint = "Concepts with commas between, such as Horror, genre:War. Nothing to watch none."
        self.app.push_screen(Writing("Count which concepts?", before, before=before, hint=hint), written)

    def show_lists(self) -> None:
        """The lists in front again."""
        self.over = ""
        self.ask_again()

    def leave(self) -> bool:
        """Bring the lists back."""
        if self.over:
            self.show_lists()
            return True
        return False

    # The price in full

    def action_price(self) -> None:
        """With intervals and controls."""
        self.price_then(lambda found: None)

    def price_then(self, then: Callable[[DryRun], None]) -> None:
        """Go on with the price and its controls, computed unless they are known."""
        subject, state = self.subject, self.state
        asked, watched = state.trail.now, state.watched
        if not asked.intervention().edits:
            self.notify("Nothing is turned yet.", severity="warning")
            return
        if self.priced is not None:
            then(self.priced)
            return
        self.price.border_subtitle = "intervals and controls …"

        def question(audit: Audit) -> tuple[DryRun, list[Block]]:
            from recaudit.tui.data.desk import dry_run, dry_run_blocks

            found = dry_run(audit, subject, asked.intervention(), watched)
            return found, dry_run_blocks(found)

        def show(found: tuple[DryRun, list[Block]]) -> None:
            if asked != state.trail.now:
                return  # turned on meanwhile
            self.priced = found[0]
            self.price.show(found[1])
            self.price.border_subtitle = "95 % intervals"
            then(found[0])

        self.ask(question, show, group="price")


def _load_encoder() -> None:
    """Two seconds of torch, begun when an edit is put on the desk that needs it, not when it is first turned."""
    import recaudit.sae.autoencoder  # noqa: F401


def number(text: str) -> float:
    """What was typed, as a number.

    Raises:
        UsageError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text or 'nothing'} is no number", fix="write one, such as 0.5 or -10") from None
