"""How much of a dictionary's loss is its encoder's: its own codes against the best that can be found for them.

    recaudit train mf --site both --db ml-1m.duckdb --name both
    python benchmarks/best_codes.py ml-1m.duckdb mf both

For a dictionary of users and items, or of users alone, the vectors of both are rebuilt four ways with the same number of
active latents, and the model ranks again as in ``recaudit report``:

encoder   the dictionary's own codes: one matrix product, the k largest kept
pursuit   non-negative matching pursuit over its decoder's rows: the atom along which most is left, again and again, and the
          values of all chosen by non-negative least squares (scipy). Codes that the dictionary could have, and a
          search that no linear encoder can be expected to equal
signed    orthogonal matching pursuit (scikit-learn), where values may be negative
pca       as many principal axes of the same vectors

explained, explained_items  explained variance of the vectors of cases with a target, and of items
overlap                     of the first ten recommendations of every user, with the original's
ndcg_ratio                  NDCG@10 over that of the original model, paired, with its 95 % interval over users
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.decomposition import PCA
from sklearn.linear_model import orthogonal_mp_gram

from recaudit.analyses import inputs
from recaudit.analyses.fidelity import ndcg_ratio
from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import target_ranks, top_lists
from recaudit.metrics import lists
from recaudit.metrics.reconstruction import explained_variance
from recaudit.sae import SparseAutoencoder
from recaudit.store import read, reading

FloatArray = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("audit", type=Path)
    parser.add_argument("model")
    parser.add_argument("sae", help="a dictionary with a fixed k")
    args = parser.parse_args()
    with reading(args.audit) as audit:
        model = read.model_named(audit, args.model)
        sae = read.sae_of(audit, model, args.sae)
        spec = read.sae_spec(audit, model, sae)
        loaded = inputs.load(audit, model, protocol_named(model.protocol), 0)
    users, items = loaded.field.cases.vectors, loaded.field.catalogue.vectors
    rows = np.concatenate([users, items]) if sae.site == "both" else users
    if spec.k is None or spec.pre_bias is None:
        parser.error(f"{args.sae} has no fixed k, or no pre-bias")
    ways = {
        "encoder": SparseAutoencoder(spec).reconstruct(rows),
        "pursuit": pursuit(rows, spec.decoder, spec.pre_bias, spec.k),
        "signed": signed_pursuit(rows, spec.decoder, spec.pre_bias, spec.k),
        "pca": axes(rows, spec.k),
    }
    print(json.dumps({name: kept(loaded, again) for name, again in ways.items()}, indent=1))


def pursuit(rows: FloatArray, decoder: FloatArray, pre_bias: FloatArray, k: int) -> FloatArray:
    """Rows rebuilt from the ``k`` atoms, each at a value above zero, that a greedy search finds for each."""
    atoms, wanted = decoder.astype(np.float64), (rows - pre_bias).astype(np.float64)
    again = np.zeros_like(wanted)
    for row, target in enumerate(wanted):
        chosen: list[int] = []
        for _ in range(k):
            along = atoms @ (target - again[row])
            along[chosen] = -np.inf
            chosen.append(int(along.argmax()))
            values, _ = nnls(atoms[chosen].T, target)
            again[row] = values @ atoms[chosen]
    return (again + pre_bias).astype(np.float32)


def signed_pursuit(rows: FloatArray, decoder: FloatArray, pre_bias: FloatArray, k: int) -> FloatArray:
    """Rows rebuilt from the ``k`` atoms that a greedy search finds for each, signs free."""
    atoms = decoder.astype(np.float64)
    codes = orthogonal_mp_gram(atoms @ atoms.T, atoms @ (rows - pre_bias).T, n_nonzero_coefs=k)
    return (codes.T @ atoms + pre_bias).astype(np.float32)


def axes(rows: FloatArray, k: int) -> FloatArray:
    """Rows rebuilt from the ``k`` principal axes of all."""
    fitted = PCA(k).fit(rows)
    return fitted.inverse_transform(fitted.transform(rows)).astype(np.float32)


def kept(loaded: inputs.Inputs, again: FloatArray) -> dict[str, Any]:
    """What rebuilt vectors, of items too where there are more rows than cases, keep of the model."""
    field = loaded.field
    users, items = field.cases.vectors, field.catalogue.vectors
    users_again, items_again = again[: len(users)], again[len(users) :]
    tested = np.isin(field.cases.case_id, loaded.targets.case_id)
    found = {"explained": explained_variance(users[tested], users_again[tested])}
    rebuilt = field
    if len(items_again):
        found["explained_items"] = explained_variance(items, items_again)
        rebuilt = replace(field, catalogue=replace(field.catalogue, vectors=items_again))
    before, _ = top_lists(field, users, loaded.listed, inputs.LIST_LENGTH)
    after, _ = top_lists(rebuilt, users_again, loaded.listed, inputs.LIST_LENGTH)
    found["overlap"] = float(lists.overlap(before, after).mean())
    ranks, ranks_again = (
        target_ranks(of, x, loaded.targets) for of, x in ((field, users), (rebuilt, users_again))
    )
    ratio = ndcg_ratio(loaded, ranks, ranks_again)
    return found | {"ndcg_ratio": ratio.value, "ndcg_ratio_interval": [ratio.low, ratio.high]}


if __name__ == "__main__":
    main()
