"""Is a concept over-represented among the entities of a latent? Hypergeometric tests, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_PAIRS_AT_ONCE = 1 << 17
_NEGLIGIBLE = 1e-17


def log_enrichment_p(
    both: NDArray[np.integer], n_drawn: NDArray[np.integer], n_marked: NDArray[np.integer], n: int
) -> FloatArray:
    """Natural log of P(X >= both), X hypergeometric: ``n_drawn`` of ``n`` entities drawn, ``n_marked`` marked.

    One-sided Fisher test. The tail is summed from its largest term with the ratio of neighbouring terms, so
    a probability of 1e-300 keeps its digits; scipy's ``hypergeom.logsf`` gives the same, one pair at a time.

    Args:
        both, n_drawn, n_marked: whole numbers of one shape, or broadcast to one.

    Returns:
        Of that shape, -inf..0; 0 (p = 1) where nothing is drawn or marked.
    """
    hits, drawn, marked = (
        np.ascontiguousarray(part, dtype=np.float64).ravel()
        for part in np.broadcast_arrays(both, n_drawn, n_marked)
    )
    log_p = np.empty(len(hits))
    for start in range(0, len(hits), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        log_p[part] = _log_upper_tail(hits[part], drawn[part], marked[part], float(n))
    return log_p.reshape(np.broadcast_shapes(np.shape(both), np.shape(n_drawn), np.shape(n_marked)))


def false_discovery(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg q of every p, of the same shape; NaN stays NaN and is no test."""
    from scipy.stats import false_discovery_control  # 0.4 s that other commands need not wait for

    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(np.clip(p[tested], 0, 1))
    return q


def _log_upper_tail(hits: FloatArray, drawn: FloatArray, marked: FloatArray, n: float) -> FloatArray:
    least = np.maximum(0, drawn + marked - n)
    most = np.minimum(drawn, marked)
    mode = np.floor((drawn + 1) * (marked + 1) / (n + 2))
    log_p = np.zeros(len(hits))
    log_p[hits > most] = -np.inf
    above = (hits > least) & (hits <= most) & (hits > mode)
    below = (hits > least) & (hits <= most) & ~above
    log_p[above] = _log_mass(hits, drawn, marked, n)[above] + np.log(
        _tail_in_first_terms(hits[above], drawn[above], marked[above], n, +1)
    )
    # Below the mode the upper tail is most of the mass: what is missing from 1 is the better-behaved sum.
    last = hits[below] - 1
    log_rest = _log_mass(last, drawn[below], marked[below], n) + np.log(
        _tail_in_first_terms(last, drawn[below], marked[below], n, -1)
    )
    log_p[below] = np.log1p(-np.minimum(np.exp(log_rest), 1))
    return np.minimum(log_p, 0)


def _log_mass(x: FloatArray, drawn: FloatArray, marked: FloatArray, n: float) -> FloatArray:
    from scipy.special import gammaln

    def log_choose(total: FloatArray | float, part: FloatArray) -> FloatArray:
        return gammaln(total + 1.0) - gammaln(part + 1) - gammaln(total - part + 1)

    with np.errstate(invalid="ignore"):
        return log_choose(marked, x) + log_choose(n - marked, drawn - x) - log_choose(n, drawn)


def _tail_in_first_terms(
    start: FloatArray, drawn: FloatArray, marked: FloatArray, n: float, step: int
) -> FloatArray:
    """Sum of the tail from ``start`` outwards (``step`` +1 up, -1 down), in units of its first term."""
    total = np.ones(len(start))
    active = np.arange(len(start))
    x, d, m, term = start.copy(), drawn, marked, np.ones(len(start))
    while len(active):
        if step > 0:
            term = term * ((m - x) * (d - x)) / ((x + 1) * (n - m - d + x + 1))
        else:
            term = term * (x * (n - m - d + x)) / ((m - x + 1) * (d - x + 1))
        total[active] += term
        kept = term > _NEGLIGIBLE * total[active]
        active, x, d, m, term = active[kept], x[kept] + step, d[kept], m[kept], term[kept]
    return total
