"""Asking an Ollama server: timeouts, retries, and errors that say which command mends them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from recaudit.errors import EnvironmentProblem, UsageError
from recaudit.labels.prompting import Question
from recaudit.text import printable

if TYPE_CHECKING:
    import ollama

TRIES = 3
WAIT_SECONDS = 0.5
"""Before the second try; four times as long before each further one."""


@dataclass(frozen=True)
class Reply:
    """What came back. ``done_reason`` is ``stop``, or ``length`` where the answer was cut."""

    text: str
    done_reason: str


class Transport(Protocol):
    """A way to a language model."""

    @property
    def llm(self) -> str:
        """The model's name at the server."""
        ...

    def digest(self) -> str | None:
        """Of the model's weights; None when the server cannot be reached.

        Raises:
            EnvironmentProblem: the server has no such model.
        """
        ...

    def ask(self, question: Question) -> Reply:
        """One answer.

        Raises:
            EnvironmentProblem: no server, no model, or no answer in time.
        """
        ...

    def close(self) -> None:
        """Let go of connections; nothing is asked afterwards."""
        ...


@dataclass(frozen=True)
class Ollama:
    """A model at an Ollama server, for example ``http://127.0.0.1:11434``."""

    llm: str
    host: str | None = None
    """None for the environment's ``OLLAMA_HOST``, or the port Ollama listens on by default."""
    timeout: float = 120.0
    """Seconds for one answer."""

    def digest(self) -> str | None:
        """See ``Transport``."""
        import httpx
        import ollama

        try:
            known = self._client.list().models
        except (ConnectionError, httpx.TransportError):
            return None
        except (ollama.ResponseError, ValueError, TypeError):
            raise self._no_ollama() from None
        for found in known:
            if found.model in (self.llm, f"{self.llm}:latest"):
                return found.digest or ""
        raise self._no_model([str(found.model) for found in known])

    def ask(self, question: Question) -> Reply:
        """See ``Transport``."""
        import httpx
        import ollama

        wait = WAIT_SECONDS
        for attempt in range(TRIES):
            try:
                got = self._client.chat(
                    self.llm,
                    question.messages,
                    format=dict(question.schema),
                    options=question.options,
                    # Thoughts of models that think would use up the answer's tokens.
                    think=False,
                    stream=False,
                )
                return Reply(got.message.content or "", got.done_reason or "stop")
            except ollama.ResponseError as error:
                if error.status_code == 404:
                    raise self._no_model([]) from None
                if error.status_code < 500 or attempt == TRIES - 1:
                    raise EnvironmentProblem(
                        f"{self._where} answered {error.status_code}: {printable(error.error, 160)}",
                        fix="see the server's log; what was answered before is kept, run the same command to go on",
                    ) from None
            except (ValueError, TypeError):
                raise self._no_ollama() from None
            except (ConnectionError, httpx.TransportError) as error:
                if attempt == TRIES - 1:
                    raise self.unreachable(error) from None
            time.sleep(wait)
            wait *= 4
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """See ``Transport``."""
        self._client.close()  # type: ignore[no-untyped-call]

    def unreachable(self, error: Exception | None = None) -> EnvironmentProblem:
        """No server, or one that does not answer."""
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return EnvironmentProblem(
                f"{self._where} gave no answer within {self.timeout:g} s",
                fix="allow more with --timeout SECONDS, or choose a smaller model; what was answered is kept",
            )
        return EnvironmentProblem(
            f"{self._where} cannot be reached",
            fix=f"start it with `ollama serve`, get the model with `ollama pull {printable(self.llm)}`, and name "
            "another place with --host URL; what was answered is kept, run the same command to go on",
        )

    def _no_ollama(self) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"{self._where} is no Ollama server",
            fix="name one with --host URL, or start it with `ollama serve`",
        )

    def _no_model(self, known: list[str]) -> EnvironmentProblem:
        has = f" (it has {', '.join(printable(name, 40) for name in known[:8])})" if known else ""
        return EnvironmentProblem(
            f"{self._where} has no model {printable(self.llm)}{has}",
            fix=f"get it with `ollama pull {printable(self.llm)}`",
        )

    @property
    def _where(self) -> str:
        import os

        return f"Ollama at {printable(self.host or os.environ.get('OLLAMA_HOST') or '127.0.0.1:11434')}"

    @cached_property
    def _client(self) -> ollama.Client:
        import ollama  # 0.3 s, and not needed without --with ollama

        try:
            return ollama.Client(host=self.host, timeout=self.timeout)
        except ValueError as error:
            raise UsageError(
                f"--host {printable(self.host)}: {printable(error)}", fix="for example http://127.0.0.1:11434"
            ) from None
