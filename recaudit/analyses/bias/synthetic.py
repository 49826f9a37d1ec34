"""PopSteer's made-up users: histories of head items only, and their twins of tail items only.

Each pair has the length of a real user's history. In the matched variant a tail item shares a genre and the
decade with the head item it stands for, so that the two differ in popularity and not in taste or age.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.analyses.bias.latents import Latents
from recaudit.analyses.bias.material import Material
from recaudit.analyses.reopened import reopened
from recaudit.datasets.popularity import Band
from recaudit.errors import UsageError
from recaudit.models.base import Cases, Recommender
from recaudit.sae.affine import pre_activations
from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.store import Audit, conditions, read
from recaudit.store import popularity as store
from recaudit.store.read import Model, Sae
from recaudit.text import printable

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Twins:
    """Dense items of both histories of each pair, end to end; pair ``i`` owns ``offsets[i]:offsets[i + 1]``."""

    head: IntArray
    tail: IntArray
    offsets: IntArray


def opened(audit: Audit, model: Model, path: Path) -> Recommender:
    """The model's network, to run on made-up histories.

    Raises:
        InputRefused: another file than the one ingested, or one that gives other vectors than stored.
        UsageError: it has no place for a history.
    """
    if model.reads == "user":
        raise UsageError(
            f"{printable(model.name)} knows users by a row of a table: nobody can be made up for it",
            fix="leave out --checkpoint; contrasts of real users need none",
        )
    return reopened(audit, model, path).network


def twins(material: Material, count: int, seed: int) -> Twins:
    """Pairs as PopSteer draws them: items uniformly and with replacement, out of those the model has."""
    rng = np.random.default_rng(seed)
    offsets = _offsets(material, count, rng)
    head, tail = (_items(material, band) for band in (Band.HEAD, Band.TAIL))
    if not len(head) or not len(tail):
        return Twins(*(np.empty(0, np.int64),) * 2, np.zeros(1, np.int64))
    size = int(offsets[-1])
    return Twins(rng.choice(head, size), rng.choice(tail, size), offsets)


def matched_twins(material: Material, years: NDArray[np.float64], count: int, seed: int) -> Twins:
    """Pairs whose tail item has a genre, drawn among the head item's, and the decade of the head item.

    Head items that no tail item can stand for are not drawn. No pairs where there are no genres.
    """
    rng = np.random.default_rng(seed)
    offsets = _offsets(material, count, rng)
    genre = np.flatnonzero((material.concepts["kind"] == "genre").to_numpy())
    has = material.has[:, genre].toarray() > 0
    decade = np.where(np.isnan(years), -1, years // 10)
    tail = _items(material, Band.TAIL)
    links = [
        (item, tail[(decade[tail] == decade[item]) & has[tail, g]])
        for item in _items(material, Band.HEAD)
        for g in np.flatnonzero(has[item])
    ]
    links = [(item, partners) for item, partners in links if len(partners)]
    if not links:
        return Twins(*(np.empty(0, np.int64),) * 2, np.zeros(1, np.int64))
    # Every head item weighs the same, however many of its genres have a partner.
    owner = np.array([item for item, _ in links])
    share = 1 / np.bincount(owner)[owner]
    drawn = rng.choice(len(links), int(offsets[-1]), p=share / share.sum())
    place = rng.random(len(drawn))
    sizes = np.array([len(partners) for _, partners in links])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    partners = np.concatenate([partners for _, partners in links])
    return Twins(owner[drawn], partners[starts[drawn] + (place * sizes[drawn]).astype(np.int64)], offsets)


def vectors(
    audit: Audit, model: Model, network: Recommender, pairs: Twins
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Representations of both twins: [pairs, dim] each."""
    item_id, row = conditions.item_rows(audit, model)
    row_of = np.full(int(max(item_id.max(), pairs.head.max(), pairs.tail.max())) + 1, -1, dtype=np.int64)
    row_of[item_id] = row
    n = len(pairs.offsets) - 1
    none = np.full(n, -1) if network.n_conditions else None
    head, tail = (
        network.represent(Cases(np.full(n, -1), row_of[items], pairs.offsets, None, none))
        for items in (pairs.head, pairs.tail)
    )
    return head, tail


def codes(
    audit: Audit, model: Model, sae: Sae, found: Latents, x: NDArray[np.float32]
) -> tuple[NDArray[np.float32], csc_array]:
    """Pre-activations and activations of the live latents: [pairs, live] each."""
    spec = read.sae_spec(audit, model, sae)
    activation = SparseAutoencoder(spec).encode(x).matrix().tocsc()[:, found.latent]
    return pre_activations(spec, x, found.latent), csc_array(activation.astype(np.float64))


def years(audit: Audit, material: Material) -> NDArray[np.float64]:
    """Year of every item."""
    return store.years(audit, material.model.dataset_id)


def _items(material: Material, band: Band) -> IntArray:
    return material.candidates[material.bands[material.candidates] == band]


def _offsets(material: Material, count: int, rng: np.random.Generator) -> IntArray:
    lengths = material.lengths[material.lengths > 0].astype(np.int64)
    if len(lengths) > count:
        lengths = rng.choice(lengths, count, replace=False)
    most = material.model.history_length
    if most is not None:
        lengths = np.minimum(lengths, most)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
