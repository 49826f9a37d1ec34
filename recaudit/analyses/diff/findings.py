"""What a diff says, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from recaudit.analyses.diff.concepts import COVERAGE, VECTORS, ConceptChange, ConceptDiff, Fate
from recaudit.analyses.diff.latents import COSINE, LatentDiff
from recaudit.analyses.diff.lists import ListDiff
from recaudit.analyses.diff.metrics import Direction, MetricChange, Q
from recaudit.analyses.diff.outcome import Diff, Subject
from recaudit.metrics.catalogue import BY_NAME
from recaudit.metrics.intervals import Estimate
from recaudit.store.write import Finding
from recaudit.text import printable

HEADLINE = ("ranking.ndcg@10", "ranking.hr@10")
STRANGERS = 0.2
"""Share of items in common below which users with the same id may be other people."""
_ORDER = {"serious": 0, "warning": 1, "info": 2}
_NAMED = 8
_SHIFTS = 3
_HELD = {COVERAGE: "covers with latents", VECTORS: "holds as concept vectors"}


def collect(diff: Diff) -> list[Finding]:
    """Findings, worst first; one alone where nothing changed."""
    if diff.nothing_changed:
        said = f"Nothing changed: {_listed(_parts(diff))} are the same."
        return [Finding("diff.nothing_changed", "info", said, _sql(diff.a, "models"))]
    found = [
        *_comparability(diff),
        *_metrics(diff),
        *(finding for one in diff.concepts for finding in _concepts(diff, one)),
    ]
    if diff.latents is not None:
        found += _latents(diff, diff.latents)
    if diff.lists is not None:
        found += _lists(diff, diff.lists)
    return sorted(found, key=lambda one: _ORDER[one.severity])


def _parts(diff: Diff) -> list[str]:
    parts = ["checkpoint", *(["dictionary"] if diff.a.sae is not None else [])]
    parts += [f"all {len(diff.metrics):,} numbers"] if diff.metrics else []
    parts += [f"the lists of all {diff.lists.users:,} users"] if diff.lists is not None else []
    parts += [f"{len(diff.latents.pairs):,} latents"] if diff.latents is not None else []
    return parts


def _comparability(diff: Diff) -> Iterator[Finding]:
    if diff.same_people is not None and diff.same_people < STRANGERS:
        said = (
            f"Users with the same id have {diff.same_people:.0%} of their items in common: these may be other people, and "
            "then nothing that is paired by user means anything."
        )
        yield Finding("diff.other_people", "serious", said, _sql(diff.a, "users"))
    if not diff.paired:
        said = f"The comparison is {diff.about}: noise that both share does not cancel, intervals are wider."
        yield Finding("diff.unpaired", "warning", said, _sql(diff.a, "users"))
    elif not diff.same_held_out:
        said = "What is held out differs: the ranking numbers of the two answer different questions."
        yield Finding("diff.held_out_differs", "warning", said, _sql(diff.a, "targets"))
    if "ranking" in diff.missing:
        yield Finding("diff.not_measured", "warning", diff.missing["ranking"] + ".", _sql(diff.a, "metrics"))
    if diff.a.model.sha256 == diff.b.model.sha256:
        said = "Both are one model (the same checkpoint): what differs below is what the dictionaries make of it."
        yield Finding("diff.same_model", "warning", said, _sql(diff.a, "models"))
    reads = diff.a.model.reads, diff.b.model.reads
    if diff.lists is not None and reads[0] != reads[1]:
        said = (
            f"{_name(diff.a)} reads {_READS[reads[0]]}, {_name(diff.b)} {_READS[reads[1]]}: their newest lists do not "
            "rest on the same past, and part of any difference is that."
        )
        yield Finding("diff.inputs_differ", "warning", said, _sql(diff.a, "models"))


_READS = {
    "user": "a row of a table for each user",
    "sequence": "histories in order",
    "set": "histories as a set",
}


def _metrics(diff: Diff) -> Iterator[Finding]:
    tested = [one for one in diff.metrics if one.change.low is not None]
    for metric in HEADLINE:
        for one in tested:
            if one.a.metric == metric and one.a.slice == {"ranking": "original"}:
                yield _headline(diff, one)
    if tested:
        counts = Counter(one.direction for one in tested)
        same = counts[Direction.SAME] + counts[Direction.UNDECIDED]
        moved = counts[Direction.HIGHER] + counts[Direction.LOWER]
        said = (
            f"Of {len(tested):,} numbers with an interval {counts[Direction.BETTER]:,} are better, "
            f"{counts[Direction.WORSE]:,} worse, {moved:,} moved where neither way is better, {same:,} show no clear change "
            "(5 % false discoveries)."
        )
        yield Finding("diff.metrics", "info", said, _sql(diff.b, "metrics"))


def _headline(diff: Diff, one: MetricChange) -> Finding:
    title = BY_NAME[one.a.metric].title
    low, high = one.change.low, one.change.high
    assert low is not None
    assert high is not None
    numbers = f"{one.a.value:.4f} to {one.b.value:.4f}, {one.change.value:+.4f} [{low:+.4f}, {high:+.4f}]"
    over = f"{one.change.basis}, n = {one.change.n:,}" + (
        "" if one.q is None else f", q {'< .001' if one.q < 0.001 else f'= {one.q:.3f}'}"
    )
    words = {
        Direction.WORSE: ("serious", "fell from"),
        Direction.BETTER: ("info", "rose from"),
        Direction.SAME: ("info", "did not move:"),
    }
    severity, verb = words.get(one.direction, ("info", "shows no clear change:"))
    return Finding(
        f"diff.{one.a.metric}", severity, f"{title} {verb} {numbers} ({over}).", _sql(diff.b, "target_ranks")
    )


def _concepts(diff: Diff, concepts: ConceptDiff) -> Iterator[Finding]:
    sql = _concept_sql(diff.b, concepts.by)
    by = f"of the {concepts.held:,} concepts that {_name(diff.a)} {_HELD[concepts.by]}"
    lost, new = concepts.of(Fate.LOST), concepts.of(Fate.NEW)
    undecided = [one for one in concepts.of(Fate.UNDECIDED) if one.a is not None and one.a.held]
    if lost:
        said = (
            f"{len(lost):,} {by} {'is' if len(lost) == 1 else 'are'} lost in {_name(diff.b)}: {_names(lost)}."
        )
        yield Finding("diff.concepts_lost", "serious", said, sql)
    if undecided:
        untested = sum(one.b is None for one in undecided)
        why = "the AUC shows no clear fall"
        if untested:
            why = f"{untested:,} could not be tested there, of the others the AUC shows no clear fall"
        said = f"{len(undecided):,} {by} may be gone in {_name(diff.b)}: {why}. {_names(undecided)}."
        yield Finding("diff.concepts_undecided", "warning", said, sql)
    if not lost and not undecided and concepts.held:
        yield Finding("diff.concepts_kept", "info", f"None {by} is lost.", sql)
    if new:
        said = f"{_name(diff.b)} {_HELD[concepts.by]} {len(new):,} more: {_names(new)}."
        yield Finding("diff.concepts_new", "info", said, sql)
    for fate, severity, verb in (
        (
            Fate.MERGED,
            "warning",
            "now share a latent, which not all of them did: none of them can be turned alone",
        ),
        (Fate.SPLIT, "info", "shared a latent and no longer all do"),
    ):
        for group in _groups(concepts.of(fate), fate):
            said = f"{_listed([printable(name, 40) for name in group])} {verb}."
            yield Finding(f"diff.concepts_{fate}", severity, said, sql)


def _groups(changed: Sequence[ConceptChange], fate: Fate) -> list[tuple[str, ...]]:
    """Concepts of each shared latent, once."""
    found: dict[tuple[str, int | None], list[str]] = {}
    for one in changed:
        found.setdefault((one.kind, one.latent_b if fate is Fate.MERGED else one.latent_a), []).append(
            one.name
        )
    return [tuple(sorted(names)) for names in found.values()]


def _latents(diff: Diff, latents: LatentDiff) -> Iterator[Finding]:
    kept, merged, lost = len(latents.kept), len(latents.merged), len(latents.lost)
    chance = max(latents.chance.values())
    how = "the cosine of decoder rows" if latents.by == COSINE else "the correlation of codes"
    said = (
        f"Latents of {_name(diff.a)} by {how}: {kept:,} of {latents.compared_a:,} have one of their own in "
        f"{_name(diff.b)}, {merged:,} resemble one but not one to one, {lost:,} none more than chance does (best by chance "
        f"{chance:.2f} in the middle). Of {latents.compared_b:,} in {_name(diff.b)}, {len(latents.new):,} are new."
    )
    yield Finding("diff.latents", "info", said, _sql(diff.b, "activations"))


def _lists(diff: Diff, lists: ListDiff) -> Iterator[Finding]:
    overlap = lists.overlap
    said = (
        f"A user's first ten have {10 * overlap.value:.1f} items in common "
        f"[{10 * overlap.low:.1f}, {10 * overlap.high:.1f}], those of two different users {10 * lists.by_chance:.1f}; "
        f"{lists.same:,} of {lists.users:,} users keep their list as it was."
    )
    yield Finding("diff.lists", "info", said, _sql(diff.b, "recommendations"))
    for kind, shifts in (("by popularity", lists.bands), ("by genre", lists.concepts)):
        moved = [one for one in shifts if one.q <= Q]
        if moved:
            largest = sorted(moved, key=lambda one: -abs(one.change.value))[:_SHIFTS]
            said = "; ".join(
                f"{printable(one.name, 40)} {one.share_a:.1%} to {one.share_b:.1%} ({_points(one.change)})"
                for one in largest
            )
            more = f" and {len(moved) - len(largest)} more" if len(moved) > len(largest) else ""
            yield Finding(
                "diff.exposure",
                "info",
                f"Places in lists, {kind}: {said}{more}.",
                _sql(diff.b, "recommendations"),
            )


def _points(change: Estimate) -> str:
    return f"{100 * change.value:+.1f} points [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"


def _sql(subject: Subject, table: str) -> str:
    """SQL on one side's file that lists what a sentence rests on."""
    where = "" if table == "users" else f" WHERE model_id = {subject.model.model_id}"
    if table == "users":
        where = f" WHERE dataset_id = {subject.model.dataset_id}"
    if table == "activations":
        where = "" if subject.sae is None else f" WHERE sae_id = {subject.sae.sae_id}"
    return f"-- {printable(subject.file)}\nSELECT * FROM {table}{where}"


def _concept_sql(subject: Subject, by: str) -> str:
    if by == VECTORS or subject.sae is None:
        return _sql(subject, "cavs")
    where = f"sae_id = {subject.sae.sae_id}"
    return (
        f"-- {printable(subject.file)}\nSELECT * FROM concept_coverage WHERE {where} ORDER BY rule, auc DESC"
    )


def _name(subject: Subject) -> str:
    return printable(subject.label, 60)


def _names(changed: Sequence[ConceptChange]) -> str:
    named = [printable(one.name, 40) for one in changed[:_NAMED]]
    more = len(changed) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
