"""Many questions at once, none of them twice: answers are kept as they come, so a killed run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from recaudit.labels.ollama import Reply, Transport
from recaudit.labels.prompting import Question
from recaudit.store.labels import Answer

T = TypeVar("T")

ATTEMPTS = 3
"""How often a question is asked that gets no valid answer, each time with another seed."""

COMMIT_EVERY = 20
"""Answers in one transaction, at most."""

COMMIT_SECONDS = 15.0


@dataclass
class Asker:
    """Asks a model and remembers.

    ``keep`` stores answers; it is called from the thread that called ``ask``, also when that ends in an error.
    """

    transport: Transport
    llm_digest: str
    known: dict[str, Answer]
    """By digest of the question."""
    keep: Callable[[list[Answer]], None]
    workers: int = 4
    progress: Callable[[int, int], None] = lambda done, total: None
    asked: int = 0
    """Questions that went to the model."""
    _unkept: list[Answer] = field(default_factory=list)

    def ask(
        self, questions: Sequence[Question], parse: Callable[[Question, str], T | None]
    ) -> list[T | None]:
        """A parsed answer for each question, in their order; None where no attempt gave a valid one.

        Args:
            parse: None for an answer that is not valid.

        Raises:
            EnvironmentProblem: from the transport. Answers that came before it are kept.
        """
        found: list[T | None] = [None] * len(questions)
        open_ = dict(enumerate(questions))
        for attempt in range(ATTEMPTS):
            self._fetch(list(open_.values()), first=attempt == 0)
            for place, question in list(open_.items()):
                answer = self.known[question.digest(self.llm_digest)]
                cut = answer.done_reason == "length"
                parsed = None if cut else parse(question, answer.answer)
                if parsed is None:
                    open_[place] = question.again(longer=cut)
                else:
                    found[place] = parsed
                    del open_[place]
            if not open_:
                break
        return found

    def _fetch(self, questions: Sequence[Question], *, first: bool) -> None:
        """Have an answer to every question, asking for those that are missing."""
        missing = {question.digest(self.llm_digest): question for question in questions}
        total = len(missing)
        missing = {digest: question for digest, question in missing.items() if digest not in self.known}
        if not missing:
            return
        done = total - len(missing)
        last = time.monotonic()
        try:
            for digest, question, reply in self._replies(missing):
                self._remember(digest, question, reply)
                done += 1
                if first:
                    self.progress(done, total)
                if len(self._unkept) >= COMMIT_EVERY or time.monotonic() - last > COMMIT_SECONDS:
                    self._commit()
                    last = time.monotonic()
        finally:
            self._commit()

    def _replies(self, missing: dict[str, Question]) -> Iterator[tuple[str, Question, Reply]]:
        """Answers in the order they come. Only as many questions wait as there are workers."""
        todo = iter(missing.items())
        with ThreadPoolExecutor(self.workers) as pool:
            running: dict[Future[Reply], tuple[str, Question]] = {}
            try:
                while True:
                    while len(running) < self.workers and (following := next(todo, None)) is not None:
                        running[pool.submit(self.transport.ask, following[1])] = following
                    if not running:
                        return
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    failed: BaseException | None = None
                    for future in finished:
                        digest, question = running.pop(future)
                        failed = failed or future.exception()
                        if future.exception() is None:
                            yield digest, question, future.result()
                    if failed is not None:
                        raise failed
            finally:
                for future in running:
                    future.cancel()

    def _remember(self, digest: str, question: Question, reply: Reply) -> None:
        answer = Answer(
            digest=digest,
            llm=self.transport.llm,
            llm_digest=self.llm_digest,
            template=question.template,
            prompt=json.dumps(question.messages, ensure_ascii=False),
            options=json.dumps({**question.options, "format": question.schema}, sort_keys=True),
            answer=reply.text,
            done_reason=reply.done_reason,
        )
        self.known[digest] = answer
        self._unkept.append(answer)
        self.asked += 1

    def _commit(self) -> None:
        if self._unkept:
            self.keep(self._unkept)
            self._unkept = []
