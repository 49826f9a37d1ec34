"""Where an interval lies beside what is allowed, and how surprising that is."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from scipy.special import ndtr

from recaudit.metrics.enrichment import false_discovery

ALPHA = 0.025
"""One end of a 95 % interval: a check fails where BH leaves it at or below this."""


class Place(StrEnum):
    """An interval beside an allowed one."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NEITHER = "neither"


def placed(value: float, low: float | None, high: float | None, allowed: tuple[float, float]) -> Place:
    """Wholly inside, wholly outside, or neither; a value without interval is never neither. Ends are inside."""
    least, most = allowed
    first, last = (value, value) if low is None or high is None else (low, high)
    if least <= first and last <= most:
        return Place.INSIDE
    if last < least or first > most:
        return Place.OUTSIDE
    return Place.NEITHER


def p_allowed(value: float, error: float, allowed: tuple[float, float]) -> float:
    """One-sided p of a value as far beyond the allowed interval as this one, were the truth at its end.

    Normal, with the standard error of the draws: a bootstrap p of a thousand draws could not get below .001, and no
    rule among fifty would ever fail after correction.
    """
    least, most = allowed
    beyond = max(least - value, value - most)
    if error > 0:
        return float(ndtr(-beyond / error))
    return 0.0 if beyond > 0 else 1.0


def p_two_sided(value: float, error: float) -> float:
    """Two-sided p of a value as far from 0, normal with the standard error of the draws, as ``p_allowed``."""
    if error > 0:
        return float(2 * ndtr(-abs(value) / error))
    return 1.0 if value == 0 else 0.0


def false_discoveries(p: list[float]) -> list[float]:
    """Benjamini-Hochberg q of each."""
    return [float(q) for q in false_discovery(np.array(p, dtype=np.float64))] if p else []


def finite(value: float | None) -> bool:
    """Whether there is a number to judge."""
    return value is not None and math.isfinite(value)
