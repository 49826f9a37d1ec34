"""Checkpoints and specs made by hand, for tests of single readers and families."""

from pathlib import Path

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.types import Checkpoint, Receipt, Stub
from recaudit.models import Cases


def checkpoint(tree, name="model.pkl", container="pickle", folder=Path("/nowhere")):
    """``tree`` as if it had been read from a file."""
    return Checkpoint(folder / name, tree, Receipt(name, "0" * 64, 1, container, 1, {}, (), ()))


def stub(name, /, **state):
    return Stub(name, state=state)


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def spec(family, tensors, **settings):
    return ModelSpec(family=family, tool="test", architecture="test", tensors=tensors, settings=settings)


def cases(histories, ratings=None, users=None):
    """Cases with these histories; ``ratings`` parallel to them."""
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in histories])]).astype(np.int64)
    return Cases(
        np.full(len(histories), -1) if users is None else np.asarray(users),
        np.array([row for own in histories for row in own], dtype=np.int64),
        offsets,
        None if ratings is None else np.array([r for own in ratings for r in own], dtype=np.float32),
    )
