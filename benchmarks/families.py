"""Opening a checkpoint and scoring users: recaudit against the tool that wrote the file.

    python benchmarks/families.py --fixtures FOLDER --peer recbole=PYTHON --peer implicit=PYTHON ... \\
        [--only recbole-bpr] [--rounds 7]

``FOLDER`` holds ``fixtures/checkpoints`` and ``fixtures/data``, as the tests' RECAUDIT_FIXTURES does;
``PYTHON`` is the interpreter of an environment with that tool. Families of other tools are left out.

The sides run in turn, each in a process of its own with one thread, and must agree on every score.

- open: from the start of the process until the model is in memory, with the inputs in the form it takes;
  imports are inside. recaudit's side holds its safety scan and the second process in which it looks at
  the bytes.
- run: the golden users against the whole catalogue, median of several calls after one that is not counted.
  Where the tool has no call for scores but only for lists (implicit, RecTools, gensim), both sides make the
  20 best; scores are then compared over lists as long as the catalogue, outside the clock.

The golden users' inputs come from a file made beforehand, and reading it is outside either clock.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from measure import alternate, own_peak_mib, ratio, run, timed, versions

HERE = Path(__file__).resolve().parent
BEST = 20
REPEATS = 9
# Folder of the fixture -> the tool's name for --peer; the file is the one the tests open.
FAMILIES = {
    "recbole-bpr": "recbole",
    "recbole-lightgcn": "recbole",
    "recbole-neumf": "recbole",
    "recbole-multivae": "recbole",
    "recbole-sasrec": "recbole",
    "recbole-gru4rec": "recbole",
    "rectools-als": "rectools",
    "rectools-puresvd": "rectools",
    "rectools-sasrec": "rectools",
    "lenskit-biasedmf": "lenskit",
    "lenskit-implicitmf": "lenskit",
    "implicit-als": "implicit",
    "implicit-bpr": "implicit",
    "cornac-mf": "cornac",
    "cornac-bpr": "cornac",
    "surprise-svd": "surprise",
    "lightfm-warp": "lightfm",
    "gensim-item2vec": "gensim",
}
LISTS = {"implicit", "rectools", "gensim"}
"""Tools that give lists rather than scores."""
TOLERANCE = {"lenskit": 2e-3}
PACKAGES = {
    "recbole": ("recbole", "torch", "numpy"),
    "rectools": ("rectools", "torch", "numpy"),
    "lenskit": ("lenskit", "torch", "numpy"),
    "surprise": ("scikit-surprise", "numpy"),
}


@dataclass(frozen=True)
class Opened:
    """A model in memory. ``scores`` is [users, item rows], NaN where the tool has no such item."""

    work: Callable[[], object]
    """What the clock is on."""
    scores: Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fixtures", type=Path, required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="TOOL=PYTHON")
    parser.add_argument("--only", action="append", choices=FAMILIES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", choices=["inputs", "recaudit", "tool", "agree"], help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side is None:
        peers = dict(peer.split("=", 1) for peer in args.peer)
        for name in args.only or FAMILIES:
            if FAMILIES[name] in peers:
                compare(name, peers[FAMILIES[name]], args.fixtures.resolve(), args.rounds)
        return
    (name,) = args.only
    if args.side == "inputs":
        write_inputs(args.fixtures / "fixtures/checkpoints" / name, args.work)
    elif args.side == "agree":
        agree(args.work, TOLERANCE.get(FAMILIES[name], 1e-4))
    else:
        print(json.dumps(measured(args.side, name, args.work)))


def compare(name: str, peer: str, fixtures: Path, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def side(what: str, python: str = sys.executable) -> Any:
            command = [python, "-W", "ignore", HERE / "families.py", "--fixtures", fixtures, "--only", name]
            return run(
                [*command, "--side", what, "--work", folder],
                cwd=Path(folder),
                RECAUDIT_FIXTURES=str(fixtures),
                STARTED=repr(time.perf_counter()),
            )

        side("inputs")
        # Bytecode is written, and the files come into the cache, before any round counts.
        side("recaudit")
        side("tool", peer)
        found = alternate({"recaudit": lambda: side("recaudit"), "tool": lambda: side("tool", peer)}, rounds)
        worst = side("agree").result
    ours, theirs = ([process.result for process in found[what]] for what in ("recaudit", "tool"))
    print(f"{name}, {worst['users']} users × {worst['items']} items: {theirs[0]['versions']}")
    print(f"  scores agree to {worst['relative']:.1e}")
    for clock in ("open", "imports", "run"):
        pair = [[each[clock] for each in side] for side in (ours, theirs)]
        mine, other = (median(each) * 1e3 for each in pair)
        print(f"  {clock}: recaudit / tool = {ratio(*pair)}; {mine:.3g} against {other:.3g} ms")
    peaks = [median(process.peak_mib for process in found[what]) for what in ("recaudit", "tool")]
    print(f"  peak: {peaks[0]:,.0f} against {peaks[1]:,.0f} MiB", flush=True)


def measured(side: str, name: str, work: Path) -> dict[str, Any]:
    """One side: import, read the inputs (not counted), open, run."""
    started = float(os.environ["STARTED"])
    tool = FAMILIES[name] if side == "tool" else "recaudit"
    warnings.simplefilter("ignore")
    opener = globals()[f"{tool}_side"](name)
    imported = time.perf_counter()
    given = inputs(work)
    ready = time.perf_counter()
    model = opener(given)
    opened = time.perf_counter()
    seconds = timed(model.work, REPEATS)
    import numpy as np

    peak = own_peak_mib()
    np.save(work / f"{side}.npy", model.scores())
    return {
        "open": opened - ready + imported - started,
        "imports": imported - started,
        "run": median(seconds),
        "peak_mib": peak,
        "versions": versions(*PACKAGES.get(tool, (tool, "numpy"))),
    }


def inputs(work: Path) -> SimpleNamespace:
    import numpy as np

    return SimpleNamespace(**np.load(work / "inputs.npz"), file=(work / "file").read_text())


def histories(given: SimpleNamespace) -> list[Any]:
    import numpy as np

    return np.split(given.history, given.offsets[1:-1])


def write_inputs(folder: Path, work: Path) -> None:
    """The golden users and all training rows, in the tool's rows, for either side to read."""
    import numpy as np

    sys.path.insert(0, str(HERE.parent))
    from tests.models.golden import opened

    fix = opened(folder)
    last = max(fix.ids["item"].values()) + 1
    found: dict[str, Any] = {"item_ids": np.full(last, "", dtype=object)}
    for raw, row in fix.ids["item"].items():
        found["item_ids"][row] = raw
    if "user" in fix.ids:
        found["user_ids"] = np.full(max(fix.ids["user"].values()) + 1, "", dtype=object)
        for raw, row in fix.ids["user"].items():
            found["user_ids"][row] = raw
    found = {name: ids.astype(str) for name, ids in found.items()}
    if "golden" in fix.manifest:
        cases, train = fix.cases(fix.manifest["golden"]), fix.train()
        found |= {
            "users": cases.users,
            "history": cases.history,
            "offsets": cases.offsets,
            "ratings": cases.ratings,
        }
        found |= {f"train_{name}": train[name].to_numpy() for name in ("user", "item", "rating")}
    else:
        found["users"] = np.array([golden["row"] for golden in fix.manifest["similar_items_golden"]])
    np.savez(work / "inputs.npz", **found)
    (work / "file").write_text(str(fix.files[0]))


