"""Evaluation protocols: which items compete with a held-out target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.timeline import Timeline, gathered
from recaudit.datasets.types import Split
from recaudit.errors import UsageError
from recaudit.store.read import CaseRows

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Protocol:
    """A named rule. ``mask`` says which of the user's own items leave the competition: those of the
    case's ``history``, ``all`` known ones (future included), or ``none``.
    """

    name: str
    mask: str
    about: str


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "history",
            "history",
            "full ranking of the catalogue; items the user had before the target leave the competition",
        ),
        Protocol(
            "recsae",
            "all",
            "full ranking; every known item of the user leaves the competition except the target, also items "
            "seen only later (as ReChorus and RecSAE evaluate)",
        ),
        Protocol(
            "recbole-seq",
            "none",
            "full ranking; nothing leaves the competition (as RecBole evaluates sequence models)",
        ),
    )
}


def protocol_named(name: str) -> Protocol:
    """Raises:
    UsageError: no such protocol; lists them.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol named {name}", fix=f"choose one of: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def masked(
    protocol: Protocol, cases: CaseRows, timeline: Timeline, chosen: IntArray
) -> tuple[IntArray, IntArray]:
    """Items out of competition for some cases: index into ``chosen``, and dense item, pair by pair."""
    if protocol.mask == "none":
        return np.empty(0, np.int64), np.empty(0, np.int64)
    everything = np.iinfo(np.int32).max
    user_level = np.isin(cases.kind[chosen], ("user", "profile", "conditioned"))
    whole = user_level if protocol.mask == "history" else np.ones(len(chosen), dtype=bool)
    ends = np.where(whole, everything, cases.history_end[chosen])
    rows, case = gathered(*timeline.spans(cases.user[chosen], ends))
    if protocol.mask == "history":
        kept = ~user_level[case] | (timeline.split[rows] != Split.TEST)
        rows, case = rows[kept], case[kept]
    return case, timeline.item[rows]
