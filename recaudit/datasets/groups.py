"""User attributes as text values that users can be grouped by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from recaudit.datasets.types import DataNote

_IDENTIFIERS = {"zip", "zip_code", "zipcode", "postcode", "name", "email", "phone", "row", "index"}
_AGE_BANDS = {0: "Under 18", 18: "18-24", 25: "25-34", 35: "35-44", 45: "45-49", 50: "50-55", 56: "56+"}
"""MovieLens 1M's, whose codes are the lower ends."""
_MAX_GROUPS = 100
_LABEL = "_label"


def user_attributes(
    fetched: pd.DataFrame, names: Sequence[str], value_names: Mapping[str, Mapping[str, str]]
) -> tuple[pd.DataFrame, list[DataNote]]:
    """Users with ``raw_id`` and one column for each attribute that makes groups.

    Identifier-like columns and those of nothing but small groups are left out; ``age_label`` stands for
    ``age`` where both exist.

    Args:
        fetched: ``raw_id``, then columns ``a0``, ``a1``, … named by ``names``.
        value_names: attribute to what its codes stand for.
    """
    users, notes = fetched[["raw_id"]].astype(object), []
    for place, name in enumerate(names):
        attribute = name.removesuffix(_LABEL)
        if name.lower() in _IDENTIFIERS or name + _LABEL in names:
            continue
        values = fetched[f"a{place}"].astype(object)
        if name in value_names:
            values = values.map(lambda code, meaning=value_names[name]: meaning.get(code, code))
        if attribute.lower() == "age" and _is_numeric(values):
            values = _age_bands(values)
            notes.append(DataNote("info", "ages are grouped into MovieLens' bands"))
        if values.nunique() > _MAX_GROUPS:
            message = f"user attribute {name} has more than {_MAX_GROUPS} values and makes no groups"
            notes.append(DataNote("dropped", message, values.nunique()))
            continue
        users[attribute] = values.where(values.notna(), None)
    return users, notes


def user_groups(users: pd.DataFrame) -> pd.DataFrame:
    """One row for each user and attribute that has a value."""
    indexed = users.drop(columns="raw_id").rename_axis("user").reset_index()
    groups = indexed.melt(id_vars="user", var_name="attribute", value_name="value").dropna()
    return groups.astype({"user": "int32", "attribute": object, "value": object}).reset_index(drop=True)


def _is_numeric(values: pd.Series) -> bool:
    return bool(pd.to_numeric(values.dropna(), errors="coerce").notna().all())


def _age_bands(values: pd.Series) -> pd.Series:
    edges = [*_AGE_BANDS, 1000]
    banded = pd.cut(pd.to_numeric(values), edges, right=False, labels=list(_AGE_BANDS.values()))
    return banded.astype(object)
