"""The audit file, shared by threads, and let go of whenever nobody reads.

DuckDB lets one process write or many read. A workbench that held the file all day would keep every `train` and
`label` from it, so the connection is closed after a moment of rest and opened again by the next question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from recaudit.store import Audit

T = TypeVar("T")

REST = 3.0
"""Seconds without a question after which the file is free for others."""


class Session:
    """Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free = Condition()
        self._open: ExitStack | None = None
        self._audit: Audit | None = None
        self._readers = 0
        self._writing = False
        self._last = time.monotonic()
        self._stamp: tuple[int, int] | None = None
        self.changed_outside = False
        """Somebody else has written to the file since this was last set to False."""

    @contextmanager
    def reading(self) -> Iterator[Audit]:
        """A reader of one's own. Raises as ``recaudit.store.reading``."""
        from recaudit.store import Audit  # half a second: after the first paint, in a thread

        with self._free:
            self._free.wait_for(lambda: not self._writing)
            if self._audit is None:
                self._connect()
            assert self._audit is not None
            cursor = self._audit.connection.cursor()
            self._readers += 1
        try:
            yield Audit(cursor, self.path)
        finally:
            cursor.close()
            with self._free:
                self._readers -= 1
                self._last = time.monotonic()
                self._free.notify_all()

    def write(self, change: Callable[[Path], T]) -> T:
        """Let ``change`` write to the file, with no reader of this process in its way."""
        with self._free:
            self._free.wait_for(lambda: not self._writing and not self._readers)
            self._writing = True
            self._disconnect()
        try:
            return change(self.path)
        finally:
            with self._free:
                self._stamp = None
                self._writing = False
                self._free.notify_all()

    def rest(self, after: float = REST) -> None:
        """Let go of the file if nobody has read for so many seconds. Never waits."""
        if not self._free.acquire(blocking=False):
            return
        try:
            if not self._readers and time.monotonic() - self._last >= after:
                self._disconnect()
        finally:
            self._free.release()

    @property
    def is_open(self) -> bool:
        """Whether the file is held."""
        return self._audit is not None

    def close(self) -> None:
        """Let go of the file; waits for readers."""
        with self._free:
            self._free.wait_for(lambda: not self._readers, timeout=2)
            self._disconnect()

    def _connect(self) -> None:
        from recaudit.store import reading

        opened = ExitStack()
        self._audit = opened.enter_context(reading(self.path))
        self._open = opened
        status = self.path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._stamp not in (None, stamp):
            self.changed_outside = True
        self._stamp = stamp

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._audit = None
