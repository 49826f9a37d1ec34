"""One run: fit, judge, hold against users and ratings, lay out, store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.cav import alignment, findings, geometry, latents, quality, ratings
from recaudit.analyses.cav.alignment import Answer, UserRatings
from recaudit.analyses.cav.directions import Fits, Workbench, fitted, resampled, workbench
from recaudit.analyses.cav.labels import Labels, contrasted, labelled
from recaudit.analyses.cav.material import Material, load
from recaudit.analyses.cav.quality import INSUFFICIENT, PRESENT, UNSTABLE, Quality
from recaudit.analyses.cav.ratings import Ratings
from recaudit.analyses.cav.sensitivity import Sensitivities, group_score, sensitivities
from recaudit.analyses.cav.settings import Settings
from recaudit.store import Audit, read, write
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.store.write import Metric, Run

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Progress = Callable[[str], None]

MAP_DRAWS = 40
"""Bootstrap draws of each CAV that the map keeps as a cloud."""
LEAST_GROUP = 20
"""Users a group needs for a TCAV score."""
RATING_DRAWS = 2000
_MAPPED_MOST = 1500
"""CAVs of one kind beyond which pairs are too many to keep."""


@dataclass(frozen=True)
class _Batch:
    """CAVs fitted together; arrays [concepts]."""

    material: Material
    settings: Settings
    concept: IntArray
    """Places in ``material.concepts``."""
    against: IntArray
    """Likewise, -1 for none."""
    labels: Labels
    enough: BoolArray


def analyse(
    audit: Audit,
    model: Model,
    settings: Settings,
    run: Run,
    *,
    ratings_path: Path | None = None,
    progress: Progress = lambda stage: None,
) -> None:
    """CAVs of every concept with enough items, and everything that hangs on them, replacing earlier ones.

    Raises as ``material.load`` and ``ratings.of_file``.
    """
    material = load(audit, model, settings)
    concepts = material.concepts
    labels = labelled(concepts.has, concepts.kind, material.decile, settings)
    everyone = np.arange(len(concepts.concept_id))
    batch = _Batch(
        material, settings, everyone, np.full(len(everyone), -1), labels, _enough(labels, settings)
    )
    store.remove_variant(audit, model.model_id, settings.variant)
    _run(audit, batch, run, ratings_path, progress)


def analyse_pair(
    audit: Audit,
    model: Model,
    settings: Settings,
    pair: tuple[int, int],
    run: Run,
    *,
    ratings_path: Path | None = None,
    progress: Progress = lambda stage: None,
) -> None:
    """A relative CAV: items with one concept only against items with the other only (concept ids)."""
    material = load(audit, model, settings)
    first, second = (int(np.searchsorted(material.concepts.concept_id, concept)) for concept in pair)
    labels = contrasted(material.concepts.has, first, second)
    batch = _Batch(
        material, settings, np.array([first]), np.array([second]), labels, _enough(labels, settings)
    )
    store.remove_variant(audit, model.model_id, settings.variant, [pair])
    _run(audit, batch, run, ratings_path, progress)


def _enough(labels: Labels, settings: Settings) -> BoolArray:
    return np.minimum(labels.n_positive, labels.n_negative) >= settings.least_items


def _run(audit: Audit, batch: _Batch, run: Run, ratings_path: Path | None, progress: Progress) -> None:
    material, settings, model = batch.material, batch.settings, batch.material.model
    first_id = store.next_cav_id(audit)
    tested = np.flatnonzero(batch.enough)
    frame = _described(batch, first_id, run)
    if len(tested):
        labels = batch.labels.only(tested)
        progress(f"fitting {len(tested)} concepts")
        bench = workbench(material.vectors, labels, settings)
        fits, solution = fitted(bench, labels, settings)
        rng = np.random.default_rng([settings.seed, 7])
        n = len(material.vectors)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=settings.bootstraps).T.astype(np.float64)
        progress("held-out quality")
        judged = quality.held_out(bench, labels, fits, counts, settings)
        progress(f"{settings.permutations:,} permutations")
        p = quality.permutation_p(bench, labels, fits, material.decile, settings)
        progress(f"{settings.bootstraps} bootstraps")
        draws = resampled(bench, labels, fits, solution, counts)
        null = np.quantile(
            quality.random_cosines(bench, labels, fits, material.decile, settings), [0.025, 0.975]
        )
        _fill(frame, tested, fits, judged, p, quality.stability(draws), settings)
    _place(frame, batch)
    store.add(audit, "cavs", model.model_id, frame)
    metrics = _quality_metrics(frame, batch)
    if len(tested):
        progress("angles and maps")
        _store_geometry(audit, batch, frame, tested, fits, draws, null)
        shown = frame.index[frame["verdict"].isin([PRESENT, UNSTABLE])].to_numpy()
        if len(shown):
            progress("users, groups, latents")
            directions = np.stack(frame.loc[shown, "direction"].to_list())
            found = sensitivities(material.gradients, directions)
            cav_ids = frame.loc[shown, "cav_id"].to_numpy()
            _store_sensitivities(audit, batch, cav_ids, found)
            _store_groups(audit, batch, cav_ids, found)
            _store_latents(audit, batch, cav_ids, directions, found, bench, fits, tested, shown)
            progress("ratings")
            metrics += _store_alignment(audit, batch, frame.loc[shown], found, ratings_path, progress)
    write.replace_metrics(
        audit, model.model_id, None, metrics, protocol=settings.variant, seed=settings.seed, run=run
    )
    said = findings.about(audit, model, settings)
    write.replace_findings(
        audit, model.model_id, settings.variant, [(None, finding) for finding in said], run
    )


def _described(batch: _Batch, first_id: int, run: Run) -> pd.DataFrame:
    concept_id = batch.material.concepts.concept_id
    against = pd.array(
        [None if other < 0 else int(concept_id[other]) for other in batch.against], dtype="Int32"
    )
    n = len(batch.concept)
    empty = np.full(n, np.nan)
    return pd.DataFrame(
        {
            "cav_id": first_id + np.arange(n),
            "variant": batch.settings.variant,
            "concept_id": concept_id[batch.concept],
            "against_id": against,
            "n_positive": batch.labels.n_positive,
            "n_negative": batch.labels.n_negative,
            "direction": pd.Series([None] * n, dtype=object),
            "fold_auc": pd.Series([None] * n, dtype=object),
            **{name: pd.array(empty, dtype="Float64") for name in _NUMBERS},
            "verdict": INSUFFICIENT,
            "run_id": run.run_id,
        }
    )


_NUMBERS = (
    *("c", "norm", "intercept", "auc", "auc_low", "auc_high", "average_precision", "base_rate"),
    *("balanced_accuracy", "p", "q", "stability"),
)


def _fill(
    frame: pd.DataFrame,
    tested: IntArray,
    fits: Fits,
    judged: Quality,
    p: FloatArray,
    steady: FloatArray,
    settings: Settings,
) -> None:
    q = quality.false_discovery(p)
    columns = {
        "c": fits.penalty,
        "norm": fits.norm,
        "intercept": fits.intercept,
        "auc": judged.auc,
        "auc_low": judged.low,
        "auc_high": judged.high,
        "average_precision": judged.average_precision,
        "base_rate": judged.base_rate,
        "balanced_accuracy": judged.balanced_accuracy,
        "p": p,
        "q": q,
        "stability": steady,
    }
    for name, values in columns.items():
        frame.loc[tested, name] = values
    for row, direction, folds in zip(tested, fits.direction, judged.fold_auc, strict=True):
        frame.at[row, "direction"] = direction.tolist()
        frame.at[row, "fold_auc"] = folds.tolist()
    frame.loc[tested, "verdict"] = [
        quality.verdict(True, q_, low, stable, settings)
        for q_, low, stable in zip(q, judged.low, steady, strict=True)
    ]


def _kinds(frame: pd.DataFrame, batch: _Batch) -> dict[str, IntArray]:
    """Rows of fitted single concepts by kind; relative CAVs have no kind to be laid out with."""
    fitted_rows = frame["direction"].notna().to_numpy() & (batch.against < 0)
    kind = batch.material.concepts.kind[batch.concept]
    return {name: np.flatnonzero(fitted_rows & (kind == name)) for name in dict.fromkeys(kind)}


def _place(frame: pd.DataFrame, batch: _Batch) -> None:
    frame["place"] = pd.array([None] * len(frame), dtype="Int32")
    for rows in _kinds(frame, batch).values():
        if len(rows):
            directions = np.stack([frame.at[row, "direction"] for row in rows])
            frame.loc[rows, "place"] = geometry.clustered_order(directions)


def _quality_metrics(frame: pd.DataFrame, batch: _Batch) -> list[Metric]:
    found = []
    for row in frame[frame["auc"].notna()].itertuples():
        slice_ = _slice(batch, int(row.Index))
        n = int(row.n_positive)
        found.append(Metric("cav.auc", row.auc, n, row.auc_low, row.auc_high, "items", "higher", slice_))
        for name, better in (("p", "lower"), ("q", "lower"), ("stability", "higher")):
            found.append(
                Metric(f"cav.{name}", getattr(row, name), n, unit="items", better=better, slice=slice_)
            )
    if (batch.against < 0).all():
        n_tested = int(frame["auc"].notna().sum())
        present = int((frame["verdict"] == PRESENT).sum())
        found.append(Metric("cav.present", present, n_tested, unit="concepts", better="none"))
    return found


def _slice(batch: _Batch, row: int) -> dict[str, str]:
    concepts = batch.material.concepts
    own, other = int(batch.concept[row]), int(batch.against[row])
    found = {"concept": str(concepts.name[own]), "kind": str(concepts.kind[own])}
    return found if other < 0 else {**found, "against": str(concepts.name[other])}


def _store_geometry(
    audit: Audit,
    batch: _Batch,
    frame: pd.DataFrame,
    tested: IntArray,
    fits: Fits,
    draws: NDArray[np.float32],
    null: FloatArray,
) -> None:
    model_id = batch.material.model.model_id
    place = np.full(len(frame), -1)
    place[tested] = np.arange(len(tested))
    for rows in _kinds(frame, batch).values():
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


def _store_sensitivities(audit: Audit, batch: _Batch, cav_ids: IntArray, found: Sensitivities) -> None:
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


def _store_groups(audit: Audit, batch: _Batch, cav_ids: IntArray, found: Sensitivities) -> None:
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


def _store_latents(
    audit: Audit,
    batch: _Batch,
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
        if sae.dim != directions.shape[1]:
            continue  # a head whose item vectors live in another space than what the dictionary reads
        decoder = read.vectors(audit, material.model.model_id, sae.dim, "decoder", sae.sae_id)[1]
        links = latents.linked(
            directions,
            decoder.astype(np.float64),
            codes_of(audit, sae, "case", material.case_id),
            found.raw,
            codes_of(audit, sae, "item", material.item_id),
            item_scores,
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


def _store_alignment(
    audit: Audit,
    batch: _Batch,
    shown: pd.DataFrame,
    found: Sensitivities,
    ratings_path: Path | None,
    progress: Progress,
) -> list[Metric]:
    material, model = batch.material, batch.material.model
    every = (
        ratings.of_audit(audit, model)
        if ratings_path is None
        else ratings.of_file(audit, model, ratings_path)
    )
    if not len(every.rating):
        return []
    n_users = read.count(audit, "users", model.dataset_id)
    n_items = read.count(audit, "items", model.dataset_id)
    profiles, train_user, train_item = ratings.profiles(audit, model, n_users)
    has = store.concepts(audit, model.dataset_id, np.arange(n_items)).has
    held_out = every.held_out()
    sources = {"all": every, "held-out": held_out}
    chosen_by_rating = _chosen_by_rating(every)
    user_frames, rows = [], []
    for number, row in enumerate(shown.itertuples()):
        concept = int(batch.concept[int(row.Index)])
        own = has[:, concept]
        n_own = np.bincount(train_user[own[train_item]], minlength=n_users)
        share = n_own / np.maximum(profiles.activity, 1)
        by_user = {
            name: _by_user(values[:, number], material.user, n_users)
            for name, values in (("raw", found.raw), ("cosine", found.cosine))
        }
        answers: dict[str, list[Answer]] = {}
        for source, some in sources.items():
            rated = alignment.rated(some.user, own[some.item], some.rating, n_users)
            if batch.against[int(row.Index)] < 0:
                user_frames.append(_rating_frame(rated, int(row.concept_id), source))
            answers[source] = alignment.answered(
                by_user, rated, share, profiles, draws=RATING_DRAWS, seed=batch.settings.seed
            )
        main = "held-out" if answers["held-out"] and not chosen_by_rating else "all"
        for source, said in answers.items():
            rows += [_alignment_row(int(row.cav_id), source, source == main, answer) for answer in said]
    store.replace_ratings(audit, model.model_id, user_frames)
    if not rows:
        return []
    frame = pd.DataFrame(rows).dropna(subset=["value"])
    asked = ["ratings", "sensitivity", "rating", "adjusted", "correlation"]
    frame["q"] = frame.groupby(asked)["p"].transform(lambda p: quality.false_discovery(p.to_numpy()))
    store.add(audit, "cav_alignment", model.model_id, frame)
    row_of = {int(cav): int(row) for row, cav in zip(shown.index, shown["cav_id"], strict=True)}
    return _alignment_metrics(frame, batch, row_of)


def _chosen_by_rating(every: Ratings) -> bool:
    """Whether training took high ratings only: held-out ratings are then the low ones it left."""
    if every.train.all() or not every.train.any():
        return False
    return bool(every.rating[every.train].min() > every.rating[~every.train].min())


def _by_user(values: FloatArray, users: IntArray, n_users: int) -> FloatArray:
    found = np.full(n_users, np.nan)
    found[users] = values
    return found


def _rating_frame(rated: UserRatings, concept_id: int, source: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "concept_id": concept_id,
            "ratings": source,
            "user_id": rated.user,
            "inside": rated.inside,
            "outside": rated.outside,
            "n_inside": rated.n_inside,
            "n_outside": rated.n_outside,
        }
    )


def _alignment_row(cav_id: int, source: str, main: bool, answer: Answer) -> dict[str, object]:
    return {
        "cav_id": cav_id,
        "ratings": source,
        "main": main,
        "sensitivity": answer.question.sensitivity,
        "rating": answer.question.rating,
        "adjusted": answer.question.adjusted,
        "correlation": "spearman" if answer.question.ranks else "pearson",
        "value": answer.found.value,
        "low": answer.found.low,
        "high": answer.found.high,
        "p": answer.found.p,
        "n": answer.found.n,
        "smallest": answer.smallest,
    }


def _alignment_metrics(frame: pd.DataFrame, batch: _Batch, row_of: dict[int, int]) -> list[Metric]:
    plain = frame[frame["main"] & (frame["sensitivity"] == "raw") & ~frame["adjusted"]]
    found = []
    for row in plain.itertuples():
        slice_ = {**_slice(batch, row_of[int(row.cav_id)]), "ratings": str(row.ratings)}
        name = "cav.share_spearman" if row.rating == "share" else f"cav.rating_{row.correlation}"
        if row.rating == "share" and row.correlation == "pearson":
            continue
        if row.rating != "share":
            slice_["centred"] = "yes" if row.rating == "centred" else "no"
        found.append(Metric(name, row.value, int(row.n), row.low, row.high, "users", "none", slice_))
    centred = plain[(plain["rating"] == "centred") & (plain["correlation"] == "spearman")]
    if (batch.against < 0).all() and len(centred):
        aligned = int(((centred["low"] > 0) & (centred["q"] <= batch.settings.level)).sum())
        found.append(Metric("cav.aligned", aligned, len(centred), unit="concepts"))
    return found
