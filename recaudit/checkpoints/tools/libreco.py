"""LibRecommender 1.5: a folder of files that share a name: weights, hyper-parameters, raw ids.

Weights are one of ``NAME.npz`` (``inference_only``: finished tables, biases in extra columns, a last row for
unknown ids), ``NAME_tf_variables.npz`` (TensorFlow's names, optimiser slots included) and ``NAME_torch.pt``.
``NAME_hyper_parameters.json`` says what the score means; ``NAME_data_info.npz`` lists raw ids in row order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recaudit.checkpoints.scan import read_checkpoint
from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hidden import ITEM_BIAS, PLAIN, Layout, split
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.libreco_ncf import is_ncf, is_training, ncf
from recaudit.checkpoints.tools.names import Tensors, arrays_of, required
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_KINDS = ("user", "item")
_INFERENCE = {"user": "user_embed", "item": "item_embed"}
_BOTH_BIASES: Layout = {"user": ("bias", "one"), "item": ("one", "bias")}
_LAYOUTS: Mapping[int, Layout] = {0: PLAIN, 1: ITEM_BIAS, 2: _BOTH_BIASES}
"""Extra columns of the inference export to what they hold: none, BPR's, SVD's."""
_SUFFIXES = ("_tf_variables", "_torch")
_DEGREE_GUARD = 1e-10


@dataclass(frozen=True)
class _Folder:
    """The weights file and what lies beside it."""

    checkpoint: Checkpoint
    tensors: Tensors
    parameters: Mapping[str, Any]
    info: Mapping[str, Any] = field(default_factory=dict)

    def tensor(self, key: str) -> np.ndarray:
        return required(self.tensors, key, self.checkpoint)

    def integer(self, name: str) -> int:
        value = self.parameters.get(name)
        if type(value) is int and value > 0:
            return value
        raise self.refused(f"its hyper-parameters have no usable `{name}`", "save the model again")

    def raw_ids(self, tensors: Tensors, unknown: int = 0) -> dict[str, dict[int, str]]:
        """Raw ids by kind; none where ``NAME_data_info.npz`` is missing.

        Args:
            unknown: rows at the end of each table that stand for ids not seen in training.
        """
        return {
            kind: raw_ids.in_row_order(
                _listed(self.info[f"{kind}_unique_vals"]), kind, len(tensors[kind]) - unknown, self.checkpoint
            )
            for kind in _KINDS
            if f"{kind}_unique_vals" in self.info
        }

    @property
    def link(self) -> str:
        """``predict`` shows a probability, or a rating clipped to the ratings of the training data."""
        task = self.parameters.get("task")
        if task == "ranking":
            return "sigmoid"
        if task != "rating":
            raise self.refused(f"task is {printable(task)}", "read with task one of: ranking, rating")
        bounds = self.parameters.get("lower_upper_bound") or self._range_of_ratings()
        match bounds:
            case [int() | float() as low, int() | float() as high] if low < high:
                return f"clip:{low}:{high}"
        raise self.refused("the range of its ratings is not known", "keep NAME_data_info.npz beside it")

    def _range_of_ratings(self) -> list[float]:
        rows = self.info.get("interaction_data")
        try:
            ratings = [float(row[2]) for row in ([] if rows is None else rows)]
        except (IndexError, TypeError, ValueError):
            return []
        return [min(ratings), max(ratings)] if ratings else []

    def refused(self, what: str, fix: str) -> InputRefused:
        return InputRefused(f"{printable(self.checkpoint.path.name)}: {what}", fix=fix)


def recognises_model(checkpoint: Checkpoint) -> bool:
    return _reader(_tensors(checkpoint)) is not None


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    tensors = _tensors(checkpoint)
    reader = _reader(tensors)
    assert reader is not None, "recognises_model comes first"
    return reader(_opened(checkpoint, tensors))


def _inference(folder: _Folder) -> ModelSpec:
    tables = {kind: folder.tensor(key) for kind, key in _INFERENCE.items()}
    factors = folder.integer("embed_size")
    extra = tables["user"].shape[-1] - factors
    if extra not in _LAYOUTS:
        raise folder.refused(
            f"its tables are {tables['user'].shape[-1]} wide and its hyper-parameters say {factors} factors; "
            "0, 1 or 2 more columns are read",
            "keep the hyper-parameters that were saved with it",
        )
    tensors, _ = split(tables, factors, _LAYOUTS[extra], folder.checkpoint)
    return ModelSpec(
        family="dot",
        tool="LibRecommender",
        # The export does not name its model; only BPR has this setting.
        architecture="BPR" if "use_tf" in folder.parameters else "embeddings",
        tensors=tensors,
        padding={kind: (len(table) - 1,) for kind, table in tables.items()},
        raw_ids=folder.raw_ids(tables, unknown=1),
        link=folder.link,
    )


def _tf_svd(folder: _Folder) -> ModelSpec:
    return _tf_dot(
        folder, "SVD", {"user": "pu_var", "item": "qi_var", "user_bias": "bu_var", "item_bias": "bi_var"}
    )


def _tf_bpr(folder: _Folder) -> ModelSpec:
    return _tf_dot(
        folder, "BPR", {"user": "user_embeds_var", "item": "item_embeds_var", "item_bias": "item_bias_var"}
    )


def _tf_dot(folder: _Folder, architecture: str, names: Mapping[str, str]) -> ModelSpec:
    if folder.parameters.get("norm_embed"):
        raise folder.refused(
            "its vectors are normalised before the product (norm_embed), which is not read yet",
            "save the model with inference_only=True",
        )
    keys = {ours: f"embedding/{name}:0" for ours, name in names.items()}
    tensors = {ours: folder.tensor(key) for ours, key in keys.items()}
    return ModelSpec(
        family="dot",
        tool="LibRecommender",
        architecture=architecture,
        tensors=tensors,
        raw_ids=folder.raw_ids(tensors),
        link=folder.link,
        unused=tuple(key for key in folder.tensors if key not in keys.values() and not is_training(key)),
    )


def _tf_ncf(folder: _Folder) -> ModelSpec:
    tensors = ncf(folder.tensors, folder.checkpoint)
    tables = {kind: tensors[f"{kind}_mf"] for kind in _KINDS}
    return ModelSpec(
        family="ncf",
        tool="LibRecommender",
        architecture="NCF",
        tensors=tensors,
        padding={kind: (len(table) - 1,) for kind, table in tables.items()},
        raw_ids=folder.raw_ids(tables, unknown=1),
        link=folder.link,
    )


def _lightgcn(folder: _Folder) -> ModelSpec:
    keys = {kind: f"{kind}_init_embeds.weight" for kind in _KINDS}
    tensors = {kind: folder.tensor(key) for kind, key in keys.items()}
    return ModelSpec(
        family="lightgcn",
        tool="LibRecommender",
        architecture="LightGCN",
        tensors=tensors,
        settings={"layers": folder.integer("n_layers"), "degree_guard": _DEGREE_GUARD},
        raw_ids=folder.raw_ids(tensors),
        link=folder.link,
        unused=tuple(key for key in folder.tensors if key not in keys.values()),
    )


_READERS: tuple[tuple[Callable[[Tensors], bool], Callable[[_Folder], ModelSpec]], ...] = (
    (lambda tensors: tensors.keys() == set(_INFERENCE.values()), _inference),
    (
        lambda tensors: (
            {"embedding/pu_var:0", "embedding/qi_var:0"} <= tensors.keys()
            and "embedding/yj_var:0" not in tensors
        ),
        _tf_svd,
    ),
    (lambda tensors: "embedding/item_bias_var:0" in tensors, _tf_bpr),
    (is_ncf, _tf_ncf),
    (
        # NGCF keeps weights beside the same two tables.
        lambda tensors: tensors.keys() == {"user_init_embeds.weight", "item_init_embeds.weight"},
        _lightgcn,
    ),
)


def _reader(tensors: Tensors) -> Callable[[_Folder], ModelSpec] | None:
    return next((read for fits, read in _READERS if fits(tensors)), None)


def _tensors(checkpoint: Checkpoint) -> Tensors:
    tree = checkpoint.tree
    inner = tree.get("model_state_dict") if isinstance(tree, dict) else None
    return arrays_of(tree if inner is None else inner)


def _opened(checkpoint: Checkpoint, tensors: Tensors) -> _Folder:
    name = checkpoint.path.stem
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    parameters = _beside(checkpoint, f"{name}_hyper_parameters.json")
    if parameters is None:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: {printable(name)}_hyper_parameters.json is not beside it; it "
            "says how wide the tables are without biases and what the score means",
            fix="keep the files that LibRecommender saved in one folder",
        )
    return _Folder(checkpoint, tensors, parameters, _beside(checkpoint, f"{name}_data_info.npz") or {})


def _beside(checkpoint: Checkpoint, name: str) -> Mapping[str, Any] | None:
    path: Path = checkpoint.path.with_name(name)
    if not path.is_file():
        return None
    tree = read_checkpoint(path).tree
    return tree if isinstance(tree, dict) else None


def _listed(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
