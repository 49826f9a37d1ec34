"""What items are about: genres, tags, categories, decades, popularity bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.datasets.popularity import Band
from recaudit.datasets.types import DataNote

_KINDS = ("genre", "tag", "category", "decade", "popularity")
_NO_GENRE = {"", "(no genres listed)", "unknown"}
_YEAR_RANGE = (1000, 2100)
_FIRST_DECADE = 1900
_BANDS = {Band.HEAD: "head", Band.MID: "mid", Band.TAIL: "tail"}


def year_of(stated: pd.Series, title: pd.Series | None) -> pd.Series:
    """Year as a nullable integer.

    Args:
        title: where to look for a year in brackets at the end, if the data states no years apart. Else
            None: bands and books may have such a title without dating from then.
    """
    found = stated.astype("string").str.extract(r"^\s*(\d{4})(?!\d)", expand=False)
    if title is not None:
        found = title.astype("string").str.extract(r"\((\d{4})\)\s*$", expand=False)
    year = found.astype("Int64")
    return year.where(year.between(*_YEAR_RANGE))


def decade_of(year: int) -> str:
    """``1990s``; everything older than the 1900s is one group, of which catalogues hold little."""
    return f"{year // 10 * 10}s" if year >= _FIRST_DECADE else f"before {_FIRST_DECADE}"


def build_concepts(
    terms: pd.DataFrame, year: pd.Series, bands: NDArray[np.int8], min_tag_support: int
) -> tuple[pd.DataFrame, pd.DataFrame, list[DataNote]]:
    """Concepts, the pairs of item and concept, and what was left out.

    Args:
        terms: ``item``, ``kind``, ``name`` as the files state them.
        year: per item, nullable.
        bands: ``Band`` per item.
        min_tag_support: tags on fewer items are dropped.
    """
    stated, notes = _usable_terms(terms, min_tag_support)
    pairs = pd.concat([stated, _decades(year), _popularity(bands)], ignore_index=True)
    pairs["rank"] = pairs["kind"].map({kind: rank for rank, kind in enumerate(_KINDS)})
    found = pairs.groupby(["rank", "sort", "kind", "name"], sort=True)["item"].nunique().reset_index()
    concepts = pd.DataFrame(
        {
            "concept": np.arange(len(found), dtype=np.int32),
            "kind": found["kind"].astype(object),
            "name": found["name"].astype(object),
            "n_items": found["item"].astype(np.int64),
        }
    )
    item_concepts = pairs.merge(concepts, on=["kind", "name"])[["item", "concept"]].astype(np.int32)
    item_concepts = item_concepts.sort_values(["item", "concept"], ignore_index=True)
    return concepts, item_concepts, notes


def _usable_terms(terms: pd.DataFrame, min_tag_support: int) -> tuple[pd.DataFrame, list[DataNote]]:
    terms = terms.dropna(subset=["name"])
    terms = terms.assign(name=terms["name"].str.strip())
    terms = terms[
        ~(terms["kind"].eq("genre") & terms["name"].str.lower().isin(_NO_GENRE)) & terms["name"].ne("")
    ]
    is_tag = terms["kind"].eq("tag")
    tags = _same_spelling(terms[is_tag])
    support = tags.groupby("name")["item"].transform("nunique")
    rare = tags.loc[support < min_tag_support, "name"].nunique()
    notes = [DataNote("dropped", f"tags on fewer than {min_tag_support} items", rare)] if rare else []
    usable = pd.concat([terms[~is_tag], tags[support >= min_tag_support]])
    usable = usable.drop_duplicates(["item", "kind", "name"])
    return usable.assign(sort=usable["name"]), notes


def _same_spelling(tags: pd.DataFrame) -> pd.DataFrame:
    """Tags that differ by case only become one, shown as most often written."""
    folded = tags["name"].str.casefold()
    written = tags.assign(folded=folded).groupby(["folded", "name"], sort=True).size()
    commonest = written.reset_index(name="times").sort_values("times", ascending=False, kind="stable")
    spelling = commonest.drop_duplicates("folded").set_index("folded")["name"]
    return tags.assign(name=folded.map(spelling))


def _decades(year: pd.Series) -> pd.DataFrame:
    known = year.dropna()
    name = known.map(decade_of)
    # Sorted by age: "before 1900" comes first, not last.
    sort = name.where(known >= _FIRST_DECADE, "")
    return pd.DataFrame(
        {"item": known.index, "kind": "decade", "name": name.to_numpy(object), "sort": sort.to_numpy(object)}
    )


def _popularity(bands: NDArray[np.int8]) -> pd.DataFrame:
    item = np.flatnonzero(bands != Band.UNSEEN)
    name = [_BANDS[Band(int(band))] for band in bands[item]]
    return pd.DataFrame({"item": item, "kind": "popularity", "name": name, "sort": name})
