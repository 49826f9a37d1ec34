"""What a model encodes: how many latents stand for each concept, beside a control and another model. Reads only.

Source of the picture: RecSAE's comparison of the concepts that different recommenders hold (arXiv 2411.06112), here by
concepts of the data instead of a language model's sentences, so that the rows of two models are the same.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from recaudit.metrics.proportions import wilson
from recaudit.report.context import Context
from recaudit.report.model import TableSection, section
from recaudit.store import concepts as store
from recaudit.store import gallery
from recaudit.store.read import Model, Sae, controls

Q = 0.05
ROWS = 30
"""Concepts of a kind."""
OWN, UNTRAINED = "share", "untrained"
"""Columns."""
TRUSTED = ("recommended10", "item", "direct")
"""Rules by which a latent's concept is told, the first there is."""


def sections(context: Context) -> list[TableSection]:
    """One table; none where no concepts were looked at."""
    if context.sae is None:
        return []
    rule = rule_of(context, context.sae)
    if rule is None:
        return []
    frame = columns(context, context.sae, rule)
    ids = [sae.sae_id for sae in _dictionaries(context, context.sae).values()]
    return [
        section(
            "survey",
            "What latents stand for",
            "Share of live latents whose best concept of a kind it is, among concepts they are enriched for (q <= .05). A "
            "share that the untrained dictionary reaches as well comes from the data's proportions, not from training. "
            + _who(context),
            frame.groupby("kind", sort=False).head(ROWS),
            "SELECT sae_id, kind, name, latent, auc, enrichment_q FROM latent_concepts WHERE sae_id IN "
            f"({', '.join(map(str, ids))}) AND rule = '{rule}' AND enrichment_q <= {Q} ORDER BY latent, auc DESC",
            len(frame),
        )
    ]


def rule_of(context: Context, sae: Sae) -> str | None:
    """The rule under which the survey is made; None where nothing is stored."""
    known = store.rules(context.audit, sae)
    return next((rule for rule in (context.rule, *TRUSTED) if rule in known), None)


def columns(context: Context, sae: Sae, rule: str) -> pd.DataFrame:
    """A row a concept: ``kind, concept, latents, weight``, then the share of live latents of each dictionary.

    ``share`` is this model's, ``untrained`` its control's, ``beside: NAME`` the other model's; each with its Wilson
    interval over latents as ``_low`` and ``_high``. ``weight`` is the share of all contribution that this model's
    latents of the concept carry.
    """
    found = {
        name: gallery.survey(context.audit, one, rule, Q) for name, one in _dictionaries(context, sae).items()
    }
    keys = pd.concat([frame[["kind", "concept"]] for frame in found.values()]).drop_duplicates()
    merged = keys.merge(found[OWN], on=["kind", "concept"], how="left")
    merged = merged.fillna({"latents": 0, "weight": 0.0}).astype({"latents": int})
    for name, one in _dictionaries(context, sae).items():
        counts = (
            keys.merge(found[name], on=["kind", "concept"], how="left")["latents"].fillna(0).to_numpy(int)
        )
        n = gallery.live(context.audit, one)
        merged[name] = counts / max(n, 1)
        merged[f"{name}_low"], merged[f"{name}_high"] = wilson(counts, np.full_like(counts, n))
    return merged.sort_values(["kind", OWN, "concept"], ascending=[True, False, True], ignore_index=True)


def _dictionaries(context: Context, sae: Sae) -> dict[str, Sae]:
    """Column to dictionary: the model's own, its untrained control, and the other model's."""
    found = {OWN: sae}
    for one in controls(context.audit, context.model.model_id, sae):
        if one.role == UNTRAINED:
            found[UNTRAINED] = one
    if context.beside is not None and context.beside[1] is not None:
        found[beside_name(context.beside[0])] = context.beside[1]
    return found


def beside_name(model: Model) -> str:
    """Column of the other model."""
    return f"beside: {model.name}"


def _who(context: Context) -> str:
    if context.beside is None:
        return "`--beside MODEL` sets another model of this audit beside it."
    model, sae = context.beside
    if sae is None:
        return f"{model.name} has no dictionary to set beside it."
    return f"Beside it: {model.name}, whose dictionary has {sae.n_latents:,} latents."
