"""The conditions in ``docs/cav.md``: python docs/cav_conditions.py AUDIT MODEL, of a model conditioned on MovieLens' genres.

What an analysis of a conditioned autoencoder reported about its genres, asked again of another one, in its code
space and in each control: how near each named neighbour is among all others (1 = nearest), and who lies outermost.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from recaudit.store import conditions, read, reading

NEIGHBOURS = {
    "F2 far": ("War", ("Children's", "Animation")),
    "F2 near": ("War", ("Drama", "Romance")),
    "F3 near": ("Horror", ("Thriller", "Sci-Fi")),
    "F3 far": ("Horror", ("Western",)),
    "F4 near": ("Thriller", ("Mystery", "Crime")),
    "F4 near, from Crime": ("Crime", ("Mystery", "Thriller")),
    "F7 near": ("Film-Noir", ("Crime", "Drama", "Thriller", "Mystery")),
    "F9 near, Mystery": ("Mystery", ("Horror",)),
    "F9 near, Children's": ("Children's", ("Fantasy",)),
    "F9 near, War": ("War", ("Western",)),
}
ENDS = ("Comedy", "Romance"), ("Thriller", "Action", "Crime")


def main(db: Path, name: str) -> None:
    """Print one line a finding and space, then the radii, then where conditions fall on one component."""
    with reading(db) as audit:
        model = read.model_named(audit, name)
        for space in ("latent", "untrained", "columns", "items"):
            near = conditions.neighbours(audit, model, space)
            if near.empty:
                print(f"{space}: nothing stored, run `recaudit cav {name} --checkpoint FILE`")
                continue
            print(f"{space}, of {near['rank'].max()} others")
            for label, (condition, others) in NEIGHBOURS.items():
                own = near[near["condition"] == condition].set_index("other")["rank"]
                print(f"  {label}: {condition} - {', '.join(f'{other} {own[other]}' for other in others)}")
        centroids = conditions.centroids(audit, model, "latent")
        print("F5, F6, F8, from the outside in:", ", ".join(centroids["condition"]))
        plane = conditions.plane(audit, model, "latent", most=-1)
    if plane is not None:
        print(f"F11, components {plane.axes}, eta squared {plane.eta_squared}")
        for axis in ("x", "y"):
            print(f"  {_line(plane.labels, axis)}")


def _line(labels: pd.DataFrame, axis: str) -> str:
    shown = labels.dropna(subset=["condition"]).sort_values(axis)
    marks = dict.fromkeys(ENDS[0], "<") | dict.fromkeys(ENDS[1], ">")
    return ", ".join(
        f"{marks.get(name, '')}{name} {place:.2f}"
        for name, place in zip(shown["condition"], shown[axis], strict=True)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
