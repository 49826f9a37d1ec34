"""What a conditioned model's vectors say about its conditions, and how much of that was built in.

A condition that enters a network as a column of its first layer moves all users the same way, trained or
not: clusters by condition are no finding. The distances *between* conditions are, as far as an untrained
network, the columns alone and the overlap of the items do not already give them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.cav import network
from recaudit.analyses.cav.conditioned_findings import said
from recaudit.analyses.cav.conditioned_ranking import Ranked, ranked, ranking
from recaudit.analyses.cav.latent_space import Laid, centroids, laid_out
from recaudit.errors import UsageError
from recaudit.metrics import clusters
from recaudit.store import Audit, conditions, read, views, write
from recaudit.store import cav as store
from recaudit.store.read import CaseRows, Model
from recaudit.store.write import Run
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PROTOCOL = "conditions"
USERS = 2000
"""Users whose vectors are laid out, drawn with the seed where there are more, as in the source."""
UNTRAINED = 10
"""Re-initialised networks that a control is averaged over."""
NEUTRAL = frozenset({"(no genres listed)", "imax", "unknown"})
"""Conditions that are no genre: left out of the components unless nothing else is named."""


def wanted(audit: Audit, model: Model) -> bool:
    """Whether the model has conditioned cases."""
    return bool(views.conditions(audit, model))


def stored(audit: Audit, model: Model) -> bool:
    """Whether its conditions were looked at before."""
    return bool(conditions.spaces(audit, model))


def analyse(
    audit: Audit,
    model: Model,
    run: Run,
    *,
    checkpoint: Path | None = None,
    drop: tuple[str, ...] = (),
    seed: int = 0,
) -> None:
    """Components, centroids, distances, rankings and controls of a conditioned model, replacing earlier ones.

    Args:
        checkpoint: the model's file, for its code space and the untrained control.
        drop: conditions left out of components, centroids and controls; by default the neutral ones.

    Raises:
        UsageError: no such condition to drop.
    """
    names = views.conditions(audit, model)
    dropped = _dropped(names, drop)
    cases, condition = _cases(audit, model, names, seed)
    kept_names = [name for name in names if name not in dropped]
    has = _items_of(audit, model, kept_names)
    # Conditions are renumbered without the dropped ones, whose rows leave.
    number = np.array([kept_names.index(name) if name in kept_names else -2 for name in names] + [-1])
    condition_kept = number[condition]
    known = _known_pairs(audit, model, cases, condition_kept, has)
    laid = [
        laid_out(
            "probe",
            cases.vectors.astype(np.float64),
            cases.user,
            condition_kept,
            len(kept_names),
            seed,
            known,
        )
    ]
    controls: dict[str, list[FloatArray]] = {}
    if has.any():
        controls["items"] = [_jaccard_distance(has)]
    if checkpoint is not None:
        more, untrained, columns = _from_network(
            audit, model, checkpoint, cases, condition, condition_kept, kept_names, names, seed, known
        )
        laid += more
        controls["untrained"] = untrained
        controls["columns"] = [columns]
    conditions.clear(audit, model.model_id)
    judged = _rankings(audit, model, cases, condition, names, kept_names, has, seed)
    for space in laid:
        _store_space(audit, model, space, cases, condition_kept, kept_names, dropped, has, judged)
        if space.name not in controls:  # of untrained networks the mean over several is kept
            _store_distances(audit, model, space.name, space.centroids.distance, kept_names)
    for space_name, matrices in controls.items():
        _store_distances(audit, model, space_name, np.mean(matrices, axis=0), kept_names)
    metrics, findings = said(model, laid, controls, kept_names, dropped, has, judged, seed)
    write.replace_metrics(audit, model.model_id, None, metrics, protocol=PROTOCOL, seed=seed, run=run)
    write.replace_findings(audit, model.model_id, PROTOCOL, [(None, one) for one in findings], run)


def summary(audit: Audit, model: Model) -> list[str]:
    """Sentences about the conditions, for the command line."""
    return store.sentences(audit, model.model_id, PROTOCOL)


def _dropped(names: list[str], drop: tuple[str, ...]) -> list[str]:
    unknown = [name for name in drop if name not in names]
    if unknown:
        raise UsageError(
            f"no condition {printable(unknown[0])}",
            fix=f"choose from: {', '.join(printable(n, 24) for n in names)}",
        )
    dropped = list(drop) or [name for name in names if name.lower() in NEUTRAL]
    if len(names) - len(dropped) < 3:
        raise UsageError("fewer than three conditions would be left", fix="drop fewer")
    return dropped


def _cases(audit: Audit, model: Model, names: list[str], seed: int) -> tuple[CaseRows, IntArray]:
    """Profiles and conditioned cases of users who have both, and each one's condition (-1 for none)."""
    known = conditions.case_conditions(audit, model)
    rows = read.cases(audit, model, ("profile", "conditioned"))
    place = np.searchsorted(rows.case_id, known["case_id"])
    users = np.unique(rows.user[place])
    if len(users) > USERS:
        users = np.sort(np.random.default_rng([seed, 9]).choice(users, USERS, replace=False))
    chosen = np.isin(rows.user[place], users)
    place = place[chosen]
    number = {name: index for index, name in enumerate(names)}
    condition = np.array(
        [-1 if name is None else number[name] for name in known["condition"][chosen]], np.int64
    )
    cases = CaseRows(
        rows.case_id[place], rows.user[place], rows.kind[place], rows.history_end[place], rows.vectors[place]
    )
    return cases, condition


