"""What a set of CAVs says, in sentences, each with the SQL that lists what it rests on."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from recaudit.analyses.cav.alignment import EQUIVALENT, RATINGS_OF, statement
from recaudit.analyses.cav.quality import INSUFFICIENT, PRESENT, UNSTABLE
from recaudit.analyses.cav.settings import Settings
from recaudit.store import Audit
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.store.write import Finding
from recaudit.text import printable

_NAMED = 4


def about(audit: Audit, model: Model, settings: Settings) -> list[Finding]:
    """Findings of one variant."""
    table = store.table(audit, model, settings.variant)
    where = f"model_id = {model.model_id} AND variant = '{settings.variant}'"
    single = table[~table["relative"]]
    found = [*_presence(single, where, settings), *_unstable(table, where), *_ratings(single, where)]
    return [replace(one, sentence=_under(settings) + one.sentence) for one in found]


def _under(settings: Settings) -> str:
    """What sets a variant apart from the one a report shows first; its sentences stand beside that one's."""
    plain = Settings()
    chosen = [
        f"{name} {getattr(settings, name)}"
        for name in ("negatives", "multilabel", "scaling", "null")
        if getattr(settings, name) != getattr(plain, name)
    ]
    return f"[{', '.join(chosen)}] " if chosen else ""


_COUNTED = {"goes with": "positive", "goes against": "negative"}


def alignment_word(row: pd.Series) -> str:
    """What the correlation with ratings of one row of ``store.table`` allows to say."""
    if pd.isna(row["rating"]):
        return ""
    return statement(row["rating_low"], row["rating_high"], row["share_low"])


def _presence(table: pd.DataFrame, where: str, settings: Settings) -> list[Finding]:
    found = []
    for kind, own in table.groupby("kind", sort=True):
        tested = own[own["verdict"] != INSUFFICIENT]
        if tested.empty:
            continue
        present = tested[tested["verdict"].isin([PRESENT, UNSTABLE])]
        absent = tested[~tested.index.isin(present.index)]
        sentence = (
            f"{len(present)} of {len(tested)} concepts of kind {printable(kind)} are linearly present in the item vectors "
            f"(q <= {settings.level:g} and AUC interval above {settings.present_auc:g})"
        )
        if len(present):
            sentence += f", best {_listed(present.sort_values('auc', ascending=False))}"
        if len(absent):
            sentence += f"; not present: {_listed(absent)}"
        skipped = len(own) - len(tested)
        if skipped:
            sentence += f"; {skipped} have fewer than {settings.least_items} items on a side"
        found.append(
            Finding(
                f"cav-present:{kind}",
                "info",
                sentence + ".",
                f"SELECT name, auc, auc_low, auc_high, q, verdict FROM cavs JOIN concepts USING (concept_id) "
                f"WHERE {where} AND against_id IS NULL AND kind = {_quoted(kind)} ORDER BY auc DESC",
            )
        )
    return found


def _unstable(table: pd.DataFrame, where: str) -> list[Finding]:
    shaky = table[table["verdict"] == UNSTABLE]
    if shaky.empty:
        return []
    return [
        Finding(
            "cav-unstable",
            "warning",
            f"Concepts that are found, but no stable direction of them: {len(shaky)} "
            f"({', '.join(printable(name, 30) for name in shaky['concept'].head(_NAMED))}). It turns when other items are "
            "drawn; read no angle or sensitivity from it.",
            f"SELECT concept_id, stability FROM cavs WHERE {where} AND verdict = 'unstable' ORDER BY stability",
        )
    ]


def _ratings(table: pd.DataFrame, where: str) -> list[Finding]:
    judged = table[table["rating"].notna()]
    if judged.empty:
        return []
    said = judged.apply(alignment_word, axis=1)
    control = int((judged["share_low"] > 0).sum())
    count = said.replace(_COUNTED).value_counts()
    source = str(judged["ratings"].iloc[0])
    parts = ", ".join(f"{int(count[word])} {word}" for word in count.index)
    worth = judged["rating"].abs().median()
    sentence = (
        f"Sensitivity against users' ratings ({RATINGS_OF[source]}; rating in the concept minus outside it), over "
        f"{len(judged)} concepts: {parts}. Median |Spearman| {worth:.2f}, beside {judged['share'].median():.2f} for the "
        f"concept's share of the history (clearly positive for {control} of {len(judged)}). `No relation` means an "
        f"interval within ±{EQUIVALENT:g}."
    )
    if source == "all":
        sentence += " Some of these ratings were training data."
    return [
        Finding(
            "cav-ratings",
            "info",
            sentence,
            f"SELECT a.* FROM cav_alignment a JOIN cavs USING (model_id, cav_id) WHERE {where} AND main AND "
            "sensitivity = 'raw' AND NOT adjusted AND correlation = 'spearman'",
        )
    ]


def _listed(table: pd.DataFrame) -> str:
    named = [f"{printable(row.concept, 30)} {row.auc:.2f}" for row in table.head(_NAMED).itertuples()]
    return ", ".join(named) + (", …" if len(table) > _NAMED else "")


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
