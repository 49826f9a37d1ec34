"""The numbers of a set of names, each beside the same number of what learned nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from recaudit.labels.scoring import confident
from recaudit.labels.similarity import Similarity
from recaudit.labels.verify import VERIFIED, Verdict
from recaudit.metrics.intervals import estimate, means
from recaudit.metrics.proportions import wilson_share
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]

THRESHOLDS = (1.0, 0.9, 0.8)
CONFIDENT = 0.8
"""Confidence of the names whose similarity is looked at, in autoencoders and controls alike."""


def scored(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Latents with enough evidence to be named: what counts and shares are of. Unnamed ones are among them."""
    return [verdict for verdict in verdicts if verdict.evidence.refused is None]


def confidences(verdicts: Sequence[Verdict]) -> FloatArray:
    """Confidence of each scored latent; NaN for one without a name."""
    return np.array([verdict.confidence for verdict in scored(verdicts)])


def metrics(verdicts: Sequence[Verdict], where: dict[str, str], *, seed: int) -> list[Metric]:
    """Counts at the thresholds, shares, means and what beats shuffled names."""
    found, n = scored(verdicts), len(scored(verdicts))
    values = confidences(verdicts)
    rows = [
        Metric(
            f"labels.count@{c}",
            float(confident(values, c).sum()),
            n,
            unit="latents",
            better="higher",
            slice=where,
        )
        for c in THRESHOLDS
    ]
    rows.append(share("labels.share@0.8", confident(values, CONFIDENT), where))
    tested = [verdict for verdict in found if verdict.score is None or not np.isnan(verdict.q)]
    if any(verdict.score for verdict in tested):
        rows.append(share("labels.verified", np.array([v.status == VERIFIED for v in tested]), where))
    for name in ("confidence", "recall", "specificity", "specificity_hard"):
        own = np.array([getattr(v.score, name) for v in found if v.score is not None])
        rows += _mean(f"labels.{name}", own, where, seed)
    return rows


def shuffled(verdicts: Sequence[Verdict], where: dict[str, str], *, seed: int) -> list[Metric]:
    """The same of names dealt to other latents. Intervals are over latents, each with the mean of its shuffles."""
    named = [np.array(v.shuffled_confidences) for v in scored(verdicts) if v.shuffled_confidences]
    unnamed = sum(1 for verdict in scored(verdicts) if verdict.score is None)
    # A latent without a name has none to pass on: it counts as it does in the labeller's own share.
    above = np.array([float(confident(values, CONFIDENT).mean()) for values in named] + [0.0] * unnamed)
    where = {**where, "control": "shuffled"}
    mean = np.array([float(values.mean()) for values in named])
    return [
        *(_mean("labels.share@0.8", above, where, seed) if named else []),
        *_mean("labels.confidence", mean, where, seed),
    ]


def share(name: str, hits: NDArray[np.bool_], where: dict[str, str]) -> Metric:
    """A share of latents with its Wilson interval."""
    value, low, high = wilson_share(hits)
    return Metric(name, value, len(hits), low, high, "latents", "higher", where)


def similarity(found: Sequence[Similarity], where: dict[str, str]) -> Iterator[Metric]:
    """``labels.intra``, ``labels.inter`` and ``labels.silhouette`` in each space."""
    for one in found:
        slice_ = {**where, "space": one.space}
        for name, better in (("intra", "higher"), ("inter", "lower"), ("silhouette", "higher")):
            value = float(getattr(one, name))
            yield Metric(f"labels.{name}", value, one.n, unit="latents", better=better, slice=slice_)


def _mean(name: str, values: FloatArray, where: dict[str, str], seed: int) -> list[Metric]:
    kept = values[~np.isnan(values)]
    if not len(kept):
        return []
    (found,) = estimate(np.stack([kept, np.ones(len(kept))], axis=1), means, seed=seed)
    return [Metric(name, found.value, found.n, found.low, found.high, "latents", "higher", where)]
