"""People rate names on RecSAE's four levels, not knowing whose they are or what the judge thought of them."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recaudit.errors import InputRefused, NoVerdictError, UsageError
from recaudit.labels.edits import guarded, unguarded
from recaudit.metrics.agreement import fleiss_kappa
from recaudit.metrics.intervals import estimate, means
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store import labels as store
from recaudit.store.labels import Rating
from recaudit.store.read import Sae
from recaudit.store.write import Metric, Run
from recaudit.text import printable

SCALE = {1: "irrelevant", 2: "somewhat relevant", 3: "relevant", 4: "fits"}
"""RecSAE's four levels of relevance."""

PROTOCOL = "labels rated by people"
_COLUMNS = ["key", "name", "items", "rater", "rating"]
ITEMS = 5
"""Items of strong entities that a rater sees beside a name: of those the name was not made from."""


@dataclass(frozen=True)
class Rated:
    """What came of a file of ratings."""

    raters: int
    names: int
    mean: float
    """1..4"""
    low: float
    high: float
    kappa: float
    """Fleiss' kappa over names with two ratings or more; NaN without."""


@dataclass(frozen=True)
class _Candidate:
    latent: int
    labeller: str
    protocol: str
    text: str

    def key(self, sae: Sae) -> str:
        """Says nothing to a rater, but which name it was to the audit."""
        whole = "\0".join([sae.sha256, str(self.latent), self.labeller, self.protocol, self.text])
        return hashlib.sha256(whole.encode()).hexdigest()[:12]


def sample(db: Path, model: str | None, sae: str | None, n: int, *, seed: int) -> str:
    """CSV of ``n`` proposed names in random order for raters to fill in: verified or not, of every labeller.

    Raises:
        NoVerdictError: there are no names.
    """
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        candidates = _candidates(audit, dictionary)
        if not candidates:
            raise NoVerdictError(
                f"model {printable(chosen.name)} has no names to rate", fix="make them with `recaudit label`"
            )
        order = np.random.default_rng(seed).permutation(len(candidates))[:n]
        titles = store.strong_titles(audit, chosen, dictionary)
        rows = [_row(dictionary, candidates[place], titles) for place in order]
    out = io.StringIO()
    scale = ", ".join(f"{level} = {word}" for level, word in SCALE.items())
    out.write(
        f"# Rate how well each name fits the items: {scale}. Write your name under rater, a number under rating.\n"
    )
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([[guarded(cell) for cell in row] for row in rows])
    return out.getvalue()


def _candidates(audit: Audit, sae: Sae) -> list[_Candidate]:
    table = store.texts(audit, sae)
    return [
        _Candidate(int(row["latent"]), str(row["labeller"]), str(row["protocol"]), str(row["text"]))
        for row in table.to_dict("records")
    ]


def _row(sae: Sae, one: _Candidate, titles: dict[tuple[int, str, str], list[str]]) -> list[str]:
    shown = titles.get((one.latent, one.labeller, one.protocol), [])[:ITEMS]
    return [one.key(sae), one.text, "; ".join(printable(title, 60) for title in shown), "", ""]


def rate(db: Path, model: str | None, sae: str | None, path: Path, *, seed: int = 0) -> Rated:
    """Read in a filled file; store ratings and the figures over all ratings of the dictionary.

    Lines without a rating are left out. A rater's second rating of a name replaces the first.

    Raises:
        UsageError: no such file.
        InputRefused: an unknown name, no rater, or a rating that is none of the four; names the line.
        NoVerdictError: the file has no rating.
    """
    given = _read(path)
    with writing(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        known = {one.key(dictionary): one for one in _candidates(audit, dictionary)}
        found = [_rating(path, line, known, row, dictionary) for line, row in given]
        if not found:
            raise NoVerdictError(
                f"{printable(path)}: holds no rating", fix="fill in the columns rater and rating, 1 to 4"
            )
        run = Run(
            "rate",
            {"model": chosen.name, "sae": dictionary.name, "file": path.name},
            seed,
            [dictionary.sha256],
        )
        write.add_run(audit, run)
        store.add_ratings(audit, chosen, found)
        ratings = store.ratings(audit, dictionary)
        rated = summary(ratings, seed=seed)
        metrics = [*_metrics(rated, {})]
        for labeller, own in ratings.groupby("labeller", sort=True):
            metrics += _metrics(summary(own, seed=seed), {"labeller": str(labeller)})
        write.replace_metrics(
            audit, chosen.model_id, dictionary.sae_id, metrics, protocol=PROTOCOL, seed=seed, run=run
        )
    return rated


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(
            f"{printable(path)}: no such file", fix="make one with `recaudit labels --sample 50 -o FILE`"
        ) from None
    except UnicodeDecodeError:
        raise InputRefused(f"{printable(path)}: not UTF-8 text", fix="save it as CSV in UTF-8") from None
    skipped = sum(1 for line in lines[:1] if line.lstrip('"').startswith("#"))
    table = csv.DictReader(lines[skipped:])
    if not {"key", "rater", "rating"} <= set(table.fieldnames or ()):
        raise InputRefused(
            f"{printable(path)}: lacks the columns key, rater and rating",
            fix="make the file with `recaudit labels --sample 50 -o FILE`",
        )
    return [
        (table.line_num + skipped, {str(key): value or "" for key, value in row.items() if key})
        for row in table
        if (row["rating"] or "").strip()
    ]


def _rating(path: Path, line: int, known: dict[str, _Candidate], row: dict[str, str], sae: Sae) -> Rating:
    where = f"{printable(path)}, line {line}"
    one = known.get(unguarded(row["key"]).strip())
    if one is None:
        raise InputRefused(
            f"{where}: no name of this dictionary has the key {printable(row['key'], 20)}",
            fix="the names may have been made again since: make a new sample",
        )
    rater, rating = unguarded(row["rater"]).strip(), row["rating"].strip()
    if not rater or printable(rater) != rater:
        raise InputRefused(f"{where}: a rating without a rater", fix="write who rated under rater")
    if rating not in {str(level) for level in SCALE}:
        raise InputRefused(
            f"{where}: rating {printable(rating, 20)} is none of {', '.join(str(level) for level in SCALE)}",
            fix="1 = irrelevant … 4 = fits",
        )
    return Rating(sae.sae_id, one.latent, one.labeller, one.protocol, one.text, rater, int(rating))


def summary(ratings: pd.DataFrame, *, seed: int) -> Rated:
    """Mean rating with its interval over names, and agreement."""
    by_name = ratings.groupby(["labeller", "protocol", "latent", "text"], sort=True)["rating"]
    sums = np.stack([by_name.sum().to_numpy(np.float64), by_name.count().to_numpy(np.float64)], axis=1)
    (mean,) = estimate(sums, means, seed=seed)
    levels = np.array(sorted(SCALE))
    counts = np.stack(
        [by_name.apply(lambda own, level=level: int((own == level).sum())) for level in levels], axis=1
    )
    return Rated(
        raters=int(ratings["rater"].nunique()),
        names=mean.n,
        mean=mean.value,
        low=mean.low,
        high=mean.high,
        kappa=fleiss_kappa(counts),
    )


def _metrics(rated: Rated, where: dict[str, str]) -> list[Metric]:
    n = rated.names
    return [
        Metric("labels.relevance", rated.mean, n, rated.low, rated.high, "labels", "higher", where),
        Metric("labels.kappa", rated.kappa, n, unit="labels", better="higher", slice=where),
    ]
