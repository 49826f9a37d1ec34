"""A tensor that is missing, cut short or flattened: the model runs without it or is refused, nothing else."""

import numpy as np
import pytest

from recaudit.errors import InputRefused
from recaudit.models import Graph, build
from tests.models import test_autoencoder, test_gru4rec, test_interests, test_ncf, test_profile_models
from tests.models.random_models import history_cases, random_tensors, spec

BLOCK = {
    f"{layer}.{kind}": (4, 4) if kind == "weight" else (4,)
    for layer in ("query", "key", "value", "out", "linear1", "linear2")
    for kind in ("weight", "bias")
} | {f"{norm}.{kind}": (4,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
BERT4REC = {
    "item": (21, 4),
    "position": (6, 4),
    "item_bias": (20,),
    "dense.weight": (4, 4),
    "dense.bias": (4,),
    **{f"{norm}.{kind}": (4,) for norm in ("input_norm", "output_norm") for kind in ("weight", "bias")},
    **{f"blocks.0.{name}": shape for name, shape in BLOCK.items()},
}
INTERESTS = test_interests.SHAPES | {f"block.{name}": shape for name, shape in BLOCK.items()}
LENGTH = {"history_length": 6}
PROFILE = test_profile_models
SPECS = {
    "autoencoder": (random_tensors(test_autoencoder.shapes(6)), {}),
    "bert4rec": (
        random_tensors(BERT4REC),
        LENGTH | {"heads": 2, "activation": "gelu", "norm_eps": 1e-12},
    ),
    "comirec": (random_tensors(INTERESTS), LENGTH | {"pools": "inputs"}),
    "dmf": (PROFILE.DMF, {"values": "01"}),
    "gru4rec": (random_tensors(test_gru4rec.shapes(2, True)), LENGTH),
    "ncf": (test_ncf.TENSORS, {}),
    "ngcf": (
        random_tensors(
            {
                "user": (8, 4),
                "item": (20, 4),
                "own.0.weight": (3, 4),
                "own.0.bias": (3,),
                "pair.0.weight": (3, 4),
                "pair.0.bias": (3,),
            }
        ),
        {"degree_guard": 1e-7},
    ),
    "simplex": (PROFILE.SIMPLEX, {"own_share": 0.5, "aggregator": "self_attention", "longest_history": 9}),
    "timirec": (random_tensors(INTERESTS | test_interests.PREDICTOR), LENGTH | {"pools": "inputs"}),
}
DAMAGE = {"missing": None, "short": lambda tensor: tensor[:-1], "flat": lambda tensor: tensor.reshape(-1)}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("family", "name"), [(f, name) for f, (tensors, _) in SPECS.items() for name in tensors]
)
def test_refused_or_right(family, name, damage):
    tensors, settings = SPECS[family]
    damaged = {key: tensor for key, tensor in tensors.items() if key != name}
    if DAMAGE[damage] is not None:
        damaged[name] = DAMAGE[damage](tensors[name])
    cases = history_cases([[1, 2], [3]], users=[1, 2])
    try:
        model = build(spec(family, damaged, settings=settings))
        if model.needs_graph:
            model = model.with_graph(Graph(np.array([1, 2]), np.array([1, 3])))
        scores = model.head.score(model.represent(cases))
    except InputRefused:
        return
    assert scores.shape == (2, model.n_items)
    assert np.isfinite(scores).all()
