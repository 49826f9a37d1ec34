"""The keys of the place one is in, at the foot of the screen."""

from __future__ import annotations

from textual.widgets import Footer


class KeyBar(Footer):
    """Textual's footer, without holding on to every key it ever showed.

    Each key watches ``compact``, and watchers that are gone are dropped only when that changes, which it never does.
    """

    async def recompose(self) -> None:
        """Show other keys; forget those before."""
        await super().recompose()
        self.mutate_reactive(Footer.compact)