def _items_of(audit: Audit, model: Model, names: list[str]) -> BoolArray:
    """[dense items, conditions]: which items have the concept that a condition is named after."""
    n_items = read.count(audit, "items", model.dataset_id)
    concepts = store.concepts(audit, model.dataset_id, np.arange(n_items))
    found = np.zeros((n_items, len(names)), bool)
    folded = [str(name).casefold() for name in concepts.name]
    for column, name in enumerate(names):
        if name.casefold() in folded:
            found[:, column] = concepts.has[:, folded.index(name.casefold())]
    return found


def _known_pairs(
    audit: Audit, model: Model, cases: CaseRows, condition: IntArray, has: BoolArray
) -> BoolArray:
    """[cases] whether the user has an item with the condition's concept, as in training; true without a concept."""
    user, item = conditions.profile_items(audit, model)
    owns = np.zeros((int(max(user.max(initial=0), cases.user.max(initial=0))) + 1, has.shape[1]), bool)
    for column in range(has.shape[1]):
        owns[user[has[item, column]], column] = True
    owns[:, ~has.any(axis=0)] = True
    return (condition < 0) | owns[cases.user, np.maximum(condition, 0)]


def _jaccard_distance(has: BoolArray) -> FloatArray:
    """1 - shared items over all items of two concepts; NaN for a condition without a concept of its name."""
    both = has.T.astype(np.float64) @ has
    size = np.diag(both)
    either = size[:, None] + size[None] - both
    distance = 1 - np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    np.fill_diagonal(distance, 0)
    distance[size == 0] = distance[:, size == 0] = np.nan
    return distance


def _from_network(
    audit: Audit,
    model: Model,
    checkpoint: Path,
    cases: CaseRows,
    condition: IntArray,
    condition_kept: IntArray,
    kept_names: list[str],
    names: list[str],
    seed: int,
    known: BoolArray,
) -> tuple[list[Laid], list[FloatArray], FloatArray]:
    """Code space, a re-initialised network's, the distances of several such, and of the condition columns."""
    net = network.opened(audit, model, checkpoint, cases.user, condition)
    n = len(kept_names)
    laid = [laid_out("latent", net.codes(), cases.user, condition_kept, n, seed, known)]
    untrained = []
    for draw in range(UNTRAINED):
        codes = net.untrained_codes(seed * UNTRAINED + draw)
        if draw == 0:
            laid.append(laid_out("untrained", codes, cases.user, condition_kept, n, seed))
        untrained.append(centroids(codes, condition_kept, n).distance)
    columns = net.condition_columns()[[names.index(name) for name in kept_names]]
    return laid, untrained, clusters.distances(columns)


