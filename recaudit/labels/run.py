"""``recaudit label``: draw evidence, name, try the names beside their controls, store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_array

from recaudit.errors import UsageError
from recaudit.labels import figures
from recaudit.labels.asking import Asker
from recaudit.labels.evidence import Drawer
from recaudit.labels.levels import decile_edges, deciles, own_levels
from recaudit.labels.llm import LlmLabeller
from recaudit.labels.material import HISTORY_SHOWN, Material, load
from recaudit.labels.ollama import Ollama, Transport
from recaudit.labels.popularity import PopularityGuess
from recaudit.labels.profiles import Profiles, profiles
from recaudit.labels.scoring import Score, confident
from recaudit.labels.settings import Settings, settings_named
from recaudit.labels.similarity import similarities
from recaudit.labels.statistics import StatisticsLabeller
from recaudit.labels.types import NO_ANSWER, Evidence, IntArray, Label, Labeller
from recaudit.labels.verify import Verdict, verdicts
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store import labels as store
from recaudit.store.read import Model, Sae
from recaudit.store.write import Metric, Run
from recaudit.text import printable

STATISTICS = "statistics"
OLLAMA = "ollama:"
CONTROLS = ("untrained", "neurons", "pca")

LLM_LATENTS = 50
"""Latents that a language model names unless told otherwise: a seeded sample, so that shares stay unbiased."""

SHUFFLES, LLM_SHUFFLES = 20, 2
"""Names of other latents tried on each latent: a language model has to be asked about every one."""


@dataclass(frozen=True)
class LabelRequest:
    """What to name and how, as the command line says it."""

    db: Path
    model: str | None = None
    sae: str | None = None
    labeller: str = STATISTICS
    """``statistics`` or ``ollama:MODEL``."""
    host: str | None = None
    latents: int | None = None
    """A seeded sample of that many; None for all (50 with a language model)."""
    chosen: tuple[int, ...] = ()
    """These latents only; the figures over all latents stay as they are."""
    protocol: str = "default"
    seed: int = 0
    controls: tuple[str, ...] = CONTROLS
    shuffles: int | None = None
    history: int = HISTORY_SHOWN
    timeout: float = 120.0
    workers: int = 4
    transport: Transport | None = None
    """Asks a language model; None for the server at ``host``."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the ``runs`` table, beside what is said there anyway."""


@dataclass(frozen=True)
class Dictionary:
    """An autoencoder or a control, with what its latents are named from."""

    sae: Sae
    codes: csc_array
    evidence: list[Evidence]


@dataclass(frozen=True)
class Prepared:
    """Everything naming needs, so that the audit file is closed while it runs."""

    model: Model
    material: Material
    profiles: Profiles
    settings: Settings
    dictionaries: list[Dictionary]
    """The one to name first, then its controls."""
    others: list[Label]
    """Names of latents that are not asked for now, to shuffle with."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    model: Model
    sae: Sae
    labeller: str
    verdicts: list[Verdict]
    metrics: list[Metric]
    asked: int = 0
    """Questions that went to a language model."""
    latents: list[int] = field(default_factory=list)


def label_latents(
    request: LabelRequest,
    stage: Callable[[str], None] = lambda stage: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Name a dictionary's latents and its controls', verify the names, and store all of it.

    Answers of a language model are stored as they come; names, trials and figures at the end, together.

    Raises:
        UsageError: no such model, dictionary, latent, labeller or protocol.
        NoVerdictError: the model has no dictionary.
        EnvironmentProblem: the language model cannot be asked; what it answered before is kept.
    """
    settings = settings_named(request.protocol)
    check_labeller(request.labeller)
    stage("drawing cases")
    prepared = prepare(request, settings)
    labeller, asker = _labeller(request, prepared, progress)
    shuffles = request.shuffles
    if shuffles is None:
        shuffles = SHUFFLES if asker is None else LLM_SHUFFLES
    found: list[list[Verdict]] = []
    try:
        for dictionary in prepared.dictionaries:
            stage(f"naming and verifying {dictionary.sae.role if found else 'latents'}")
            own = verdicts(
                labeller, dictionary.evidence, shuffles=shuffles, seed=request.seed, others=prepared.others
            )
            found.append(own)
    finally:
        if asker is not None:
            asker.transport.close()
    guess = PopularityGuess(prepared.material)
    by_popularity = verdicts(guess, prepared.dictionaries[0].evidence, shuffles=0, seed=request.seed)
    stage("storing")
    metrics = list(_metrics(labeller.name, prepared, found, by_popularity, request.seed))
    _store(request, prepared, labeller.name, found, by_popularity, metrics)
    main = prepared.dictionaries[0]
    return Outcome(
        prepared.model,
        main.sae,
        labeller.name,
        found[0],
        metrics,
        asker.asked if asker else 0,
        [one.latent for one in main.evidence],
    )


