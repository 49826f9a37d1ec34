"""A conditioned autoencoder run again from its checkpoint: its code space, and the same network before training.

The audit file holds the vectors before the head, not the network. What a condition does to an untrained
network of the same shape needs the shapes and the inputs, so whoever asks gives the checkpoint once more; a
hash makes sure that it is the same file. The alternative, storing it at ingest, would make every user of a
conditioned model wait for and keep a control that few read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models import build
from recaudit.models.autoencoder import Autoencoder
from recaudit.models.base import Cases
from recaudit.store import Audit, conditions
from recaudit.store.read import Model
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BIAS_SPREAD = 1e-3


@dataclass(frozen=True)
class Network:
    """The checkpoint's network and its inputs."""

    spec: ModelSpec
    cases: Cases

    def codes(self) -> FloatArray:
        """What the encoder gives, without noise: [cases, latent width]."""
        return self._codes(self.spec)

    def untrained_codes(self, seed: int) -> FloatArray:
        """The same of a network with freshly drawn weights: Xavier normal, biases of spread .001 (C-VAE's own start)."""
        return self._codes(replace(self.spec, tensors=redrawn(self.spec.tensors, seed)))

    def condition_columns(self) -> FloatArray:
        """What each condition adds to the first layer: [conditions, hidden]."""
        model = _autoencoder(self.spec)
        weight = np.asarray(self.spec.tensors["encoder.0.weight"], dtype=np.float64)
        return weight[:, model.n_items :].T

    def _codes(self, spec: ModelSpec) -> FloatArray:
        return _autoencoder(spec).latents(self.cases).astype(np.float64)


def opened(audit: Audit, model: Model, path: Path, users: IntArray, condition: IntArray) -> Network:
    """The network of a model that the audit holds, with one input per user and condition.

    Args:
        users: [cases] dense ids.
        condition: [cases] number of the condition, -1 for none.

    Raises:
        InputRefused: another file than the one ingested, or not a conditioned autoencoder.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.receipt.sha256 != model.sha256:
        raise InputRefused(
            f"{printable(path.name)}: not the file that model {printable(model.name)} was ingested from",
            fix=f"give {printable(model.checkpoint)} itself",
        )
    spec = tools.read_model(checkpoint, tools.Hints(tool=model.tool))
    if not isinstance(build(spec), Autoencoder):
        raise InputRefused(
            f"{printable(path.name)}: not a conditioned autoencoder", fix="leave out --checkpoint"
        )
    return Network(spec, _inputs(audit, model, users, condition))


def redrawn(tensors: Mapping[str, NDArray[np.float32]], seed: int) -> dict[str, NDArray[np.float32]]:
    """Tensors of the same shapes as an untrained network has them."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in sorted(tensors):
        shape = tensors[name].shape
        spread = np.sqrt(2 / sum(shape)) if len(shape) == 2 else _BIAS_SPREAD
        found[name] = (rng.standard_normal(shape) * spread).astype(np.float32)
    return found


def _autoencoder(spec: ModelSpec) -> Autoencoder:
    model = build(spec)
    assert isinstance(model, Autoencoder)
    return model


def _inputs(audit: Audit, model: Model, users: IntArray, condition: IntArray) -> Cases:
    item_id, row = conditions.item_rows(audit, model)
    owner, item = conditions.profile_items(audit, model)
    row_of = np.full(max(item.max(initial=-1), item_id.max(initial=-1)) + 1, -1, dtype=np.int64)
    row_of[item_id] = row
    known = row_of[item] >= 0
    owner, rows = owner[known], row_of[item[known]]
    start, stop = np.searchsorted(owner, users, "left"), np.searchsorted(owner, users, "right")
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    place = np.repeat(start - offsets[:-1], stop - start) + np.arange(offsets[-1])
    return Cases(np.full(len(users), -1), rows[place], offsets, None, condition)
