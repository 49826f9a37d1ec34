"""What follows from the directions of a batch, stored: angles and maps, users, groups, latents."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.cav import geometry, latents, quality
from recaudit.analyses.cav.batch import Batch, rows_by_kind
from recaudit.analyses.cav.directions import Fits, Workbench
from recaudit.analyses.cav.sensitivity import Sensitivities, group_score
from recaudit.store import Audit, read
from recaudit.store import cav as store

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAP_DRAWS = 40
"""Bootstrap draws of each CAV that the map keeps as a cloud."""
LEAST_GROUP = 20
"""Users a group needs for a TCAV score."""
_MAPPED_MOST = 1500
"""CAVs of one kind beyond which pairs are too many to keep."""


def store_geometry(
    audit: Audit,
    batch: Batch,
    frame: pd.DataFrame,
    tested: IntArray,
    fits: Fits,
    draws: NDArray[np.float32],
    null: FloatArray,
) -> None:
    model_id = batch.material.model.model_id
    place = np.full(len(frame), -1)
    place[tested] = np.arange(len(tested))
    for rows in rows_by_kind(frame, batch).values():
        if not 2 <= len(rows) <= _MAPPED_MOST:
            continue
        cav_id = frame.loc[rows, "cav_id"].to_numpy()
        directions, drawn = fits.direction[place[rows]], draws[:, place[rows]]
        found = geometry.angles(directions, drawn)
        store.add(
            audit,
            "cav_angles",
            model_id,
            {
                "cav_id": cav_id[found.first],
                "other_id": cav_id[found.second],
                "cosine": found.cosine,
                "low": found.low,
                "high": found.high,
                "null_low": np.full(len(found.first), null[0]),
                "null_high": np.full(len(found.first), null[1]),
            },
        )
        flat = geometry.flat_map(directions)
        cloud = drawn[:MAP_DRAWS].astype(np.float64) @ flat.axes.T
        n_clouds = len(cloud)
        points = np.concatenate([flat.points[None], cloud]).reshape(-1, 2)
        draw = np.repeat(np.arange(-1, n_clouds), len(rows))
        store.add(
            audit,
            "cav_map",
            model_id,
            {
                "cav_id": np.tile(cav_id, n_clouds + 1),
                "draw": pd.arrays.IntegerArray(draw.astype(np.int32), draw < 0),
                "x": points[:, 0],
                "y": points[:, 1],
                "x_share": np.full(len(points), flat.share[0]),
                "y_share": np.full(len(points), flat.share[1]),
            },
        )


def store_sensitivities(audit: Audit, batch: Batch, cav_ids: IntArray, found: Sensitivities) -> None:
    users = batch.material.user
    store.add(
        audit,
        "sensitivities",
        batch.material.model.model_id,
        {
            "cav_id": np.repeat(cav_ids, len(users)),
            "user_id": np.tile(users, len(cav_ids)),
            "raw": found.raw.T.ravel(),
            "cosine": found.cosine.T.ravel(),
            "centred": found.centred.T.ravel(),
        },
    )


def store_groups(audit: Audit, batch: Batch, cav_ids: IntArray, found: Sensitivities) -> None:
    material = batch.material
    members = store.group_columns(audit, material.model.dataset_id)
    if not len(members["user_id"]):
        return
    groups = pd.DataFrame(members)
    rows = []
    for attribute, own in groups.groupby("attribute", sort=True):
        inside = np.isin(material.user, own["user_id"].to_numpy())
        positive = found.centred[inside] > 0
        users = material.user[inside]
        for value, group in own.groupby("value", sort=True):
            member = np.isin(users, group["user_id"].to_numpy())
            if not LEAST_GROUP <= member.sum() < len(users):
                continue
            score = group_score(positive, member)
            rows.append(
                pd.DataFrame(
                    {
                        "cav_id": cav_ids,
                        "attribute": attribute,
                        "value": value,
                        "n": score.n,
                        "share": score.share,
                        "low": score.low,
                        "high": score.high,
                        "elsewhere": score.elsewhere,
                        "p": score.p,
                    }
                )
            )
    if rows:
        frame = pd.concat(rows, ignore_index=True)
        frame["q"] = quality.false_discovery(frame["p"].to_numpy())
        store.add(audit, "cav_groups", material.model.model_id, frame)


def store_latents(
    audit: Audit,
    batch: Batch,
    cav_ids: IntArray,
    directions: FloatArray,
    found: Sensitivities,
    bench: Workbench,
    fits: Fits,
    tested: IntArray,
    shown: IntArray,
) -> None:
    from recaudit.analyses.cav.codes import codes_of  # sparse codes only where there is a dictionary

    material = batch.material
    place = np.searchsorted(tested, shown)
    raw = fits.direction[place] * fits.norm[place, None]
    item_scores = bench.scaled.x @ raw.T if bench.scaled.unit else material.vectors @ raw.T
    for sae in read.saes(audit, material.model.model_id):
        # A direction of item vectors has a cosine with what a dictionary of user vectors writes only if they share
        # a space; correlations of codes need none.
        decoder = None
        if sae.dim == directions.shape[1] and (material.shared or "item" in sae.entity_kinds):
            rows = read.vectors(audit, material.model.model_id, sae.dim, "decoder", sae.sae_id)[1]
            decoder = rows.astype(np.float64)
        links = latents.linked(
            directions,
            decoder,
            codes_of(audit, sae, "case", material.case_id),
            found.raw,
            codes_of(audit, sae, "item", material.item_id),
            item_scores,
            sae.n_latents,
        )
        store.add(
            audit,
            "cav_latents",
            material.model.model_id,
            {
                "cav_id": cav_ids[links.cav],
                "sae_id": sae.sae_id,
                "latent": links.latent,
                "cosine": links.cosine,
                "case_correlation": _nullable(links.case_correlation),
                "item_correlation": _nullable(links.item_correlation),
            },
        )


def _nullable(values: FloatArray) -> pd.api.extensions.ExtensionArray:
    return pd.arrays.FloatingArray(values.astype(np.float64), np.isnan(values))
