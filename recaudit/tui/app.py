"""The shell: tabs, status line, links with a way back, and what works in every tab."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from textual import events, on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Tab, Tabs

from recaudit.errors import RecauditError
from recaudit.text import printable
from recaudit.tui import collector
from recaudit.tui.asking import Asking
from recaudit.tui.desk import State
from recaudit.tui.host import Subject
from recaudit.tui.keys import bindings, keymap
from recaudit.tui.messages import Changed, GoTo, Put, Told, Troubled
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.problem import Problem
from recaudit.tui.palette import Entities, OnDesk, Panes
from recaudit.tui.panes.pane import Pane, Split
from recaudit.tui.panes.registry import BY_ID, TABS
from recaudit.tui.places import History, Place
from recaudit.tui.served import hung_up
from recaudit.tui.session import Session
from recaudit.tui.widgets.key_bar import KeyBar
from recaudit.tui.widgets.listing import Exporting, Listing
from recaudit.tui.widgets.page import Page
from recaudit.tui.widgets.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recaudit.store import Audit
    from recaudit.store.read import Sae


WIDE = 116
"""Columns from which a list and a page share the screen."""


@runtime_checkable
class Source(Protocol):
    """What copy and export can be about: a list, a page, a result."""

    def copies(self) -> list[tuple[str, str]]: ...

    def export(self) -> Exporting | tuple[str, list[str], list[tuple[Any, ...]]] | None: ...


class Body(Asking, Vertical):
    """Tabs and panes; asks which models there are."""

    def compose(self) -> ComposeResult:
        yield Tabs(*(Tab(tab.title, id=f"tab-{tab.id}") for tab in TABS), id="tabs")
        yield ContentSwitcher(id="panes")
        yield Status()
        yield KeyBar(show_command_palette=False, compact=True)


class AuditApp(App[None]):
    """``recaudit tui``."""

    TITLE = "recaudit"
    CSS_PATH = "recaudit.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    COMMANDS: ClassVar[set[type[Provider] | Any]] = {*App.COMMANDS, Panes, Entities, OnDesk}

    def __init__(
        self,
        path: Path,
        *,
        model: str | None = None,
        sae: str | None = None,
        keys: Mapping[str, Any] | None = None,
        theme: str | None = None,
        author: str = "",
        place: Place | None = None,
    ) -> None:
        """Args:
        keys: action id to keys, see ``keys.ACTIONS``.
        place: where to begin; the overview by default.
        """
        super().__init__()
        self.session = Session(path)
        self.subject: Subject | None = None
        self.author = author or "tui"
        self.history = History()
        self._desks: dict[tuple[int, int | None], State] = {}
        self._named = (model, sae)
        self._begin = place or Place("pane", TABS[0].id)
        self.set_keymap(keymap(keys or {}))
        if theme:
            # Without colours Textual makes black on black of a terminal's own.
            self.theme = theme.replace("ansi-", "textual-") if self.no_color else theme

    @property
    def desk(self) -> State:
        """What lies on the desk of the model and dictionary in front."""
        subject = self.subject
        assert subject is not None
        key = (subject.model.model_id, subject.sae.sae_id if subject.sae else None)
        return self._desks.setdefault(key, State())

    def compose(self) -> ComposeResult:
        yield Body()

    def on_resize(self, event: events.Resize) -> None:
        """Digits before the tabs where there is room for them."""
        for tab in TABS:
            label = f"{tab.digit} {tab.title}" if event.size.width >= WIDE else tab.short
            self.query_one(f"#tab-{tab.id}", Tab).label = label

    def on_mount(self) -> None:
        """The file is opened behind the first paint."""
        self.query_one(Status).about(self.session.path.name, None)
        self.call_after_refresh(self.open_audit)
        self.set_interval(1.0, self._idle)

    def on_unmount(self) -> None:
        """Let go of the file."""
        self.session.close()
        collector.release()

    def _idle(self) -> None:
        if self.is_web and hung_up():
            self.exit()
            return
        self.session.rest()
        if self.session.changed_outside:
            self.session.changed_outside = False
            self.notify("The audit file has changed: r reads it again.")

    # Opening and choosing

    def open_audit(self) -> None:
        """Ask for the models, then choose."""
        self.query_one(Body).ask(_models, self._choose)

    def _choose(self, known: list[Subject]) -> None:
        name, sae = self._named
        chosen = [one for one in known if name in (None, one.model.name)]
        chosen = [one for one in chosen if sae is None or (one.sae and one.sae.name == sae)]
        if not chosen:
            asked = f"{printable(name or '')} {printable(sae or '')}".strip()
            self._problem(
                "Not in this audit", f"no model {asked}", "leave out the name to choose from a list", None
            )
        elif len({one.model.name for one in chosen}) == 1:
            self._take(chosen[-1])
        else:
            self._pick(chosen)

    def _pick(self, known: list[Subject]) -> None:
        choices = [
            (
                printable(one.model.name, 40),
                f"{one.model.tool} {one.model.architecture}"
                + (f", dictionary {printable(one.sae.name, 30)}" if one.sae else ", no dictionary"),
            )
            for one in known
        ]
        at = known.index(self.subject) if self.subject in known else 0

        def picked(number: int | None) -> None:
            if number is not None:
                self._take(known[number])
            elif self.subject is None:
                self._take(known[0])

        self.push_screen(Choose("Which model, which dictionary?", choices, at), picked)

    def _take(self, subject: Subject) -> None:
        first = self.subject is None
        self.subject = subject
        self.query_one(Status).about(self.session.path.name, subject)
        if first:
            self.go(self._begin)
        else:
            self.action_reload()

    def action_choose_model(self) -> None:
        """Choose another model or dictionary."""
        self.query_one(Body).ask(_models, self._pick)

    # Places

    def go(self, place: Place, *, remember: bool = True) -> None:
        """Go to a pane, or to an entity in its pane."""
        if place.pane not in BY_ID or self.subject is None:
            return
        if remember:
            if not self.history.visited and place.kind != "pane":
                self.history.visit(Place("pane", place.pane))
            self.history.visit(place)
        self.call_later(self._show, place)

    async def _show(self, place: Place) -> None:
        switcher = self.query_one(ContentSwitcher)
        tabs = self.query_one(Tabs)
        pane = next(iter(switcher.query(f"#{place.pane}").results(Pane)), None)
        new = pane is None
        if pane is None:
            pane = BY_ID[place.pane].make()
            await switcher.add_content(pane)
        switcher.current = place.pane
        with tabs.prevent(Tabs.TabActivated):
            tabs.active = f"tab-{place.pane}"
        self.query_one(Status).tell("", "")
        self._arrive(pane, place, new)

    def _arrive(self, pane: Pane, place: Place, new: bool) -> None:
        if place.kind != "pane":
            pane.show_place(place.key)
            return
        if isinstance(pane, Split) and pane.has_class("-detail"):
            pane.remove_class("-detail")
        pane.focus_first()
        for listing in pane.query(Listing):
            if not new:
                listing._tell()

    @on(GoTo)
    def _goto(self, message: GoTo) -> None:
        self.go(message.place)

    @on(Tabs.TabActivated)
    def _tab(self, event: Tabs.TabActivated) -> None:
        pane = (event.tab.id or "").removeprefix("tab-")
        if self.query_one(ContentSwitcher).current != pane and self.subject is not None:
            self.go(Place("pane", pane))

    @on(Put)
    def _put(self, message: Put) -> None:
        """On the desk once the audit knows every latent of it."""
        subject, state = self.subject, self.desk

        def question(audit: Audit) -> None:
            from recaudit.tui.data.desk import facts_of

            assert subject is not None
            if message.edits:
                facts_of(audit, subject, message.edits)

        def known(_: None) -> None:
            state.trail.change(state.trail.now.put(*message.edits))
            state.users = tuple(dict.fromkeys((*message.users, *state.users)))
            for pane in self.query(Pane):
                pane.desk_changed()
            if message.stay:
                what = "The list is beside the desk" if message.users else "On the desk"
                self.notify(f"{what}; {len(state.trail.now.edits)} edits lie there.")
            else:
                self.go(Place("pane", "interventions"))

        self.query_one(Body).ask(question, known, group="put")

    def action_pane(self, name: str) -> None:
        """Show a tab."""
        self.go(Place("pane", name))

    def action_go_back(self) -> None:
        """Leave a filter, else go where one came from."""
        pane = self.pane
        if pane is not None and pane.leave():
            return
        place = self.history.back()
        if place is not None:
            self.go(place, remember=False)

    def action_forward(self) -> None:
        """Where ``back`` came from."""
        place = self.history.forward()
        if place is not None:
            self.go(place, remember=False)

    @property
    def pane(self) -> Pane | None:
        """The pane in front."""
        found = self.query_one(ContentSwitcher).visible_content
        return found if isinstance(found, Pane) else None

    # What works everywhere

    def action_reload(self) -> None:
        """Read the audit again: the pane in front now, the others when they are shown."""
        if self.subject is None:
            self.open_audit()
            return
        front = self.pane
        for pane in self.query(Pane):
            if pane is not front:
                pane.remove()
        if front is not None:
            front.load()

    @property
    def _in_hand(self) -> Source | None:
        """The list or page that copy and export are about."""
        focused = self.focused
        while focused is not None:
            if isinstance(focused, Source):
                return focused
            focused = focused.parent if isinstance(focused.parent, Widget) else None
        pane = self.pane
        inside = [pane, *pane.query("*")] if pane is not None else []
        return next((widget for widget in inside if isinstance(widget, Source)), None)

    def action_copy(self) -> None:
        """Choose what to copy."""
        source = self._in_hand
        choices = source.copies() if source else []
        if not choices:
            self.notify("There is nothing here to copy.", severity="warning")
            return

        def chosen(number: int | None) -> None:
            if number is not None:
                self._copied(*choices[number])

        self.push_screen(Choose("Copy", [(printable(what, 70), "") for what, _ in choices]), chosen)

    def _copied(self, what: str, text: str) -> None:
        self.copy_to_clipboard(text)
        self.notify(f"Copied {printable(what.partition(':')[0], 40)} through the terminal (OSC 52).")

    def action_export(self) -> None:
        """Write the view in front to a file."""
        source = self._in_hand
        export = source.export() if source else None
        if export is None:
            self.notify("There is no table here to export.", severity="warning")
            return
        from recaudit.tui.modals.export import Export

        name = export.name if isinstance(export, Exporting) else export[0]
        rows = export.rows if isinstance(export, Exporting) else len(export[2])

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.query_one(Body).ask(partial(_write, export, path), self._exported, group="export")

        self.push_screen(Export(f"recaudit-{name}", rows), chosen)

    def _exported(self, done: tuple[Path, int]) -> None:
        path, rows = done
        self.notify(f"{rows:,} rows written to {printable(path)}")

    @on(Listing.Sorting)
    def _sorting(self, message: Listing.Sorting) -> None:
        listing, fields = message.listing, message.fields
        names = [name for name, _ in fields]
        at = names.index(listing.listed.order) if listing.listed else 0

        def chosen(number: int | None) -> None:
            if number is not None:
                listing.sort_by(names[number])

        self.push_screen(Choose("Sort by", fields, at), chosen)

    @on(Page.Choose)
    def _which(self, message: Page.Choose) -> None:
        places = message.places

        def chosen(number: int | None) -> None:
            if number is not None:
                self.go(places[number])

        self.push_screen(Choose("Go to", [(f"{p.kind} {printable(p.key, 50)}", "") for p in places]), chosen)

    @on(Page.Whole)
    def _whole(self, message: Page.Whole) -> None:
        from recaudit.tui.modals.text import Reading

        self.push_screen(Reading(message.title, [(name, printable(text)) for name, text in message.pairs]))

    @on(Told)
    def _told(self, message: Told) -> None:
        self.query_one(Status).tell(message.filter, message.rows)

    @on(Changed)
    def _changed(self, message: Changed) -> None:
        self.notify(printable(message.said, 200))

    def action_jump(self) -> None:
        """Letters on everything that can be gone to."""
        from recaudit.tui.jump import Jump, targets

        def jumped(target: Widget | None) -> None:
            if isinstance(target, Tab):
                self.go(Place("pane", (target.id or "").removeprefix("tab-")))
            elif target is not None:
                target.focus()

        self.push_screen(Jump(targets(self.screen)), jumped)

    def action_help(self) -> None:
        """Help for what has the focus."""
        from recaudit.tui.help import help_for
        from recaudit.tui.modals.text import Help

        self.push_screen(Help(help_for(self)))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's own, and ours."""
        for command in super().get_system_commands(screen):
            if command.title != "Keys":
                yield command
        yield SystemCommand("Reload", "Read the audit file again", self.action_reload)
        yield SystemCommand("Model", "Choose model and dictionary", self.action_choose_model)
        yield SystemCommand("Export", "Write this view to a file", self.action_export)
        yield SystemCommand("Help", "Help for what has the focus", self.action_help)

    # Problems

    @on(Troubled)
    def _troubled(self, message: Troubled) -> None:
        error = message.error
        if isinstance(error, RecauditError):
            self._problem(
                _TITLES.get(type(error).__name__, "This cannot be done"),
                error.message,
                error.fix,
                message.retry,
            )
        else:
            self.log.error(error)
            said = printable(f"{type(error).__name__}: {error}", 600)
            self._problem(
                "This went wrong",
                said,
                "if it looks like a bug, please report it with these words",
                message.retry,
            )

    def _problem(self, title: str, text: str, fix: str, retry: Any) -> None:
        if any(isinstance(screen, Problem) for screen in self.screen_stack):
            return  # one is enough: the file is locked for every pane alike

        def closed(again: bool | None) -> None:
            if again and retry is not None:
                retry()

        self.push_screen(Problem(title, text, fix, retry=retry is not None), closed)


_TITLES = {
    "EnvironmentProblem": "The machine is in the way",
    "UsageError": "This cannot be",
    "NoVerdictError": "Not in this audit",
    "InputRefused": "This file is refused",
}


def _models(audit: Audit) -> list[Subject]:
    """Every model with each of its autoencoders, the newest last."""
    from recaudit.store import read

    read.model_named(audit, None) if not read.models(audit) else None
    found: list[Subject] = []
    for model in read.models(audit):
        saes: list[Sae | None] = [*read.saes(audit, model.model_id)] or [None]
        found += [Subject(model, sae) for sae in saes]
    return found


def _write(
    export: Exporting | tuple[str, list[str], list[tuple[Any, ...]]], path: Path, audit: Audit
) -> tuple[Path, int]:
    import pandas as pd

    from recaudit.tui.data.files import write

    frame = export.ask(audit) if isinstance(export, Exporting) else pd.DataFrame(export[2], columns=export[1])
    return path, write(frame, path)
