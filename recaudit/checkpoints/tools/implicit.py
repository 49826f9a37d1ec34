"""implicit 0.7: ``model.save`` writes an npz of both factor tables and the hyper-parameters; ids nowhere.

The class is not stored: each has hyper-parameters of its own. BPR and LMF append bias columns to their
tables. Rows are the rows and columns of the csr matrix the model was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hidden import ITEM_BIAS, PLAIN, Layout, split
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

LAYOUTS: Mapping[str, Layout] = {
    "AlternatingLeastSquares": PLAIN,
    "BayesianPersonalizedRanking": ITEM_BIAS,
    "LogisticMatrixFactorization": {"user": ("one", "bias"), "item": ("bias", "one")},
}
"""Class to the hidden columns after its factors."""

_TELLTALE = {
    "verify_negative_samples": "BayesianPersonalizedRanking",
    "neg_prop": "LogisticMatrixFactorization",
    "cg_steps": "AlternatingLeastSquares",
    "alpha": "AlternatingLeastSquares",
}
"""Hyper-parameters that only one class has."""


def recognises_model(checkpoint: Checkpoint) -> bool:
    keys = arrays_of(checkpoint.tree).keys()
    return {"user_factors", "item_factors", "factors", "regularization"} <= keys


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    arrays = arrays_of(checkpoint.tree)
    architecture = next((name for key, name in _TELLTALE.items() if key in arrays), None)
    if architecture is None:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: it has none of the hyper-parameters that tell implicit's "
            f"classes apart ({', '.join(_TELLTALE)})",
            fix=f"models read: {', '.join(LAYOUTS)}",
        )
    tables = {"user": arrays["user_factors"], "item": arrays["item_factors"]}
    tensors, nobody = split(tables, _factors(arrays, checkpoint), LAYOUTS[architecture], checkpoint)
    return ModelSpec(
        family="dot", tool="implicit", architecture=architecture, tensors=tensors, padding=nobody
    )


def _factors(arrays: Tensors, checkpoint: Checkpoint) -> int:
    factors = arrays["factors"]
    if factors.ndim or not np.issubdtype(factors.dtype, np.integer) or factors < 1:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: `factors` is no positive integer",
            fix="give the file as implicit wrote it",
        )
    return int(factors)
