"""What a judge's answers are worth, and whether a name beats the names of other latents on the same trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.labels.types import ACTIVE_ABOVE, NO_ANSWER, Evidence, IntArray
from recaudit.metrics.enrichment import false_discovery
from recaudit.metrics.proportions import wilson

FloatArray = NDArray[np.float64]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Score:
    """How well one name predicts where its latent is active. Shares are 0..1, NaN where there is no trial.

    A trial without an answer counts as a wrong one.
    """

    recall: float
    """Of held-out strong entities, those predicted active."""
    specificity: float
    """Of random entities without activation, those predicted inactive."""
    specificity_hard: float
    """The same of entities that stand out in the latent's genre."""
    confidence: float
    """(true positives + true negatives among random controls) / both: with as many of either, balanced accuracy."""
    low: float
    """95 % Wilson interval of ``confidence``."""
    high: float
    unanswered: int


def score(evidence: Evidence, predicted: IntArray) -> Score:
    """Score of predictions parallel to ``evidence.trials``."""
    bounds = np.cumsum([len(evidence.verify), len(evidence.random)])
    verify, random, hard = np.split(predicted, bounds)
    hits = int((verify > ACTIVE_ABOVE).sum())
    quiet = int(_inactive(random).sum())
    n = len(verify) + len(random)
    low, high = wilson(np.array(hits + quiet), np.array(n))
    return Score(
        recall=_share(hits, len(verify)),
        specificity=_share(quiet, len(random)),
        specificity_hard=_share(int(_inactive(hard).sum()), len(hard)),
        confidence=_share(hits + quiet, n),
        low=float(low),
        high=float(high),
        unanswered=int((predicted == NO_ANSWER).sum()),
    )


def _inactive(predicted: IntArray) -> NDArray[np.bool_]:
    return (predicted != NO_ANSWER) & (predicted <= ACTIVE_ABOVE)


def _share(part: int, of: int) -> float:
    return part / of if of else float("nan")


def donors(n: int, shuffles: int, seed: int) -> IntArray:
    """Whose name each latent gets in each shuffle: [n, shuffles], never its own, no other twice.

    In every shuffle each name is used once. Fewer shuffles than asked for where there are not enough latents.
    """
    shuffles = max(0, min(shuffles, n - 1))
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    steps = 1 + rng.permutation(n - 1)[:shuffles] if n > 1 else np.empty(0, np.int64)
    return order[(place[:, None] + steps[None, :]) % n] if n else np.empty((0, 0), np.int64)


@dataclass(frozen=True)
class Tested:
    """Each latent's confidence against that of other latents' names on its own trials."""

    p: FloatArray
    q: FloatArray
    """Benjamini-Hochberg over the latents."""


def beats_shuffled(own: FloatArray, shuffled: FloatArray, trials: IntArray) -> Tested:
    """One-sided test that a latent's own name does better than names of other latents.

    The statistic is the confidence above the mean of shuffled names on the same trials, which takes out how easy
    a latent is for any name, times the root of their number, which takes out how few they are. Its null distribution is that of every shuffled name against the other ones,
    pooled over the latents, so that a few shuffles each give a fine p. Were the names dealt out at random, own
    and shuffled ones would be exchangeable: p is then at most slightly conservative.

    Args:
        own: [latents].
        shuffled: [latents, shuffles]; with fewer than two columns nothing is tested.
        trials: [latents] behind each confidence.
    """
    if shuffled.shape[1] < 2 or not len(own):
        return Tested(np.full(len(own), np.nan), np.full(len(own), np.nan))
    total, n = shuffled.sum(axis=1, keepdims=True), shuffled.shape[1]
    root = np.sqrt(np.asarray(trials, np.float64))
    null = np.sort(((shuffled - (total - shuffled) / (n - 1)) * root[:, None]).ravel())
    above = (own - total[:, 0] / n) * root
    as_high = len(null) - np.searchsorted(null, above - _ROUNDING, side="left")
    p = (1 + as_high) / (1 + len(null))
    return Tested(p, false_discovery(p))


def confident(confidences: Sequence[float] | FloatArray, threshold: float) -> NDArray[np.bool_]:
    """Whether each confidence is at least the threshold; NaN is not."""
    return np.nan_to_num(np.asarray(confidences, np.float64), nan=-1.0) >= threshold - _ROUNDING
