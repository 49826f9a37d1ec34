"""Prediction-aware training: the error that reconstruction makes in the scores of the frozen recommender.

Monosemanticity4Rec regresses scores of random pairs. Most of those pairs are nowhere near a list, so here half of
the weight is on each user's own ``TOP`` items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from recaudit.errors import UsageError
from recaudit.models.heads import Head

FloatArray = NDArray[np.float32]

TRAINABLE_HEADS = ("dot", "mlp", "mlp-sigmoid")

TOP = 100
"""Items of each user's own list that half of the weight is on."""
_LISTED = 20_000
"""Training rows whose own lists are known, drawn with the seed; each stands for as many as there are to one of them."""
_DRAWN = 16
"""Items drawn per row and step, from a user's list and from the catalogue each."""
_MLP_SHARE = 4
"""Through an MLP, one row of a batch in so many is scored."""
_CHUNK = 2048

Part = tuple[str, Tensor, Tensor]
"""Kind (``case``, ``item``), rows of the training data [n], error x^ - x in the model's own units [n, dim]."""


class Prediction(Protocol):
    """A loss in scores."""

    about: str
    """What it is, for the training record."""

    def reseed(self, step: int) -> None:
        """Make the draws of a step depend on nothing before it."""
        ...

    def gradients(self, parts: Sequence[Part]) -> list[Tensor]:
        """The loss's gradient in each part's error: [n, dim] each."""
        ...


def prediction_loss(
    head: Head,
    x: Mapping[str, FloatArray],
    partners: Mapping[str, FloatArray],
    *,
    unit: str,
    seed: int,
    device: torch.device,
) -> Prediction:
    """The loss for a head, given the training rows of each kind [n, dim].

    Args:
        partners: cases that items are scored for, where items alone are trained on.
        unit: ``variance`` divides squared errors by the variance of the scores; ``mse`` leaves them.

    Raises:
        UsageError: this head has no gradient to speak of, or there are no users to score items for.
    """
    if head.kind not in TRAINABLE_HEADS:
        raise UsageError(
            f"scores of a {head.kind} head cannot be trained through",
            fix="leave out the prediction term: --loss prediction=0",
        )
    everyone = {**partners, **x}
    if not len(everyone.get("case", ())):
        raise UsageError("an item dictionary's scores need users", fix="choose --site both or user")
    rng = torch.Generator(device).manual_seed(seed)
    shared = _Shared(head, everyone, unit, rng, device)
    listed = "case" in x
    if head.kind.startswith("mlp"):
        return MlpPrediction(shared, f"{_pairs_of(listed, 'random')}, cross-entropy with soft targets")
    return DotPrediction(shared, _pairs_of(listed, "all"))


def _pairs_of(listed: bool, pairs: str) -> str:
    return f"half {pairs} pairs, half the {TOP} best items of each user" if listed else f"{pairs} pairs"


