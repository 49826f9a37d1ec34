"""recaudit's side of ``steer.py``: an edit of a stored model ranked anew, as JSON.

Inside the clock: edited vectors, everybody's list of ten, ranks of all held-out items, NDCG and HR. Not in it: opening the audit and
ranking the model as it is, which are done once and serve every edit after.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from measure import own_peak_mib, timed, versions

from recaudit.interventions import words
from recaudit.interventions.edits import Intervention
from recaudit.interventions.selections import resolved
from recaudit.interventions.steering import Steering
from recaudit.metrics import ranking
from recaudit.store import read, reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audit", type=Path)
    parser.add_argument("--edit", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with reading(args.audit) as audit:
        model = read.model_named(audit, None)
        sae = read.find_sae(audit, model)
        intervention = resolved(audit, model, sae, Intervention((words.edit(args.edit),)))
        steering = Steering.of_audit(audit, model, sae, directions=["popularity"])
    unedited = steering.bench.unedited

    def evaluate() -> tuple[float, float]:
        ranks = steering.outcome(intervention).ranks
        return float(ranking.ndcg(ranks, 10).mean()), float(ranking.hit(ranks, 10).mean())

    evaluate()
    print(
        json.dumps(
            {
                "ndcg": float(ranking.ndcg(unedited.ranks, 10).mean()),
                "steered": evaluate()[0],
                "moved": int((steering.vectors(intervention) != steering.users.x).any(axis=1).sum()),
                "rows": len(unedited.ranks),
                "items": len(steering.bench.field.catalogue.item_id),
                "seconds": timed(evaluate, args.repeats),
                "peak_mib": own_peak_mib(),
                "versions": versions("numpy"),
            },
            default=np.asarray,
        )
    )


if __name__ == "__main__":
    main()
