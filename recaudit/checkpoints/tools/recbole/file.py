"""A RecBole checkpoint opened: what every reader of one of its models is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import required
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

PADDING = (0,)


@dataclass(frozen=True)
class RecBoleFile:
    """``settings`` is RecBole's final config; ``other`` holds arrays of ``other_parameter``."""

    checkpoint: Checkpoint
    tensors: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    other: Mapping[str, np.ndarray]
    hints: Hints

    def tensor(self, key: str) -> np.ndarray:
        """A tensor of the state dict, or a refusal naming it."""
        return required(self.tensors, key, self.checkpoint)

    def integer(self, key: str, flag: str) -> int:
        """A positive integer of the config, or a refusal naming the flag that gives it."""
        value = self.settings.get(key)
        if type(value) is int and value > 0:
            return value
        raise self.refused(f"its config has no usable `{key}`", f"give it with {flag} N")

    def number(self, key: str) -> float:
        """A number of the config."""
        value = self.settings.get(key)
        if isinstance(value, int | float):
            return float(value)
        raise self.refused(f"its config has no usable `{key}`", "restore the config RecBole saved with it")

    def choice(self, key: str, default: str, known: set[str]) -> str:
        """A name of the config that must be one of ``known``."""
        value = self.settings.get(key, default)
        if value in known:
            return str(value)
        raise self.refused(
            f"{key} is {printable(value)}", f"read with {key} one of: {', '.join(sorted(known))}"
        )

    def unused(self, used: set[str], *prefixes: str) -> tuple[str, ...]:
        """Keys of the state dict that a reading did not need."""
        return tuple(k for k in self.tensors if k not in used and not k.startswith(prefixes or ("\0",)))

    def refused(self, what: str, fix: str) -> InputRefused:
        """An error about this file."""
        return InputRefused(f"{printable(self.checkpoint.path.name)}: {what}", fix=fix)


Reader = Callable[[RecBoleFile], ModelSpec]
