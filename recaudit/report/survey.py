"""What a model encodes: how many latents stand for each concept, beside a control and another model. Reads only.

Source of the picture: RecSAE's comparison of the concepts that different recommenders hold (arXiv 2411.06112), here by
concepts of the data instead of a language model's sentences, so that the rows of two models are the same.
"""

from __future__ import annotations

import pandas as pd

from recaudit.report.context import Context
from recaudit.report.model import TableSection, section
from recaudit.store import concepts as store
from recaudit.store import gallery
from recaudit.store.read import Model, Sae, controls

Q = 0.05
_TRUSTED = ("recommended10", "item", "direct")
"""Rules by which a latent's concept is told, the first there is."""


def sections(context: Context) -> list[TableSection]:
    """One table; none where no concepts were looked at."""
    if context.sae is None:
        return []
    rule = rule_of(context, context.sae)
    if rule is None:
        return []
    frame = columns(context, context.sae, rule)
    ids = [sae.sae_id for _, sae in _dictionaries(context, context.sae)]
    return [
        section(
            "survey",
            "What latents stand for",
            "Share of live latents whose best concept of a kind it is, among concepts they are enriched for (q <= .05). A "
            "share that the untrained dictionary reaches as well comes from the data's proportions, not from training. "
            + _who(context),
            frame,
            "SELECT sae_id, kind, name, latent, auc, enrichment_q FROM latent_concepts WHERE sae_id IN "
            f"({', '.join(map(str, ids))}) AND rule = '{rule}' AND enrichment_q <= {Q} ORDER BY latent, auc DESC",
            len(frame),
        )
    ]


def rule_of(context: Context, sae: Sae) -> str | None:
    """The rule under which the survey is made; None where nothing is stored."""
    known = store.rules(context.audit, sae)
    return next((rule for rule in (context.rule, *_TRUSTED) if rule in known), None)


def columns(context: Context, sae: Sae, rule: str) -> pd.DataFrame:
    """A row a concept: ``kind, concept, latents, share``, then ``untrained`` and ``beside NAME`` (shares) where stored.

    ``weight``: share of all contribution that the model's own latents of the concept carry.
    """
    own = gallery.survey(context.audit, sae, rule, Q)
    merged = own
    for name, other in _dictionaries(context, sae)[1:]:
        theirs = gallery.survey(context.audit, other, rule, Q)[["kind", "concept", "share"]]
        merged = merged.merge(theirs.rename(columns={"share": name}), on=["kind", "concept"], how="outer")
        merged[name] = merged[name].fillna(0.0)
    merged = merged.fillna({"latents": 0, "share": 0.0, "weight": 0.0}).astype({"latents": int})
    return merged.sort_values(["kind", "share", "concept"], ascending=[True, False, True], ignore_index=True)


def _dictionaries(context: Context, sae: Sae) -> list[tuple[str, Sae]]:
    """The model's own, its untrained control, and the other model's."""
    found = [("share", sae)]
    untrained = [
        one for one in controls(context.audit, context.model.model_id, sae) if one.role == "untrained"
    ]
    found += [("untrained", one) for one in untrained[:1]]
    if context.beside is not None and context.beside[1] is not None:
        found.append((beside_name(context.beside[0]), context.beside[1]))
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
