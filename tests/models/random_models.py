"""Specs of tiny random models, and cases for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models import Cases


def spec(family: str, tensors: dict[str, Any], **rest: Any) -> ModelSpec:
    """A spec of arrays or torch tensors."""
    arrays = {
        key: np.asarray(getattr(value, "detach", lambda v=value: v)()) for key, value in tensors.items()
    }
    return ModelSpec(family=family, tool="test", architecture=family, tensors=arrays, **rest)


def random_tensors(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Standard normal float32 of the shapes given."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def user_cases(users: Sequence[int]) -> Cases:
    return Cases(np.array(users), np.empty(0, np.int64), np.zeros(len(users) + 1, np.int64))


def history_cases(
    histories: Sequence[Sequence[int]], users: Sequence[int] | None = None, **rest: Any
) -> Cases:
    """Cases of given histories; users unknown unless given."""
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])]).astype(np.int64)
    rows = np.concatenate([np.asarray(h, np.int64) for h in histories])
    return Cases(np.full(len(histories), -1) if users is None else np.array(users), rows, offsets, **rest)


def histories(n: int, items: int, longest: int, seed: int = 0) -> list[list[int]]:
    """Random histories of 1 to ``longest`` different items, row 0 never among them."""
    rng = np.random.default_rng(seed)
    return [(rng.permutation(items - 1)[: rng.integers(1, longest + 1)] + 1).tolist() for _ in range(n)]