def agree(work: Path, tolerance: float) -> None:
    """Every score the tool gives is ours: the difference over the largest score of that user."""
    import numpy as np

    ours, theirs = np.load(work / "recaudit.npy"), np.load(work / "tool.npy")
    given = np.load(work / "inputs.npz")["item_ids"]
    both = ~np.isnan(theirs)
    real = np.flatnonzero(given != "")
    assert ours.shape[0] == theirs.shape[0], (ours.shape, theirs.shape)
    assert both[:, real].all(), "the tool left items out"
    a, b = ours[:, real].astype(np.float64), theirs[:, real].astype(np.float64)
    off = np.abs(a - b) / np.abs(b).max(axis=1, keepdims=True)
    assert off.max() <= tolerance, f"scores differ by {off.max():.1e}"
    print(json.dumps({"users": len(a), "items": len(real), "relative": float(off.max())}))


def table(shape: tuple[int, int], rows: Any, scores: Any) -> Any:
    """Lists of (item row, score), as one row of scores a user."""
    import numpy as np

    full = np.full(shape, np.nan)
    np.put_along_axis(full, np.asarray(rows), np.asarray(scores, dtype=np.float64), axis=1)
    return full


def recaudit_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import numpy as np

    from recaudit.checkpoints import read_checkpoint, tools
    from recaudit.metrics.neighbours import similar_items
    from recaudit.models import Cases, Graph, build
    from recaudit.models.heads import linked

    def open_(given: SimpleNamespace) -> Opened:
        model = build(tools.read_model(read_checkpoint(Path(given.file)), tools.Hints()))
        if FAMILIES[name] == "gensim":
            vectors = model.head.vectors
            return Opened(
                lambda: [similar_items(vectors, row, BEST) for row in given.users],
                lambda: neighbours(vectors, given.users),
            )
        if model.needs_graph:
            model = model.with_graph(Graph(given.train_user, given.train_item))
        cases = Cases(given.users, given.history, given.offsets, given.ratings)

        def scores() -> Any:
            found = model.head.score(model.represent(cases))
            offset = model.offset(cases)
            return linked(model.link, found if offset is None else found + offset[:, None])

        def best() -> Any:
            found = scores()
            kept = np.argpartition(-found, BEST - 1, axis=1)[:, :BEST]
            values = np.take_along_axis(found, kept, axis=1)
            order = np.argsort(-values, axis=1, kind="stable")
            return np.take_along_axis(kept, order, axis=1), np.take_along_axis(values, order, axis=1)

        return Opened(best if FAMILIES[name] in LISTS else scores, scores)

    def neighbours(vectors: Any, rows: Any) -> Any:
        each = [similar_items(vectors, row, len(vectors)) for row in rows]
        found = np.full((len(rows), len(vectors)), 1.0)
        for scores, (others, cosines) in zip(found, each, strict=True):
            scores[others] = cosines
        return found

    return open_


