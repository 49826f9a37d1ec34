"""What the popularity and group audit reads and writes: lists, profiles, groups, `latent_bias`, `exposure`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.labels import BY_HAND
from recaudit.store.read import NEWEST_KINDS, Model, Sae

IntArray = NDArray[np.int64]
PROTOCOL = "popularity"
"""Protocol of findings and of numbers about latents and vectors, which rest on no lists: rankings' own do not
replace them. Numbers about lists are kept under the protocol of the lists."""


def lists(audit: Audit, model: Model, sae: Sae | None = None) -> dict[str, NDArray[Any]]:
    """Places of the stored lists under the model's protocol: ``user_id, rank, item_id``, in that order.

    Args:
        sae: the dictionary whose reconstruction was ranked; None for the model as it is.
    """
    return audit.columns(
        "SELECT user_id, rank, item_id FROM recommendations r JOIN cases c USING (model_id, case_id) "
        "WHERE model_id = ? AND protocol = ? AND r.sae_id IS NOT DISTINCT FROM ? AND list_contains(?, kind) "
        "ORDER BY user_id, rank",
        [model.model_id, model.protocol, None if sae is None else sae.sae_id, list(NEWEST_KINDS)],
    )


def ranked_targets(audit: Audit, model: Model) -> dict[str, NDArray[Any]]:
    """Test targets with the rank the model gave them: ``user_id, item_id, rank``."""
    return audit.columns(
        "SELECT user_id, t.item_id AS item_id, rank FROM target_ranks r JOIN targets t USING (model_id, target_id) "
        "JOIN cases c ON c.model_id = t.model_id AND c.case_id = t.case_id "
        "WHERE r.model_id = ? AND protocol = ? AND r.sae_id IS NULL AND split = 'test' ORDER BY target_id",
        [model.model_id, model.protocol],
    )


def profiles(audit: Audit, dataset_id: int) -> tuple[IntArray, IntArray]:
    """User and item of every training interaction, in order of user and time."""
    found = audit.columns(
        "SELECT user_id, item_id FROM interactions WHERE dataset_id = ? AND split = 'train' ORDER BY user_id, position",
        [dataset_id],
    )
    return found["user_id"].astype(np.int64), found["item_id"].astype(np.int64)


def last_quarters(audit: Audit, dataset_id: int) -> pd.DataFrame:
    """Quarter of each user's last interaction: ``user_id, value`` (``2001-Q2``); empty without timestamps."""
    return audit.frame(
        "SELECT user_id, strftime(last, '%Y-Q') || quarter(last) AS value FROM ("
        "SELECT user_id, make_timestamp(max(timestamp) * 1000000) AS last FROM interactions "
        "WHERE dataset_id = ? AND timestamp IS NOT NULL GROUP BY user_id) ORDER BY user_id",
        [dataset_id],
    )


def attributes(audit: Audit, dataset_id: int) -> list[str]:
    """Attributes that users are grouped by in the data."""
    rows = audit.rows(
        "SELECT DISTINCT attribute FROM user_groups WHERE dataset_id = ? ORDER BY attribute", [dataset_id]
    )
    return [str(row[0]) for row in rows]


def replace_user_groups(audit: Audit, dataset_id: int, frame: pd.DataFrame) -> None:
    """Store memberships ``user_id, attribute, value``; what was there of these attributes goes."""
    audit.connection.execute(
        "DELETE FROM user_groups WHERE dataset_id = ? AND list_contains(?, attribute)",
        [dataset_id, sorted(frame["attribute"].unique())],
    )
    audit.append("user_groups", frame.assign(dataset_id=dataset_id))


def years(audit: Audit, dataset_id: int) -> NDArray[np.float64]:
    """Year of every item, by dense index; NaN where unknown."""
    rows = audit.rows("SELECT year FROM items WHERE dataset_id = ? ORDER BY item_id", [dataset_id])
    return np.array([np.nan if year is None else year for (year,) in rows], dtype=np.float64)


def replace_exposure(audit: Audit, model: Model, frame: pd.DataFrame, run_id: str) -> None:
    """Store exposure of concepts under the model's protocol; what was there goes."""
    audit.connection.execute(
        "DELETE FROM exposure WHERE model_id = ? AND protocol = ?", [model.model_id, model.protocol]
    )
    if len(frame):
        audit.append(
            "exposure", frame.assign(model_id=model.model_id, protocol=model.protocol, run_id=run_id)
        )


