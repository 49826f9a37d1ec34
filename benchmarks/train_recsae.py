"""Training a sparse autoencoder: RecSAE's own loop against ``recaudit train``, quality over training time.

    python benchmarks/train_recsae.py SASRec CHECKPOINT DATA --peer CLONE [--limit-seconds 420] > theirs.json
    python benchmarks/train_recsae.py SASRec CHECKPOINT DATA --ours --against theirs.json > ours.json

``CLONE`` is a checkout of Alice1998/RecSAE, branch ``anon`` (24741e5), the code closest to the paper; the
interpreter needs torch, pandas, scikit-learn, scipy, pyyaml and tqdm. ``CHECKPOINT`` and ``DATA`` are
ReChorus': a SASRec or BPRMF of MovieLens-1M as RecSAE splits it. Settings are the published ones for k = 8:
16 latents a dimension, learning rate 1e-4, batches of 4 training rows for SASRec and of 16 for BPRMF, Adam,
l2 1e-6.

Theirs, imported from the clone and unchanged: reader, data set, sampler and loader, the frozen model with
its ``SAE``, the loss, the optimiser and the whole epoch (``RecSAERunner.fit``), and ``evaluate``. A batch is
therefore theirs too: one user row an interaction for BPRMF, every position of every history that is not
padding for SASRec, 18 vectors a history.

The harness, in place of ``RecSAERunner.train``, whose option to print test results has a broken format
string: the loop over epochs with its bookkeeping of dead latents, and looks in between. A look stops the
clock between two batches. It ranks the same rows as ``evaluate`` by one product of matrices, and must agree
with ``evaluate`` to four decimals after the last step. The latents it meets are kept out of their
bookkeeping. Early stopping and saving, neither of which takes time in their clock, are left out.

Two things to know. Adam with L2 inside moves a weight that gets no other gradient by the whole learning rate,
so latents that go unused early are at zero within ten thousand steps (``zeroed_share``), from where AuxK
brings few back; ``--l2 0`` shows the loop without it. And these weights and their moments then become
denormal numbers, which slow a CPU's step up to tenfold: they are flushed to zero here, in the peer's favour,
unless ``--keep-denormals``.

The clock therefore holds what ``fit`` does: drawing negatives (which RecSAE's loss never uses), batches,
forward, backward, step. It holds no start-up, no reading and no evaluation. ``--limit-seconds`` ends the run
between two batches; ``epoch_seconds`` then says how it was extrapolated. ``cpu_seconds`` is the time the
process really had, the better of the two on a busy machine (without the loader's ``--workers``).

Printed: one JSON object. ``looks`` has an entry a look: system, model, step, epoch, seconds; NDCG@5 and
NDCG@10 on dev rows and NDCG@10 and overlap@10 on test rows, of the reconstructed model under RecSAE's protocol;
and of the distinct vectors of test rows, the explained variance and the share of latents that fire on none.
``base`` has the NDCG of the model itself. With ``--against theirs.json``, ``against`` says for the peer's best
looks, its last and its epochs after how many seconds ours explained as much, and ranked as well.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Their progress bars take time even when nobody looks.
os.environ["TQDM_DISABLE"] = "1"

from measure import own_peak_mib, run, versions

SCALE, K = 16, 8
PUBLISHED = {
    "SASRec": {"package": "models.sequential", "sae_lr": 1e-4, "sae_batch_size": 4},
    "BPRMF": {"package": "models.general", "sae_lr": 1e-4, "sae_batch_size": 16},
}
EPOCHS = 50
"""RecSAE's most; it stops earlier when dev NDCG@5 has not risen for ten."""
ZEROED = 1e-3
"""A latent whose decoder row, once of unit length, is shorter than this has been decayed away."""
SAME = 5e-5
"""Half a unit of the fourth decimal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", choices=PUBLISHED)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path, help="folder of train.csv, dev.csv and test.csv")
    side = parser.add_mutually_exclusive_group(required=True)
    side.add_argument("--peer", type=Path, metavar="CLONE", help="run RecSAE's loop from this checkout")
    side.add_argument("--ours", action="store_true", help="run recaudit train")
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="theirs only")
    parser.add_argument("--limit-seconds", type=float, default=float("inf"), help="theirs only")
    parser.add_argument(
        "--look-seconds", type=float, default=30.0, help="theirs: training time between looks"
    )
    parser.add_argument("--keep-denormals", action="store_true", help="theirs: as it runs on a CPU untouched")
    parser.add_argument("--l2", type=float, default=1e-6, help="theirs: weight decay inside Adam")
    parser.add_argument("--workers", type=int, default=0, help="theirs: processes of the loader")
    parser.add_argument("--look-steps", type=int, default=20, help="ours: steps between looks")
    parser.add_argument("--against", type=Path, metavar="JSON", help="ours: their output, to compare with")
    parser.add_argument(
        "--train", nargs="*", default=[], metavar="ARG", help="ours: passed on, with = or in quotes"
    )
    args = parser.parse_args()
    print(json.dumps(ours(args) if args.ours else theirs(args), indent=1))


def ours(args: argparse.Namespace) -> dict[str, Any]:
    """``recaudit train`` on the same checkpoint, with the peer's figures taken at every look.

    ``seconds`` is training; ``cpu_seconds`` also holds what the trainer makes before its first step. Looks are in
    neither, as in the peer's clocks. The training runs in this process, because the command looks at
    rows of its own that it held out, and here looks are on the peer's test rows, and closer together.
    """
    import numpy as np
    import torch

    from recaudit.dictionaries.train import prepare
    from recaudit.sae.training.record import Look
    from recaudit.sae.training.trainer import Judge, Training

    with tempfile.TemporaryDirectory() as folder:
        audit = Path(folder) / "audit.duckdb"
        heads = ["--heads", str(args.heads)] if args.model == "SASRec" else []
        data = ["--data", args.data, "--ids", "rows", "--protocol", "recsae", "--name", args.model]
        ingest = [sys.executable, "-m", "recaudit", "ingest", args.checkpoint, *data, *heads]
        run([*ingest, "--db", audit])
        prepared = prepare(audit, args.model, settings_of(args))
        base, look = watching_ours(audit)
    looks: list[dict[str, Any]] = []
    clock = Clock()

    class Timed(Training):
        def _look(self, judge: Judge) -> Look:
            clock.stop()
            found = super()._look(judge)
            clock.start()
            return found

    def judge(rebuild: Callable[..., Any]) -> tuple[float, float | None]:
        spent = {"cpu_seconds": round(clock.cpu_seconds, 3)}
        looks.append({"system": "recaudit", "model": args.model, **spent, **look(rebuild)})
        return prepared.judge(rebuild)

    torch.set_num_threads(1)
    with torch.no_grad():
        clock.start()
        training = Timed(prepared.data, prepared.settings, torch.device("cpu"))
        for _ in training.looks_on_the_way(judge):
            pass
        trained = training.finished()
    for said, entry in zip(trained.looks, looks, strict=True):
        held_out = {
            "held_out_explained_variance": said.explained_variance,
            "held_out_overlap10": said.overlap,
        }
        entry |= {"step": said.step, "seconds": round(said.seconds, 3), "kept": said.kept} | held_out
        entry["dead_share"] = said.dead_share
    found = {
        "system": "recaudit",
        "model": args.model,
        "arguments": args.train,
        "base": base,
        "rows": trained.rows,
        "seconds": trained.looks[-1].seconds,
        "steps": trained.looks[-1].step,
        "never_fired_on_training_rows": float(np.mean(fired(prepared, trained) == 0)),
        "looks": looks,
        "versions": versions("recaudit", "torch", "numpy"),
    }
    return found | ({"against": against(found, json.loads(args.against.read_text()))} if args.against else {})


def settings_of(args: argparse.Namespace) -> Any:
    """What the command would train with, but for looks ``--look-steps`` apart; patience is as long in steps."""
    from dataclasses import replace

    from recaudit.cli.train import train as command
    from recaudit.dictionaries.options import settings_from

    context = command.make_context("train", [args.model, "--seed", str(args.seed), *args.train])
    settings = settings_from(context.params)
    patience = settings.patience * settings.look_every // args.look_steps
    return replace(settings, look_every=args.look_steps, patience=max(1, patience))


def fired(prepared: Any, trained: Any) -> Any:
    """[latents] how many training rows each is active on."""
    import numpy as np

    from recaudit.sae import SparseAutoencoder

    sae = SparseAutoencoder(trained.spec)
    counts = np.zeros(len(trained.spec.encoder), np.int64)
    for rows in prepared.data.train.values():
        counts += np.bincount(sae.encode(rows).latent, minlength=len(counts))
    return counts


def watching_ours(audit: Path) -> tuple[dict[str, float], Callable[[Any], dict[str, float]]]:
    """The model's own NDCG on test rows, and what a look measures: the same as the peer's."""
    import numpy as np

    from recaudit.analyses import inputs
    from recaudit.analyses.protocol import protocol_named
    from recaudit.analyses.scoring import target_ranks, top_lists
    from recaudit.metrics import lists, ranking
    from recaudit.metrics.reconstruction import explained_variance
    from recaudit.store import read, reading

    with reading(audit) as opened:
        model = read.model_named(opened, None)
        loaded = inputs.load(opened, model, protocol_named("recsae"), 0)
    field, targets = loaded.field, loaded.targets
    vectors = field.cases.vectors
    rows = np.searchsorted(field.cases.case_id, targets.case_id)
    places, of_place = np.unique(rows, return_inverse=True)
    distinct = np.unique(vectors[places], axis=0)
    original, _ = top_lists(field, vectors, places, 10)

    def ndcg(of: Any) -> float:
        return float(ranking.ndcg(target_ranks(field, of, targets), 10).mean())

    def look(rebuild: Callable[..., Any]) -> dict[str, float]:
        again = rebuild("case", vectors)
        items, _ = top_lists(field, again, places, 10)
        return {
            "test_ndcg10": ndcg(again),
            "test_overlap10": float(lists.overlap(original, items)[of_place].mean()),
            "explained_variance": explained_variance(distinct, rebuild("case", distinct)),
        }

    return {"test_ndcg10": ndcg(vectors)}, look


def against(found: dict[str, Any], peer: dict[str, Any]) -> list[dict[str, Any]]:
    """Seconds of ours to the explained variance, and to the NDCG@10 with no fewer lists kept, that the peer had at its
    best by either, at its last look, and after each epoch."""
    marks = {
        f"best {figure}": max(peer["looks"], key=lambda look: look[figure])
        for figure in ("explained_variance", "test_ndcg10")
    }
    marks["last look"] = peer["looks"][-1]
    whole = [look for look in peer["looks"] if look["epoch"] and look["epoch"] == int(look["epoch"])]
    marks |= {f"epoch {look['epoch']:.0f}": look for look in whole}
    return [
        compared(name, mark, found["looks"], figures)
        for name, mark in marks.items()
        for figures in (("explained_variance",), ("test_ndcg10", "test_overlap10"))
    ]


def compared(
    name: str, theirs: dict[str, Any], looks: list[dict[str, Any]], figures: Iterable[str]
) -> dict[str, Any]:
    """Our first look that is as good as theirs by all of these figures, and how many times sooner it came."""
    enough = (look for look in looks if all(look[figure] >= theirs[figure] for figure in figures))
    first = next(enough, None)
    times = {clock: theirs[clock] / first[clock] for clock in ("seconds", "cpu_seconds")} if first else None
    return {"mark": name, "by": list(figures), "theirs": theirs, "ours": first, "times": times}


def theirs(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(not args.keep_denormals)
    stand_in_for_removed_names()
    sys.path.insert(0, str(args.peer / "src"))
    logging.disable()
    import_module("utils.utils").init_seed(args.seed)
    runner, model, datasets = prepared(args)
    clock = Clock()
    look, agree, base = watching(runner, model, datasets)
    looks: list[dict[str, Any]] = []

    def note(step: int, epoch: float) -> None:
        here = {"system": "RecSAE", "model": args.model, "step": step, "epoch": round(epoch, 4)}
        clocks = {"seconds": round(clock.seconds, 3), "cpu_seconds": round(clock.cpu_seconds, 3)}
        looks.append(here | clocks | look())
        print(looks[-1], file=sys.stderr)

    trained = train(runner, model, datasets["train"], clock, note, args)
    agree()
    steps_per_epoch = -(-len(datasets["train"]) // runner.sae_batch_size)
    return {
        "system": "RecSAE",
        "model": args.model,
        "settings": {
            "k": K,
            "scale": SCALE,
            "lr": runner.learning_rate,
            "batch": runner.sae_batch_size,
            "l2": args.l2,
            "denormals": "kept" if args.keep_denormals else "flushed to zero",
        },
        "base": base,
        "rows": {name: len(dataset) for name, dataset in datasets.items()},
        "steps_per_epoch": steps_per_epoch,
        "steps_per_second": trained.steps / clock.batch_seconds,
        "negatives_seconds_per_epoch": clock.other_seconds / trained.epochs_begun,
        "epoch_seconds": epoch_seconds(trained, clock, steps_per_epoch),
        "looks": looks,
        "peak_mib": own_peak_mib(),
        "versions": versions("torch", "numpy", "pandas"),
    }


@dataclass
class Clock:
    """Seconds of training: in batches, and before the first batch of an epoch; and this process's CPU time."""

    batch_seconds: float = 0.0
    other_seconds: float = 0.0
    cpu_seconds: float = 0.0
    started: tuple[float, float] = field(default=(0.0, 0.0), repr=False)

    @property
    def seconds(self) -> float:
        return self.batch_seconds + self.other_seconds

    def start(self) -> None:
        self.started = time.perf_counter(), time.process_time()

    def since_start(self) -> float:
        return time.perf_counter() - self.started[0]

    def stop(self) -> float:
        """Seconds since ``start``, for the caller to add where they belong."""
        self.cpu_seconds += time.process_time() - self.started[1]
        return self.since_start()


