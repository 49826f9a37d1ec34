"""What the analyses of one model share, loaded once, and how they turn rows into numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import Protocol
from recaudit.analyses.scoring import Field
from recaudit.datasets.types import Split
from recaudit.metrics import intervals
from recaudit.store import Audit, read, write
from recaudit.store.read import Model, Sae, TargetRows
from recaudit.store.write import Metric, Run

LIST_LENGTH = 10
LIST_DEPTH = 30
LIST_CASES = 20_000
"""Lists are made for at most this many users, drawn with the seed; ``n`` says how many."""


@dataclass(frozen=True)
class Inputs:
    """A model's competition and what was held out from it."""

    model: Model
    field: Field
    targets: TargetRows
    """Test interactions; may be empty."""
    listed: NDArray[np.int64]
    """Places in ``field.cases`` of the cases that get lists: the newest of each user, or a sample of them."""
    seed: int

    @property
    def target_users(self) -> NDArray[np.int64]:
        """User behind each target."""
        cases = self.field.cases
        return cases.user[np.searchsorted(cases.case_id, self.targets.case_id)]

    @property
    def listed_users(self) -> NDArray[np.int64]:
        """User behind each list."""
        return self.field.cases.user[self.listed]


def load(audit: Audit, model: Model, protocol: Protocol, seed: int) -> Inputs:
    """Everything the analyses of a model read."""
    field = Field(
        cases=read.cases(audit, model, read.AUDITED_KINDS),
        timeline=read.timeline(audit, model.dataset_id),
        catalogue=read.catalogue(audit, model),
        protocol=protocol,
        n_items=read.count(audit, "items", model.dataset_id),
    )
    listed = np.flatnonzero(np.isin(field.cases.kind, read.NEWEST_KINDS))
    if len(listed) > LIST_CASES:
        listed = np.sort(np.random.default_rng(seed).choice(listed, LIST_CASES, replace=False))
    return Inputs(model, field, read.targets(audit, model, Split.TEST), listed, seed)


def store(audit: Audit, inputs: Inputs, sae: Sae | None, metrics: Iterable[Metric], run: Run) -> None:
    """Store numbers of the model, or of one of its dictionaries, under the protocol they were made with."""
    write.replace_metrics(
        audit,
        inputs.model.model_id,
        None if sae is None else sae.sae_id,
        metrics,
        protocol=inputs.field.protocol.name,
        seed=inputs.seed,
        run=run,
    )


def means_by_user(
    columns: list[NDArray[np.float64]], users: NDArray[np.int64], seed: int
) -> list[intervals.Estimate]:
    """Mean over rows of each column with its interval over users."""
    rows = np.column_stack([*columns, np.ones(len(users))])
    return intervals.estimate(intervals.sum_by_user(rows, users), intervals.means, seed=seed)


def metric(
    name: str, estimate: intervals.Estimate, *, better: str, slice_: dict[str, str] | None = None
) -> Metric:
    """An estimate under its public name."""
    return Metric(
        name, estimate.value, estimate.n, estimate.low, estimate.high, "users", better, slice_ or {}
    )
