"""How often a gate stops a model that is as good as its baseline, and how often one that is really worse.

    python benchmarks/gate_power.py AUDIT.duckdb MODEL [--pairs 200] [--users 671 --users 2000]

Works on a stored model whose vectors are scored by inner products. **Equal pairs**: two models whose vectors carry small
independent noise; each drawn user is given to the two sides at random, so neither can be better. **Degraded**: noise on
the vectors, popularity added to the scores, or a genre's direction taken out of the items. A pair is n users drawn with
replacement from the model's own; the policy has seven rules, so a pair is seven tests. Beside the gate, on the same
pairs: the same rules on values alone, as CI scripts usually have them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import numpy as np

from recaudit.analyses import inputs
from recaudit.analyses.diff.by_user import GRID, LIST_LENGTH, UserValues, of_lists, of_ranks
from recaudit.analyses.diff.recipes import recipe
from recaudit.analyses.diff.summary import Number, Summary
from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import target_ranks, top_lists
from recaudit.gates import Policy, check
from recaudit.gates.baseline import Baseline
from recaudit.gates.candidate import Candidate
from recaudit.gates.rules import Bound, MetricRule
from recaudit.store import read, reading

ORIGINAL = {"ranking": "original"}
HIGHER = ("ranking.ndcg@10", "ranking.hr@10", "ranking.mrr", "ranking.ndcg@20", "ranking.hr@20")
LOWER = ("popularity.arp@10",)
TAIL = ("popularity.long_tail_share@10",)


class Bench:
    """A stored model that can be made worse."""

    def __init__(self, db: Path, name: str) -> None:
        with reading(db) as audit:
            self.model = read.model_named(audit, name)
            self.inputs = inputs.load(audit, self.model, protocol_named(self.model.protocol), 0)
            self.counts = read.train_counts(audit, self.model.dataset_id)
            self.genres = audit.frame(
                "SELECT name, item_id FROM item_concepts JOIN concepts USING (dataset_id, concept_id) "
                "WHERE dataset_id = ? AND kind = 'genre'",
                [self.model.dataset_id],
            )

    def columns(
        self, *, noise: float = 0.0, popular: float = 0.0, genre: str = "", seed: int = 0
    ) -> UserValues:
        """Values by user of the model, made worse.

        Args:
            noise: standard deviation of what is added to each coordinate, of that coordinate's own over cases.
            popular: standard deviations of score added for each of log popularity.
            genre: whose mean direction is taken out of the items.
        """
        rng = np.random.default_rng(seed)
        field = self.inputs.field
        vectors, catalogue = field.cases.vectors, field.catalogue
        if noise:
            vectors = (
                vectors + rng.normal(size=vectors.shape).astype(np.float32) * vectors.std(axis=0) * noise
            )
        if genre:
            has = np.isin(catalogue.item_id, self.genres["item_id"][self.genres["name"] == genre])
            direction = catalogue.vectors[has].mean(axis=0) - catalogue.vectors[~has].mean(axis=0)
            direction /= np.linalg.norm(direction)
            items = catalogue.vectors - np.outer(catalogue.vectors @ direction, direction)
            catalogue = replace(catalogue, vectors=items.astype(np.float32))
        if popular:
            log = np.log1p(self.counts[catalogue.item_id])
            spread = (vectors[:500] @ catalogue.vectors.T).std()
            own = 0 if catalogue.bias is None else catalogue.bias
            bias = (own + popular * spread * (log - log.mean()) / log.std()).astype(np.float32)
            catalogue = replace(catalogue, bias=bias)
        worse = replace(field, catalogue=catalogue)
        ranks = target_ranks(worse, vectors, self.inputs.targets)
        items, _ = top_lists(worse, vectors, self.inputs.listed, LIST_LENGTH)
        n_users = int(field.cases.user.max()) + 1
        users = np.repeat(self.inputs.listed_users, LIST_LENGTH)
        columns = of_ranks("original", self.inputs.target_users, ranks, n_users)
        columns |= of_lists("original", users, items.ravel(), self.counts, n_users)
        kept = np.flatnonzero((columns["original/targets"] > 0) & (columns["original/places"] > 0))
        return UserValues(
            np.arange(len(kept), dtype=np.uint64),
            {key: np.round(column[kept] / GRID) * GRID for key, column in columns.items()},
        )


def summary(users: UserValues) -> Summary:
    """As an audit would hold it; the numbers' own intervals are not looked at by rules on changes."""
    numbers = []
    for metric in (*HIGHER, *LOWER, *TAIL):
        found = recipe(metric, ORIGINAL)
        assert found is not None
        value = users.columns[found.numerator].sum() / users.columns[found.denominator].sum()
        numbers.append(
            Number(metric, ORIGINAL, "history", float(value), None, None, len(users), "users", "none")
        )
    return Summary("m", "0" * 64, "history", None, "same", tuple(numbers), (), {}, users)


