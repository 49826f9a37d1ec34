"""How a widget asks the audit: in a thread, newest question first, the answer brought back as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual import on
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from recaudit.errors import UsageError
from recaudit.tui.host import host
from recaudit.tui.messages import Answered, Troubled

if TYPE_CHECKING:
    from pathlib import Path

    from recaudit.store import Audit

T = TypeVar("T")
Q = TypeVar("Q")


class Asking(Widget):
    """A widget that asks. Threads touch no widget: they post ``Answered`` and ``Troubled``."""

    def ask(self, question: Callable[[Audit], T], then: Callable[[T], None], *, group: str = "ask") -> None:
        """Run a question in a thread; ``then`` gets its answer here. A newer question of the group replaces it."""
        self.ask_parts(lambda audit: iter([question(audit)]), then, group=group)

    def ask_parts(
        self,
        question: Callable[[Audit], Iterator[T]],
        then: Callable[[T], None],
        done: Callable[[], None] | None = None,
        *,
        group: str = "ask",
    ) -> None:
        """As ``ask``, for an answer that comes in parts, each shown as soon as it is there."""
        self.interrupt(group)

        def work() -> None:
            worker = get_current_worker()
            try:
                with host(self).session.reading() as audit:
                    self._asked()[group] = audit.connection
                    try:
                        for part in question(audit):
                            if worker.is_cancelled:
                                return
                            self.post_message(Answered(then, part))
                    finally:
                        if self._asked().get(group) is audit.connection:
                            del self._asked()[group]
                if done is not None and not worker.is_cancelled:
                    self.post_message(Answered(lambda _: done(), None))
            except Exception as error:  # noqa: BLE001 - whatever it is, the person is told and the app lives
                if not worker.is_cancelled:
                    again = lambda: self.ask_parts(question, then, done, group=group)  # noqa: E731
                    self.post_message(Troubled(error, again))

        self.run_worker(work, thread=True, exclusive=True, group=group, exit_on_error=False)

    def change(self, change: Callable[[Path], T], then: Callable[[T], None]) -> None:
        """Write to the audit file in a thread."""

        def work() -> None:
            try:
                done = host(self).session.write(change)
            except Exception as error:  # noqa: BLE001 - as above
                self.post_message(Troubled(error, lambda: self.change(change, then)))
            else:
                self.post_message(Answered(then, done))

        self.run_worker(work, thread=True, group="change", exit_on_error=False)

    def interrupt(self, group: str) -> None:
        """Stop the query that a group is running."""
        running = self._asked().pop(group, None)
        for worker in self.workers:
            if worker.node is self and worker.group == group:
                worker.cancel()
        if running is not None:
            running.interrupt()

    def _asked(self) -> dict[str, Any]:
        """Group to the connection that is answering it."""
        known: dict[str, Any] = self.__dict__.setdefault("_running_queries", {})
        return known

    @on(Answered)
    def _take(self, message: Answered) -> None:
        message.stop()
        try:
            message.then(message.value)
        except Exception as error:  # noqa: BLE001 - a page that cannot be drawn leaves the rest standing
            self.post_message(Troubled(error))


class Newest(Generic[Q, T]):
    """A thread that answers the newest question. Questions that a newer one overtakes are dropped, and so are answers that
    come too late: ``take`` only ever gets answers to the last question asked.
    """

    def __init__(
        self,
        widget: Asking,
        answer: Callable[[Q], Iterator[T]],
        take: Callable[[T], None],
        done: Callable[[Exception | None], None],
    ) -> None:
        """Args:
        answer: runs in the thread; its parts are shown one by one.
        take, done: run where widgets may be touched; ``done`` when the last question is answered, or with why it is not.
        """
        self._widget = widget
        self._answer = answer
        self._take = take
        self._done = done
        self._lock = Lock()
        self._waiting: Q | None = None
        self._running = False
        self._number = 0

    def ask(self, question: Q) -> None:
        """Ask, instead of whatever is being asked."""
        with self._lock:
            self._number += 1
            self._waiting = question
            if self._running:
                return
            self._running = True
        self._widget.run_worker(self._work, thread=True, group="newest", exit_on_error=False)

    def _work(self) -> None:
        worker = get_current_worker()
        while True:
            with self._lock:
                question, number, self._waiting = self._waiting, self._number, None
                if question is None or worker.is_cancelled:
                    self._running = False
                    return
            self._answered(question, number)

    def _answered(self, question: Q, number: int) -> None:
        try:
            for part in self._answer(question):
                if number != self._number:
                    return
                self._post(number, partial(self._take, part))
        except Exception as error:  # noqa: BLE001 - whatever it is, the person is told and the app lives
            if number == self._number:
                retry = None if isinstance(error, UsageError) else partial(self.ask, question)
                self._widget.post_message(Troubled(error, retry))
            self._post(number, partial(self._done, error))
        else:
            self._post(number, partial(self._done, None))

    def _post(self, number: int, then: Callable[[], None]) -> None:
        def unless_late(_: None) -> None:
            if number == self._number:
                then()

        self._widget.post_message(Answered(unless_late, None))


def is_busy(widget: Widget) -> bool:
    """Whether any thread of the application still works."""
    return any(not _finished(worker) for worker in widget.app.workers)


def _finished(worker: Worker[Any]) -> bool:
    return worker.is_finished
