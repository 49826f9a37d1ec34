"""Directions that vectors can be moved along without any dictionary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions.bench import Bench
from recaudit.store import Audit
from recaudit.store import interventions as store
from recaudit.store.read import Model
from recaudit.text import printable

FloatArray = NDArray[np.float64]

POPULARITY = "popularity"
_RIDGE = 1e-3
"""Share of the mean squared singular value: keeps the solution finite where vectors are collinear."""


def directions_of(audit: Audit, model: Model, bench: Bench, names: Sequence[str]) -> dict[str, FloatArray]:
    """Unit vectors [dim] in the space of cases' vectors.

    Args:
        names: ``popularity``, or ``concept:Horror`` for a stored concept activation vector.

    Raises:
        UsageError: not a direction, or the model does not score by an inner product.
        NoVerdictError: no concept activation vector is stored for the concept.
    """
    found = {}
    for name in dict.fromkeys(names):
        if model.head != "dot":
            raise UsageError(
                f"model {printable(model.name)} scores through {model.head}: its users and items share no space",
                fix="edit latents of a dictionary instead",
            )
        found[name] = popularity(bench) if name == POPULARITY else _of_concept(audit, model, name)
    return found


def popularity(bench: Bench) -> FloatArray:
    """The direction of item vectors along which log popularity rises, by ridge regression.

    A user's score of an item is an inner product, so a user vector moved along it favours popular items.
    """
    catalogue = bench.field.catalogue
    trained = bench.counts[catalogue.item_id] > 0
    x = catalogue.vectors[trained].astype(np.float64)
    y = np.log1p(bench.counts[catalogue.item_id][trained])
    x, y = x - x.mean(axis=0), y - y.mean()
    gram = x.T @ x
    penalty = _RIDGE * np.trace(gram) / len(gram)
    direction = np.linalg.solve(gram + penalty * np.eye(len(gram)), x.T @ y)
    return np.asarray(direction / np.linalg.norm(direction))


def _of_concept(audit: Audit, model: Model, name: str) -> FloatArray:
    kind, _, concept = name.partition(":")
    if kind != "concept" or not concept:
        raise UsageError(
            f"no direction {printable(name)}",
            fix=f"write {POPULARITY}, or concept:NAME for a concept activation vector",
        )
    direction = store.cav_direction(audit, model, concept)
    if direction is None:
        raise NoVerdictError(
            f"no concept activation vector is stored for {printable(concept)}",
            fix=f"run `recaudit cav {printable(model.name)} --concept {printable(concept)}`",
        )
    return direction / np.linalg.norm(direction)
