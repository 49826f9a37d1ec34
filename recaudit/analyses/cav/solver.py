"""Many penalised logistic regressions on one matrix, solved together.

Concepts, folds, penalties, bootstraps and permutations differ only in labels and row weights, so a Newton
step of all of them is a handful of products with the shared matrix. The linear systems are solved by
conjugate gradients (truncated Newton, Dembo and Steihaug 1983); in the matrix's own principal axes the
Hessian is nearly diagonal, so its diagonal is a good preconditioner and few steps suffice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EXACT = 1e-10
"""Gradient left, relative to the one at zero: coefficients are then right to about 1e-7."""
LOOSE = 1e-3
"""Enough where only an order of scores or a direction is read off: bootstraps, random concepts."""
ROUGH = 0.1
"""A Newton step or two. Enough for a permutation test, which asks only that data and draws are fitted alike."""

_CELLS = 1 << 20
"""Rows x problems held at once: 8 MiB of float64 per working matrix."""
_NEWTON_STEPS, _CG_STEPS, _HALVINGS = 60, 60, 30
_ARMIJO = 1e-4


@dataclass(frozen=True)
class Problems:
    """``p`` regressions over the rows of one matrix.

    Attributes:
        labels: [rows, p] true where a row is positive.
        weights: [rows, p] weight of each row; 0 leaves it out.
        penalty: [p] C, the inverse strength of the L2 penalty, as in scikit-learn.
        fixed: [features, p] true where a coefficient is held at 0, or None.
    """

    labels: BoolArray
    weights: FloatArray
    penalty: FloatArray
    fixed: BoolArray | None = None


@dataclass(frozen=True)
class Solution:
    """Coefficients [features, p] and intercepts [p]."""

    coefficients: FloatArray
    intercept: FloatArray

    def scores(self, x: FloatArray) -> FloatArray:
        """[rows, p]."""
        found: FloatArray = x @ self.coefficients + self.intercept
        return found


def balanced(labels: BoolArray, counts: FloatArray) -> FloatArray:
    """Row weights that give both classes the same total: ``n / (2 n_class)`` per row, as scikit-learn's ``balanced``.

    Args:
        labels: [rows, p].
        counts: [rows, p] how often each row occurs; 0 leaves it out.
    """
    total = counts.sum(axis=0)
    positive = np.einsum("ij,ij->j", counts, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_class = np.where(labels, total / (2 * positive), total / (2 * (total - positive)))
    return counts * np.where(np.isfinite(of_class), of_class, 0.0)


def chunks(rows: int, problems: int) -> Iterator[slice]:
    """Slices of problems that keep a [rows, problems] matrix at 8 MiB."""
    size = max(1, _CELLS // max(rows, 1))
    for start in range(0, problems, size):
        yield slice(start, min(start + size, problems))


class Solver:
    """The regressions of one matrix [rows, features]; features need no scaling.

    The first ``rotated`` features (all by default) are turned to their principal axes; the L2 penalty does not
    notice. ``single`` works in float32: twice as fast, and enough for tolerances of 1e-4 and more.
    """

    def __init__(self, x: FloatArray, rotated: int | None = None, *, single: bool = False) -> None:
        width = x.shape[1] if rotated is None else rotated
        self._centre = x.mean(axis=0)
        centred = x - self._centre
        turn = np.eye(x.shape[1])
        turn[:width, :width] = np.linalg.eigh(centred[:, :width].T @ centred[:, :width])[1]
        self._turn = turn
        # The intercept is one more feature, of ones, without penalty.
        self._x: FloatArray = np.column_stack([centred @ turn, np.ones(len(x))]).astype(
            np.float32 if single else np.float64
        )
        self._squares = self._x**2
        self._width = width

    def solve(
        self, problems: Problems, *, start: Solution | None = None, tolerance: float = EXACT
    ) -> Solution:
        """Minimise ``½|w|² + C Σ weight · log(1 + exp(∓ score))`` for each problem.

        Args:
            start: where to begin; zero by default.
            tolerance: largest gradient entry left, relative to the one at zero.
        """
        p = problems.labels.shape[1]
        w = np.zeros((self._x.shape[1], p)) if start is None else self._inside(start)
        for part in chunks(len(self._x), p):
            fixed = None if problems.fixed is None else self._fixed(problems.fixed[:, part])
            kind = self._x.dtype
            w[:, part] = self._newton(
                np.where(problems.labels[:, part], kind.type(1), kind.type(-1)),
                (problems.weights[:, part] * problems.penalty[part]).astype(kind),
                w[:, part].astype(kind),
                fixed,
                tolerance,
            )
        coefficients = self._turn @ w[:-1]
        return Solution(coefficients, w[-1] - self._centre @ coefficients)

    def _inside(self, solution: Solution) -> FloatArray:
        inside = self._turn.T @ solution.coefficients
        return np.vstack([inside, solution.intercept + self._centre @ solution.coefficients])

    def _fixed(self, fixed: BoolArray) -> BoolArray:
        if fixed[: self._width].any():
            raise ValueError("rotated features cannot be held at 0")
        return np.vstack([fixed, np.zeros((1, fixed.shape[1]), bool)])

    def _newton(
        self,
        sign: FloatArray,
        weight: FloatArray,
        w: FloatArray,
        fixed: BoolArray | None,
        tolerance: float,
    ) -> FloatArray:
        """One chunk. Finished problems leave it, so late steps cost only what is still open."""
        x = self._x
        w = w.copy()
        at_zero = x.T @ (sign * weight) / 2
        goal = tolerance * np.maximum(np.abs(at_zero).max(axis=0), 1e-30)
        open_ = np.arange(w.shape[1])
        own, scores = w, x @ w
        for _ in range(_NEWTON_STEPS):
            gradient, curvature = self._gradient(sign, weight, own, scores, fixed)
            left = np.abs(gradient).max(axis=0) > goal[open_]
            if not left.all():
                w[:, open_] = own
                open_, own, scores, sign, weight = (
                    open_[left],
                    own[:, left],
                    scores[:, left],
                    sign[:, left],
                    weight[:, left],
                )
                gradient, curvature = gradient[:, left], curvature[:, left]
                fixed = None if fixed is None else fixed[:, left]
            if not len(open_):
                break
            step = self._direction(gradient, curvature, fixed)
            moved = x @ step
            length = _line_search(sign, weight, own, scores, step, moved, gradient)
            own = own + length * step
            scores = scores + length * moved
        w[:, open_] = own
        return w

    def _gradient(
        self,
        sign: FloatArray,
        weight: FloatArray,
        w: FloatArray,
        scores: FloatArray,
        fixed: BoolArray | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Gradient [features + 1, p] and each row's curvature [rows, p]."""
        wrong = _sigmoid(-sign * scores)
        gradient = self._x.T @ (-sign * weight * wrong)
        gradient[:-1] += w[:-1]
        if fixed is not None:
            gradient[fixed] = 0
        return gradient, weight * wrong * (1 - wrong)

    def _direction(self, gradient: FloatArray, curvature: FloatArray, fixed: BoolArray | None) -> FloatArray:
        """Newton's step by preconditioned conjugate gradients, solved no further than the outer step deserves."""
        x = self._x
        diagonal = self._squares.T @ curvature
        diagonal[:-1] += 1
        diagonal[-1] += 1e-12
        step = np.zeros_like(gradient)
        left = -gradient
        size = np.sqrt((left**2).sum(axis=0))
        enough = np.minimum(0.1, np.sqrt(size)) * size
        scaled = left / diagonal
        direction = scaled.copy()
        product = (left * scaled).sum(axis=0)
        for _ in range(_CG_STEPS):
            bent = x.T @ (curvature * (x @ direction))
            bent[:-1] += direction[:-1]
            if fixed is not None:
                bent[fixed] = 0
            along = (direction * bent).sum(axis=0)
            length = _ratio(product, along)
            step += length * direction
            left -= length * bent
            if (np.sqrt((left**2).sum(axis=0)) <= enough).all():
                break
            scaled = left / diagonal
            following = (left * scaled).sum(axis=0)
            direction = scaled + _ratio(following, product) * direction
            product = following
        return step


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """0 where ``below`` is not positive: that problem's system is solved."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _line_search(
    sign: FloatArray,
    weight: FloatArray,
    w: FloatArray,
    scores: FloatArray,
    step: FloatArray,
    moved: FloatArray,
    gradient: FloatArray,
) -> FloatArray:
    """Length of each problem's step: halved until the loss falls as it should. [p]"""
    slope = (gradient * step).sum(axis=0)
    before = _loss(sign, weight, w, scores)
    length = np.ones(w.shape[1], w.dtype)
    rounding = 16 * np.finfo(w.dtype).eps
    short = np.arange(w.shape[1])
    for _ in range(_HALVINGS):
        tried = length[short]
        after = _loss(
            sign[:, short],
            weight[:, short],
            w[:, short] + tried * step[:, short],
            scores[:, short] + tried * moved[:, short],
        )
        allowed = before[short] + _ARMIJO * tried * slope[short] + rounding * np.abs(before[short])
        short = short[after > allowed]
        if not len(short):
            break
        length[short] /= 2
    return length


def _loss(sign: FloatArray, weight: FloatArray, w: FloatArray, scores: FloatArray) -> FloatArray:
    margin = sign * scores
    # log(1 + exp(-m)) without overflow.
    each = np.log1p(np.exp(-np.abs(margin))) - np.minimum(margin, 0)
    found: FloatArray = np.einsum("ij,ij->j", weight, each) + 0.5 * (w[:-1] ** 2).sum(axis=0)
    return found


def _sigmoid(x: FloatArray) -> FloatArray:
    # exp overflows to infinity for large -x, and 1 / (1 + inf) is the right 0.
    with np.errstate(over="ignore"):
        found: FloatArray = 1 / (1 + np.exp(-x))
    return found
