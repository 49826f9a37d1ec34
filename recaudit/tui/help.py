"""Help in Markdown: what the focused widget is, and every key that works there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.keys import format_key

from recaudit.tui.keys import ACTIONS

if TYPE_CHECKING:
    from recaudit.tui.app import AuditApp

_SCOPES = {
    "list": "In a list",
    "page": "On a page",
    "sliders": "On the desk",
    "desk": "Around the desk",
    "put": "Towards the desk",
    "compare": "Comparing",
    "detail": "List and page",
    "latents": "Latents",
    "sql": "SQL",
    "app": "Everywhere",
}


def help_for(app: AuditApp) -> str:
    """Of the focused widget, or of the pane in front."""
    parts: list[str] = []
    node = app.focused or app.pane
    while node is not None:
        text = getattr(node, "HELP", None)
        if isinstance(text, str) and text.strip():
            parts.append(text)
            break
        node = node.parent  # type: ignore[assignment]
    keys = {
        active.binding.id: app.get_key_display(active.binding)
        for active in app.screen.active_bindings.values()
        if active.binding.id
    }
    for scope, title in _SCOPES.items():
        rows = [action for action in ACTIONS if action.scope == scope and action.id in keys]
        if not rows:
            continue
        lines = [f"- {_keys(app, action.id, action.keys)} {action.about} *{action.id}*" for action in rows]
        parts.append(f"### {title}\n\n" + "\n".join(lines))
    parts.append("Keys are changed by id under `[tui.keys]` in `recaudit.toml`.")
    return "\n\n".join(parts)


def _keys(app: AuditApp, action: str, default: str) -> str:
    shown = {
        app.get_key_display(active.binding)
        for active in app.screen.active_bindings.values()
        if active.binding.id == action
    }
    return " ".join(f"`{key}`" for key in sorted(shown, key=len)) or ", ".join(
        format_key(key) for key in default.split(",")
    )