def prepare(request: LabelRequest, settings: Settings) -> Prepared:
    """Read what naming needs, and draw the evidence."""
    opened = writing if request.db.exists() else reading  # an older file is migrated, a missing one not made
    with opened(request.db) as audit:
        model = read.model_named(audit, request.model)
        sae = read.sae_of(audit, model, request.sae)
        _check_latents(request.chosen, sae)
        material = load(audit, model, sae, seed=request.seed, published=settings.published)
        terms = profiles(material)
        beside = [one for one in read.controls(audit, model.model_id, sae) if one.role in request.controls]
        dictionaries = [
            _wanted(request, _dictionary(audit, model, one, material, terms, settings, request.seed))
            for one in (sae, *(() if request.chosen else beside))
        ]
        others = _others(audit, request, sae)
    return Prepared(model, material, terms, settings, dictionaries, others)


def _others(audit: Audit, request: LabelRequest, sae: Sae) -> list[Label]:
    """Stored names of the same labeller, where only chosen latents are named."""
    if not (request.chosen and request.labeller.startswith(OLLAMA)):
        return []
    stored = store.texts(audit, sae)
    same = (stored["labeller"] == request.labeller) & (stored["protocol"] == request.protocol)
    return [Label(str(text)) for text in stored[same & ~stored["latent"].isin(request.chosen)]["text"]]


def figures_of(audit: Audit, model: Model, sae: Sae, *, seed: int) -> list[Metric]:
    """The figures of the statistics labeller's names of one dictionary, as ``recaudit label`` would store them
    without controls. The names themselves are let go."""
    settings = settings_named("default")
    material = load(audit, model, sae, seed=seed)
    terms = profiles(material)
    evidence = _dictionary(audit, model, sae, material, terms, settings, seed).evidence
    labeller = StatisticsLabeller(terms)
    own = verdicts(labeller, evidence, shuffles=SHUFFLES, seed=seed)
    return figures.metrics(own, {"labeller": labeller.name}, seed=seed)


def _dictionary(
    audit: Audit, model: Model, sae: Sae, material: Material, terms: Profiles, settings: Settings, seed: int
) -> Dictionary:
    codes = material.codes(audit, model, sae)
    drawn = Drawer(codes, material.owner, terms, settings, seed).all(range(sae.n_latents))
    return Dictionary(sae, codes, drawn)


def _wanted(request: LabelRequest, dictionary: Dictionary) -> Dictionary:
    """With the evidence on the latents to be named alone."""
    llm = request.labeller.startswith(OLLAMA)
    evidence = dictionary.evidence
    if request.chosen:
        # Tests compare with other latents' names: without a language model they cost nothing.
        kept = [one for one in evidence if not llm or one.latent in request.chosen]
        return replace(dictionary, evidence=kept)
    limit = request.latents if request.latents is not None else LLM_LATENTS if llm else None
    if limit is None:
        return dictionary
    usable = [one for one in evidence if one.refused is None]
    order = np.random.default_rng(request.seed).permutation(len(usable))[:limit]
    return replace(dictionary, evidence=[usable[place] for place in np.sort(order)])


