"""Every action of the workbench with its id and keys. Keys can be changed under ``[tui.keys]`` in ``recaudit.toml``::

[tui.keys]
"go.back" = "backspace,left"
"view.export" = "x"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.binding import Binding

from recaudit.errors import UsageError
from recaudit.text import printable


@dataclass(frozen=True)
class Action:
    """``scope`` is where its keys work: ``app``, or a kind of widget or pane."""

    id: str
    scope: str
    keys: str
    method: str
    about: str
    footer: str = ""
    """Word in the footer; empty for none."""

    def binding(self) -> Binding:
        """As Textual wants it."""
        return Binding(self.keys, self.method, self.footer or self.about, show=bool(self.footer), id=self.id)


ACTIONS = (
    Action("app.quit", "app", "q,ctrl+q", "quit", "Leave"),
    Action("app.help", "app", "question_mark,f1", "help", "Help for what has the focus", "Help"),
    Action("app.palette", "app", "ctrl+p", "command_palette", "Go to anything by name", "Find"),
    Action("app.jump", "app", "o", "jump", "Jump: a letter on every target", "Jump"),
    Action("app.reload", "app", "r", "reload", "Read the audit file again"),
    Action("app.model", "app", "m", "choose_model", "Choose model and dictionary"),
    Action("go.back", "app", "escape,backspace", "go_back", "Back; leave a filter or a detail"),
    Action("go.forward", "app", "right_square_bracket", "forward", "Forward again"),
    Action("view.copy", "app", "y", "copy", "Copy: value, row or SQL", "Copy"),
    Action("view.export", "app", "e", "export", "Export this view: csv, json, parquet", "Export"),
    Action("list.filter", "list", "slash", "filter", "Filter the list", "Filter"),
    Action("list.sort", "list", "s", "sort", "Sort by a column", "Sort"),
    Action("list.reverse", "list", "S", "reverse", "Reverse the order"),
    Action("list.down", "list", "j", "cursor_down", "Down"),
    Action("list.up", "list", "k", "cursor_up", "Up"),
    Action("list.first", "list", "g,home", "first", "First row"),
    Action("list.last", "list", "G,end", "last", "Last row"),
    Action("list.whole", "list", "space", "whole", "Show the row whole"),
    Action("list.left", "list", "h", "scroll_left", "Scroll left"),
    Action("list.right", "list", "l", "scroll_right", "Scroll right"),
    Action("page.down", "page", "j", "cursor_down", "Down"),
    Action("page.up", "page", "k", "cursor_up", "Up"),
    Action("page.first", "page", "g", "first", "First row"),
    Action("page.last", "page", "G", "last", "Last row"),
    Action("page.whole", "page", "space", "whole", "Show the row whole"),
    Action("page.section", "page", "J", "next_block", "Next table"),
    Action("page.section_up", "page", "K", "previous_block", "Table before"),
    Action("detail.next", "detail", "n", "step(1)", "Next of the list"),
    Action("detail.previous", "detail", "p", "step(-1)", "Previous of the list"),
    Action("latent.bookmark", "latents", "b", "bookmark", "Bookmark this latent", "Mark"),
    Action("latent.name", "latents", "w", "name", "Write this latent's name", "Name"),
    Action("latent.note", "latents", "a", "note", "Annotate this latent", "Note"),
    Action("desk.put", "put", "i", "put(False)", "Intervene: put this on the desk and go there", "Intervene"),
    Action("desk.put_more", "put", "I", "put(True)", "Put this on the desk and stay here"),
    Action("slider.less", "sliders", "h,left", "turn(-1)", "Turn down"),
    Action("slider.more", "sliders", "l,right", "turn(1)", "Turn up"),
    Action("slider.much_less", "sliders", "H,shift+left", "turn(-5)", "Turn down by five steps"),
    Action("slider.much_more", "sliders", "L,shift+right", "turn(5)", "Turn up by five steps"),
    Action("slider.down", "sliders", "j", "cursor_down", "Next edit"),
    Action("slider.up", "sliders", "k", "cursor_up", "Edit before"),
    Action("slider.first", "sliders", "g", "first", "First edit"),
    Action("slider.last", "sliders", "G", "last", "Last edit"),
    Action("desk.add", "desk", "a", "add", "Add latents, a selection, a direction or an edit", "Add"),
    Action("desk.exact", "desk", "equals_sign", "exact", "Type an exact value (Enter)"),
    Action("desk.operation", "desk", "c", "operation", "Change the operation: scale, set, clamp, …", "How"),
    Action("desk.audience", "desk", "u", "audience", "For whom: everyone, a group, one user", "Whom"),
    Action("desk.words", "desk", "w", "words", "Write the edit in words"),
    Action("desk.neutral", "desk", "n", "neutral", "Back to where it changes nothing"),
    Action("desk.off", "desk", "x,delete", "off", "Take it off the desk"),
    Action("desk.single", "desk", "t", "single", "Take a selection apart: a slider for each latent"),
    Action("desk.error", "desk", "E", "keep_error", "Keep or drop what the dictionary does not explain"),
    Action("desk.undo", "desk", "z", "undo", "Undo", "Undo"),
    Action("desk.redo", "desk", "Z", "redo", "Redo"),
    Action("desk.users", "desk", "U", "users", "Whose lists are shown"),
    Action("desk.most", "desk", "M", "most_changed", "Show the users whose lists change most"),
    Action("desk.watch", "desk", "W", "watch", "Count concepts in the lists"),
    Action("desk.price", "desk", "P", "price", "Price with intervals and controls", "Price"),
    Action("desk.search", "desk", "d", "debias", "Search for the cheapest edit against a bias"),
    Action("desk.kept", "desk", "v", "kept", "Compare the interventions kept in the audit"),
    Action("desk.save", "desk", "s", "save", "Save: a TOML file, or into the audit", "Save"),
    Action("desk.load", "desk", "f", "load", "Take an intervention from a file or the audit"),
    Action("compare.choose", "compare", "c", "choose", "Choose what to compare with", "Compare with"),
    Action("sql.run", "sql", "ctrl+r,f5", "run", "Run the query", "Run"),
    Action("sql.tables", "sql", "f2", "tables", "List the tables", "Tables"),
    *(
        Action(f"pane.{name}", "app", key, f"pane('{name}')", f"Go to {name}")
        for key, name in zip(
            "1234567890",
            (
                "overview", "latents", "concepts", "users", "items", "bias", "interventions", "compare", "gate", "sql",
            ),
            strict=True,
        )
    ),
)  # fmt: skip
"""In the order of the help."""

_BY_ID = {action.id: action for action in ACTIONS}


def bindings(scope: str) -> list[Binding]:
    """Bindings of a scope, for a ``BINDINGS`` list."""
    return [action.binding() for action in ACTIONS if action.scope == scope]


def keymap(changed: Mapping[str, Any]) -> dict[str, str]:
    """Keys that a user set, as Textual's keymap.

    Raises:
        UsageError: no such action, or no keys.
    """
    for name, keys in changed.items():
        if name not in _BY_ID:
            close = difflib.get_close_matches(name, _BY_ID, n=1, cutoff=0) or [ACTIONS[0].id]
            raise UsageError(
                f"[tui.keys]: no action `{printable(name, 40)}`", fix=f"did you mean `{close[0]}`?"
            )
        if not isinstance(keys, str) or not re.fullmatch(r"[^\s,]+(\s*,\s*[^\s,]+)*", keys.strip()):
            raise UsageError(
                f"[tui.keys]: `{name}` is no list of keys: {printable(keys, 40)}",
                fix=f'write keys with commas between, such as "{_BY_ID[name].keys}"',
            )
    return {name: str(keys).replace(" ", "") for name, keys in changed.items()}


def flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """``go.back = "x"`` without quotes is a table in TOML: its parts joined again."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found
