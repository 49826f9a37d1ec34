"""Is the dictionary in order? Sparsity, dead, rare and dense latents, near-duplicate directions."""

from __future__ import annotations

import numpy as np

from recaudit.metrics import intervals
from recaudit.store import Audit, read, write
from recaudit.store.read import Model, Sae
from recaudit.store.write import Metric, Run

DENSE = 0.1
"""Firing on more than this share of cases makes a latent dense: closer to a bias than to a concept."""
RARE = 10
"""Firing on fewer cases than this, a latent can neither be named nor shown to stand for anything."""


def analyse(audit: Audit, model: Model, sae: Sae, *, seed: int, run: Run) -> None:
    """Store ``sae.*`` over the newest case of every user."""
    fired = read.active_latents_by_user(audit, model, sae)
    per_user = np.column_stack([fired, np.ones(len(fired))])
    (l0,) = intervals.estimate(per_user, intervals.means, seed=seed)
    latents = read.latent_columns(audit, sae)
    n = sae.n_latents
    metrics = [
        Metric("sae.l0", l0.value, l0.n, l0.low, l0.high),
        Metric("sae.dead_share", float(latents["dead"].mean()), n, unit="latents", better="lower"),
        Metric(
            "sae.rare_share", float((latents["n_cases"] < RARE).mean()), n, unit="latents", better="lower"
        ),
        Metric("sae.dense_share", float((latents["density"] > DENSE).mean()), n, unit="latents"),
        Metric(
            "sae.max_decoder_cosine",
            float(latents["max_decoder_cosine"].mean()),
            n,
            unit="latents",
            better="lower",
        ),
    ]
    write.replace_metrics(
        audit, model.model_id, sae.sae_id, metrics, protocol="newest case of every user", seed=seed, run=run
    )
