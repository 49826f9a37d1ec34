"""A Matryoshka dictionary's names as a tree: coarse ones of small prefixes above the fine ones that refine them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.errors import NoVerdictError
from recaudit.metrics.enrichment import false_discovery, log_enrichment_p
from recaudit.store import Audit, read
from recaudit.store import labels as store
from recaudit.store.read import Model, Sae
from recaudit.text import printable

IntArray = NDArray[np.int64]

Q = 0.05
INSIDE = 0.5
"""Share of a child's entities on which its parent is active, at least."""


@dataclass(frozen=True)
class Node:
    """A named latent in the tree."""

    latent: int
    prefix: int
    """Width of the smallest nested dictionary that has it."""
    name: str
    parent: int | None
    """A latent of a smaller prefix that is active on most of this one's entities, more than it is elsewhere."""
    inside: float
    """Share of this one's entities on which the parent is active, 0..1; NaN without a parent."""


def tree(audit: Audit, model: Model, sae: Sae, labeller: str, protocol: str) -> list[Node]:
    """Latents that have a name to show, in order of prefix and latent.

    Raises:
        NoVerdictError: the dictionary has no prefixes.
    """
    if not sae.groups:
        raise NoVerdictError(
            f"dictionary {printable(sae.name)} is not nested: it has no prefixes",
            fix="train one with `recaudit train MODEL --matryoshka 64,256,1024`",
        )
    table = store.names(audit, sae, labeller, protocol)
    named = table[table["name"].notna()].sort_values("latent")
    latents = named["latent"].to_numpy(np.int64)
    firing = store.firing(audit, sae, [int(latent) for latent in latents])
    entities = firing["entity_id"].to_numpy(np.int64)
    # One entity a user, or an item: those the names were made from.
    n = _population(audit, model, sae)
    return nodes(
        latents, named["name"].tolist(), sae.groups, firing["latent"].to_numpy(np.int64), entities, n
    )


def _population(audit: Audit, model: Model, sae: Sae) -> int:
    if "item" in sae.entity_kinds:
        return len(read.catalogue(audit, model).item_id)
    return len(read.cases(audit, model, read.NEWEST_KINDS))


def nodes(
    latents: IntArray, names: Sequence[str], groups: Sequence[int], latent: IntArray, entity: IntArray, n: int
) -> list[Node]:
    """The tree over named latents.

    A parent is the latent of a smaller prefix whose activity is most enriched among the child's entities
    (hypergeometric test, Benjamini-Hochberg over the pairs) and that covers at least half of them.

    Args:
        latents: ascending.
        groups: widths of the prefixes, ascending.
        latent, entity: pairs in which a named latent is active.
        n: entities in all.
    """
    widths = np.asarray(sorted(groups), np.int64)
    prefix = widths[np.minimum(np.searchsorted(widths, latents, side="right"), len(widths) - 1)]
    _, column = np.unique(entity, return_inverse=True)
    row = np.searchsorted(latents, latent)
    fires = csr_array(
        (np.ones(len(row)), (row, column)), shape=(len(latents), int(column.max(initial=-1)) + 1)
    )
    both = np.asarray((fires @ fires.T).todense(), np.int64)
    size = np.diff(fires.indptr).astype(np.int64)
    smaller = prefix[None, :] < prefix[:, None]
    log_p = log_enrichment_p(both, size[:, None], size[None, :], n)
    q = np.full(both.shape, np.nan)
    q[smaller] = false_discovery(np.exp(log_p[smaller])) if smaller.any() else q[smaller]
    inside = both / np.maximum(size, 1)[:, None]
    allowed = smaller & (np.nan_to_num(q, nan=1.0) <= Q) & (inside >= INSIDE)
    found = []
    for place, own in enumerate(latents):
        candidates = np.flatnonzero(allowed[place])
        best = None if not len(candidates) else candidates[np.argmin(log_p[place, candidates])]
        parent = None if best is None else int(latents[best])
        share = float("nan") if best is None else float(inside[place, best])
        found.append(Node(int(own), int(prefix[place]), str(names[place]), parent, share))
    return found


def text(found: Sequence[Node]) -> str:
    """The tree as lines: coarse names first, finer ones indented under what they refine."""
    children: dict[int | None, list[Node]] = {}
    for node in found:
        children.setdefault(node.parent, []).append(node)
    return "\n".join(line for root in children.get(None, []) for line in _lines(root, children, "", ""))


def _lines(node: Node, children: dict[int | None, list[Node]], mark: str, indent: str) -> Iterator[str]:
    yield f"{mark}{printable(node.name, 70)}  (latent {node.latent}, first {node.prefix})"
    own = children.get(node.latent, [])
    for place, child in enumerate(own):
        last = place == len(own) - 1
        deeper = indent + ("   " if last else "│  ")
        yield from _lines(child, children, indent + ("└─ " if last else "├─ "), deeper)
