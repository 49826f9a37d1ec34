"""What a judge's answers are worth, and whether a name beats the names of other latents on the same trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recaudit.labels.types import ACTIVE_ABOVE, NO_ANSWER, Evidence, IntArray, Label
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


def donors(labels: Sequence[Label], shuffles: int, seed: int) -> list[IntArray]:
    """Whose name each latent gets in each shuffle: other latents with unrelated names, at random, none twice.

    A name that says the same, in whole or in part, would be no control. Fewer than asked for where there are not
    enough.
    """
    rng = np.random.default_rng(seed)
    found = []
    for own in labels:
        others = rng.permutation(len(labels))
        unrelated = (int(place) for place in others if not own.related(labels[place]))
        found.append(np.array(list(islice(unrelated, shuffles)), np.int64))
    return found


@dataclass(frozen=True)
class Tested:
    """Each latent's confidence against that of other latents' names on its own trials."""

    p: FloatArray
    q: FloatArray
    """Benjamini-Hochberg over the latents."""


def beats_shuffled(own: FloatArray, shuffled: Sequence[FloatArray], trials: IntArray) -> Tested:
    """One-sided test that a latent's own name does better than names of other latents.

    The statistic is the confidence above the mean of shuffled names on the same trials, which takes out how easy
    a latent is for any name, times the root of their number, which takes out how few they are. Its null
    distribution is that of every shuffled name against the other ones, pooled over the latents, so that a few
    shuffles each give a fine p. Were the names dealt out at random, own and shuffled ones would be exchangeable:
    p is then at most slightly conservative.

    Args:
        own: [latents].
        shuffled: the confidences of other names, for each latent; with fewer than two it is not tested.
        trials: [latents] behind each confidence.
    """
    p = np.full(len(own), np.nan)
    tested = [row for row, values in enumerate(shuffled) if len(values) >= 2]
    if not tested:
        return Tested(p, p)
    root = np.sqrt(np.asarray(trials, np.float64))
    null = np.sort(np.concatenate([_against_others(shuffled[row]) * root[row] for row in tested]))
    above = np.array([(own[row] - shuffled[row].mean()) * root[row] for row in tested])
    as_high = len(null) - np.searchsorted(null, above - _ROUNDING, side="left")
    p[tested] = (1 + as_high) / (1 + len(null))
    return Tested(p, false_discovery(p))


def _against_others(values: FloatArray) -> FloatArray:
    """Each value less the mean of the other ones."""
    return values - (values.sum() - values) / (len(values) - 1)


def confident(confidences: Sequence[float] | FloatArray, threshold: float) -> NDArray[np.bool_]:
    """Whether each confidence is at least the threshold; NaN is not."""
    return np.nan_to_num(np.asarray(confidences, np.float64), nan=-1.0) >= threshold - _ROUNDING
