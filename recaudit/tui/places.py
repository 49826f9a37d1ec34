"""Places one can go to, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["pane", "latent", "concept", "user", "item"]

PANE_OF: dict[str, str] = {
    "latent": "latents",
    "concept": "concepts",
    "user": "users",
    "item": "items",
}
"""Kind of entity to the pane that shows it."""


@dataclass(frozen=True)
class Place:
    """A pane, or an entity in its pane. ``key``: pane id, latent number, ``kind:name``, or raw id."""

    kind: Kind
    key: str

    @property
    def pane(self) -> str:
        """Id of the pane that shows it."""
        return self.key if self.kind == "pane" else PANE_OF[self.kind]


@dataclass
class History:
    """Where one has been; going somewhere new forgets what lay ahead."""

    visited: list[Place] = field(default_factory=list)
    at: int = -1
    longest: int = 200

    def visit(self, place: Place) -> None:
        """Remember a place, unless it is where one is."""
        if self.at >= 0 and self.visited[self.at] == place:
            return
        self.visited = [*self.visited[: self.at + 1], place][-self.longest :]
        self.at = len(self.visited) - 1

    def back(self) -> Place | None:
        """The place before this one."""
        return self._move(-1)

    def forward(self) -> Place | None:
        """The place that ``back`` came from."""
        return self._move(1)

    def _move(self, step: int) -> Place | None:
        if not 0 <= self.at + step < len(self.visited):
            return None
        self.at += step
        return self.visited[self.at]
