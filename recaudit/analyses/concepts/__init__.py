"""What a dictionary's latents stand for: concepts it covers, concepts it misses, how alike a latent's items are.

Any dictionary goes through ``analyse_dictionary``: a sparse autoencoder, an untrained one, the model's
neurons, principal axes. ``inputs`` says how items get scores from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.analyses.concepts import coverage, decades, embeddings, inputs, monosemanticity, nulls, pairs
from recaudit.analyses.concepts.embeddings import TextEncoder
from recaudit.analyses.concepts.inputs import AttributedScores, Entities
from recaudit.errors import NoVerdictError
from recaudit.metrics.selection import MatrixScores, Scores
from recaudit.store import Audit, concepts, read, reading, write, writing
from recaudit.store.read import Catalogue, Model, Sae
from recaudit.store.write import Metric, Run
from recaudit.text import printable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Entities with their scores in a dictionary and in random ones, under one rule."""

    rule: str
    entities: Entities
    scores: Scores
    nulls: Sequence[Scores]
    is_code: bool
    """The scores are codes: a latent fires on an entity, or does not."""


def analyse(
    audit: Audit,
    model: Model,
    sae: Sae,
    controls: Sequence[Sae],
    *,
    seed: int,
    run: Run,
    encode_text: TextEncoder | None = None,
) -> None:
    """Look at a dictionary and its controls the same way; store tables and metrics, replacing earlier ones.

    Args:
        encode_text: makes the independent item embedding from titles; by default it is made from metadata.

    Raises:
        NoVerdictError: the default rule needs recommendations and none are stored.
    """
    catalogue = read.catalogue(audit, model)
    everyone = inputs.items(audit, model, catalogue)
    users = inputs.users(audit, model)
    independent = _independent(audit, model, everyone, encode_text, seed)
    own: dict[str, coverage.Coverage] = {}
    for dictionary in (sae, *controls):
        found = {}
        for rule in inputs.rules_for(audit, model, dictionary):
            scored = item_scores(audit, model, dictionary, rule, catalogue, everyone, seed=seed)
            found[rule] = _store_items(
                audit, model, dictionary, scored, catalogue, everyone, independent, seed, run
            )
        if "case" in dictionary.entity_kinds and users.labels.shape[1]:
            found["case"] = _store_users(audit, model, dictionary, users, seed, run)
        for rule in own.keys() & found.keys():
            # The same entities in the same halves: differences are paired.
            beside = coverage.over_control(own[rule], found[rule], dictionary.role, seed=seed)
            _store_metrics(audit, model, sae, rule, beside, seed, run)
        own = own or found


def missing(db: Path, name: str | None, sae: str | None = None) -> bool:
    """Whether the concepts of a dictionary have not been looked at yet.

    Args:
        sae: its name; None means the newest autoencoder.

    Raises:
        NoVerdictError: the model has no sparse autoencoder.
    """
    with reading(db) as audit:
        return not concepts.is_analysed(audit, read.sae_of(audit, read.model_named(audit, name), sae))