@dataclass
class Trained:
    steps: int = 0
    epochs_begun: int = 0
    epochs_done: int = 0


class OutOfTimeError(Exception):
    """``--limit-seconds`` are over."""


def train(
    runner: Any,
    model: Any,
    dataset: Any,
    clock: Clock,
    note: Callable[[int, float], None],
    args: argparse.Namespace,
) -> Trained:
    """Their epochs, one ``fit`` each, with the loader wrapped so that looks can happen between batches."""
    module: Any = import_module("helpers.RecSAERunner")
    loader_class, trained = module.DataLoader, Trained()
    steps_per_epoch = -(-len(dataset) // runner.sae_batch_size)

    def watched(*positional: Any, **named: Any) -> Iterable[Any]:
        return between_batches(loader_class(*positional, **named))

    def between_batches(loader: Iterable[Any]) -> Iterator[Any]:
        clock.other_seconds += clock.stop()
        clock.start()
        next_look = clock.seconds + args.look_seconds
        for batch in loader:
            yield batch
            trained.steps += 1
            now = clock.seconds + clock.since_start()
            if now < min(next_look, args.limit_seconds):
                continue
            clock.batch_seconds += clock.stop()
            note(trained.steps, trained.steps / steps_per_epoch)
            if now >= args.limit_seconds:
                raise OutOfTimeError
            next_look = clock.seconds + args.look_seconds
            clock.start()

    note(0, 0.0)
    module.DataLoader = watched
    try:
        for epoch in range(1, args.epochs + 1):
            model.eval()
            model.set_sae_mode("train")
            trained.epochs_begun = epoch
            clock.start()
            runner.fit(dataset, epoch=epoch)
            clock.batch_seconds += clock.stop()
            trained.epochs_done = epoch
            # In this mode it makes the latents of this epoch the reference of the next one's dead ones.
            model.get_dead_latent_ratio()
            note(trained.steps, float(epoch))
    except OutOfTimeError:
        pass
    finally:
        module.DataLoader = loader_class
    return trained


def epoch_seconds(trained: Trained, clock: Clock, steps_per_epoch: int) -> dict[str, Any]:
    """Seconds of an epoch: measured where one was finished, else from the rate of the steps done."""
    of_negatives = clock.other_seconds / trained.epochs_begun
    of_steps = clock.batch_seconds / trained.steps * steps_per_epoch
    if trained.epochs_done == trained.epochs_begun:
        how = f"measured over {trained.epochs_done} epochs"
    else:
        how = (
            f"extrapolated: {of_negatives:.1f} s of negatives + {steps_per_epoch:,} steps at the rate of the "
            f"{trained.steps:,} steps done"
        )
    each = of_negatives + of_steps
    return {"seconds": each, "how": how, f"seconds_of_{EPOCHS}_epochs": each * EPOCHS}


def watching(
    runner: Any, model: Any, datasets: dict[str, Any]
) -> tuple[Callable[[], dict[str, float]], Callable[[], None], dict[str, float]]:
    """What a look measures, the check that it measures what ``evaluate`` does, and the model's own figures.

    As RecSAE's ``main_sae.py`` does, everything is evaluated once before training; the latents which that
    meets count as seen in the first epoch, theirs included.
    """
    import torch

    cutoffs = {"dev": (5, 10), "test": (10,)}

    def their_figures(label: str) -> dict[str, float]:
        model.set_sae_mode("inference")
        return {
            f"{part}_ndcg{k}": float(value)
            for part, ks in cutoffs.items()
            for k, value in zip(
                ks, runner.evaluate(datasets[part], list(ks), ["NDCG"], label).values(), strict=True
            )
        }

    seen: list[Any] = []
    handle = model.sae_module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    base = their_figures("prediction")
    handle.remove()
    vectors = torch.cat(seen)
    dev, test = vectors[: len(datasets["dev"])], vectors[len(datasets["dev"]) :]
    tasks = {"dev": Task(model, datasets["dev"], dev), "test": Task(model, datasets["test"], test)}
    distinct = torch.unique(test, dim=0)

    @torch.no_grad()
    def look() -> dict[str, float]:
        mode, latents = model.mode, set(model.sae_module.activate_latents)
        figures = {
            f"{part}_ndcg{k}": tasks[part].ndcg(model.sae_module(tasks[part].vectors), k)
            for part, ks in cutoffs.items()
            for k in ks
        }
        figures["test_overlap10"] = tasks["test"].overlap(model.sae_module(tasks["test"].vectors))
        model.sae_module.activate_latents = set()
        errors = (model.sae_module(distinct) - distinct).square().sum()
        figures["silent_share"] = 1 - len(model.sae_module.activate_latents) / (SCALE * distinct.shape[1])
        norms = model.sae_module.W_dec.norm(dim=1)
        figures["zeroed_share"] = float((norms < ZEROED).float().mean())
        figures["explained_variance"] = float(1 - errors / (distinct - distinct.mean(0)).square().sum())
        model.mode, model.sae_module.activate_latents = mode, latents
        return figures

    def agree(label: str = "prediction_sae", figures: dict[str, float] | None = None) -> None:
        for name, value in their_figures(label).items():
            mine = (figures or look())[name]
            assert abs(mine - value) < SAME, (name, mine, value)

    agree()
    for part, task in tasks.items():
        for k in cutoffs[part]:
            assert abs(task.ndcg(task.vectors, k) - base[f"{part}_ndcg{k}"]) < SAME, (part, k)
    return look, agree, base


class Task:
    """Full ranking of one part's rows: RecSAE masks all a user is known to like, less the row's target."""

    def __init__(self, model: Any, dataset: Any, vectors: Any) -> None:
        import torch

        self.vectors = vectors
        self.items = model.i_embeddings.weight.detach()
        self.targets = torch.tensor(dataset.data["item_id"])
        corpus = dataset.corpus
        self.masked = torch.zeros(len(vectors), len(self.items), dtype=torch.bool)
        self.masked[:, 0] = True  # padding
        for row, user in enumerate(dataset.data["user_id"]):
            known = corpus.train_clicked_set[user] | corpus.residual_clicked_set[user]
            self.masked[row, list(known)] = True

    def ndcg(self, vectors: Any, k: int) -> float:
        import torch

        scores = vectors @ self.items.T
        own = scores.gather(1, self.targets[:, None])
        ranks = 1 + ((scores >= own) & ~self.masked).sum(1)
        return float(torch.where(ranks <= k, 1 / torch.log2(ranks + 1.0), 0.0).mean())

    def overlap(self, vectors: Any, k: int = 10) -> float:
        """Share of each row's first ``k`` unmasked items that the reconstruction keeps."""
        import torch

        lists = [
            (rows @ self.items.T).masked_fill(self.masked, -torch.inf).topk(k).indices
            for rows in (self.vectors, vectors)
        ]
        return float((lists[0][:, :, None] == lists[1][:, None, :]).any(2).float().mean())


def stand_in_for_removed_names() -> None:
    """ReChorus was written for numpy 1.22, which still had these."""
    import numpy as np

    for name, type_ in (("int", int), ("float", float), ("object", object)):
        setattr(np, name, type_)


def prepared(args: argparse.Namespace) -> tuple[Any, Any, dict[str, Any]]:
    """Runner, model and data as RecSAE's ``main_sae.py`` makes them; the corpus is read, never unpickled."""
    import torch

    published = PUBLISHED[args.model]
    model_class = getattr(import_module(f"{published['package']}.{args.model}"), f"{args.model}_SAE")
    reader_class = getattr(import_module(f"helpers.{model_class.reader}"), model_class.reader)
    runner_class = getattr(import_module(f"helpers.{model_class.runner}"), model_class.runner)
    options = argparse.ArgumentParser(conflict_handler="resolve")
    for parse in (reader_class.parse_data_args, runner_class.parse_runner_args, model_class.parse_model_args):
        parse(options)
    given = {
        "path": str(args.data.parent),
        "dataset": args.data.name,
        "test_all": 1,
        "num_heads": args.heads,
        "num_workers": args.workers,
        "l2": args.l2,
        "sae_k": K,
        "sae_scale_size": SCALE,
        "sae_lr": published["sae_lr"],
        "sae_batch_size": published["sae_batch_size"],
        "model_path": str(args.checkpoint),
        "train": 1,
        "log_file": "",
        "device": torch.device("cpu"),
    }
    settings = SimpleNamespace(**vars(options.parse_args([])) | given)
    corpus = reader_class(settings)
    model = model_class(settings, corpus)
    # Its notion of the base checkpoint's own path, by which it freezes what that file holds.
    model.load_model(model.model_path)
    datasets = {part: model_class.Dataset(model, corpus, part) for part in ("train", "dev", "test")}
    for dataset in datasets.values():
        dataset.prepare()
    return runner_class(settings), model, datasets


if __name__ == "__main__":
    main()
