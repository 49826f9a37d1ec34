"""CAVs of many concepts: the batched solver against a loop of scikit-learn fits, and captum's TCAV where it is there.

Both choose C by 5-fold cross-validation over six values and refit on all items, on the same matrix, folds and
class balance; scikit-learn stops at its own tolerance. That both find the same is said by a loop with a strict
tolerance: the largest difference of a coordinate of a unit direction. The permutation test is one concept's. captum is
asked for what it has: TCAV's own classifier, one fit a concept. Seconds are those of the processor, all threads
together: elapsed ones say more about who else is on the machine.

With --audit the genres and vectors are those of a model in an audit file instead of drawn ones.

Run: python benchmarks/cav.py [--audit FILE --model NAME] [--items N] [--dim D] [--tags N] [--loop N] [--rounds N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import alternate, own_peak_mib, ratio, versions
from recaudit.analyses.cav.crossval import stratified_folds
from recaudit.analyses.cav.directions import fitted, workbench
from recaudit.analyses.cav.labels import Labels
from recaudit.analyses.cav.quality import permutation_p
from recaudit.analyses.cav.settings import PENALTIES, Settings


def world(items: int, dim: int, concepts: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors on uneven axes, and concepts of 30 items to a third of them along planted directions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, dim)) * np.linspace(0.3, 2, dim)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    scores = x @ rng.normal(size=(dim, concepts)) + rng.normal(size=(items, concepts))
    wanted = np.geomspace(30, items / 3, concepts).astype(int)
    rank = np.argsort(np.argsort(-scores, axis=0), axis=0)
    return x, rank < wanted


def stored(db: Path, model: str) -> tuple[np.ndarray, np.ndarray]:
    """The genres of a model's items and the vectors that `recaudit cav` fits them on."""
    from recaudit.analyses.cav.directions import scaled
    from recaudit.analyses.cav.material import load
    from recaudit.store import read, reading

    with reading(db) as audit:
        material = load(audit, read.model_named(audit, model), Settings())
    genre = material.concepts.kind == "genre"
    return scaled(material.vectors, Settings().scaling).x, material.concepts.has[:, genre]