def _labeller(
    request: LabelRequest, prepared: Prepared, progress: Callable[[int, int], None]
) -> tuple[Labeller, Asker | None]:
    if not request.labeller.startswith(OLLAMA):
        return StatisticsLabeller(prepared.profiles), None
    llm = request.labeller.removeprefix(OLLAMA)
    transport = request.transport or Ollama(llm, request.host, request.timeout)
    try:
        digest = transport.digest()
        with reading(request.db) as audit:
            # Without a server the answers there are may still be all that is needed.
            known_digest = store.last_digest(audit, llm) if digest is None else digest
            known = store.answers(audit, known_digest) if known_digest is not None else {}
        if known_digest is None:
            raise Ollama(llm, request.host).unreachable()
    except BaseException:
        transport.close()
        raise

    def keep(answers: list[store.Answer]) -> None:
        with writing(request.db) as audit:
            store.add_answers(audit, answers)

    asker = Asker(transport, known_digest, known, keep, workers=request.workers, progress=progress)
    labeller = LlmLabeller(
        request.labeller,
        prepared.material,
        asker,
        prepared.settings.together,
        request.seed,
        history=request.history,
    )
    return labeller, asker


def _metrics(
    name: str, prepared: Prepared, found: list[list[Verdict]], by_popularity: list[Verdict], seed: int
) -> Iterator[Metric]:
    for dictionary, own in zip(prepared.dictionaries, found, strict=True):
        where = {"labeller": name}
        if dictionary.sae is not prepared.dictionaries[0].sae:
            where["control"] = dictionary.sae.role
        else:
            yield from figures.shuffled(own, where, seed=seed)
        yield from figures.metrics(own, where, seed=seed)
        sure = [v.evidence.latent for v in own if confident([v.confidence], figures.CONFIDENT)[0]]
        if sure:
            yield from figures.similarity(similarities(prepared.material, dictionary.codes, sure), where)
    guessed = figures.confidences(by_popularity)
    where = {"labeller": name, "control": "popularity"}
    yield figures.share("labels.share@0.8", confident(guessed, figures.CONFIDENT), where)


def _store(
    request: LabelRequest,
    prepared: Prepared,
    name: str,
    found: list[list[Verdict]],
    by_popularity: list[Verdict],
    metrics: list[Metric],
) -> None:
    model, only = prepared.model, list(request.chosen) or None
    sae = prepared.dictionaries[0].sae
    said = {
        "model": model.name,
        "sae": sae.name,
        "with": name,
        "protocol": request.protocol,
        "latents": only or request.latents,
        **request.arguments,
    }
    run = Run("label", said, request.seed, [model.sha256, sae.sha256])
    guesses = {v.evidence.latent: v.confidence for v in by_popularity}
    with writing(request.db) as audit:
        _check_unchanged(audit, model, sae)
        write.add_run(audit, run)
        for place, (dictionary, own) in enumerate(zip(prepared.dictionaries, found, strict=True)):
            kept = [v for v in own if only is None or v.evidence.latent in only]
            labels = _label_rows(kept, guesses if place == 0 else {})
            trials = _trial_rows(kept, prepared.material, dictionary.codes)
            store.replace_labels(
                audit, model, dictionary.sae, name, request.protocol, labels, trials, run.run_id, only=only
            )
        if only is None:
            _replace_metrics(audit, model, sae, name, metrics, request, run)


def _replace_metrics(
    audit: Audit, model: Model, sae: Sae, name: str, metrics: list[Metric], request: LabelRequest, run: Run
) -> None:
    """Store the figures; those of an earlier run of the same labeller that have no successor go too."""
    protocol = f"labels {request.protocol}"
    store.forget_metrics(audit, sae, name, protocol)
    write.replace_metrics(
        audit, model.model_id, sae.sae_id, metrics, protocol=protocol, seed=request.seed, run=run
    )


