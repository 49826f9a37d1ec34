"""Neural collaborative filtering: an MLP over a user and an item, beside their product (He et al. 2017).

NeuMF has both parts, NCF only the MLP, GMF only the product; the last ends in a plain inner product.
"""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead, Head, MlpHead, SigmoidMlpHead
from recaudit.models.shapes import Linear, agree, linear, matrix, stack, table


class NCF(Recommender):
    """``out([user_mf * item_mf ; mlp([user_mlp ; item_mlp])])``.

    Tensors: ``user_mf``, ``item_mf`` [rows, m] or neither; ``user_mlp``, ``item_mlp`` [rows, e] and
    ``layers.{l}.{weight,bias}`` or none of them; ``out.weight`` [1, m + last], ``out.bias`` [1] or none.
    A last layer without ReLU (LibRecommender) is folded into ``out`` by its reader. ``user_bias`` and
    ``item_bias`` [rows, 1], where present, are added after a sigmoid (Monosemanticity4Rec's Last.FM).
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.user, item = _joined(spec, "user"), _joined(spec, "item")
        mf = spec.tensors["user_mf"].shape[1] if "user_mf" in spec.tensors else 0
        item_mf = spec.tensors["item_mf"].shape[1] if "item_mf" in spec.tensors else 0
        agree("the users' product part is wide", mf, "the items'", item_mf)
        layers, out = stack(spec, "layers"), linear(spec, "out")
        if layers:
            agree(
                "user and item are together wide",
                self.user.shape[1] + item.shape[1] - 2 * mf,
                "the first layer takes",
                layers[0].weight.shape[1],
            )
        last = len(layers[-1].weight) if layers else 0
        agree("product and last layer are together wide", mf + last, "the output takes", out.weight.shape[1])
        self.user_bias, item_bias = _bias(spec, "user_bias"), _bias(spec, "item_bias")
        self.head = _head(item, layers, out, item_bias)
        self.site = (
            "user embedding row" if mf == 0 or last == 0 else "user embedding rows: product part, MLP part"
        )
        self.n_users, self.dim = self.user.shape
        self.n_items = len(item)
        self.link = spec.link

    def represent(self, cases: Cases) -> FloatArray:
        return self.user[cases.users]

    def offset(self, cases: Cases) -> FloatArray | None:
        return None if self.user_bias is None else self.user_bias[cases.users]


def _bias(spec: ModelSpec, name: str) -> FloatArray | None:
    return table(spec, name).reshape(-1) if name in spec.tensors else None


def _joined(spec: ModelSpec, kind: str) -> FloatArray:
    parts = [matrix(spec, f"{kind}_{part}") for part in ("mf", "mlp") if f"{kind}_{part}" in spec.tensors]
    for part in parts:
        agree(f"one {kind} table has rows", len(parts[0]), "the other", len(part))
    return np.concatenate(parts, axis=1)


def _head(item: FloatArray, layers: list[Linear], out: Linear, bias_outside: FloatArray | None) -> Head:
    if not layers:
        return DotHead(item * out.weight[0], np.repeat(out.bias, len(item)))
    tensors = {"out.weight": out.weight, "out.bias": out.bias}
    for index, layer in enumerate(layers):
        tensors |= {f"layers.{index}.weight": layer.weight, f"layers.{index}.bias": layer.bias}
    return MlpHead(item, tensors) if bias_outside is None else SigmoidMlpHead(item, tensors, bias_outside)