def ours(x: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Unit directions [concepts, dim]."""
    labels = Labels(has, np.ones_like(has))
    settings = Settings(scaling="raw")
    return fitted(workbench(x, labels, settings), labels, settings)[0].direction


def theirs(x: np.ndarray, has: np.ndarray, concepts: np.ndarray, tolerance: float = 1e-4) -> np.ndarray:
    """The same of some concepts by scikit-learn, a fit at a time, from the folds recaudit drew."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.utils.class_weight import compute_sample_weight

    fold = stratified_folds(has, np.ones_like(has), 5, np.random.default_rng([0, 2]))
    found = []
    for concept in concepts:
        y, own = has[:, concept], fold[:, concept]
        weights, losses = compute_sample_weight("balanced", y), []
        for c in PENALTIES:
            p = np.empty(len(y))
            for number in range(5):
                out = own == number
                model = LogisticRegression(C=c, class_weight="balanced", max_iter=20_000, tol=tolerance)
                p[out] = model.fit(x[~out], y[~out]).predict_proba(x[out])[:, 1]
            losses.append(log_loss(y, p, sample_weight=weights))
        model = LogisticRegression(
            C=PENALTIES[int(np.argmin(losses))], class_weight="balanced", max_iter=20_000, tol=tolerance
        )
        direction = model.fit(x, y).coef_[0]
        found.append(direction / np.linalg.norm(direction))
    return np.array(found)


def seconds(work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(name: str, x: np.ndarray, has: np.ndarray, loop: int, rounds: int) -> None:
    """Times of both; the loop over ``loop`` of the concepts, its time multiplied up to all."""
    concepts = np.unique(np.linspace(0, has.shape[1] - 1, loop).astype(int))
    scale = has.shape[1] / len(concepts)
    times = alternate(
        {
            "recaudit": lambda: seconds(lambda: ours(x, has)),
            "scikit-learn": lambda: scale * seconds(lambda: theirs(x, has, concepts)),
        },
        rounds,
    )
    furthest = np.abs(ours(x, has)[concepts] - theirs(x, has, concepts, 1e-9)).max()
    said = "" if scale == 1 else f" (measured on {len(concepts)}, times {scale:.3g})"
    print(
        f"{name}: recaudit {np.median(times['recaudit']):.2f} s, scikit-learn {np.median(times['scikit-learn']):.1f} s{said}, "
        f"ratio {ratio(times['recaudit'], times['scikit-learn'])}; directions differ by at most {furthest:.1e}"
    )


def permutations(x: np.ndarray, has: np.ndarray, draws: int, loop: int, rounds: int) -> None:
    """A permutation test of one concept, five fits a draw; the loop over ``loop`` draws, multiplied up."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    labels = Labels(has, np.ones_like(has))
    settings = Settings(scaling="raw", permutations=draws)
    bench = workbench(x, labels, settings)
    fits = fitted(bench, labels, settings)[0]
    rng = np.random.default_rng(0)

    def by_hand() -> None:
        for _ in range(loop):
            y = rng.permutation(has[:, 0])
            for seen, out in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
                model = LogisticRegression(C=float(fits.penalty[0]), class_weight="balanced", max_iter=2000)
                roc_auc_score(y[out], model.fit(x[seen], y[seen]).decision_function(x[out]))

    times = alternate(
        {
            "recaudit": lambda: seconds(
                lambda: permutation_p(bench, labels, fits, np.zeros(len(x), int), settings)
            ),
            "scikit-learn": lambda: draws / loop * seconds(by_hand),
        },
        rounds,
    )
    print(
        f"{draws} permutations of one concept: recaudit {np.median(times['recaudit']):.2f} s, scikit-learn "
        f"{np.median(times['scikit-learn']):.1f} s (measured on {loop}), ratio {ratio(times['recaudit'], times['scikit-learn'])}"
    )


def captum_tcav(x: np.ndarray, has: np.ndarray, rounds: int) -> None:
    """captum's TCAV of the same concepts against one set of other items, if captum is installed here."""
    try:
        import captum
        import torch
        from captum.concept import TCAV, Concept
    except ImportError:
        print("captum: not installed in this environment")
        return
    import tempfile

    class Scorer(torch.nn.Module):
        """A dot-product recommender seen from the item's side: vector in, scores of some users out."""

        def __init__(self, users: torch.Tensor) -> None:
            super().__init__()
            self.item = torch.nn.Identity()
            self.users = torch.nn.Parameter(users)

        def forward(self, v: torch.Tensor) -> torch.Tensor:
            return self.item(v) @ self.users.T

    torch.set_num_threads(1)
    data = torch.tensor(x, dtype=torch.float32)
    scorer = Scorer(torch.randn(4, x.shape[1]))
    concepts = [
        Concept(n, f"concept {n}", torch.utils.data.DataLoader(data[has[:, n]], batch_size=256))
        for n in range(has.shape[1])
    ]
    rest = data[~has.any(axis=1)] if (~has.any(axis=1)).sum() > 50 else data
    other = Concept(has.shape[1], "others", torch.utils.data.DataLoader(rest, batch_size=256))

    def interpreted() -> None:
        with tempfile.TemporaryDirectory() as folder:
            TCAV(scorer, ["item"], save_path=folder).interpret(
                data[:256], [[concept, other] for concept in concepts], target=0
            )

    times = alternate(
        {"recaudit": lambda: seconds(lambda: ours(x, has)), "captum": lambda: seconds(interpreted)}, rounds
    )
    fits = len(PENALTIES) * 5 + 1
    print(
        f"captum {captum.__version__}, TCAV of {has.shape[1]} concepts: recaudit {np.median(times['recaudit']):.2f} s for "
        f"{fits} fits a concept, captum {np.median(times['captum']):.2f} s for one (SGD, one split, C not chosen), ratio "
        f"{ratio(times['recaudit'], times['captum'])}"
    )


def main() -> None:
    """Print versions, then one line a comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audit", type=Path, help="audit file of a model over data with genres")
    parser.add_argument("--model")
    parser.add_argument("--items", type=int, default=3700)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--tags", type=int, default=1000, help="0 for none")
    parser.add_argument("--loop", type=int, default=20, help="tags the loop is run on")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(versions("numpy", "scikit-learn"))
    x, genres = (
        world(chosen.items, chosen.dim, 18) if chosen.audit is None else stored(chosen.audit, chosen.model)
    )
    n_genres = genres.shape[1]
    print(f"{x.shape[0]:,} items, {x.shape[1]} wide")
    compare(f"{n_genres} genres", x, genres, n_genres, chosen.rounds)
    permutations(x, genres[:, [n_genres // 2]], 1000, 20, chosen.rounds)
    captum_tcav(x, genres, chosen.rounds)
    if chosen.tags:
        x, tags = world(chosen.items, chosen.dim, chosen.tags)
        compare(f"{chosen.tags} tags", x, tags, chosen.loop, 1)
    print(f"peak {own_peak_mib():.0f} MiB")


if __name__ == "__main__":
    main()
