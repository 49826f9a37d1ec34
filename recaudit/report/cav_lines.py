"""Tables about concept vectors for people: a number with its interval in one cell, as many columns as fit.

JSON and CSV have every column; what is here is drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recaudit.analyses.cav.findings import alignment_word
from recaudit.analyses.cav.quality import INSUFFICIENT, NOT_PRESENT, PRESENT, UNSTABLE
from recaudit.report.layout import Figure, estimate, short

Lines = tuple[list[str], list[list[Any]]]
"""Columns and rows of cells."""

WIDE = 110
"""Cells from which a table shows all its columns."""
MARKS = {PRESENT: "✓", UNSTABLE: "!", NOT_PRESENT: "✗", INSUFFICIENT: "–"}
_MARKS_SAY = "✓ present  ! found, but its direction is unstable  ✗ not present  – too few items\n"
LEGEND = _MARKS_SAY + (
    "history, rating: Spearman over users of sensitivity with the concept's share of the history (control), and with "
    "the rating of the concept minus that of other items"
)
PAIR_LEGEND = _MARKS_SAY + (
    "history, rating: Spearman over users of sensitivity with how much more of the first than of the second concept the "
    "history holds (control), and with the rating of the first minus that of the second"
)
GIVEN = (
    "given length: cosine instead of raw sensitivity; given activity: log activity and mean popularity of the history "
    "held fixed"
)
_QUESTIONS = {
    "share": "share of the history",
    "mean": "mean rating",
    "centred": "rating minus others'",
}
_RATINGS = {"all": "all ratings", "held-out": "ratings of items outside the training history"}


def overview(table: pd.DataFrame, width: int) -> Lines:
    """``store.cav.table``, a row per concept, kind by kind.

    Args:
        width: cells there are; below ``WIDE`` marks take the place of verdicts and kinds become headings.
    """
    wide = width >= WIDE
    rows: list[list[Any]] = []
    for kind, own in table.groupby("kind", sort=False):
        if not wide and table["kind"].nunique() > 1:
            rows.append([str(kind).upper(), *[""] * 4])
        for row in own.to_dict("records"):
            auc = estimate(row["auc"], row["auc_low"], row["auc_high"])
            users = [
                short(row["share"]),
                estimate(row["rating"], row["rating_low"], row["rating_high"]),
                alignment_word(pd.Series(row)),
            ]
            name = f"{MARKS[row['verdict']]} {row['concept']}"
            rows.append(
                [kind, name, int(row["n"]), auc, short(row["stability"]), row["verdict"], *users]
                if wide
                else [name, auc, *users]
            )
    users_columns = ["history", "rating", "ratings"]
    columns = (
        ["kind", "concept", "n", "AUC", "stability", "verdict", *users_columns]
        if wide
        else ["concept", "AUC", *users_columns]
    )
    return columns, rows


def correlations(frame: pd.DataFrame) -> list[tuple[str, *Lines]]:
    """``store.cav.alignment``: a titled table for each source of ratings, both coefficients of a question side by side."""
    found = []
    order = list(_QUESTIONS)
    for ratings, of_source in frame.groupby("ratings", sort=True):
        rows: list[list[Any]] = []
        asked = of_source.groupby(["rating", "sensitivity", "adjusted"])
        for (rating, sensitivity, adjusted), own in sorted(
            asked, key=lambda pair: (order.index(pair[0][0]), pair[0][2], pair[0][1] != "raw")
        ):
            by = {row["correlation"]: row for row in own.to_dict("records")}
            cells = {name: estimate(row["value"], row["low"], row["high"]) for name, row in by.items()}
            rows.append(
                [
                    _QUESTIONS[rating],
                    "activity" if adjusted else "length" if sensitivity == "cosine" else "",
                    cells.get("spearman", short(None)),
                    Figure(f"{by['spearman']['q']:.4f}" if "spearman" in by else "–"),
                    cells.get("pearson", short(None)),
                ]
            )
        title = (
            f"over {int(of_source['n'].max()):,} users, {_RATINGS[str(ratings)]} "
            f"(so many show {short(of_source['smallest'].min())} with 80 % power)"
        )
        found.append((title, ["sensitivity with", "given", "Spearman", "q", "Pearson"], rows))
    return found


def angles(frame: pd.DataFrame) -> Lines:
    """``store.cav.angles``: nearest first; ``beyond`` says which are none that random concepts have."""
    rows = [
        [
            row["concept"],
            Figure(f"{row['degrees']:.0f}°"),
            estimate(row["cosine"], row["low"], row["high"]),
            "" if row["null_low"] <= row["cosine"] <= row["null_high"] else "beyond chance",
        ]
        for row in frame.to_dict("records")
    ]
    return ["concept", "angle", "cosine", ""], rows


def groups(frame: pd.DataFrame) -> Lines:
    """``store.cav.groups``: share of users with a sensitivity above average, in the group and elsewhere."""
    rows = [
        [
            row["attribute"],
            row["value"],
            int(row["n"]),
            estimate(row["share"], row["low"], row["high"]),
            short(row["elsewhere"]),
            Figure(f"{row['q']:.4f}"),
        ]
        for row in frame.to_dict("records")
    ]
    return ["attribute", "group", "users", "TCAV score", "elsewhere", "q"], rows


def latents(frame: pd.DataFrame) -> Lines:
    """``store.cav.latents``."""
    rows = [
        [
            row["sae"],
            str(row["latent"]),
            short(row["case_correlation"]),
            short(row["item_correlation"]),
            short(row["cosine"]),
        ]
        for row in frame.to_dict("records")
    ]
    return ["dictionary", "latent", "over users", "over items", "cosine of decoder"], rows


def person(concepts: pd.DataFrame) -> Lines:
    """``store.cav.user_profile``: what the model makes of a user, what is in the history, how it was rated."""
    rows = [
        [
            f"{MARKS[row['verdict']]} {row['concept']}",
            _percent(row["percentile"]),
            _percent(row["share"]),
            _percent(row["mean_share"]),
            _stars(row["rated"]),
            _stars(row["rated_outside"]),
            "" if pd.isna(row["ratings"]) else int(row["ratings"]),
        ]
        for row in concepts.to_dict("records")
    ]
    return ["concept", "model", "history", "average", "rated", "others", "ratings"], rows


PERSON_LEGEND = (
    "model: share of users whose scores move less along the concept; history, average: share of the concept in the "
    "user's training history and in all; rated, others: mean rating inside and outside the concept"
)


def items(frame: pd.DataFrame) -> Lines:
    """``analyses.cav.profile.Profile.items``."""
    rated = frame["rating"].notna().any()
    columns = ["concept", "item", "farther along than", *(["rated"] if rated else [])]
    rows = [
        [
            row["concept"],
            row["title"] if isinstance(row["title"], str) else row["item"],
            Figure(f"{row['farther']:.1%} of items"),
            *([_stars(row["rating"])] if rated else []),
        ]
        for row in frame.to_dict("records")
    ]
    return columns, rows


def contributions(frame: pd.DataFrame, concepts: pd.DataFrame) -> Lines:
    """``analyses.cav.profile.Profile.latents``, and what is left of each concept's sensitivity in ``concepts``."""
    whole = dict(zip(concepts["concept"], concepts["sensitivity"], strict=True))
    rows: list[list[Any]] = []
    for (concept, dictionary), own in frame.groupby(["concept", "sae"], sort=False):
        for row in own.to_dict("records"):
            rows.append(
                [concept, dictionary, str(row["latent"]), row["value"], row["mean"], row["contribution"]]
            )
        rest = whole[concept] - own["contribution"].sum()
        rows.append([concept, dictionary, "all else", None, None, rest])
        rows.append([concept, dictionary, "= sensitivity", None, None, whole[concept]])
    return ["concept", "dictionary", "latent", "fires", "average", "adds"], rows


def places(frame: pd.DataFrame, axes: pd.DataFrame) -> Lines:
    """``store.conditions.user_places``: a user under every condition, on the component that separates them most.

    Args:
        axes: ``store.conditions.axes`` of the same space.
    """
    if frame.empty or axes.empty:
        return [], []
    best = axes.loc[axes["eta_squared"].idxmax()]
    at = np.array([place[int(best["axis"]) - 1] for place in frame["place"]], dtype=float)
    left, span = at.min(), max(float(np.ptp(at)), 1e-12)
    rows = []
    for row in np.lexsort((frame["condition"].to_numpy(dtype=str), at)):
        dots = round((at[row] - left) / span * (_LINE - 1))
        rows.append(
            [frame["condition"].iloc[row], float(at[row]), "·" * dots + "●" + "·" * (_LINE - 1 - dots)]
        )
    return ["condition", f"component {int(best['axis'])}", ""], rows


_LINE = 36
"""Cells of the line on which conditions are put."""


def _percent(value: Any) -> Figure:
    return Figure("–" if pd.isna(value) else f"{value:.0%}")


def _stars(value: Any) -> Figure:
    return Figure("–" if pd.isna(value) else f"{value:.2f}")
