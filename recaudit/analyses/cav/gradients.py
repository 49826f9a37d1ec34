"""How a user's score of an item changes with the item's vector: what a CAV is held against.

A dot product has the same gradient everywhere, the user's vector. For other heads it depends on the item
and is averaged over the user's candidates (Kim et al. 2018 average over a class's inputs likewise).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from recaudit.errors import NoVerdictError
from recaudit.models.heads import DotHead, Head, MaxInterestHead, MlpHead

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

CANDIDATES = 512
"""Items an average runs over at most, drawn with the seed, the same for all users."""
_CELLS = 1 << 20


def mean_gradients(head: Head, x: Float32, candidates: BoolArray) -> FloatArray:
    """∂ score(user, item) / ∂ item vector, averaged over each user's candidates: [users, item width].

    For an MLP the score is what enters its last sigmoid, if it has one: the sigmoid would weigh items by
    how undecided the model is about them.

    Args:
        head: over the sampled candidate items.
        x: [users, dim] representations.
        candidates: [users, items of ``head``] who may still be recommended what; a user without any gets zeros.

    Raises:
        NoVerdictError: a head that has no item vectors.
    """
    for kind, gradient in _GRADIENTS.items():
        if isinstance(head, kind):
            return gradient(head, x, candidates)
    raise NoVerdictError(
        f"a head of kind {head.kind} has no gradient with respect to item vectors",
        fix="use a model that scores items by vectors",
    )


def depends_on_item(head: Head) -> bool:
    """Whether the gradient has to be averaged over items."""
    return not isinstance(head, DotHead)


def _dot(head: DotHead, x: Float32, candidates: BoolArray) -> FloatArray:
    return x.astype(np.float64)


def _max_interest(head: MaxInterestHead, x: Float32, candidates: BoolArray) -> FloatArray:
    """Each interest, weighed by the share of candidates for which it is the best."""
    width = head.vectors.shape[1]
    interests = x.reshape(len(x), -1, width)
    found = np.zeros((len(x), width))
    for part in _user_chunks(len(x), interests.shape[1] * len(head.vectors)):
        scores = interests[part] @ head.vectors.T  # [users, interests, items]
        best = scores.argmax(axis=1)
        for k in range(interests.shape[1]):
            wins = ((best == k) & candidates[part]).sum(axis=1)
            found[part] += wins[:, None] * interests[part, k]
    return _over(found, candidates)


def _mlp(head: MlpHead, x: Float32, candidates: BoolArray) -> FloatArray:
    """Backwards through the layers by hand, for many pairs at once."""
    layers = _layers(head.tensors)
    (first, first_bias), *rest = layers
    out = head.tensors["out.weight"][0]
    shared = len(out) - len(layers[-1][0])
    user_width = x.shape[1] - shared
    from_user = x[:, shared:] @ first[:, :user_width].T
    from_item = head.vectors[:, shared:] @ first[:, user_width:].T + first_bias
    found = np.zeros((len(x), head.vectors.shape[1]))
    widest = max(len(weight) for weight, _ in layers)
    for part in _user_chunks(len(x), len(head.vectors) * widest):
        hidden = (from_user[part, None] + from_item[None]).reshape(-1, len(first))
        open_ = [hidden > 0]
        for weight, bias in rest:
            hidden = np.maximum(hidden, 0) @ weight.T + bias
            open_.append(hidden > 0)
        back = open_[-1] * out[shared:]
        for (weight, _), passed in zip(reversed(rest), reversed(open_[:-1]), strict=True):
            back = (back @ weight) * passed
        by_pair = back.reshape(part.stop - part.start, len(head.vectors), len(first))
        total = np.einsum("uih,ui->uh", by_pair, candidates[part].astype(back.dtype))
        found[part, shared:] = total @ first[:, user_width:]
    found[:, :shared] = (x[:, :shared] * out[:shared]) * candidates.sum(axis=1, keepdims=True)
    return _over(found, candidates)


def _layers(tensors: Mapping[str, Float32]) -> list[tuple[Float32, Float32]]:
    count = sum(name.startswith("layers.") and name.endswith(".weight") for name in tensors)
    return [(tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"]) for index in range(count)]


def _over(totals: FloatArray, candidates: BoolArray) -> FloatArray:
    return totals / np.maximum(candidates.sum(axis=1, keepdims=True), 1)


def _user_chunks(users: int, cells: int) -> list[slice]:
    size = max(1, _CELLS // max(cells, 1))
    return [slice(start, min(start + size, users)) for start in range(0, users, size)]


_GRADIENTS: Mapping[type, Callable[..., FloatArray]] = {
    DotHead: _dot,
    MaxInterestHead: _max_interest,
    MlpHead: _mlp,
}