def _rankings(
    audit: Audit,
    model: Model,
    cases: CaseRows,
    condition: IntArray,
    names: list[str],
    kept_names: list[str],
    has: BoolArray,
    seed: int,
) -> dict[str, Ranked]:
    data = ranking(audit, model, cases, condition)
    found = {}
    for column, name in enumerate(kept_names):
        one = ranked(data, names.index(name), has[:, column], seed) if has[:, column].any() else None
        if one is not None:
            found[name] = one
    return found


def _store_space(
    audit: Audit,
    model: Model,
    space: Laid,
    cases: CaseRows,
    condition: IntArray,
    names: list[str],
    dropped: list[str],
    has: BoolArray,
    judged: dict[str, Ranked],
) -> None:
    fitted, middle = space.components, space.centroids
    n_axes = len(fitted.axes)
    store.add(
        audit,
        "condition_axes",
        model.model_id,
        pd.DataFrame(
            {
                "space": space.name,
                "axis": np.arange(1, n_axes + 1),
                "variance": fitted.variance,
                "eta_squared": fitted.eta_squared,
                "dropped": pd.Series([list(dropped)] * n_axes, dtype=object),
            }
        ),
    )
    shown = condition >= -1
    label = np.array([*names, None], dtype=object)
    store.add(
        audit,
        "condition_points",
        model.model_id,
        pd.DataFrame(
            {
                "space": space.name,
                "user_id": cases.user[shown],
                "condition": label[condition[shown]],
                "place": pd.Series(space.places[shown].tolist(), dtype=object),
            }
        ),
    )
    told = judged if space.name == "probe" else {}
    rows = [
        {
            "space": space.name,
            "condition": name,
            "radius": float(middle.radius[column]),
            "n_items": int(has[:, column].sum()) or None,
            "n_cases": int((condition == column).sum()),
            **_ranking_columns(told.get(name)),
        }
        for column, name in enumerate(names)
    ]
    rows.append(
        {
            "space": space.name,
            "condition": None,
            "radius": middle.none_radius,
            "n_items": None,
            "n_cases": int((condition == -1).sum()),
            **_ranking_columns(None),
        }
    )
    frame = pd.DataFrame(rows)
    for name in ("n_items", "n_ranked"):
        frame[name] = pd.array(frame[name], dtype="Int32")
    for name in ("ndcg", "ndcg_low", "ndcg_high", "ndcg_within", "hit_share", "hit_share_none"):
        frame[name] = pd.array(frame[name], dtype="Float64")
    store.add(audit, "condition_centroids", model.model_id, frame)


def _ranking_columns(one: Ranked | None) -> dict[str, float | int | None]:
    return {
        "ndcg": one.ndcg.value if one else None,
        "ndcg_low": one.ndcg.low if one else None,
        "ndcg_high": one.ndcg.high if one else None,
        "ndcg_within": one.ndcg_within if one else None,
        "hit_share": one.hit_share if one else None,
        "hit_share_none": one.hit_share_none if one else None,
        "n_ranked": one.ndcg.n if one else None,
    }


def _store_distances(audit: Audit, model: Model, space: str, distance: FloatArray, names: list[str]) -> None:
    first, second = np.triu_indices(len(names), 1)
    known = ~np.isnan(distance[first, second])
    first, second = first[known], second[known]
    store.add(
        audit,
        "condition_distances",
        model.model_id,
        {
            "space": space,
            "condition": np.array(names, dtype=object)[first],
            "other": np.array(names, dtype=object)[second],
            "distance": distance[first, second],
        },
    )