def recbole_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import logging

    import numpy as np
    import torch
    from scipy.sparse import dok_matrix

    # RecBole puts back these names, gone from numpy, when it makes a config; a saved config skips that.
    for alias, type_ in (("int", int), ("float", float), ("object", object), ("bool", bool)):
        setattr(np, alias, type_)
    # LightGCN fills its matrix through a method that newer scipy no longer has.
    dok_matrix._update = lambda self, cells: self._dict.update(cells)
    from recbole.data.interaction import Interaction
    from recbole.utils import get_model

    logging.disable()

    def open_(given: SimpleNamespace) -> Opened:
        saved = torch.load(given.file, weights_only=False)
        config = saved["config"]
        model = get_model(config["model"])(config, RecBoleCounts(given, config))
        torch.autograd.set_detect_anomaly(False)  # SINE turns this on for all when it is imported.
        model.load_state_dict(saved["state_dict"])
        model.load_other_parameter(saved["other_parameter"])
        model.eval()
        fields = {config["USER_ID_FIELD"]: torch.from_numpy(given.users)}
        if hasattr(model, "ITEM_SEQ"):
            longest = config["MAX_ITEM_LIST_LENGTH"]
            cut = [items[-longest:] for items in histories(given)]
            padded = np.stack([np.pad(items, (0, longest - len(items))) for items in cut])
            fields[model.ITEM_SEQ] = torch.from_numpy(padded)
            fields[model.ITEM_SEQ_LEN] = torch.tensor([len(items) for items in cut])
        batch = Interaction(fields)

        @torch.no_grad()
        def scores() -> Any:
            if name == "recbole-neumf":  # It has no full_sort_predict; its trainer makes all pairs.
                pairs = batch.repeat_interleave(model.n_items)
                items = torch.arange(model.n_items).repeat(len(given.users))
                pairs.update(Interaction({config["ITEM_ID_FIELD"]: items}))
                found = model.predict(pairs)
            else:
                found = model.full_sort_predict(batch)
            return found.view(len(given.users), -1).numpy()

        return Opened(scores, scores)

    return open_


class RecBoleCounts:
    """What a RecBole model asks of its dataset, from the training rows; the tool itself reads all files."""

    def __init__(self, given: SimpleNamespace, config: Any) -> None:
        self.given = given
        self.sizes = {
            config["USER_ID_FIELD"]: len(given.user_ids),
            config["ITEM_ID_FIELD"]: len(given.item_ids),
        }

    def num(self, field: str) -> int:
        return self.sizes[field]

    def inter_matrix(self, form: str) -> Any:
        import numpy as np
        from scipy.sparse import coo_matrix

        given = self.given
        shape = (len(given.user_ids), len(given.item_ids))
        return coo_matrix((np.ones(len(given.train_user)), (given.train_user, given.train_item)), shape)

    def history_item_matrix(self) -> Any:
        import numpy as np
        import torch

        matrix = self.inter_matrix("coo").tocsr()
        lengths = np.diff(matrix.indptr)
        items = np.zeros((matrix.shape[0], lengths.max()), dtype=np.int64)
        used = np.arange(lengths.max()) < lengths[:, None]
        items[used] = matrix.indices
        return torch.from_numpy(items), torch.from_numpy(used.astype(np.float32)), torch.from_numpy(lengths)


