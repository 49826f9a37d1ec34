"""A user's own file: a small TOML says which tensor is what (``--map``).

::

    family = "dot"                 # a key of models.FAMILIES; dot is the default
    score = "cosine"               # or "dot", the default
    link = "sigmoid"               # what the model does to a score before showing it; default identity

    [tensors]                      # the family's names = paths as `recaudit scan --tensors` lists them
    user = "state_dict/user_tower.weight"
    item = "state_dict/item_tower.weight"

    [padding]                      # rows that stand for nobody
    item = [0]

    [settings]                     # facts the family asks for beyond tensors (heads, history_length, …)
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

_KEYS = {"family", "score", "link", "tensors", "padding", "settings"}
_SCORES = {"dot", "cosine"}


@dataclass(frozen=True)
class TensorMap:
    """What a mapping file says."""

    path: Path
    tensors: Mapping[str, str]
    family: str = "dot"
    score: str = "dot"
    link: str = "identity"
    padding: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_map(path: Path, families: Iterable[str]) -> TensorMap:
    """Parse and check a mapping file.

    Args:
        families: names the ``family`` key may have.

    Raises:
        UsageError: unreadable, or a key or value nobody knows; names the nearest.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(
            f"{printable(path)}: not a readable TOML file ({printable(error, 120)})",
            fix="see docs/your-own-model.md for an example",
        ) from None
    for key in content:
        _known(path, "key", key, _KEYS)
    tensors = content.get("tensors", {})
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors.values()):
        raise UsageError(
            f"{printable(path)}: [tensors] must give a path in quotes for each name",
            fix='for example item = "item.weight"',
        )
    family, score = content.get("family", "dot"), content.get("score", "dot")
    _known(path, "family", family, families)
    _known(path, "score", score, _SCORES)
    padding = {kind: tuple(rows) for kind, rows in content.get("padding", {}).items()}
    return TensorMap(
        path,
        tensors,
        family,
        score,
        str(content.get("link", "identity")),
        padding,
        content.get("settings", {}),
    )


def mapped(checkpoint: Checkpoint, tensor_map: TensorMap) -> ModelSpec:
    """The recommender that the map finds in the checkpoint.

    Raises:
        InputRefused: a path that leads to no tensor; names the nearest ones.
    """
    found = checkpoint.tensors()
    tensors = {ours: _tensor(checkpoint, found, path) for ours, path in tensor_map.tensors.items()}
    if tensor_map.score == "cosine":
        tensors |= {side: _unit_rows(tensors[side]) for side in ("user", "item") if side in tensors}
    return ModelSpec(
        family=tensor_map.family,
        tool="map",
        architecture=tensor_map.path.stem,
        tensors=tensors,
        settings=tensor_map.settings,
        padding=tensor_map.padding,
        link=tensor_map.link,
        unused=tuple(path for path in found if path not in tensor_map.tensors.values()),
    )


def _tensor(checkpoint: Checkpoint, found: Mapping[str, np.ndarray], path: str) -> np.ndarray:
    if path in found:
        return found[path]
    near = difflib.get_close_matches(path, found, n=3, cutoff=0.3) or list(found)[:3]
    raise InputRefused(
        f"{printable(checkpoint.path.name)}: no tensor at {printable(path, 80)}",
        fix=f"paths are those of `recaudit scan --tensors`, for example {', '.join(printable(p, 60) for p in near)}",
    )


def _unit_rows(table: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return table / np.where(norms > 0, norms, 1)


def _known(path: Path, what: str, given: object, known: Iterable[str]) -> None:
    names = sorted(known)
    if given in names:
        return
    near = difflib.get_close_matches(str(given), names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{printable(path)}: unknown {what} {printable(given, 60)}", fix=f"{hint}known: {', '.join(names)}"
    )