def ensure(
    db: Path,
    name: str | None,
    *,
    sae: str | None = None,
    seed: int = 0,
    again: bool = False,
    text_encoder: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Analyse the concepts of a dictionary and its controls, unless it has been done.

    Args:
        sae: as for ``missing``; a control's name stands for the dictionary that it is beside.
        again: also where it has been done.
        text_encoder: model of sentence-transformers whose vectors of titles and genres are the independent
            embedding; metadata by default.
        arguments: for the ``runs`` table, beside the model's and the dictionary's name.

    Raises:
        NoVerdictError: the model has no sparse autoencoder, or no recommendations are stored.
        EnvironmentProblem: the text encoder cannot be had.
    """
    if not again and not missing(db, name, sae):
        return
    encode = None if text_encoder is None else embeddings.sentence_encoder(text_encoder)
    with writing(db) as audit:
        model = read.model_named(audit, name)
        found = _dictionary_of(audit, model, sae)
        said = {"model": model.name, "sae": found.name, **(arguments or {})}
        if text_encoder is not None:
            said["text_encoder"] = text_encoder
        run = Run("concepts", said, seed, [model.sha256, found.sha256])
        write.add_run(audit, run)
        controls = read.controls(audit, model.model_id, found)
        analyse(audit, model, found, controls, seed=seed, run=run, encode_text=encode)


def _dictionary_of(audit: Audit, model: Model, name: str | None) -> Sae:
    found = read.sae_of(audit, model, name)
    if found.control_of is None:
        return found
    return next(
        beside for beside in read.dictionaries(audit, model.model_id) if beside.sae_id == found.control_of
    )


def item_scores(
    audit: Audit, model: Model, sae: Sae, rule: str, catalogue: Catalogue, everyone: Entities, *, seed: int
) -> Scored:
    """Items with their scores under a rule, and the same from random directions that fire as often.

    Raises:
        NoVerdictError: no case goes with any item under the rule.
    """
    if rule == "item":
        codes = inputs.codes(audit, sae, "item", everyone.ids)
        random = nulls.random_dictionaries(catalogue.vectors, np.diff(codes.indptr), seed=seed)
        return Scored(
            rule, everyone, MatrixScores(codes), [MatrixScores(draw.codes) for draw in random], True
        )
    if rule == "direct":
        _, decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)
        drawn = nulls.random_directions(len(decoder), sae.dim, seed=seed)
        found = [inputs.direct_scores(directions, catalogue) for directions in drawn]
        return Scored(rule, everyone, inputs.direct_scores(decoder, catalogue), found, False)
    entities, case_ids, pairs_ = inputs.attribution(audit, model, rule, everyone)
    if not len(case_ids):
        raise NoVerdictError(
            f"no case of model {printable(model.name)} goes with any item by {rule}",
            fix="run `recaudit report` first: it makes the recommendations",
        )
    codes = inputs.codes(audit, sae, "case", case_ids)
    cases = read.cases(audit, model, read.AUDITED_KINDS)
    vectors = cases.vectors[np.searchsorted(cases.case_id, case_ids)]
    random = nulls.random_dictionaries(vectors, np.diff(codes.indptr), seed=seed)
    return Scored(
        rule,
        entities,
        AttributedScores(pairs_, codes),
        [AttributedScores(pairs_, draw.codes) for draw in random],
        False,
    )


def _store_items(
    audit: Audit,
    model: Model,
    sae: Sae,
    scored: Scored,
    catalogue: Catalogue,
    everyone: Entities,
    independent: FloatArray | None,
    seed: int,
    run: Run,
) -> coverage.Coverage:
    entities, scores = scored.entities, scored.scores
    covered = coverage.covered(scores, scored.nulls, entities, seed=seed)
    table, metrics = pairs.all_pairs(scores, entities, fires_above_zero=scored.is_code)
    metrics += coverage.metrics(covered)
    random = scored.nulls[0]
    metrics += pairs.enriched_share(random, entities, fires_above_zero=scored.is_code)
    tables = {"concept_coverage": covered.table, "latent_concepts": table}
    # A direct effect can be negative: it is no weight, and has no strongest 200 of those that fire.
    if scored.rule != "direct":
        place = np.searchsorted(everyone.ids, entities.ids)
        spaces = {} if independent is None else {"independent": independent[place]}
        spaces["own"] = catalogue.vectors[place].astype(np.float64)
        latent_scores, more = monosemanticity.latent_scores(scores, entities, spaces, seed=seed)
        concentrated, histogram, temporal = decades.decades(scores, entities, seed=seed)
        parts = [part for part in (latent_scores, concentrated) if len(part)]
        tables["latent_scores"] = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        tables["latent_decades"] = histogram
        metrics += [*more, *temporal]
        metrics += monosemanticity.of_random(random, entities, spaces, seed=seed)
        metrics += decades.of_random(random, entities, seed=seed)
    concepts.replace(audit, model, sae, scored.rule, run.run_id, **tables)
    _store_metrics(audit, model, sae, scored.rule, metrics, seed, run)
    return covered


def _store_users(
    audit: Audit, model: Model, sae: Sae, users: Entities, seed: int, run: Run
) -> coverage.Coverage:
    codes = inputs.codes(audit, sae, "case", users.ids)
    cases = read.cases(audit, model, read.NEWEST_KINDS)
    random = nulls.random_dictionaries(cases.vectors, np.diff(codes.indptr), seed=seed)
    scores = MatrixScores(codes)
    covered = coverage.covered(scores, [MatrixScores(draw.codes) for draw in random], users, seed=seed)
    table, metrics = pairs.all_pairs(scores, users, fires_above_zero=True)
    tables = {"concept_coverage": covered.table, "latent_concepts": table}
    concepts.replace(audit, model, sae, "case", run.run_id, **tables)
    _store_metrics(audit, model, sae, "case", [*metrics, *coverage.metrics(covered)], seed, run)
    return covered


def _store_metrics(
    audit: Audit, model: Model, sae: Sae, rule: str, metrics: list[Metric], seed: int, run: Run
) -> None:
    write.replace_metrics(
        audit, model.model_id, sae.sae_id, metrics, protocol=f"concepts by {rule}", seed=seed, run=run
    )


def _independent(
    audit: Audit, model: Model, everyone: Entities, encode_text: TextEncoder | None, seed: int
) -> FloatArray | None:
    """Item vectors that know nothing of the recommender, or None where the data says nothing about items."""
    titles = concepts.titles(audit, model.dataset_id)
    own = [titles[item] for item in everyone.ids]
    labels: csr_array = everyone.labels
    if encode_text is not None:
        return embeddings.from_text(embeddings.descriptions(labels, everyone.concepts, own), encode_text)
    return embeddings.from_metadata(labels, everyone.concepts, own, seed=seed)