def policy(allowed: float) -> Policy:
    """Seven rules: nothing may get worse by more than a share."""
    rules = [
        MetricRule(f"{metric}", 1, metric=metric, bounds=(Bound(key, allowed, relative=True),))
        for metrics, key in ((HIGHER, "max_drop"), (LOWER, "max_rise"), (TAIL, "max_drop"))
        for metric in metrics
    ]
    return Policy(Path("study.toml"), "0" * 64, "", tuple(rules), ())


def naive(new: Summary, old: Summary, allowed: float) -> bool:
    """Whether values alone break a rule."""
    for one, other in zip(new.numbers, old.numbers, strict=True):
        change = one.value / other.value - 1
        if (change if one.metric in LOWER else -change) > allowed:
            return True
    return False


def drawn(users: UserValues, rows: np.ndarray) -> UserValues:
    """Users drawn with replacement, each draw a user of its own."""
    return UserValues(
        np.arange(len(rows), dtype=np.uint64), {key: column[rows] for key, column in users.columns.items()}
    )


def swapped(a: UserValues, b: UserValues, swap: np.ndarray) -> tuple[UserValues, UserValues]:
    """Give each user to the two sides at random: neither is better then."""
    one = {key: np.where(swap, b.columns[key], a.columns[key]) for key in a.columns}
    other = {key: np.where(swap, a.columns[key], b.columns[key]) for key in a.columns}
    return UserValues(a.hashes, one), UserValues(a.hashes, other)


def study(
    new: UserValues, old: UserValues, n: int, pairs: int, allowed: float, *, equal: bool
) -> tuple[float, float, float]:
    """Shares of pairs that the gate fails, that it leaves undecided in some rule, and that values alone fail."""
    rng = np.random.default_rng(7)
    rules, failed, undecided, naively = policy(allowed), 0, 0, 0
    for pair in range(pairs):
        rows = rng.integers(0, len(old), n)
        one, other = drawn(new, rows), drawn(old, rows)
        if equal:
            one, other = swapped(one, other, rng.random(n) < 0.5)
        candidate, baseline = summary(one), summary(other)
        judged = Candidate(BENCH.model, None, candidate, {}, (), ())
        run = check(rules, judged, Baseline("b", baseline), today=date(2026, 1, 1), seed=pair)
        failed += run.exit_code == 1
        undecided += run.exit_code != 1 and run.counts["undecided"] > 0
        naively += naive(candidate, baseline, allowed)
    return failed / pairs, undecided / pairs, naively / pairs


BENCH: Bench


@click.command()
@click.argument("db", type=click.Path(path_type=Path, exists=True))
@click.argument("name")
@click.option("--pairs", default=200, show_default=True)
@click.option("--users", multiple=True, type=int, default=(671, 2000), show_default=True)
def main(db: Path, name: str, pairs: int, users: tuple[int, ...]) -> None:
    global BENCH
    BENCH = Bench(db, name)
    own = BENCH.columns()
    print(
        f"{len(own)} users with a target and a list; {5 * pairs} equal and {pairs} degraded pairs a line; shares of pairs, in percent"
    )
    print("| model | users | allowed | change of NDCG@10 | gate fails | undecided | values alone fail |")
    print("|---|---|---|---|---|---|---|")
    equal = [BENCH.columns(noise=0.1, seed=seed) for seed in (1, 2)]
    genres = BENCH.genres["name"].value_counts()
    genre = str(genres.index[0])
    worse = [
        ("noise .25", BENCH.columns(noise=0.25, seed=3)),
        ("noise .5", BENCH.columns(noise=0.5, seed=3)),
        ("noise 1", BENCH.columns(noise=1.0, seed=3)),
        ("popularity .1", BENCH.columns(popular=0.1)),
        ("popularity .5", BENCH.columns(popular=0.5)),
        (f"without {genre}", BENCH.columns(genre=genre)),
    ]
    start = time.process_time()
    for n in users:
        for allowed in (0.0, 0.05):
            line("equal", equal[0], equal[1], n, 5 * pairs, allowed, equal=True)
            for title, columns in worse:
                line(title, columns, own, n, pairs, allowed, equal=False)
    print(f"\n{time.process_time() - start:.0f} s of CPU")


def line(
    title: str, new: UserValues, old: UserValues, n: int, pairs: int, allowed: float, *, equal: bool
) -> None:
    failed, undecided, naively = study(new, old, n, pairs, allowed, equal=equal)
    change = "0 by design"
    if not equal:
        ndcg = [
            side.columns["original/ndcg@10"].sum() / side.columns["original/targets"].sum()
            for side in (new, old)
        ]
        change = f"{ndcg[0] / ndcg[1] - 1:+.1%}"
    print(
        f"| {title} | {n:,} | {allowed:.0%} | {change} | {failed:.1%} | {undecided:.1%} | {naively:.1%} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
