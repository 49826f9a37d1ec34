"""How a number follows from sums over users: the recipe by which it can be drawn again, paired with a baseline's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recaudit.analyses.diff.by_user import ORIGINAL, RECONSTRUCTED

LEAST_USERS = 20
"""Users below which a group is no group, as in the audit of bias."""


@dataclass(frozen=True)
class Recipe:
    """Sum of one column over that of another, over everyone or a group; or largest less smallest of that by group.

    Attributes:
        group: ``attribute=value``.
        attribute: take the largest less the smallest over its groups.
    """

    numerator: str
    denominator: str
    group: str | None = None
    attribute: str | None = None


_RANKED = re.compile(r"ranking\.((?:hr|ndcg)@\d+|mrr)")
_LISTED = {"popularity.arp@10": "arp@10", "popularity.long_tail_share@10": "tail@10"}


def recipe(metric: str, slice_: Mapping[str, Any]) -> Recipe | None:
    """The recipe of a number; None where it does not follow from sums over users."""
    keys = set(slice_)
    of = slice_.get("ranking")
    known = of in (ORIGINAL, RECONSTRUCTED)
    if (ranked := _RANKED.fullmatch(metric)) and known and keys == {"ranking"}:
        return Recipe(f"{of}/{ranked[1]}", f"{of}/targets")
    if metric in _LISTED and known and keys <= {"ranking", "group"}:
        return Recipe(f"{of}/{_LISTED[metric]}", f"{of}/lists", slice_.get("group"))
    if metric == "fidelity.ndcg_ratio@10" and not keys:
        return Recipe(f"{RECONSTRUCTED}/ndcg@10", f"{ORIGINAL}/ndcg@10")
    if metric == "fidelity.overlap@10" and not keys:
        return Recipe("overlap@10", f"{ORIGINAL}/lists")
    if metric == "fairness.ndcg@10" and keys == {"group"}:
        return Recipe(f"{ORIGINAL}/ndcg@10", f"{ORIGINAL}/targets", slice_["group"])
    if metric == "fairness.ndcg_gap@10" and keys == {"attribute"}:
        return Recipe(f"{ORIGINAL}/ndcg@10", f"{ORIGINAL}/targets", attribute=slice_["attribute"])
    return None
