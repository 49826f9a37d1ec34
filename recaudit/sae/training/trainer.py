"""Training itself: batches, steps, looks, and the state that a killed training goes on from."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recaudit.errors import NoVerdictError, UsageError
from recaudit.metrics.reconstruction import explained_variance
from recaudit.models.heads import Head
from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.sae.normalisation import row_scale
from recaudit.sae.training import state
from recaudit.sae.training.adam import Adam
from recaudit.sae.training.codes import Gradients
from recaudit.sae.training.objective import Batch, Objective, Pass
from recaudit.sae.training.parameters import Parameters
from recaudit.sae.training.pool import Pool, moments
from recaudit.sae.training.prediction import Prediction, prediction_loss
from recaudit.sae.training.record import Look, Trained
from recaudit.sae.training.schedule import Schedule
from recaudit.sae.training.settings import Settings

FloatArray = NDArray[np.float32]
Rebuild = Callable[[str, FloatArray], FloatArray]
"""Kind (``case`` or ``item``) and vectors [n, dim] to their reconstruction."""

FEWEST_ROWS = 32
_DEAD_AFTER = 40_000
"""Rows without firing after which a look calls a latent dead; ``Settings.silent`` is sooner, to revive it in time."""
_TRIED = 20_000
"""Training rows at most that a finished dictionary is tried on, evenly spaced."""
_SLACK = 1.25
"""How many times ``k`` a look's L0 may be where training only draws it there."""


@dataclass(frozen=True)
class TrainingData:
    """Vectors of each kind (``case``, ``item``) to train on and, of others, to look at; [n, dim] each."""

    train: Mapping[str, FloatArray]
    held_out: Mapping[str, FloatArray]
    interactions: int
    """Of the training split: the rows of an epoch where settings count those."""
    head: Head | None = None
    """The frozen scorer, for a prediction term."""
    partners: Mapping[str, FloatArray] = field(default_factory=dict)
    """Vectors of a kind that is not trained on, for a prediction term: whom items are scored for."""


Judge = Callable[[Rebuild], tuple[float, float | None]]
"""Overlap of the first ten and NDCG ratio of the reconstructed recommender."""


def train(
    data: TrainingData,
    settings: Settings,
    judge: Judge,
    *,
    device: str = "cpu",
    threads: int = 1,
    keep_state: Path | None = None,
    progress: Callable[[Look, int], None] = lambda look, limit: None,
) -> Trained:
    """Train a dictionary. The same data, settings, device kind and threads give the same bits on a CPU.

    Args:
        judge: called at every look.
        keep_state: file to go on from after a kill. It is still there at the end, so that a kill before the
            result is safe costs no training: ``state.remove`` it then.
        progress: told each look, and the steps there will be at most.

    Raises:
        UsageError: the settings cannot be for these vectors.
        NoVerdictError: too few vectors, all the same, or the weights ran away.
    """
    _check_rows(data)
    with _threads(threads), torch.no_grad():
        run = Training(data, settings, torch.device(device))
        if keep_state is not None:
            state.load(keep_state, run)
        for look in run.looks_on_the_way(judge):
            if keep_state is not None:
                state.save(keep_state, run)
            progress(look, run.schedule.end)
        return run.finished()


def _check_rows(data: TrainingData) -> None:
    for kind, rows in data.train.items():
        if len(rows) < FEWEST_ROWS:
            raise NoVerdictError(
                f"{len(rows)} different {kind} vectors are too few to train a dictionary on",
                fix=f"ingest data with more users or items: {FEWEST_ROWS}, and a tenth more to hold out",
            )
    for kind, rows in data.held_out.items():
        if not len(rows) or not np.ptp(rows, axis=0).any():
            raise NoVerdictError(
                f"there are no two different {kind} vectors to hold out from a training",
                fix="ingest data with more users or items",
            )


