"""Which items go with a latent, and which latents with an item.

A latent fires on a case, not on an item, so "latent fires for item X" needs a rule. Each rule names the
items a case stands for; counts, strengths and lift follow from the same pairs. Source: the views of the
SASRec poster and RecSAE's concept construction.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.errors import UsageError
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae

RULES = views.ATTRIBUTION
"""Rule name to what it means."""

ORDERS = {
    "lift": "how much likelier the item is where the latent fires than overall; needs 5 cases",
    "count": "cases in which both occur",
    "strength": "sum of the latent's values over those cases",
    "mean": "mean value over those cases; needs 5 cases",
}
"""Ranking name to what it means. Count and strength favour popular items; lift corrects for that."""

DEFAULT_RULE = "recommended10"
"""Ten places a case instead of RecSAE's one: on a few hundred users the first place alone leaves most pairs
below ``SUPPORT``."""

SUPPORT = 5
"""Cases a pair needs before its lift or mean says anything."""


def items_of_latents(
    audit: Audit,
    model: Model,
    sae: Sae,
    latents: list[int],
    *,
    rule: str = DEFAULT_RULE,
    by: str = "lift",
    limit: int = 10,
) -> pd.DataFrame:
    """The ``limit`` items that go most with each latent.

    Returns:
        Columns ``latent, rank, item, title, count, users, strength, mean, lift, q``; q is the
        Benjamini-Hochberg value of a hypergeometric test over all pairs of these latents with ``SUPPORT``.
    """
    pairs = views.latent_item_pairs(audit, model, sae, rule, latents=latents)
    return _ranked(_scored(pairs), "latent", by, limit)


def latents_of_items(
    audit: Audit,
    model: Model,
    sae: Sae,
    items: list[int],
    *,
    rule: str = DEFAULT_RULE,
    by: str = "strength",
    limit: int = 10,
) -> pd.DataFrame:
    """The ``limit`` latents that go most with each item; columns as ``items_of_latents``."""
    pairs = views.latent_item_pairs(audit, model, sae, rule, items=items)
    return _ranked(_scored(pairs), "item_id", by, limit)


def checked_rule(name: str) -> str:
    """Raises:
    UsageError: no such attribution rule; lists them.
    """
    if name not in RULES:
        raise UsageError(f"no attribution rule named {name}", fix=f"choose one of: {', '.join(RULES)}")
    return name


def _scored(pairs: pd.DataFrame) -> pd.DataFrame:
    from scipy.stats import false_discovery_control, hypergeom  # 0.4 s that other reports need not wait for

    both, n_item, n_latent, n = (
        pairs[name].to_numpy(dtype=np.int64) for name in ("count", "n_item", "n_latent", "n")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs["lift"] = (both / n_latent) / (n_item / n)
    supported = both >= SUPPORT
    pairs["q"] = np.nan
    if supported.any():
        p = hypergeom.sf(both[supported] - 1, n[supported], n_item[supported], n_latent[supported])
        pairs.loc[supported, "q"] = false_discovery_control(np.clip(p, 0, 1))
    return pairs


def _ranked(pairs: pd.DataFrame, group: str, by: str, limit: int) -> pd.DataFrame:
    pool = pairs[pairs["count"] >= SUPPORT] if by in {"lift", "mean"} else pairs
    ordered = pool.sort_values(
        [group, by, "count", "latent", "item_id"], ascending=[True, False, False, True, True]
    )
    ordered["rank"] = ordered.groupby(group).cumcount() + 1
    return ordered[ordered["rank"] <= limit].reset_index(drop=True)


def strongest(audit: Audit, sae: Sae, limit: int, *, hide_above: float = 0.5) -> list[int]:
    """Latents carrying the most total contribution (Σ value x decoder norm), nearly-always-on ones hidden.

    Args:
        hide_above: density above which a latent acts as a bias and is left out.
    """
    columns = read.latent_columns(audit, sae)
    contribution: NDArray[np.float64] = columns["total"] * columns["decoder_norm"]
    shown = np.flatnonzero((columns["density"] <= hide_above) & (contribution > 0))
    order = shown[np.argsort(-contribution[shown], kind="stable")]
    return [int(latent) for latent in columns["latent"][order[:limit]]]