def replace_latent_bias(audit: Audit, model: Model, sae: Sae, frame: pd.DataFrame, run_id: str) -> None:
    """Store figures of a dictionary's latents; what was there of them goes."""
    audit.connection.execute("DELETE FROM latent_bias WHERE sae_id = ?", [sae.sae_id])
    if len(frame):
        audit.append("latent_bias", frame.assign(model_id=model.model_id, sae_id=sae.sae_id, run_id=run_id))


def clear_metrics(audit: Audit, model: Model, sae: Sae | None, names: list[str]) -> None:
    """Remove numbers of an earlier run, whose groups may be others."""
    audit.connection.execute(
        "DELETE FROM metrics WHERE model_id = $model AND sae_id IS NOT DISTINCT FROM $sae "
        "AND list_contains($names, metric)",
        {"model": model.model_id, "sae": None if sae is None else sae.sae_id, "names": names},
    )


def list_metrics(audit: Audit) -> list[str]:
    """Stored names of numbers about lists, groups and vectors: everything but those of latents."""
    rows = audit.rows(
        "SELECT DISTINCT metric FROM metrics WHERE metric LIKE 'popularity.%@10' OR metric LIKE 'fairness.%' "
        "ORDER BY metric"
    )
    return [str(name) for (name,) in rows]


def is_audited(audit: Audit, model: Model) -> bool:
    """Whether the lists of a model have been looked at under its protocol."""
    return bool(
        audit.rows(
            "SELECT 1 FROM metrics WHERE model_id = ? AND sae_id IS NULL AND protocol = ? "
            "AND metric = 'popularity.gini@10' LIMIT 1",
            [model.model_id, model.protocol],
        )
    )


def contrasts(audit: Audit, sae: Sae) -> list[str]:
    """Contrasts stored for a dictionary."""
    rows = audit.rows(
        "SELECT DISTINCT contrast FROM latent_bias WHERE sae_id = ? ORDER BY contrast", [sae.sae_id]
    )
    return [str(row[0]) for row in rows]


def numbers(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """Numbers of this audit: ``metric, slice, value, low, high, n, unit, sae``.

    Args:
        sae: also those of this dictionary and of its controls.
    """
    return audit.frame(
        "SELECT metric, slice, value, low, high, n, m.unit, coalesce(s.role, '') AS sae FROM metrics m "
        "LEFT JOIN saes s USING (sae_id) WHERE m.model_id = $model "
        "AND (metric LIKE 'popularity.%' OR metric LIKE 'fairness.%') AND m.protocol IN ($protocol, $own) "
        "AND (m.sae_id IS NULL OR m.sae_id = $sae OR s.control_of = $sae) "
        "ORDER BY metric, slice, s.control_of NULLS FIRST, m.sae_id",
        {  # type: ignore[arg-type]
            "model": model.model_id,
            "protocol": model.protocol,
            "own": PROTOCOL,
            "sae": None if sae is None else sae.sae_id,
        },
    )


def latent_bias(
    audit: Audit, sae: Sae, *, contrast: str | None = None, part: str | None = None
) -> pd.DataFrame:
    """Figures of latents, by contrast, strongest first."""
    return audit.frame(
        "SELECT contrast, part, statistic, latent, value, low, high, p, q, n, mean_first, sd_first, mean_second, "
        "sd_second, expected FROM latent_bias WHERE sae_id = $sae AND contrast = coalesce($contrast, contrast) "
        "AND part = coalesce($part, part) "
        "ORDER BY contrast, part, statistic, abs(value - coalesce(expected, 0)) DESC, latent",
        {"sae": sae.sae_id, "contrast": contrast, "part": part},  # type: ignore[arg-type]
    )


def latent_names(audit: Audit, sae: Sae) -> dict[int, str]:
    """Latent to its name: by hand, else one that was verified."""
    rows = audit.rows(
        "SELECT latent, arg_min(text, (labeller <> ?, labeller, protocol)) FROM labels WHERE sae_id = ? "
        "AND (labeller = ? OR status = 'verified') GROUP BY latent",
        [BY_HAND, sae.sae_id, BY_HAND],
    )
    return {int(latent): str(name) for latent, name in rows}


def exposure(audit: Audit, model: Model, attribute: str | None = None) -> pd.DataFrame:
    """Exposure of concepts for everyone, or for the groups of an attribute, largest share first."""
    return audit.frame(
        'SELECT value AS "group", kind, concept, share, low, high, catalogue_share, profile_share, '
        "share / nullif(profile_share, 0) AS ratio, n FROM exposure WHERE model_id = ? AND protocol = ? "
        "AND attribute IS NOT DISTINCT FROM ? ORDER BY value, kind, share DESC, concept",
        [model.model_id, model.protocol, attribute],
    )
