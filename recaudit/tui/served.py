"""In a browser: the workbench is a process that a server has started, and ends with it."""

from __future__ import annotations

import select
import sys


def hung_up() -> bool:
    """Whether nobody can write to this process any more: its server is gone, and could not say so.

    Never on systems that have no ``poll``.
    """
    if not hasattr(select, "poll") or sys.__stdin__ is None:
        return False
    poll = select.poll()
    poll.register(sys.__stdin__.fileno(), 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))
