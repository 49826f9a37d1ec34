"""Tunings of concepts and promotions of items, as an audit keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae


def clear_tunings(audit: Audit, sae: Sae) -> None:
    """Remove every figure of a dictionary's concepts."""
    audit.connection.execute("DELETE FROM tunings WHERE sae_id = ?", [sae.sae_id])


def replace_tunings(
    audit: Audit, model: Model, sae: Sae, protocol: str, rows: Iterable[Mapping[str, Any]], run_id: str
) -> None:
    """Keep the figures of some concepts; what was kept of these concepts and this dictionary goes."""
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        return
    audit.connection.execute(
        "DELETE FROM tunings WHERE sae_id = ? AND protocol = ? AND list_contains(?, concept)",
        [sae.sae_id, protocol, frame["concept"].unique().tolist()],
    )
    audit.append(
        "tunings",
        frame.assign(model_id=model.model_id, sae_id=sae.sae_id, protocol=protocol, run_id=run_id),
    )


def tunings(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """Figures of every concept tuned, the edit's before its controls'."""
    return audit.frame(
        "SELECT concept, latent, level, variant, users, metric, before, after, change, low, high, n, draws, protocol "
        "FROM tunings WHERE model_id = ? AND sae_id = coalesce(?, sae_id) "
        "ORDER BY concept, level = 'filter', starts_with(level, 'q'), try_cast(substr(level, 2) AS DOUBLE), "
        "variant <> 'edit', variant, users, metric",
        [model.model_id, None if sae is None else sae.sae_id],
    )


def replace_promotions(
    audit: Audit,
    model: Model,
    sae: Sae,
    protocol: str,
    item: int,
    audience: str,
    rows: Iterable[Mapping[str, Any]],
    run_id: str,
) -> None:
    """Keep the figures of an item and an audience; what was kept of the two goes."""
    audit.connection.execute(
        "DELETE FROM promotions WHERE sae_id = ? AND protocol = ? AND item_id = ? AND audience = ?",
        [sae.sae_id, protocol, item, audience],
    )
    frame = pd.DataFrame(list(rows))
    if len(frame):
        audit.append(
            "promotions",
            frame.assign(
                model_id=model.model_id, sae_id=sae.sae_id, protocol=protocol, item_id=item, audience=audience,
                run_id=run_id,
            ),
        )  # fmt: skip


def promotions(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """Figures of every promotion with the item's title, the edit's before its controls'."""
    return audit.frame(
        "SELECT raw_id, coalesce(title, raw_id) AS item, audience, selection, latents, level, variant, users, metric, before, after, "
        "change, low, high, n, draws, protocol FROM promotions p JOIN items i ON i.dataset_id = ? AND i.item_id = p.item_id "
        "WHERE model_id = ? AND sae_id = coalesce(?, sae_id) "
        "ORDER BY item, audience, level, variant <> 'edit', variant, users, metric",
        [model.dataset_id, model.model_id, None if sae is None else sae.sae_id],
    )