def rectools_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import logging

    import pandas as pd
    import rectools.models
    from rectools.dataset import Dataset, IdMap, Interactions

    logging.disable()

    def open_(given: SimpleNamespace) -> Opened:
        with open(given.file, "rb") as file:
            model = pickle.load(file)
        assert isinstance(model, rectools.models.base.ModelBase)
        model.recommend_n_threads = 1
        # Its dataset is needed to recommend and lives outside the file: made outside the clocks.
        known = given.item_ids[given.item_ids != ""]
        first = len(given.item_ids) - len(known)
        rows = pd.DataFrame(
            {
                "user_id": given.train_user,
                "item_id": given.train_item - first,
                "weight": given.train_rating.astype(float),
                "datetime": pd.to_datetime(range(len(given.train_user)), unit="s"),
            }
        )
        dataset = Dataset(
            IdMap(given.user_ids.astype(object)), IdMap(known.astype(object)), Interactions(rows)
        )
        users = given.user_ids[given.users].astype(object)

        def lists(k: int) -> Any:
            return model.recommend(users=users, dataset=dataset, k=k, filter_viewed=False)

        def scores() -> Any:
            found = lists(len(known))
            where = {raw: row for row, raw in enumerate(given.item_ids)}
            found["row"] = found["item_id"].map(where)
            each = [found[found["user_id"] == user] for user in users]
            rows = [list(one["row"]) for one in each]
            values = [list(one["score"]) for one in each]
            return table((len(users), len(given.item_ids)), rows, values)

        return Opened(lambda: lists(BEST), scores)

    return open_


def lenskit_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import lenskit.als
    import numpy as np
    from lenskit.data import ItemList, RecQuery

    def open_(given: SimpleNamespace) -> Opened:
        with open(given.file, "rb") as file:
            model = pickle.load(file)
        assert type(model).__module__.startswith(lenskit.als.__name__)
        known = np.flatnonzero(given.item_ids != "")
        items = ItemList(item_ids=given.item_ids[known])
        # Its pipeline looks up what a user has rated, from which the scorer makes the vector anew.
        queries = [
            RecQuery(
                user_id=given.user_ids[user],
                history_items=ItemList(item_ids=given.item_ids[rows], rating=ratings),
            )
            for user, rows, ratings in zip(
                given.users,
                histories(given),
                np.split(given.ratings, given.offsets[1:-1]),
                strict=True,
            )
        ]

        def scores() -> Any:
            return np.stack([model(query, items).scores() for query in queries])

        return Opened(scores, scores)

    return open_


def implicit_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    def open_(given: SimpleNamespace) -> Opened:
        kind = {"implicit-als": AlternatingLeastSquares, "implicit-bpr": BayesianPersonalizedRanking}[name]
        model = kind.load(given.file)
        model.num_threads = 1

        def lists(k: int) -> Any:
            return model.recommend(given.users, None, N=k, filter_already_liked_items=False)

        shape = (len(given.users), len(given.item_ids))
        return Opened(lambda: lists(BEST), lambda: table(shape, *lists(shape[1])))

    return open_


def cornac_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import numpy as np
    from cornac.models import BPR, MF

    def open_(given: SimpleNamespace) -> Opened:
        model = {"cornac-mf": MF, "cornac-bpr": BPR}[name].load(given.file)

        def scores() -> Any:
            return np.stack([model.score(user) for user in given.users])

        return Opened(scores, scores)

    return open_


def surprise_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import numpy as np
    from surprise import dump

    def open_(given: SimpleNamespace) -> Opened:
        _, model = dump.load(given.file)

        def scores() -> Any:
            users = given.user_ids[given.users]
            return np.array(
                [[model.predict(str(user), str(item)).est for item in given.item_ids] for user in users]
            )

        return Opened(scores, scores)

    return open_


def lightfm_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import lightfm
    import numpy as np

    def open_(given: SimpleNamespace) -> Opened:
        with open(given.file, "rb") as file:
            model = pickle.load(file)
        assert isinstance(model, lightfm.LightFM)
        items = np.arange(len(given.item_ids))

        def scores() -> Any:
            return np.stack([model.predict(int(user), items, num_threads=1) for user in given.users])

        return Opened(scores, scores)

    return open_


def gensim_side(name: str) -> Callable[[SimpleNamespace], Opened]:
    import numpy as np
    from gensim.models import Word2Vec

    def open_(given: SimpleNamespace) -> Opened:
        vectors = Word2Vec.load(given.file).wv
        words = [str(given.item_ids[row]) for row in given.users]
        return Opened(
            lambda: [vectors.most_similar(word, topn=BEST) for word in words],
            lambda: np.stack([vectors.most_similar(word, topn=None) for word in words]),
        )

    return open_


if __name__ == "__main__":
    main()
