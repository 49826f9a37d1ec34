"""Plain embedding tables, any container: both sides in one file, or one side a file.

In one file, tables are told by name: ``user``/``item`` with ``_embeddings``, ``_embedding``, ``_factors``,
``_embed`` or nothing after it, and ``user_biases``/``item_biases`` vectors beside them; ``user_ids`` and
``item_ids`` hold raw ids. A file of one side is a single table, and its side is told by the array's name, by
an id column (``user_id``, ``item_id``) or by the file's name (``item_embeddings.npy``); the file of the other
side is given with ``--other-table``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recaudit.checkpoints.scan import read_checkpoint
from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tabular import ITEM_COLUMNS, USER_COLUMNS
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_TABLE = re.compile(r"(?i)(user|item)s?_?(embeddings?|embed|emb|factors?|vectors?)?(\.weight)?")
_BIAS = re.compile(r"(?i)(user|item)s?_?bias(es)?(\.weight)?")
_IDS = re.compile(r"(?i)(user|item)s?_?ids?")
_UNNAMED = ("vectors", "embedding", "embeddings", "vector")
"""What a table is called whose side only its ids or its file tell."""
_FILE = re.compile(r"(?i)(user|item)s?(?![a-z])")
_OTHER = {"user": "item", "item": "user"}


@dataclass(frozen=True)
class _OneSide:
    """One side's vectors [rows, d] and, where the file has them, its raw ids in row order."""

    checkpoint: Checkpoint
    side: str
    vectors: np.ndarray
    ids: Sequence[Any] | None


def recognises_model(checkpoint: Checkpoint) -> bool:
    return _both(arrays_of(checkpoint.tree)) is not None or _one_side(checkpoint) is not None


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    tensors = arrays_of(checkpoint.tree)
    found = _both(tensors)
    if found is not None:
        return _read_both(checkpoint, tensors, found)
    first = _one_side(checkpoint)
    assert first is not None, "recognises_model comes first"
    if hints.other_table is None:
        if first.side == "user":
            raise _refused(
                checkpoint, "it holds user vectors only", "give the items' file with --other-table FILE"
            )
        return _spec("items", "item vectors", {"item": first.vectors}, [first])
    other = read_checkpoint(hints.other_table)
    second = _one_side(other)
    if second is None or second.side == first.side:
        holds = "no table of vectors" if second is None else f"{second.side} vectors too"
        raise _refused(
            other,
            f"it holds {holds}, but {printable(checkpoint.path.name)} holds {first.side} vectors",
            f"give the file of the {_OTHER[first.side]}s with --other-table FILE",
        )
    sides = {side.side: side.vectors for side in (first, second)}
    return _spec("dot", "dot product", sides, [first, second])


def _read_both(checkpoint: Checkpoint, tensors: Tensors, found: dict[str, str]) -> ModelSpec:
    ids = {
        match[1].lower(): value
        for key, value in checkpoint.tree.items()
        if isinstance(key, str) and (match := _IDS.fullmatch(key)) and _lists_ids(value)
    }
    sides = [_OneSide(checkpoint, side, tensors[found[side]], ids.get(side)) for side in _OTHER]
    unused = tuple(
        key
        for key in tensors
        if key not in found.values() and not (_IDS.fullmatch(key) and _lists_ids(tensors[key]))
    )
    return _spec("dot", "dot product", {ours: tensors[key] for ours, key in found.items()}, sides, unused)


def _spec(
    family: str,
    architecture: str,
    tensors: Tensors,
    sides: Sequence[_OneSide],
    unused: tuple[str, ...] = (),
) -> ModelSpec:
    return ModelSpec(
        family=family,
        tool="tables",
        architecture=architecture,
        tensors=tensors,
        raw_ids={
            side.side: raw_ids.in_row_order(side.ids, side.side, len(side.vectors), side.checkpoint)
            for side in sides
            if side.ids is not None
        },
        unused=unused,
    )


def _both(tensors: Tensors) -> dict[str, str] | None:
    """Our names to the file's, where the tables of both sides are there."""
    found = {}
    for key, tensor in tensors.items():
        if not np.issubdtype(tensor.dtype, np.floating):
            continue
        table, bias = _TABLE.fullmatch(key), _BIAS.fullmatch(key)
        if table and tensor.ndim == 2:
            found[table[1].lower()] = key
        elif bias:
            found[f"{bias[1].lower()}_bias"] = key
    return found if found.keys() >= {"user", "item"} else None


def _one_side(checkpoint: Checkpoint) -> _OneSide | None:
    """The single table of a file, if anything tells whose it is."""
    tree = checkpoint.tree
    columns = {"vectors": tree} if isinstance(tree, np.ndarray) else tree
    if not isinstance(columns, dict):
        return None
    tables = [key for key, value in columns.items() if _is_table(value)]
    if len(tables) != 1 or not isinstance(tables[0], str):
        return None
    key = tables[0]
    ids = {
        side: values for name, values in columns.items() if (side := _id_column(name)) and _lists_ids(values)
    }
    named = _TABLE.fullmatch(key)
    if named:
        side = named[1].lower()
    elif key.lower() not in _UNNAMED:
        return None
    elif len(ids) == 1:
        side = next(iter(ids))
    else:
        sides = {match[1].lower() for match in _FILE.finditer(checkpoint.path.stem)}
        if ids or len(sides) != 1:
            return None
        side = sides.pop()
    return _OneSide(checkpoint, side, columns[key], ids.get(side))


def _is_table(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2 and np.issubdtype(value.dtype, np.floating)


def _id_column(name: Any) -> str | None:
    plain = str(name).strip().lower().partition(":")[0]
    match = _IDS.fullmatch(plain)
    if match:
        return match[1].lower()
    return "user" if plain in USER_COLUMNS else "item" if plain in ITEM_COLUMNS else None


def _lists_ids(value: Any) -> bool:
    """Text or whole numbers, one each."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "iuUS"
    return isinstance(value, list) and all(isinstance(raw, (str, int)) for raw in value)


def _refused(checkpoint: Checkpoint, what: str, fix: str) -> InputRefused:
    return InputRefused(f"{printable(checkpoint.path.name)}: {what}", fix=fix)
