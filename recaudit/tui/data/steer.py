"""What the desk asks: lists and prices as sliders move, then with intervals and controls. Runs in threads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_LENGTH
from recaudit.analyses.scoring import top_lists
from recaudit.errors import UsageError
from recaudit.interventions import directions, yardstick
from recaudit.interventions.bench import Outcome
from recaudit.interventions.edits import Intervention
from recaudit.interventions.price import Price, priced
from recaudit.interventions.selections import checked, latents_of
from recaudit.interventions.steering import ONE_USER, Steering
from recaudit.metrics import lists
from recaudit.report.layout import number
from recaudit.store import Audit, read
from recaudit.text import printable
from recaudit.tui import collector
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.write_out import QUIET
from recaudit.tui.desk import Question
from recaudit.tui.host import Subject
from recaudit.tui.places import Place
from recaudit.tui.session import Session

IntArray = NDArray[np.int64]

MEASURES = {
    "ndcg@10": "NDCG@10",
    "hr@10": "HR@10",
    "overlap@10": "places kept",
    "arp@10": "mean popularity",
    "gini@10": "Gini",
    "coverage@10": "coverage",
    "tail_coverage@10": "tail coverage",
    "long_tail_share@10": "tail share",
    "miscalibration@10": "miscalibration",
    "concept_hit@10": "lists with",
    "concept_share@10": "share of",
}
"""Measures in the order they are shown, as they are called there."""
_SHARES = {"overlap@10", "concept_hit@10", "concept_share@10"}
CHOSEN = 3
"""Users whose lists are shown where nobody names any."""


@dataclass(frozen=True)
class Part:
    """A part of an answer: ``lists`` or ``price``, and how long it took since the question."""

    name: str
    blocks: tuple[Block, ...]
    seconds: float


class Engine:
    """A model that answers slider after slider. Everything is read from the audit once, with the first question."""

    def __init__(self, session: Session, subject: Subject) -> None:
        self._session = session
        self._subject = subject
        self._steering: Steering | None = None
        self._titles: NDArray[np.object_] = np.empty(0, dtype=object)
        self._raw: NDArray[np.object_] = np.empty(0, dtype=object)
        self._selected: dict[str, tuple[int, ...]] = {}
        self._loading = Lock()

    def answer(self, question: Question) -> Iterator[Part]:
        """First the lists of the users in front, then the price: the lists of everyone.

        Raises:
            RecauditError: an edit that cannot be done on this model.
        """
        steering, intervention = self.ready(question)
        began = time.perf_counter()
        outcome: Outcome | None = None
        if question.most_changed:
            outcome = steering.outcome(intervention)
            places = _most_changed(steering, outcome)
        else:
            places = self._places(steering, question)
        after = _lists_at(steering, intervention, places) if outcome is None else outcome.items[places]
        yield Part("lists", tuple(self._lists(steering, places, after)), time.perf_counter() - began)
        outcome = outcome or steering.outcome(intervention)
        prices = priced(steering.bench, steering.yardstick, outcome, draws=0)
        yield Part("price", tuple(price_blocks(prices)), time.perf_counter() - began)

    def _places(self, steering: Steering, question: Question) -> IntArray:
        """Rows of the users in front: those named, else those an edit is for, else those on whom the desk fires most."""
        alone = [
            edit.users.removeprefix(ONE_USER)
            for edit in question.desk.edits
            if edit.users and edit.users.startswith(ONE_USER)
        ]
        if question.users or alone:
            return _named(steering, question.users or tuple(dict.fromkeys(alone)))
        codes, n = steering.users.reference.codes, len(steering.bench.newest)
        strength = np.zeros(n)
        for edit in self._with_latents(Intervention(question.desk.edits)).edits:
            if edit.latents and codes is not None and not edit.items:
                fires = np.asarray(codes[:, list(edit.latents)].sum(axis=1)).ravel()
                strength += fires / (fires.max() or 1.0) * steering.audience(edit)[steering.bench.newest]
        if strength.any():
            return np.argsort(-strength, kind="stable")[:CHOSEN]
        return np.unique(np.arange(1, CHOSEN + 1) * n // (CHOSEN + 1)) if n else np.empty(0, np.int64)

    def ready(self, question: Question) -> tuple[Steering, Intervention]:
        """The model with every direction and concept the question names, and the intervention with its latents."""
        named = [edit.direction for edit in question.desk.edits if edit.direction]
        selects = {edit.select for edit in question.desk.edits if edit.select}
        with self._loading:
            steering = self._steering
            known = steering.users.reference.directions if steering else {}
            watched = [f"{c.kind}:{c.name}" for c in steering.yardstick.concepts] if steering else []
            if (
                steering is None
                or set(named) - set(known)
                or selects - set(self._selected)
                or watched != [*question.watched]
            ):
                with self._session.reading() as audit:
                    steering = self._read(audit, steering, named, selects, question.watched)
                if self._steering is None:
                    collector.settle()
            self._steering = steering
        return steering, self._with_latents(question.desk.intervention())

    def _read(
        self, audit: Audit, steering: Steering | None, named: Sequence[str], selects: set[str], watched: Sequence[str],
    ) -> Steering:  # fmt: skip
        model, sae = self._subject.model, self._subject.sae
        if steering is None:
            steering = Steering.of_audit(audit, model, sae, directions=named, watched=watched)
            self._raw, self._titles = read.raw_items(audit, model.dataset_id)
        else:
            found = directions.directions_of(audit, model, steering.bench, named)
            sides = [
                replace(side, reference=replace(side.reference, directions={**side.reference.directions, **found}))
                for side in (steering.users, steering.items)
            ]  # fmt: skip
            measured = yardstick.of_audit(audit, steering.bench, watched=watched)
            steering = replace(steering, users=sides[0], items=sides[1], yardstick=measured)
        for select in selects - set(self._selected):
            if sae is not None:
                self._selected[select] = tuple(sorted(latents_of(audit, model, sae, select)))
        return steering

    def _with_latents(self, asked: Intervention) -> Intervention:
        if not asked.of_latents:
            return asked
        checked(self._subject.model, self._subject.sae, asked)
        edits = tuple(
            edit if edit.select is None else edit.with_latents(self._selected[edit.select])
            for edit in asked.edits
        )
        return replace(asked, edits=edits)

    def _lists(self, steering: Steering, places: IntArray, after: IntArray) -> Iterator[Block]:
        users = steering.bench.inputs.listed_users[places]
        before = steering.bench.unedited.items[places]
        for user, old, new in zip(users, before, after, strict=True):
            raw = str(steering.raw_users[user])
            groups = [
                name.partition("=")[2] for name, member in steering.yardstick.groups.items() if member[user]
            ]
            yield self._list(raw, groups, old, new)

    def _list(self, raw: str, groups: list[str], before: IntArray, after: IntArray) -> Block:
        rank = {int(item): place for place, item in enumerate(before) if item != lists.EMPTY}
        rows = []
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            mark, style = _moved(rank.get(int(new)), place)
            titles = (self._title(int(old)), self._title(int(new)))
            shown = (str(place + 1), titles[0], mark, titles[1])
            links = tuple(
                Place("item", str(self._raw[item])) for item in dict.fromkeys((new, old)) if item != lists.EMPTY
            )  # fmt: skip
            rows.append(Row(shown, (place + 1, titles[0], mark, titles[1]), links, style))
        kept = len(rank.keys() & {int(item) for item in after})
        who = f" ({', '.join(map(printable, groups[:3]))})" if groups else ""
        said = f"{len(rank) - kept} of {len(rank)} titles new" if len(rank) else "no list"
        if np.array_equal(before, after):
            said = "unchanged"
        columns = (Column("", right=True, style=QUIET), Column("before", style=QUIET), Column("", firm=True), Column("after"))  # fmt: skip
        return Block(f"list_{raw}", f"User {printable(raw)}{who}: {said}", "", columns, tuple(rows))

    def _title(self, item: int) -> str:
        return "" if item == lists.EMPTY else printable(self._titles[item] or self._raw[item], 60)


def _moved(before: int | None, place: int) -> tuple[str, str]:
    """How an item came to its place, and in which colour."""
    if before is None:
        return "+", "$text-success"
    if before == place:
        return "", ""
    return (f"↑{before - place}" if before > place else f"↓{place - before}"), ""


def _named(steering: Steering, users: Sequence[str]) -> IntArray:
    """Rows of listed users, by raw id."""
    raw = steering.raw_users[steering.bench.inputs.listed_users]
    found = []
    for user in users:
        at = np.flatnonzero(raw == user)
        if not len(at):
            raise UsageError(
                f"user {printable(user)} has no list of {printable(steering.model.name)}",
                fix="choose another user: U",
            )
        found.append(at[0])
    return np.array(found)


def _most_changed(steering: Steering, outcome: Outcome) -> IntArray:
    same = lists.overlap(outcome.items, steering.bench.unedited.items)
    return np.argsort(same, kind="stable")[:CHOSEN]


def _lists_at(steering: Steering, intervention: Intervention, places: IntArray) -> IntArray:
    """Lists of some users alone: a few rows, where the price needs all."""
    bench = steering.bench
    cases, field = bench.newest[places], bench.field
    catalogue = steering.catalogue(intervention)
    x = bench.x.copy()
    x[cases] = steering.vectors(intervention, cases)
    items, _ = top_lists(
        field if catalogue is None else replace(field, catalogue=catalogue), x, cases, LIST_LENGTH
    )
    return items


def price_blocks(prices: Sequence[Price]) -> Iterator[Block]:
    """Values without intervals: whole lists first, then by band of the target and by group."""
    columns = (
        Column("", firm=True),
        Column("before", right=True, style=QUIET),
        Column("after", right=True),
        Column("change", right=True),
    )
    whole = [p for p in ordered(prices) if not p.slice or "concept" in p.slice]
    rows = tuple(price_row(price) for price in whole)
    yield Block("price", "", "", columns, rows, _SQL, len(rows))
    parts = [p for p in ordered(prices) if p.slice and "concept" not in p.slice]
    rows = tuple(price_row(price) for price in parts)
    if rows:
        yield Block("price_by", "By band of the target, and by group", "", columns, rows, _SQL, len(rows))


_SQL = "SELECT * FROM intervention_prices"


def ordered(prices: Sequence[Price]) -> list[Price]:
    """Those that are shown, in their order."""
    order = {name: place for place, name in enumerate(MEASURES)}
    return sorted((p for p in prices if p.name in order), key=lambda p: order[p.name])


def called(price: Price) -> str:
    """A measure and what it is of, in words."""
    of = ", ".join(printable(value, 24) for value in price.slice.values())
    return f"{MEASURES[price.name]} {of}".strip()


def price_row(price: Price) -> Row:
    """Before, after and change."""
    name = called(price)
    amounts = (price.before, price.after)
    cells = (*(written(price.name, value) for value in amounts), changed(price.name, price.change))
    return Row((name, *cells), (name, *amounts, price.change))


def written(measure: str, value: float) -> str:
    """A value as its measure is read: places kept as a share."""
    return f"{value:.1%}" if measure in _SHARES else number(value)


def changed(measure: str, value: float) -> str:
    """A change with its sign; ``=`` for none."""
    if value == 0:
        return "="
    return f"{'+' if value > 0 else '−'}{written(measure, abs(value))}"
