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


@dataclass(frozen=True)
class Masks:
    """Of each case the items that are out of competition, as rows of the timeline; see ``masks``.

    Attributes:
        start, stop: [cases] the user's own interactions that are concerned.
        spared: [cases] whose test interactions compete all the same.
    """

    timeline: Timeline
    start: IntArray
    stop: IntArray
    spared: NDArray[np.bool_]

    def of(self, chosen: IntArray) -> tuple[IntArray, IntArray]:
        """Of some cases: index into ``chosen``, and row of the timeline, pair by pair."""
        rows, case = gathered(self.start[chosen], self.stop[chosen])
        spared = self.spared[chosen]
        if spared.any():
            kept = ~spared[case] | (self.timeline.split[rows] != Split.TEST)
            rows, case = rows[kept], case[kept]
        return case, rows


def masks(protocol: Protocol, cases: CaseRows, timeline: Timeline) -> Masks:
    """Who is masked what under a protocol: looked up once, for every ranking of these cases."""
    nobody = np.zeros(len(cases.user), dtype=bool)
    if protocol.mask == "none":
        nothing = np.zeros(len(cases.user), dtype=np.int64)
        return Masks(timeline, nothing, nothing, nobody)
    user_level = np.isin(cases.kind, ("user", "profile", "conditioned"))
    of_history = protocol.mask == "history"
    whole = user_level if of_history else ~nobody
    start, stop = timeline.spans(cases.user, np.where(whole, np.iinfo(np.int32).max, cases.history_end))
    return Masks(timeline, start, stop, user_level if of_history else nobody)
