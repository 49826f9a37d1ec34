"""Name the latents of one dictionary and put every name on trial, its own and shuffled ones alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.labels.scoring import Score, beats_shuffled, donors, score
from recaudit.labels.types import Evidence, IntArray, Label, Labeller, Task

FloatArray = NDArray[np.float64]

Q = 0.05

VERIFIED, NOT_VERIFIED, NO_NAME, UNTESTED = "verified", "not verified", "no name", "untested"
"""Standing of a label: it beats shuffled ones; it does not; there is none; too few others to shuffle with."""


@dataclass(frozen=True)
class Verdict:
    """A latent, its name, and how the name fared."""

    evidence: Evidence
    label: Label | None
    status: str
    score: Score | None = None
    predicted: IntArray | None = None
    """Parallel to ``evidence.trials``."""
    shuffled: float = float("nan")
    """Mean confidence of other latents' names on the same trials."""
    shuffled_confidences: tuple[float, ...] = ()
    p: float = float("nan")
    q: float = float("nan")

    @property
    def confidence(self) -> float:
        """NaN without a name; the figures over latents count it as no confidence."""
        return float("nan") if self.score is None else self.score.confidence


def verdicts(
    labeller: Labeller,
    evidence: Sequence[Evidence],
    *,
    shuffles: int,
    seed: int,
    others: Sequence[Label] = (),
) -> list[Verdict]:
    """Names and trials of the latents of one dictionary, in their order.

    Args:
        shuffles: names of other latents tried on each latent's trials.
        others: names of further latents by the same labeller, to shuffle with.
    """
    open_ = [one for one in evidence if one.refused is None]
    labels = labeller.describe(open_)
    named = [(one, label) for one, label in zip(open_, labels, strict=True) if label is not None]
    pool = [*(label for _, label in named), *others]
    dealt = donors(pool, shuffles, seed)[: len(named)]
    tasks = [Task(label, one.trials) for one, label in named]
    swapped = [
        Task(pool[donor], one.trials) for (one, _), row in zip(named, dealt, strict=True) for donor in row
    ]
    answers = labeller.predict([*tasks, *swapped])
    own = [score(one, answer) for (one, _), answer in zip(named, answers, strict=False)]
    rest = iter(answers[len(tasks) :])
    shuffled = [
        np.array([score(one, next(rest)).confidence for _ in row])
        for (one, _), row in zip(named, dealt, strict=True)
    ]
    trials = np.array([len(one.verify) + len(one.random) for one, _ in named], np.int64)
    tested = beats_shuffled(np.array([one.confidence for one in own]), shuffled, trials)
    by_latent = {
        one.latent: Verdict(
            one,
            label,
            _status(float(tested.q[row])),
            own[row],
            answers[row],
            float(shuffled[row].mean()) if len(shuffled[row]) else float("nan"),
            tuple(float(value) for value in shuffled[row]),
            float(tested.p[row]),
            float(tested.q[row]),
        )
        for row, (one, label) in enumerate(named)
    }
    return [by_latent.get(one.latent, Verdict(one, None, one.refused or NO_NAME)) for one in evidence]


def _status(q: float) -> str:
    if np.isnan(q):
        return UNTESTED
    return VERIFIED if q <= Q else NOT_VERIFIED
