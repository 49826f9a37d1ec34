"""The gallery of latents as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from recaudit.report import layout
from recaudit.report.gallery import Card, Gallery
from recaudit.text import printable


@dataclass(frozen=True)
class LatentCard:
    """A latent of the gallery; ``words`` is what its search looks in."""

    latent: int
    name: str
    facts: list[tuple[str, str]]
    bars: list[tuple[int, int]]
    items: list[tuple[str, str]]
    concepts: list[tuple[str, str]]
    words: str


@dataclass(frozen=True)
class Latents:
    """The gallery."""

    cards: list[LatentCard]
    said: str
    items_by: str
    sql: str


def latents(gallery: Gallery) -> Latents:
    """All cards, and which they are."""
    shown = len(gallery.cards)
    said = f"The {shown:,} strongest of {gallery.of:,}" if shown < gallery.of else f"All {shown:,}"
    return Latents(
        [_card(card, gallery.fires_on) for card in gallery.cards],
        f"{said} latents that fire, by how much they contribute (sum of values times the length of the decoder row).",
        gallery.items_by,
        gallery.sql,
    )


def _card(card: Card, fires_on: str) -> LatentCard:
    facts = [(f"of {fires_on}", f"{card.density:.1%}"), ("max", layout.number(card.largest))]
    if card.confidence is not None:
        facts.append(("confidence", layout.short(card.confidence)))
    if card.popularity is not None:
        facts.append(("popularity", layout.short(card.popularity)))
    highest = max(1, *card.histogram)
    items = [(printable(title, 80), layout.number(value)) for title, value in card.items]
    concepts = [(printable(name, 60), str(layout.short(auc))) for name, auc in card.concepts]
    name = printable(card.name, 120)
    words = " ".join(
        [str(card.latent), name, *(title for title, _ in items), *(name for name, _ in concepts)]
    )
    return LatentCard(
        card.latent,
        name,
        facts,
        [(place, round(20 * count / highest)) for place, count in enumerate(card.histogram)],
        items,
        concepts,
        words.lower(),
    )