class Training:
    """One training under way; ``state`` saves and loads its attributes."""

    def __init__(self, data: TrainingData, settings: Settings, device: torch.device) -> None:
        dim = next(iter(data.train.values())).shape[1]
        self.settings, self.data = settings.checked(dim), data
        seen = {kind: _normalised(rows, settings) for kind, rows in data.train.items()}
        mean, covariance = moments([rows for rows, _ in seen.values()])
        variance = float(np.trace(covariance))
        scale = math.sqrt(variance) or 1.0 if settings.rescale else 1.0
        self.pools = {kind: Pool(kind, rows, gain, scale, device) for kind, (rows, gain) in seen.items()}
        start = torch.from_numpy((mean / scale).astype(np.float32)).to(device)
        spread = torch.from_numpy(covariance / scale**2).to(device)
        self.parameters = Parameters(settings, start, spread, scale)
        self.prediction = _prediction(data, settings, device)
        if settings.norm_in != "none":
            variance = float(np.trace(moments(list(data.train.values()))[1]))
        self.objective = Objective(settings, variance or 1.0, dim, self.prediction)
        self.adam = _optimiser(self.parameters)
        self.silent_for = torch.zeros(settings.width(dim), dtype=torch.long, device=device)
        longest = max(len(pool.x) for pool in self.pools.values())
        rows = data.interactions if settings.epoch == "interactions" else longest
        self.steps_per_epoch = max(1, rows // min(settings.batch, longest))
        limits = (settings.max_steps, settings.epochs and settings.epochs * self.steps_per_epoch)
        self.schedule = Schedule(settings, min(limit for limit in limits if limit))
        self.patience = settings.silent or self.steps_per_epoch
        self.dead_after = max(self.patience, _DEAD_AFTER // settings.batch)
        self.step, self.seconds = 0, 0.0
        self.looks: list[Look] = []
        self.best: dict[str, Tensor] = {}

    @cached_property
    def identity(self) -> str:
        """Of settings and data: a state is of no use to another training."""
        said = hashlib.sha256(f"{self.settings.digest} {self.data.interactions}".encode())
        data = self.data
        for part, vectors in (
            ("train", data.train),
            ("held out", data.held_out),
            ("partners", data.partners),
        ):
            for kind, rows in vectors.items():
                said.update(f"{part} {kind} {rows.shape}".encode())
                said.update(np.ascontiguousarray(rows, np.float32).data)
        if data.head is not None:
            said.update(np.ascontiguousarray(data.head.vectors, np.float32).data)
        return said.hexdigest()

    def looks_on_the_way(self, judge: Judge) -> Iterator[Look]:
        """Train from where this stands to the end, yielding every look."""
        while not self.schedule.is_over(self.step):
            began = time.perf_counter()
            until = min(self.step + self.settings.look_every, self.schedule.limit)
            batches = {kind: pool.batches(self.settings, self.step) for kind, pool in self.pools.items()}
            while self.step < until and not self.schedule.is_over(self.step):
                self._take_step([next(drawn) for drawn in batches.values()])
            self.seconds += time.perf_counter() - began
            yield self._look(judge)

    def _take_step(self, batches: list[Batch]) -> None:
        if self.prediction is not None:
            self.prediction.reseed(self.step)
        parameters, settings = self.parameters, self.settings
        passes = [self.objective.forward(batch, parameters) for batch in batches]
        self._note_firing(passes)
        silent = (self.silent_for >= self.patience).nonzero()[:, 0]
        gradients = self.objective.backward(passes, parameters, silent)
        self._apply(gradients)
        self.step += 1
        if settings.norm_decoder == "step" or (
            settings.norm_decoder == "epoch" and self.step % self.steps_per_epoch == 0
        ):
            parameters.normalise()

    def _note_firing(self, passes: list[Pass]) -> None:
        self.silent_for += 1
        for one in passes:
            self.silent_for[one.codes.fired] = 0

    def _apply(self, gradients: Gradients) -> None:
        parameters = self.parameters
        if self.settings.tied:
            gradients.encoder += gradients.decoder
        elif self.settings.norm_decoder == "step":
            along = (gradients.decoder * parameters.decoder).sum(dim=1, keepdim=True)
            gradients.decoder -= along * parameters.decoder
        self.adam.step(vars(gradients), self.schedule.rate(self.step))

    def _look(self, judge: Judge) -> Look:
        sae = SparseAutoencoder(self.parameters.spec())
        explained, l0 = _explained(sae, self.data.held_out)
        if not np.isfinite(explained):
            raise NoVerdictError(
                f"the weights ran away before step {self.step}: they reconstruct no numbers any more",
                fix="give a smaller --learning-rate",
            )
        overlap, ratio = judge(lambda kind, rows: sae.reconstruct(rows))
        look = Look(
            step=self.step,
            seconds=self.seconds,
            explained_variance=explained,
            l0=l0,
            dead_share=float((self.silent_for >= self.dead_after).float().mean()),
            overlap=overlap,
            ndcg_ratio=ratio,
        )
        rivals = [earlier for earlier in self.looks if self._is_rival(earlier)]
        is_rival = self._is_rival(look)
        if all(is_rival and look.score > earlier.score for earlier in rivals):
            self.looks = [replace(earlier, kept=False) for earlier in self.looks]
            self.best = {name: tensor.clone() for name, tensor in self.parameters.state().items()}
            look = replace(look, kept=True)
        self.looks.append(look)
        if is_rival:
            self.schedule.saw(self.step, look.score)
        return look

    def _is_rival(self, look: Look) -> bool:
        """Whether it counts who is better: a dictionary that is still to grow sparser always looks better."""
        if self.settings.kind == "topk":
            return True
        return self.settings.kind != "relu" and look.l0 <= _SLACK * self.settings.k

    def finished(self) -> Trained:
        """The dictionary of the best look; of the last where none has the sparsity aimed at, as with ``relu``."""
        self.parameters.restore(self.best)
        spec = self.parameters.spec()
        some = {kind: rows[:: -(-len(rows) // _TRIED)] for kind, rows in self.data.train.items()}
        explained, _ = _explained(SparseAutoencoder(spec), some)
        kept = next(look for look in self.looks if look.kept)
        return Trained(
            spec=spec,
            settings=self.settings,
            looks=tuple(self.looks),
            rows={kind: len(rows) for kind, rows in self.data.train.items()},
            held_out={kind: len(rows) for kind, rows in self.data.held_out.items()},
            explained_trained=explained,
            explained_by_axes=_explained_by_axes(self.data, round(kept.l0)),
            stopped=self.schedule.reason,
            prediction=None if self.prediction is None else self.prediction.about,
        )


def _explained(sae: SparseAutoencoder, vectors: Mapping[str, FloatArray]) -> tuple[float, float]:
    """Explained variance and L0, each the mean over kinds."""
    explained, l0 = [], []
    for rows in vectors.values():
        codes = sae.encode(rows)
        explained.append(explained_variance(rows, sae.decode(codes, rows)))
        l0.append(len(codes.value) / max(len(rows), 1))
    return float(np.mean(explained)), float(np.mean(l0))


def _explained_by_axes(data: TrainingData, count: int) -> float:
    """Explained variance of held-out vectors, the mean over kinds, by principal axes of those trained on."""
    mean, covariance = moments(list(data.train.values()))
    axes = np.linalg.eigh(covariance)[1][:, -max(count, 1) :]
    return float(
        np.mean([explained_variance(x, mean + (x - mean) @ axes @ axes.T) for x in data.held_out.values()])
    )


def _normalised(rows: FloatArray, settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Rows [n, dim] as the dictionary sees them but for a common factor, and their gain [n, 1] back."""
    scale = row_scale(rows, settings.norm_in)
    if scale is None:
        return rows, np.ones((len(rows), 1), np.float32)
    return scale.normalise(rows), scale.gain


def _prediction(data: TrainingData, settings: Settings, device: torch.device) -> Prediction | None:
    if not settings.loss.prediction:
        return None
    if data.head is None:
        raise UsageError("a prediction term needs the model's scorer", fix="--loss prediction=0")
    return prediction_loss(
        data.head, data.train, data.partners, unit=settings.unit, seed=settings.seed, device=device
    )


def _optimiser(parameters: Parameters) -> Adam:
    """Weight decay spares the encoder's bias, as in RecSAE."""
    settings = parameters.settings
    decayed = dict.fromkeys(("encoder", "decoder", "pre_bias"), settings.weight_decay)
    lazy = settings.optimiser == "lazy-adam"
    return Adam(parameters.trained(), beta2=settings.beta2, lazy=lazy, weight_decay=decayed)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """One thread by default: sums come out in one order everywhere, and small matrices gain little from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
