"""Reading a ratings.csv of the size and shape of MovieLens-25M: recaudit against pandas.

    python benchmarks/read_25m.py [--rows 25000000] [--folder FOLDER]

The file is synthetic and seeded: userId in order, movieId with a long tail, half-star ratings, Unix times.
``read_dataset`` hashes the file, finds its layout, numbers users and items, orders every user's rows, splits
them and builds popularity bands; plain ``pandas.read_csv`` only parses. So the ratio is the price of a
whole dataset over the cheapest way to look at the file. Both run in turn in processes of their own, with
one thread of BLAS and as many of their own as they start. Bar: under 4 GB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import alternate, ratio, run

USERS, ITEMS = 162_541, 59_047
FIRST_TIME, LAST_TIME = 789_652_009, 1_574_327_703
BAR_MIB = 4e9 / 2**20

PANDAS = "import sys, pandas; print(len(pandas.read_csv(sys.argv[1] + '/ratings.csv')))"
RECAUDIT = (
    "import sys; from pathlib import Path; from recaudit.datasets import read_dataset; "
    "print(len(read_dataset(Path(sys.argv[1])).interactions))"
)
CHUNK = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=25_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary file goes")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        write_ratings(args.make / "ratings.csv", args.rows)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        run([sys.executable, __file__, "--make", folder, "--rows", str(args.rows)])
        print(f"{args.rows:,} rows, {(Path(folder) / 'ratings.csv').stat().st_size >> 20:,} MiB")
        sides = {
            "recaudit": lambda: run([sys.executable, "-c", RECAUDIT, folder]),
            "pandas": lambda: run([sys.executable, "-c", PANDAS, folder]),
        }
        found = alternate(sides, args.rounds)
    assert {process.result for side in found.values() for process in side} == {args.rows}
    seconds = {name: [process.seconds for process in side] for name, side in found.items()}
    peaks = {name: max(process.peak_mib for process in side) for name, side in found.items()}
    print(
        f"recaudit / pandas = {ratio(seconds['recaudit'], seconds['pandas'])}; "
        f"{median(seconds['recaudit']):.1f} s against {median(seconds['pandas']):.1f} s, "
        f"peak {peaks['recaudit']:,.0f} MiB against {peaks['pandas']:,.0f} MiB"
    )
    print(f"bar of 4 GB: {'kept' if peaks['recaudit'] < BAR_MIB else 'BROKEN'}")


def write_ratings(file: Path, rows: int) -> None:
    """Users own a lognormal number of rows each, items fall off like 1/rank."""
    # Imported here alone: what the parent holds would count as its children's peak.
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    weight = rng.lognormal(0, 1.2, USERS)
    user = np.sort(rng.choice(USERS, rows, p=weight / weight.sum())) + 1
    popularity = 1 / np.arange(1, ITEMS + 1)
    cumulated = np.cumsum(popularity / popularity.sum())
    movie_id = rng.permutation(ITEMS * 3)[:ITEMS] + 1
    for start in range(0, rows, CHUNK):
        part = user[start : start + CHUNK]
        place = np.minimum(np.searchsorted(cumulated, rng.random(len(part))), ITEMS - 1)
        columns = {
            "userId": part,
            "movieId": movie_id[place],
            "rating": rng.integers(1, 11, len(part)) / 2,
            "timestamp": rng.integers(FIRST_TIME, LAST_TIME, len(part)),
        }
        pd.DataFrame(columns).to_csv(file, mode="a", header=start == 0, index=False)


if __name__ == "__main__":
    main()
