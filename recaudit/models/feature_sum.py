"""Users or items as weighted sums of their features' vectors (LightFM, Kula 2015)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.dot import DotProduct, bias_of
from recaudit.models.shapes import matrix


class FeatureSum(DotProduct):
    """The inner product of ``features @ embeddings``, with biases summed alike.

    Tensors: those of ``DotProduct``, whose rows are features of a side for which
    ``{side}_features.{data,indices,indptr,shape}`` (csr, rows × features) are present.
    """

    site = "user vector"

    def __init__(self, spec: ModelSpec) -> None:
        summed = {}
        for side in ("user", "item"):
            if f"{side}_features.data" not in spec.tensors:
                continue
            embeddings = matrix(spec, side)
            features = _matrix(spec, side, len(embeddings))
            summed[side] = features @ embeddings
            bias = bias_of(spec, side, len(embeddings))
            if bias is not None:
                summed[f"{side}_bias"] = features @ bias
        super().__init__(replace(spec, tensors={**spec.tensors, **summed}))


def _matrix(spec: ModelSpec, side: str, n_embeddings: int) -> csr_matrix:
    data, indices, indptr, shape = (
        spec.tensors[f"{side}_features.{part}"] for part in ("data", "indices", "indptr", "shape")
    )
    rows, columns = (int(size) for size in shape)
    if columns != n_embeddings:
        raise InputRefused(
            f"the {side} features have {columns:,} columns and the model has embeddings of "
            f"{n_embeddings:,} {side} features",
            fix=f"give the {side} features this model was trained with",
        )
    try:
        matrix = csr_matrix((data.astype(np.float32), indices, indptr), shape=(rows, columns))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise InputRefused(
            f"the {side} features are no valid csr matrix: {error}", fix="write the matrix again"
        ) from error
    return matrix
