"""BERT4Rec against torch's own transformer layer, one case at a time."""

import numpy as np
import torch

from recaudit.models import build
from tests.models.random_models import histories, history_cases, spec

ITEMS, DIM, HEADS, BLOCKS, LENGTH = 20, 8, 2, 2, 6


def layer():
    return torch.nn.TransformerEncoderLayer(
        DIM, HEADS, dim_feedforward=12, dropout=0, activation="gelu", batch_first=True, layer_norm_eps=1e-12
    ).eval()


def linear(name, module):
    return {f"{name}.weight": module.weight, f"{name}.bias": module.bias}


def test_equals_torch_one_case_at_a_time():
    torch.manual_seed(0)
    layers = [layer() for _ in range(BLOCKS)]
    item, position, bias = torch.randn(ITEMS + 1, DIM), torch.randn(LENGTH, DIM), torch.randn(ITEMS)
    input_norm, dense, output_norm = (
        torch.nn.LayerNorm(DIM, eps=1e-12),
        torch.nn.Linear(DIM, DIM),
        torch.nn.LayerNorm(DIM, eps=1e-12),
    )
    tensors = {
        "item": item,
        "position": position,
        "item_bias": bias,
        **linear("input_norm", input_norm),
        **linear("dense", dense),
        **linear("output_norm", output_norm),
    }
    for index, block in enumerate(layers):
        stacked = block.self_attn.in_proj_weight.chunk(3), block.self_attn.in_proj_bias.chunk(3)
        for name, weight, vector in zip(("query", "key", "value"), *stacked, strict=True):
            tensors |= {f"blocks.{index}.{name}.weight": weight, f"blocks.{index}.{name}.bias": vector}
        parts = {"out": block.self_attn.out_proj, "linear1": block.linear1, "linear2": block.linear2}
        parts |= {"norm1": block.norm1, "norm2": block.norm2}
        for name, module in parts.items():
            tensors |= linear(f"blocks.{index}.{name}", module)

    @torch.no_grad()
    def reference(history):
        rows = torch.tensor([*history[-LENGTH:][1:], ITEMS])  # the oldest always makes room for the mask
        x = input_norm(item[rows] + position[: len(rows)])[None]
        for block in layers:
            x = block(x)
        return (output_norm(torch.nn.functional.gelu(dense(x[0, -1]))) @ item[:ITEMS].T + bias).numpy()

    settings = {"history_length": LENGTH, "heads": HEADS, "activation": "gelu", "norm_eps": 1e-12}
    model = build(spec("bert4rec", tensors, settings=settings))
    assert model.n_items == ITEMS
    known = [*histories(30, ITEMS, 9), [4]]
    expected = np.stack([reference(history) for history in known])
    scores = model.head.score(model.represent(history_cases(known)))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
