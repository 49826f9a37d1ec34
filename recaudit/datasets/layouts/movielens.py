"""The three ways GroupLens writes MovieLens."""

from __future__ import annotations

from recaudit.datasets.layouts.base import Layout
from recaudit.datasets.source import DataFolder
from recaudit.datasets.tables import TableSpec

_OCCUPATIONS = (
    "other or not specified", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service",
    "doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer",
    "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman",
    "unemployed", "writer",
)  # fmt: skip
_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


def movielens_1m(folder: DataFolder) -> Layout | None:
    """1M and 10M: ``::`` between fields, no header lines, Latin-1."""
    if "ratings.dat" not in folder.files:
        return None

    def table(file: str, *names: str) -> TableSpec | None:
        if file not in folder.files:
            return None
        return TableSpec(file, names, "::", quoted=False, encoding="latin-1")

    ratings = table("ratings.dat", "user_id", "item_id", "rating", "timestamp")
    assert ratings is not None
    return Layout(
        "movielens-1m",
        (ratings,),
        items=table("movies.dat", "item_id", "title", "genres"),
        users=table("users.dat", "user_id", "gender", "age", "occupation", "zip"),
        tags=table("tags.dat", "user_id", "item_id", "tag", "timestamp"),
        value_names={"occupation": {str(code): name for code, name in enumerate(_OCCUPATIONS)}},
    )


def movielens_100k(folder: DataFolder) -> Layout | None:
    """100K: ``u.data`` by tabs, ``u.item`` and ``u.user`` by ``|``, genres as flags."""
    if "u.data" not in folder.files:
        return None
    item_names = ("item_id", "title", "release_date", "video_release_date", "url", *_GENRES_100K)
    item = TableSpec("u.item", item_names, "|", quoted=False, encoding="latin-1", flags=_GENRES_100K)
    user_names = ("user_id", "age", "gender", "occupation", "zip")
    user = TableSpec("u.user", user_names, "|", quoted=False, encoding="latin-1")
    ratings = TableSpec("u.data", ("user_id", "item_id", "rating", "timestamp"), "\t", quoted=False)
    return Layout(
        "movielens-100k",
        (ratings,),
        items=item if "u.item" in folder.files else None,
        users=user if "u.user" in folder.files else None,
    )


def movielens_csv(folder: DataFolder) -> Layout | None:
    """Latest, 20M, 25M, 32M: csv with headers."""
    if not {"ratings.csv", "movies.csv"} <= folder.files.keys():
        return None
    return Layout(
        "movielens-csv",
        (TableSpec("ratings.csv"),),
        items=TableSpec("movies.csv"),
        tags=TableSpec("tags.csv") if "tags.csv" in folder.files else None,
    )
