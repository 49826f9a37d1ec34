"""recaudit's side of ``ranking.py``: full-ranking quality of one checkpoint on one data set, as JSON.

Inside the clock: the model up to its vectors, scores of the whole catalogue, the protocol's mask, the rank
of every test target, HR and NDCG. Outside: reading the files, matching ids, finding the cases. The second
clock adds what a peer's data loader does: cutting each case's history from the data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import own_peak_mib, timed, versions

from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import Field, target_ranks
from recaudit.checkpoints import read_checkpoint, tools
from recaudit.datasets import read_dataset, read_id_map
from recaudit.datasets.types import Split
from recaudit.ingest.binding import NO_ROW, Binding, bind
from recaudit.ingest.cases import CaseTable, build_cases, model_inputs, timeline_of
from recaudit.metrics import ranking
from recaudit.models import Cases, Recommender, build
from recaudit.models.heads import restricted
from recaudit.store.read import CaseRows, Catalogue, TargetRows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--ids", type=Path)
    parser.add_argument("--heads", type=int)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    spec = tools.read_model(read_checkpoint(args.checkpoint), tools.Hints(heads=args.heads))
    model = build(spec)
    ids = {} if args.ids is None else {kind: dict(rows) for kind, rows in read_id_map(args.ids).rows.items()}
    binding = bind(read_dataset(args.data), spec, model, ids)
    timeline = timeline_of(binding)
    table = test_cases(build_cases(timeline, binding, model))
    before = own_peak_mib()

    def load() -> Cases:
        return model_inputs(table, timeline, binding, model)

    rank = ranker(model, table, binding, args.protocol)
    inputs = load()
    print(
        json.dumps(
            {
                "metrics": rank(inputs),
                "rows": len(table.target_case),
                "seconds": timed(lambda: rank(inputs), args.repeats),
                "seconds_with_loading": timed(lambda: rank(load()), args.repeats),
                "peak_mib": own_peak_mib(),
                "peak_before_mib": before,
                "versions": versions("recaudit", "torch", "numpy"),
            }
        )
    )


def test_cases(table: CaseTable) -> CaseTable:
    """Only the cases with a test target, and only those targets."""
    wanted = table.target_split == Split.TEST
    cases, target_case = np.unique(table.target_case[wanted], return_inverse=True)
    return replace(
        table,
        user=table.user[cases],
        kind=table.kind[cases],
        history_end=table.history_end[cases],
        target_case=target_case,
        target_item=table.target_item[wanted],
        target_split=table.target_split[wanted],
    )


def ranker(
    model: Recommender, table: CaseTable, binding: Binding, protocol: str
) -> Callable[[Cases], dict[str, float]]:
    """What ``recaudit report`` does for its ranking numbers, less the bootstrap intervals."""
    timeline = timeline_of(binding)
    item_ids = np.flatnonzero(binding.item_row != NO_ROW)
    head = restricted(model.head, binding.item_row[item_ids])
    catalogue = Catalogue(item_ids, head.kind, head.vectors, head.bias, dict(head.tensors))
    case_ids = np.arange(len(table))
    targets = TargetRows(np.arange(len(table.target_case)), table.target_case, table.target_item)

    def rank(inputs: Cases) -> dict[str, float]:
        vectors = model.represent(inputs)
        cases = CaseRows(case_ids, table.user, table.kind, table.history_end, vectors)
        field = Field(cases, timeline, catalogue, protocol_named(protocol), len(binding.dataset.items))
        ranks = target_ranks(field, vectors, targets)
        hits = {f"HR@{k}": float(ranking.hit(ranks, k).mean()) for k in ranking.CUTOFFS}
        return hits | {f"NDCG@{k}": float(ranking.ndcg(ranks, k).mean()) for k in ranking.CUTOFFS}

    return rank


if __name__ == "__main__":
    main()
