"""What a gallery of latents and a survey of concepts show, for many latents at once."""

from __future__ import annotations

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Sae

BINS = 12


def histograms(audit: Audit, sae: Sae, latents: list[int]) -> dict[int, list[int]]:
    """Latent to counts of its activations in ``BINS`` equal bins from 0 to its largest value.

    Over the newest case of every user, or over items where the dictionary encodes no cases.
    """
    kind = sae.entity_kinds[0]
    newest = (
        "AND entity_id IN (SELECT case_id FROM cases JOIN saes USING (model_id) WHERE sae_id = $sae "
        "AND list_contains($newest, kind))"
        if kind == "case"
        else ""
    )
    rows = audit.rows(
        f"""
        WITH fired AS (
            SELECT latent, value, max(value) OVER (PARTITION BY latent) AS largest FROM activations
            WHERE sae_id = $sae AND entity_kind = $kind AND list_contains($latents, latent) {newest}
        )
        SELECT latent, least(floor({BINS} * value / largest)::INTEGER, {BINS - 1}) AS bin, count(*) FROM fired
        GROUP BY ALL ORDER BY ALL
        """,
        {  # type: ignore[arg-type]
            "sae": sae.sae_id,
            "kind": kind,
            "latents": latents,
            **({"newest": list(NEWEST_KINDS)} if newest else {}),
        },
    )
    found = {latent: [0] * BINS for latent in latents}
    for latent, place, count in rows:
        found[int(latent)][int(place)] = int(count)
    return found


def concepts(audit: Audit, sae: Sae, rule: str, latents: list[int], q: float, most: int) -> pd.DataFrame:
    """The concepts each latent tells best: ``latent, kind, concept, auc, q``, enriched ones only, best AUC first."""
    return audit.frame(
        """
        SELECT latent, kind, name AS concept, auc, enrichment_q AS q FROM latent_concepts
        WHERE sae_id = $sae AND rule = $rule AND enrichment_q <= $q AND auc > .5 AND list_contains($latents, latent)
        QUALIFY row_number() OVER (PARTITION BY latent ORDER BY auc DESC, kind, name) <= $most
        ORDER BY latent, auc DESC, kind, name
        """,
        {"sae": sae.sae_id, "rule": rule, "q": q, "latents": latents, "most": most},  # type: ignore[arg-type]
    )


def strongest_items(audit: Audit, sae: Sae, latents: list[int], most: int) -> pd.DataFrame:
    """Items on which latents of an item dictionary fire most: ``latent, title, value``, strongest first."""
    return audit.frame(
        """
        SELECT latent, coalesce(title, raw_id) AS title, value FROM activations a JOIN saes s USING (sae_id)
        JOIN models m USING (model_id) JOIN items i ON i.dataset_id = m.dataset_id AND i.item_id = entity_id
        WHERE sae_id = $sae AND entity_kind = 'item' AND list_contains($latents, latent)
        QUALIFY row_number() OVER (PARTITION BY latent ORDER BY value DESC, entity_id) <= $most
        ORDER BY latent, value DESC, entity_id
        """,
        {"sae": sae.sae_id, "latents": latents, "most": most},  # type: ignore[arg-type]
    )


def pairs(audit: Audit, sae: Sae, rule: str, latents: list[int]) -> pd.DataFrame:
    """AUC of some latents for every concept they are stored with: ``kind, concept, latent, auc``."""
    return audit.frame(
        "SELECT kind, name AS concept, latent, auc FROM latent_concepts WHERE sae_id = $sae AND rule = $rule "
        "AND list_contains($latents, latent) ORDER BY kind, name, latent",
        {"sae": sae.sae_id, "rule": rule, "latents": latents},  # type: ignore[arg-type]
    )


def survey(audit: Audit, sae: Sae, rule: str, q: float) -> pd.DataFrame:
    """What the latents of a dictionary stand for: ``kind, concept, latents, weight``.

    A latent counts for the one concept of each kind that it is enriched for (``q``) and tells best. ``weight`` is the
    share of all contribution (sum of values x length of the decoder row) that such latents carry, 0..1.
    """
    return audit.frame(
        f"""
        WITH live AS ({_LIVE}),
        best AS (
            SELECT kind, name AS concept, latent FROM latent_concepts
            WHERE sae_id = $sae AND rule = $rule AND enrichment_q <= $q AND auc > .5
            QUALIFY row_number() OVER (PARTITION BY kind, latent ORDER BY auc DESC, name) = 1
        )
        SELECT kind, concept, count(*) AS latents,
            sum(contribution) / (SELECT sum(contribution) FROM live) AS weight
        FROM best JOIN live USING (latent) GROUP BY ALL ORDER BY kind, latents DESC, concept
        """,
        {"sae": sae.sae_id, "rule": rule, "q": q, "kind": sae.entity_kinds[0]},  # type: ignore[arg-type]
    )


def live(audit: Audit, sae: Sae) -> int:
    """Latents that fire on the newest case of some user, or on some item."""
    ((count,),) = audit.connection.execute(
        f"SELECT count(*) FROM ({_LIVE})", {"sae": sae.sae_id, "kind": sae.entity_kinds[0]}
    ).fetchall()
    return int(count)


_LIVE = """
    SELECT latent, total * decoder_norm AS contribution FROM latents
    WHERE sae_id = $sae AND entity_kind = $kind AND n_cases > 0
"""
