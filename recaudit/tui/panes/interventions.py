"""Turn latents and directions, see lists and price follow, keep what is worth keeping."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from recaudit.tui.keys import bindings
from recaudit.tui.panes.desk_export import Exporting
from recaudit.tui.panes.desk_search import Searching


class InterventionsPane(Searching, Exporting):
    """The desk with everything around it."""

    HELP = """\
Try an intervention. `a` puts latents, a selection or a direction on the desk; `h` and `l` turn them; lists and price follow.
Nothing is written until you save: `s` shows what would be written first. `P` adds intervals and controls to the price,
`d` searches for the cheapest edit against a bias, `v` compares what the audit keeps. `z` undoes.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("desk")]
