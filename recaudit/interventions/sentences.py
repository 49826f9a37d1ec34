"""An intervention's price in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from recaudit.interventions.controls import Variant
from recaudit.interventions.price import Price
from recaudit.interventions.search import Chosen, Found


def told(prices: Sequence[Price], controls: Sequence[Variant]) -> list[str]:
    """What changed, what it cost, and whether controls do as well. At most five sentences."""
    found = [*_lists(prices), *_accuracy(prices)]
    for control in controls:
        if control.name in ("re-ranking", "projection"):
            found.append(_against(prices, control))
        elif control.name == "random latents":
            found.append(_by_chance(prices, control))
    return found


def named(prices: Sequence[Price], name: str, **slice_: str) -> Price | None:
    """The price of that measure and slice, if there is one."""
    return next((price for price in prices if price.name == name and price.slice == slice_), None)


def _lists(prices: Sequence[Price]) -> list[str]:
    overlap, arp, gini = (named(prices, name) for name in ("overlap@10", "arp@10", "gini@10"))
    assert overlap is not None
    if overlap.after == 1.0:
        return ["No list changes."]
    said = f"{1 - overlap.after:.1%} of the places in lists change"
    if arp is not None and gini is not None:
        said += (
            f"; recommended items are {_percent(arp.change / arp.before)} popular "
            f"(mean training interactions {arp.before:,.0f} to {arp.after:,.0f}), exposure is "
            f"{'more even' if gini.change < 0 else 'less even'} (Gini {gini.before:.3f} to {gini.after:.3f})"
        )
    return [said + "."]


def _accuracy(prices: Sequence[Price]) -> list[str]:
    ndcg = named(prices, "ndcg@10")
    if ndcg is None or ndcg.ratio is None:
        return ["Nothing is held out, so what it costs in accuracy is not known."]
    ratio = ndcg.ratio
    said = f"NDCG@10 keeps {ratio.value:.1%} [{ratio.low:.1%}, {ratio.high:.1%}] of {ndcg.before:.4f} ({ratio.n:,} users)"
    if ratio.high < 1:
        return [said + ": a loss."]
    return [said + (": a gain." if ratio.low > 1 else ": no clear change.")]


def _against(prices: Sequence[Price], control: Variant) -> str:
    own, other = named(prices, "ndcg@10"), named(control.prices, "ndcg@10")
    how = (
        "re-ranking by popularity"
        if control.name == "re-ranking"
        else "projecting the popularity direction out"
    )
    if own is None or other is None or own.ratio is None or other.ratio is None:
        return f"At the same popularity of lists, {how} changes {_changed(control.prices):.0%} of the places."
    better = "more" if other.ratio.value >= own.ratio.value else "less"
    return (
        f"At the same popularity of lists, {how} keeps {other.ratio.value:.1%} "
        f"[{other.ratio.low:.1%}, {other.ratio.high:.1%}] of NDCG@10, {better} than the edit, and changes "
        f"{_changed(control.prices):.0%} of the places."
    )


def _by_chance(prices: Sequence[Price], control: Variant) -> str:
    own, other = named(prices, "arp@10"), named(control.prices, "arp@10")
    assert own is not None
    assert other is not None
    assert other.low is not None
    assert other.high is not None
    inside = other.low <= own.change <= other.high
    return (
        f"Random latents that fire as often change the popularity of lists by {other.change:+,.1f} "
        f"[{other.low:+,.1f}, {other.high:+,.1f}] over {control.draws} draws, the edit by {own.change:+,.1f}: "
        + ("no more than chance." if inside else "more than chance.")
    )


def _changed(prices: Sequence[Price]) -> float:
    overlap = named(prices, "overlap@10")
    assert overlap is not None
    return 1 - overlap.after


def _percent(change: float) -> str:
    return f"{abs(change):.1%} {'less' if change < 0 else 'more'}"


def found_in_words(found: Found) -> list[str]:
    """What a search found, and whether the dictionary was worth it."""
    if not found.chosen:
        return [f"Nothing lowers {found.target.measure} within a loss of {found.max_loss:.1%} of NDCG@10."]
    own = found.chosen.get("latents")
    if own is None:
        return [
            f"No edit of latents changes the {found.target.measure} within a loss of {found.max_loss:.1%} of NDCG@10; "
            f"{' and '.join(found.chosen)} do."
        ]
    said = [_own(found, own), *_noise(found, own)]
    said += [_beside(method, other) for method, other in found.chosen.items() if method != "latents"]
    missing = [name for name in ("random latents", "projection", "re-ranking") if name not in found.chosen]
    if missing:
        said.append(f"No setting of {' or '.join(missing)} was within the allowed loss and of use.")
    rivals = [one for name, one in found.chosen.items() if name in ("projection", "re-ranking")]
    if any(_no_worse(one) for one in rivals):
        said.append(
            "The dictionary is not clearly better than a method that needs none: it adds readability, nothing else."
        )
    return said


def _no_worse(rival: Chosen) -> bool:
    """Whether a method without a dictionary gains as much, or keeps clearly more of NDCG."""
    gains = rival.ahead is not None and rival.ahead.low <= 0
    keeps = rival.ahead_kept is not None and rival.ahead_kept.high < 0
    return gains or keeps


def _own(found: Found, own: Chosen) -> str:
    before = found.before[1]
    kept = "" if own.kept is None else (
        f", NDCG@10 keeps {own.kept.value:.1%} [{own.kept.low:.1%}, {own.kept.high:.1%}]"
    )  # fmt: skip
    n, strength = own.point.setting["latents"], own.point.setting["strength"]
    return (
        f"Turning {n} latent{'s' if n > 1 else ''} at strength {strength:g} takes the {found.target.measure} from {before:.3f} "
        f"to {before + own.change.value:.3f} (change {own.change.value:+.3f} [{own.change.low:+.3f}, "
        f"{own.change.high:+.3f}]){kept}, on {own.change.n:,} users it was not chosen on."
    )


def _noise(found: Found, own: Chosen) -> list[str]:
    if own.kept is None:
        return []
    if own.kept.high < 1 - found.max_loss:
        return [
            f"On these users it loses more than the {found.max_loss:.1%} it was chosen to keep within: the choice does not hold."
        ]
    width = (own.kept.high - own.kept.low) / 2
    if width <= found.max_loss:
        return []
    return [
        f"{own.kept.n:,} users with held-out items tell NDCG@10 to within {width:.1%}, more than the {found.max_loss:.1%} that "
        "may be lost: read what was kept with its interval."
    ]


def _beside(method: str, other: Chosen) -> str:
    ahead = other.ahead
    assert ahead is not None
    if ahead.low > 0:
        word = "The dictionary gains more than"
    elif ahead.high < 0:
        word = "The dictionary gains less than"
    else:
        word = "The dictionary gains no more and no less than"
    kept = "" if other.kept is None else f", which keeps {other.kept.value:.1%} of NDCG@10"
    return f"{word} {method} (ahead by {ahead.value:+.3f} [{ahead.low:+.3f}, {ahead.high:+.3f}]){kept}."