class _Shared:
    """What both losses need: training rows, item vectors, each user's own list."""

    def __init__(
        self, head: Head, x: Mapping[str, FloatArray], unit: str, rng: torch.Generator, device: torch.device
    ) -> None:
        self.x = {kind: _tensor(rows, device) for kind, rows in x.items()}
        self.items = _tensor(head.vectors, device)
        self.tensors = {name: _tensor(tensor, device) for name, tensor in head.tensors.items()}
        self.rng, self.device, self.seed = rng, device, rng.initial_seed()
        cases = x["case"]
        # A stream of its own: the plain seed's is the order of the first epoch, whose first batches would have all lists.
        apart = np.random.SeedSequence(self.seed, spawn_key=(1,))
        listed = np.random.default_rng(apart).permutation(len(cases))[:_LISTED]
        top, variance = _top_items(head, cases[listed])
        self.top = top.to(device)
        self.list_of = torch.full((len(cases),), -1, device=device)
        """[cases] place of a case in ``top``; -1 where its list is not known."""
        self.list_of[torch.from_numpy(listed).to(device)] = torch.arange(len(listed), device=device)
        self.listed_share = len(listed) / len(cases)
        self.divisor = variance if unit == "variance" and variance > 0 else 1.0
        self.ranks_only = unit == "variance"

    def reseed(self, step: int) -> None:
        self.rng.manual_seed(self.seed * 1_000_003 + step)

    def from_lists(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Which of these rows have a known list, [m], and items of it, [m, drawn]."""
        known = (self.list_of[rows] >= 0).nonzero()[:, 0]
        place = torch.randint(self.top.shape[1], (len(known), _DRAWN), generator=self.rng, device=self.device)
        return known, self.top[self.list_of[rows[known]]].gather(1, place).long()

    def from_catalogue(self, count: int) -> Tensor:
        """[count, drawn] random items."""
        return torch.randint(len(self.items), (count, _DRAWN), generator=self.rng, device=self.device)


@dataclass
class DotPrediction:
    """Inner products. For one side alone all pairs are exact: mean_i (e · q_i)² = eᵀ G e with G = QᵀQ / n."""

    shared: _Shared
    about: str

    def reseed(self, step: int) -> None:
        self.shared.reseed(step)

    def gradients(self, parts: Sequence[Part]) -> list[Tensor]:
        by_kind = {kind: (rows, error) for kind, rows, error in parts}
        if len(by_kind) == 2:
            found = self._pairs(by_kind)
        else:
            ((kind, (_, error)),) = by_kind.items()
            gram = self._gram_of_items if kind == "case" else self._gram_of_cases
            found = {kind: error @ gram * (2 / len(error))}
        if "case" in by_kind:
            rows, error = by_kind["case"]
            found["case"] = found["case"] + self._top(rows, error)
        share = (0.5 if "case" in by_kind else 1.0) / self.shared.divisor
        return [found[kind] * share for kind, _, _ in parts]

    @cached_property
    def _gram_of_items(self) -> Tensor:
        items = self.shared.items
        return _gram(items - items.mean(dim=0) if self.shared.ranks_only else items)

    @cached_property
    def _gram_of_cases(self) -> Tensor:
        return _gram(self.shared.x["case"])

    def _pairs(self, parts: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """All pairs of the batch, both sides reconstructed."""
        (users, user_error), (items, item_error) = parts["case"], parts["item"]
        u, v = self.shared.x["case"][users], self.shared.x["item"][items]
        error = (u + user_error) @ (v + item_error).T - u @ v.T
        if self.shared.ranks_only:
            error -= error.mean(dim=1, keepdim=True)
        error *= 2 / error.numel()
        return {"case": error @ (v + item_error), "item": error.T @ (u + user_error)}

    def _top(self, rows: Tensor, error: Tensor) -> Tensor:
        known, drawn = self.shared.from_lists(rows)
        dim = error.shape[1]
        items = self.shared.items.index_select(0, drawn.view(-1)).view(len(known), _DRAWN, dim)
        of_score = (items * error[known][:, None]).sum(dim=2)
        if self.shared.ranks_only:
            of_score -= of_score.mean(dim=1, keepdim=True)
        of_score *= 2 / (len(rows) * _DRAWN * self.shared.listed_share)
        return torch.zeros_like(error).index_copy_(0, known, (items * of_score[:, :, None]).sum(dim=1))


@dataclass
class MlpPrediction:
    """Through a frozen MLP, on listed pairs with the model's own score as soft target."""

    shared: _Shared
    about: str

    def reseed(self, step: int) -> None:
        self.shared.reseed(step)

    def gradients(self, parts: Sequence[Part]) -> list[Tensor]:
        errors = {kind: error.detach().requires_grad_() for kind, _, error in parts}
        rows = {kind: row for kind, row, _ in parts}
        with torch.enable_grad():
            loss = self._loss(rows, errors)
            found = torch.autograd.grad(loss, [errors[kind] for kind, _, _ in parts], allow_unused=True)
        return [
            torch.zeros_like(errors[kind]) if gradient is None else gradient
            for (kind, _, _), gradient in zip(parts, found, strict=True)
        ]

    def _loss(self, rows: Mapping[str, Tensor], errors: Mapping[str, Tensor]) -> Tensor:
        shared = self.shared
        if "case" not in rows:
            return self._item_loss(rows["item"], errors["item"])
        scored = max(1, len(rows["case"]) // _MLP_SHARE)
        users = rows["case"][:scored]
        x = shared.x["case"][users]
        again = x + errors["case"][:scored]
        loss = 0.5 * self._list_loss(users, x, again)
        if "item" in rows:
            drawn = torch.randint(
                len(rows["item"]), (scored, _DRAWN), generator=shared.rng, device=shared.device
            )
            v = shared.x["item"][rows["item"]]
            return loss + 0.5 * self._pair_loss(x, again, v[drawn], (v + errors["item"])[drawn])
        anywhere = shared.items[shared.from_catalogue(scored)]
        return loss + 0.5 * self._pair_loss(x, again, anywhere, anywhere)

    def _list_loss(self, users: Tensor, x: Tensor, again: Tensor) -> Tensor:
        known, drawn = self.shared.from_lists(users)
        if not len(known):
            return again.new_zeros(())
        items = self.shared.items[drawn]
        weight = len(known) / (len(users) * self.shared.listed_share)
        return weight * self._pair_loss(x[known], again[known], items, items)

    def _item_loss(self, rows: Tensor, error: Tensor) -> Tensor:
        shared = self.shared
        users = shared.x["case"]
        drawn = torch.randint(len(users), (len(rows), _DRAWN), generator=shared.rng, device=shared.device)
        v = shared.x["item"][rows]
        u = users[drawn].reshape(-1, users.shape[1])
        original = v.repeat_interleave(_DRAWN, dim=0)[:, None]
        again = (v + error).repeat_interleave(_DRAWN, dim=0)[:, None]
        return self._pair_loss(u, u, original, again)

    def _pair_loss(self, x: Tensor, again: Tensor, v: Tensor, v_again: Tensor) -> Tensor:
        """Cross-entropy of reconstructed against original scores; [n, dim] users with [n, m, width] items."""
        target = torch.sigmoid(self.logits(x, v)).detach()
        return binary_cross_entropy_with_logits(self.logits(again, v_again), target)

    def logits(self, x: Tensor, v: Tensor) -> Tensor:
        """[n, m] scores of ``models.heads.MlpHead`` before any sigmoid, item biases left out."""
        tensors = self.shared.tensors
        count = sum(name.startswith("layers.") and name.endswith(".weight") for name in tensors)
        out = tensors["out.weight"][0]
        product = len(out) - len(tensors[f"layers.{count - 1}.weight"])
        users = x[:, None, :].expand(-1, v.shape[1], -1)
        hidden = torch.cat([users[..., product:], v[..., product:]], dim=-1)
        for layer in range(count):
            hidden = relu(hidden @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"])
        products = (users[..., :product] * v[..., :product]) @ out[:product]
        return products + hidden @ out[product:] + tensors["out.bias"]


def _gram(rows: Tensor) -> Tensor:
    return rows.T @ rows / len(rows)


def _top_items(head: Head, cases: FloatArray) -> tuple[Tensor, float]:
    """Each case's best ``TOP`` columns [cases, top], seen or not, and the variance of the scores over all."""
    depth = min(TOP, len(head.vectors))
    found = np.empty((len(cases), depth), np.int32)
    total, squares, count = 0.0, 0.0, 0
    for start in range(0, len(cases), _CHUNK):
        scores = head.score(cases[start : start + _CHUNK])
        found[start : start + _CHUNK] = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        total += float(scores.sum(dtype=np.float64))
        squares += float(np.square(scores, dtype=np.float64).sum())
        count += scores.size
    variance = squares / count - (total / count) ** 2 if count else 0.0
    return torch.from_numpy(found), variance


def _tensor(array: FloatArray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"])).to(device)
