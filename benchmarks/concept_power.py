"""How often a gate's "no concept lost", and a diff, see a genre that is really gone; how often they see one that is not.

    python benchmarks/concept_power.py AUDIT.duckdb MODEL [--genre Horror --genre War] [--draws 20]

Works on a stored model whose vectors are scored by inner products, and its dictionary. A **draw** is the model on users drawn with
replacement: lists, what latents they give to items, and coverage are made anew. **Equal**: two draws of the model as it is.
**Noised**: in the second, a share of the genre's items have the vectors of items from anywhere in the catalogue, so that nothing
tells them from the rest. Every draw of one side meets every draw of the other; shares are over these pairs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from scipy.sparse import csr_array

from recaudit.analyses import inputs as common
from recaudit.analyses.concepts import coverage, inputs, nulls
from recaudit.analyses.concepts.inputs import AttributedScores, Entities
from recaudit.analyses.diff.concepts import COVERAGE, Fate, changes
from recaudit.analyses.diff.summary import Concept
from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import top_lists
from recaudit.gates.concepts import concept_verdict
from recaudit.gates.rules import ConceptRule
from recaudit.metrics.judging import Place
from recaudit.metrics.lists import EMPTY
from recaudit.store import read, reading
from recaudit.store.read import Catalogue

Draw = list[Concept]


class Bench:
    """A stored model of which a genre can be taken."""

    def __init__(self, db: Path, name: str) -> None:
        with reading(db) as audit:
            model = read.model_named(audit, name)
            sae = read.sae_of(audit, model)
            self.inputs = common.load(audit, model, protocol_named(model.protocol), 0)
            self.everyone = inputs.items(audit, model, self.inputs.field.catalogue)
            cases = self.inputs.field.cases.case_id[self.inputs.listed]
            self.codes = inputs.codes(audit, sae, "case", cases).tocsr()
            _, self.decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)
        self.vectors = self.inputs.field.cases.vectors[self.inputs.listed]

    def noised(self, genre: str, share: float, seed: int = 0) -> Catalogue:
        """The catalogue with a share of a genre's items given the vectors of items from anywhere."""
        rng = np.random.default_rng(seed)
        column = self.everyone.concepts.index[self.everyone.concepts["name"] == genre][0]
        has = np.flatnonzero(self.everyone.labels[:, [column]].toarray().ravel())
        chosen = rng.choice(has, round(share * len(has)), replace=False)
        catalogue = self.inputs.field.catalogue
        vectors = catalogue.vectors.copy()
        vectors[chosen] = catalogue.vectors[rng.choice(len(vectors), len(chosen), replace=False)]
        return replace(catalogue, vectors=vectors)

    def draws(self, catalogue: Catalogue, count: int, seed: int) -> list[Draw]:
        """Concepts of the model with this catalogue, each time on other users."""
        field = replace(self.inputs.field, catalogue=catalogue)
        lists, _ = top_lists(field, field.cases.vectors, self.inputs.listed, common.LIST_LENGTH)
        direct = _concepts(
            "direct",
            inputs.direct_scores(self.decoder, catalogue),
            [
                inputs.direct_scores(rows, catalogue)
                for rows in nulls.random_directions(len(self.decoder), self.decoder.shape[1], seed=0)
            ],
            self.everyone,
        )
        rng = np.random.default_rng(seed)
        return [
            self._recommended(lists, rng.integers(0, len(lists), len(lists))) + direct for _ in range(count)
        ]

    def _recommended(self, lists: np.ndarray, rows: np.ndarray) -> Draw:
        case, place = np.nonzero(lists[rows] != EMPTY)
        item = np.searchsorted(self.everyone.ids, lists[rows][case, place])
        pairs = csr_array((np.ones(len(case)), (item, case)), shape=(len(self.everyone.ids), len(rows)))
        inside = np.diff(pairs.indptr) > 0
        codes = self.codes[rows].tocsc()
        random = nulls.random_dictionaries(self.vectors[rows], np.diff(codes.indptr), seed=0)
        scores = [AttributedScores(pairs[inside], one) for one in (codes, *(draw.codes for draw in random))]
        return _concepts("recommended10", scores[0], scores[1:], self.everyone.only(inside))


def _concepts(rule: str, scores: object, random: Sequence[object], entities: Entities) -> Draw:
    table = coverage.covered(scores, random, entities, seed=0).table  # type: ignore[arg-type]
    return [
        Concept(
            f"coverage by {rule}", row.kind, row.name, row.verdict == "covered", row.auc, row.low, row.high
        )
        for row in table[table["verdict"] != "too few"].itertuples()
    ]


def study(old: list[Draw], new: list[Draw], genre: str, *, equal: bool) -> list[str]:
    """Shares of pairs: the genre lost, undecided; any other concept lost; the gate fails, is undecided."""
    pairs = [(i, j) for i in range(len(old)) for j in range(len(new)) if not equal or i < j]
    counts = np.zeros(5)
    for i, j in pairs:
        fates = {one.name: one.fate for one in changes(old[i], new[j], COVERAGE)}
        place = concept_verdict(ConceptRule("none lost", 1), new[j], old[i]).place
        others = [fate for name, fate in fates.items() if name != genre]
        own = fates.get(genre, Fate.ABSENT)
        counts += [
            own is Fate.LOST,
            own is Fate.UNDECIDED,
            Fate.LOST in others,
            place is Place.OUTSIDE,
            place is Place.NEITHER,
        ]
    return [f"{count / len(pairs):.1%}" for count in counts]


@click.command()
@click.argument("db", type=click.Path(path_type=Path, exists=True))
@click.argument("name")
@click.option("--genre", "genres", multiple=True, default=("Horror", "War"), show_default=True)
@click.option("--draws", default=20, show_default=True)
def main(db: Path, name: str, genres: tuple[str, ...], draws: int) -> None:
    bench = Bench(db, name)
    start = time.process_time()
    own = bench.draws(bench.inputs.field.catalogue, draws, seed=1)
    held = np.mean([sum(one.held for one in draw if one.source.endswith("recommended10")) for draw in own])
    print(f"{held:.1f} concepts held in a draw; {draws} draws a side, shares of pairs")
    print(
        "| change | its items noised | genre lost | genre undecided | another lost | gate fails | gate undecided |"
    )
    print("|---|---|---|---|---|---|---|")
    print(f"| none | – | {' | '.join(study(own, own, '', equal=True))} |", flush=True)
    for genre in genres:
        for share in (0.25, 0.5, 1.0):
            new = bench.draws(bench.noised(genre, share), draws, seed=2)
            print(
                f"| {genre} | {share:.0%} | {' | '.join(study(own, new, genre, equal=False))} |", flush=True
            )
    print(f"\n{time.process_time() - start:.0f} s of CPU")


if __name__ == "__main__":
    main()
