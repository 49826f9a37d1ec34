"""The palette: ``latent 123``, ``concept horror``, ``item Matrix``, ``user 42``, tabs and actions; all fuzzy. ``desk 12, 40``
puts something on the desk."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from recaudit.errors import UsageError
from recaudit.text import printable
from recaudit.tui.desk import read
from recaudit.tui.host import host
from recaudit.tui.messages import GoTo, Put
from recaudit.tui.panes.registry import TABS
from recaudit.tui.places import Place

if TYPE_CHECKING:
    from recaudit.tui.host import Subject
    from recaudit.tui.session import Session

KINDS = ("latent", "concept", "item", "user")
MOST = 8
"""Hits of a kind."""


class Panes(Provider):
    """Tabs by name."""

    async def discover(self) -> Hits:
        for tab in TABS:
            yield DiscoveryHit(tab.title, partial(_go, self, Place("pane", tab.id)), help=f"Tab {tab.digit}")
        for kind in KINDS:
            yield DiscoveryHit(f"{kind} …", lambda: None, help=f"Type `{kind}` and a name or number")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for tab in TABS:
            score = matcher.match(tab.title)
            if score > 0:
                go = partial(_go, self, Place("pane", tab.id))
                yield Hit(score, matcher.highlight(tab.title), go, text=tab.title, help=f"Tab {tab.digit}")


class Entities(Provider):
    """Latents, concepts, items and users of the audit."""

    async def search(self, query: str) -> Hits:
        application = host(self.screen)
        subject = application.subject
        kinds, text = _read(query)
        if subject is None or not text:
            return
        found = await asyncio.to_thread(_found, application.session, subject, kinds, text)
        matcher = self.matcher(text)
        for order, (place, shown) in enumerate(found):
            score = max(matcher.match(shown), 0.3) - order / 1000
            title = Content.assemble((f"{place.kind} ", "$foreground-muted"), matcher.highlight(shown))
            yield Hit(score, title, partial(_go, self, place), text=f"{place.kind} {shown}")


class OnDesk(Provider):
    """Latents, a selection, a direction or an edit, straight onto the desk."""

    async def discover(self) -> Hits:
        yield DiscoveryHit("desk …", lambda: None, help="Type `desk` and latents, a selection or an edit")

    async def search(self, query: str) -> Hits:
        first, _, rest = query.strip().partition(" ")
        if first != "desk" or not rest:
            return
        try:
            edits = read(rest)
        except UsageError:
            return  # half of it is typed, and the desk's own dialog says what can be
        put = partial(self.app.post_message, Put(edits))
        yield Hit(1.0, f"desk {printable(rest, 60)}", put, text=query, help="Put this on the desk")


def _go(provider: Provider, place: Place) -> None:
    provider.app.post_message(GoTo(place))


def _read(query: str) -> tuple[tuple[str, ...], str]:
    """Kinds to look among, and what for: ``ite matr`` is an item."""
    first, _, rest = query.strip().partition(" ")
    meant = tuple(kind for kind in KINDS if first and kind.startswith(first.lower().rstrip(":")))
    if rest and meant:
        return meant, rest.strip()
    return ((), "") if query.strip().lower() in KINDS else (KINDS, query.strip())


def _found(session: Session, subject: Subject, kinds: tuple[str, ...], text: str) -> list[tuple[Place, str]]:
    from recaudit.errors import RecauditError
    from recaudit.store import listings

    found: list[tuple[Place, str]] = []
    dataset = subject.model.dataset_id
    try:
        with session.reading() as audit:
            if "latent" in kinds and subject.sae is not None:
                for latent, name in listings.search_latents(audit, subject.sae, text, MOST):
                    found.append((Place("latent", str(latent)), f"{latent} {printable(name, 60)}".strip()))
            if "concept" in kinds:
                for kind, name in listings.search_concepts(audit, dataset, text, MOST):
                    found.append(
                        (Place("concept", f"{kind}:{name}"), f"{printable(name, 60)} ({printable(kind, 20)})")
                    )
            if "item" in kinds:
                for raw, title in listings.search_items(audit, dataset, text, MOST):
                    found.append((Place("item", raw), printable(title, 60)))
            if "user" in kinds:
                found += [
                    (Place("user", raw), printable(raw, 40))
                    for raw in listings.search_users(audit, dataset, text, MOST)
                ]
    except RecauditError:
        return []  # a locked file is told by the pane that needs it, not while somebody types
    return found