def _check_unchanged(audit: Audit, model: Model, sae: Sae) -> None:
    """The file was closed while a language model was asked."""
    stored = read.model_named(audit, model.name)
    known = {found.sae_id: found.sha256 for found in read.dictionaries(audit, stored.model_id)}
    if stored.sha256 != model.sha256 or known.get(sae.sae_id) != sae.sha256:
        raise UsageError(
            f"model {printable(model.name)} or its dictionary was replaced while names were made",
            fix="run the command again; answers about what has not changed are reused",
        )


_SCORES = ("recall", "specificity", "specificity_hard", "confidence", "low", "high", "unanswered")


def _label_rows(found: Sequence[Verdict], guesses: Mapping[int, float]) -> pd.DataFrame:
    rows = []
    for one in found:
        evidence, label = one.evidence, one.label
        row: dict[str, Any] = {
            "latent": evidence.latent,
            "text": None if label is None else label.text,
            "status": one.status,
            "evidence": store.as_json({} if label is None else label.evidence),
            "n_owners": evidence.n_owners,
            "n_construct": len(evidence.construct),
            "n_verify": len(evidence.verify),
            "n_random": len(evidence.random),
            "n_hard": len(evidence.hard),
            "contrast": evidence.contrast,
            **_score_cells(one.score),
            "shuffled": _number(one.shuffled),
            "popularity": _number(guesses.get(evidence.latent, float("nan"))),
            "p": _number(one.p),
            "q": _number(one.q),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _score_cells(score: Score | None) -> dict[str, float | None]:
    return {name: None if score is None else _number(getattr(score, name)) for name in _SCORES}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _trial_rows(found: Sequence[Verdict], material: Material, codes: csc_array) -> pd.DataFrame:
    edges = decile_edges(codes)
    parts = [_trials(one, material, codes, edges) for one in found if len(one.evidence.construct)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _trials(one: Verdict, material: Material, codes: csc_array, edges: np.ndarray) -> pd.DataFrame:
    evidence = one.evidence
    parts = (evidence.construct, evidence.verify, evidence.random, evidence.hard)
    places = np.concatenate(parts)
    values = _values(codes, evidence.latent, len(material))
    predicted: IntArray = np.full(len(places), NO_ANSWER, np.int64)
    if one.predicted is not None:
        predicted[len(evidence.construct) :] = one.predicted
    return pd.DataFrame(
        {
            "latent": evidence.latent,
            "entity_kind": material.kind,
            "entity_id": material.ids[places],
            "item_id": material.focus[places],
            "role": np.repeat(["construct", "verify", "random", "hard"], [len(part) for part in parts]),
            "predicted": pd.arrays.IntegerArray(predicted, predicted == NO_ANSWER),
            "value": values[places].astype(np.float32),
            "level": own_levels(values, float(values.max()))[places],
            "decile": deciles(values, edges)[places],
        }
    )


def _values(codes: csc_array, latent: int, n: int) -> np.ndarray:
    """One latent's activation on every entity: [entities]."""
    column = np.zeros(n)
    part = slice(codes.indptr[latent], codes.indptr[latent + 1])
    column[codes.indices[part]] = codes.data[part]
    return column


def check_labeller(name: str) -> None:
    """Raises:
    UsageError: there is no such labeller.
    """
    if name != STATISTICS and not (name.startswith(OLLAMA) and name != OLLAMA):
        raise UsageError(
            f"--with cannot be {printable(name)}",
            fix="choose statistics, or ollama:MODEL such as ollama:llama3.1:8b",
        )


def _check_latents(chosen: Sequence[int], sae: Sae) -> None:
    beyond = [latent for latent in chosen if not 0 <= latent < sae.n_latents]
    if beyond:
        raise UsageError(f"no latent {beyond[0]}", fix=f"latents go from 0 to {sae.n_latents - 1}")
