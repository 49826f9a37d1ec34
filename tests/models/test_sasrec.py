"""SASRec against a second derivation: torch's own transformer layer and a loop over single cases."""

import numpy as np
import pytest
import torch

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models import Cases, build

DIM, HEADS, ITEMS, LENGTH, BLOCKS = 8, 2, 30, 6, 2


def torch_layer():
    return torch.nn.TransformerEncoderLayer(
        DIM, HEADS, dim_feedforward=16, dropout=0, activation="gelu", batch_first=True, layer_norm_eps=1e-12
    ).eval()


@pytest.fixture(scope="module")
def both():
    torch.manual_seed(0)
    layers = [torch_layer() for _ in range(BLOCKS)]
    item, position = torch.randn(ITEMS, DIM), torch.randn(LENGTH, DIM)
    norm = torch.nn.LayerNorm(DIM, eps=1e-12)
    tensors = {
        "item": item,
        "position": position,
        "input_norm.weight": norm.weight,
        "input_norm.bias": norm.bias,
    }
    for index, layer in enumerate(layers):
        stacked = layer.self_attn.in_proj_weight.chunk(3), layer.self_attn.in_proj_bias.chunk(3)
        for name, weight, bias in zip(("query", "key", "value"), *stacked, strict=True):
            tensors |= {f"blocks.{index}.{name}.weight": weight, f"blocks.{index}.{name}.bias": bias}
        for name, part in (
            ("out", layer.self_attn.out_proj),
            ("linear1", layer.linear1),
            ("linear2", layer.linear2),
            ("norm1", layer.norm1),
            ("norm2", layer.norm2),
        ):
            tensors |= {
                f"blocks.{index}.{name}.weight": part.weight,
                f"blocks.{index}.{name}.bias": part.bias,
            }
    spec = ModelSpec(
        family="sasrec",
        tool="test",
        architecture="SASRec",
        tensors={key: tensor.detach().numpy() for key, tensor in tensors.items()},
        settings={
            "heads": HEADS,
            "history_length": LENGTH,
            "positions": "from_start",
            "activation": "gelu",
            "norm_eps": 1e-12,
            "norm_input": True,
        },
    )

    @torch.inference_mode()
    def reference(history):
        kept = torch.tensor(history[-LENGTH:])
        x = norm(item[kept] + position[: len(kept)])[None]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(len(kept))
        for layer in layers:
            x = layer(x, src_mask=mask)
        return x[0, -1].numpy()

    return spec, reference


def cases(histories):
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in histories])])
    return Cases(np.full(len(histories), -1), np.concatenate(histories).astype(np.int64), offsets)


def random_histories(n=40):
    rng = np.random.default_rng(0)
    return [rng.integers(1, ITEMS, size=rng.integers(1, 12)) for _ in range(n)]


def test_equals_torch_one_case_at_a_time(both, monkeypatch):
    spec, reference = both
    monkeypatch.setattr("recaudit.models.sasrec._BATCH", 7)
    histories = random_histories()
    expected = np.stack([reference(history) for history in histories])
    np.testing.assert_allclose(build(spec).represent(cases(histories)), expected, atol=1e-5)


def test_order_of_cases_is_kept(both):
    model = build(both[0])
    histories = random_histories()
    forward = model.represent(cases(histories))
    backward = model.represent(cases(histories[::-1]))
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-6)


def test_heads_must_divide_the_width(both):
    spec = both[0]
    wrong = ModelSpec(**{**spec.__dict__, "settings": {**spec.settings, "heads": 3}})
    with pytest.raises(InputRefused, match="3 attention heads do not divide the width 8") as refused:
        build(wrong)
    assert "--heads" in refused.value.fix
