"""RecTools' transformers against torch's own attention, one padded session at a time."""

import numpy as np
import pytest
import torch

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.types import Stub
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.golden import FOLDERS, assert_list, opened, shown_scores
from tests.models.specs import cases, checkpoint, floats, stub
from tests.shared import needs_shared

DIM, HEADS, ROWS, PLACES, BLOCKS = 8, 2, 20, 6, 2
HISTORIES = [[3], [5, 4, 7], [9, 8, 7, 6, 5, 4, 3, 2], [10, 11, 12, 13, 14]]


class Block(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        width = DIM if kind == "SASRec" else 4 * DIM
        first, second = (
            ("q_layer_norm", "ff_layer_norm") if kind == "SASRec" else ("layer_norm_1", "layer_norm_2")
        )
        self.multi_head_attn = torch.nn.MultiheadAttention(DIM, HEADS, batch_first=True)
        self.add_module(first, torch.nn.LayerNorm(DIM))
        self.add_module(second, torch.nn.LayerNorm(DIM))
        self.feed_forward = torch.nn.Module()
        self.feed_forward.ff_linear_1 = torch.nn.Linear(DIM, width)
        self.feed_forward.ff_linear_2 = torch.nn.Linear(width, DIM)


def made(kind, **config):
    """Blocks with random weights and the Lightning checkpoint RecTools would have written of them."""
    torch.manual_seed(0)
    blocks = [Block(kind).eval() for _ in range(BLOCKS)]
    last = torch.nn.LayerNorm(DIM, eps=1e-8)
    for module in [*blocks, last]:
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    item, position = floats(ROWS, DIM), floats(PLACES, DIM, seed=1)
    item[0] = 0
    weights = {
        "item_model.item_net_blocks.0.ids_emb.weight": item,
        "pos_encoding_layer.pos_emb.weight": position,
    }
    for index, block in enumerate(blocks):
        for name, tensor in block.state_dict().items():
            weights[f"transformer_layers.transformer_blocks.{index}.{name}"] = tensor.numpy()
    if kind == "SASRec":
        for name, tensor in last.state_dict().items():
            weights[f"transformer_layers.last_layernorm.{name}"] = tensor.numpy()
    tokens = ("PAD",) if kind == "SASRec" else ("PAD", "MASK")
    lightning = {
        "state_dict": {f"torch_model.{name}": np.array(array) for name, array in weights.items()},
        "hyper_parameters": {
            "model_config": {
                "cls": f"{kind}Model",
                "n_heads": HEADS,
                "session_max_len": PLACES,
                "use_causal_attn": kind == "SASRec",
                "use_key_padding_mask": kind != "SASRec",
                **config,
            },
            "item_extra_tokens": tokens,
            "item_external_ids": [*tokens, *range(100, 100 + ROWS - len(tokens))],
        },
    }
    return lightning, blocks, last


@torch.inference_mode()
def reference(kind, lightning, blocks, last, history):
    """What RecTools computes for one session, in its own order of steps."""
    config = lightning["hyper_parameters"]["model_config"]
    tail = [] if kind == "SASRec" else [1]
    kept = (history + tail)[-PLACES:]
    session = torch.tensor([0] * (PLACES - len(kept)) + kept)
    weights = {key: torch.from_numpy(value) for key, value in lightning["state_dict"].items()}
    x = weights["torch_model.item_model.item_net_blocks.0.ids_emb.weight"][session]
    x = (x + weights["torch_model.pos_encoding_layer.pos_emb.weight"].flip(0))[None]
    timeline = (session != 0)[None, :, None]
    mask = torch.zeros(PLACES, PLACES)
    if config["use_causal_attn"]:
        mask = mask.masked_fill(~torch.ones(PLACES, PLACES, dtype=torch.bool).tril(), -torch.inf)
    if config["use_key_padding_mask"]:
        mask = mask.masked_fill((session == 0)[None, :], -torch.inf)
    mask.fill_diagonal_(0)
    for block in blocks:
        parts = block.feed_forward
        if kind == "SASRec":
            x = x * timeline
            query = block.q_layer_norm(x)
            x = query + block.multi_head_attn(query, x, x, attn_mask=mask)[0]
            y = block.ff_layer_norm(x)
            x = y + parts.ff_linear_2(torch.relu(parts.ff_linear_1(y)))
        else:
            y = block.layer_norm_1(x)
            x = x + block.multi_head_attn(y, y, y, attn_mask=mask)[0]
            y = block.layer_norm_2(x)
            x = x + parts.ff_linear_2(torch.nn.functional.gelu(parts.ff_linear_1(y)))
    if kind == "SASRec":
        x = last(x * timeline)
    return x[0, -1].numpy()


@pytest.mark.parametrize("padding_mask", [False, True])
@pytest.mark.parametrize("kind", ["SASRec", "BERT4Rec"])
def test_equals_torch_one_session_at_a_time(kind, padding_mask):
    lightning, blocks, last = made(kind, use_key_padding_mask=padding_mask)
    spec = tools.read_model(checkpoint(lightning, "last.ckpt"), tools.Hints())
    expected = [reference(kind, lightning, blocks, last, history) for history in HISTORIES]
    found = build(spec).represent(cases(HISTORIES))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_ids_padding_and_history_length():
    lightning, *_ = made("BERT4Rec")
    spec = tools.read_model(checkpoint(lightning, "last.ckpt"), tools.Hints())
    assert spec.padding == {"item": (0, 1)}
    assert spec.raw_ids["item"][2] == "100"
    assert build(spec).history_length == PLACES - 1
    assert spec.unused == ()


def test_checkpoint_inside_the_saved_model():
    lightning, *_ = made("SASRec")
    outer = Stub("rectools.models.nn.transformers.sasrec.SASRecModel", state={"fitted_checkpoint": lightning})
    assert tools.read_model(checkpoint(outer), tools.Hints()).architecture == "SASRec"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cls": "HSTUModel"}, "RecTools model HSTUModel is not read yet"),
        ({"transformer_layers_type": "mine.Layers"}, "transformer_layers_type is mine.Layers"),
        ({"similarity_module_kwargs": {"distance": "cosine"}}, "similarity_module_kwargs is"),
        ({"session_max_len": None}, "no usable `session_max_len`"),
        ({"use_causal_attn": None}, "no usable `use_causal_attn`"),
        ({"n_heads": 3}, "3 attention heads do not divide the width 8"),
        ({"session_max_len": 5}, "5, the position table has rows 6"),
    ],
)
def test_what_is_not_standard_is_refused(change, message):
    lightning, *_ = made("SASRec", **change)
    with pytest.raises(InputRefused, match=message):
        build(tools.read_model(checkpoint(lightning, "last.ckpt"), tools.Hints()))


def test_item_features_are_refused():
    lightning, *_ = made("SASRec")
    lightning["state_dict"]["torch_model.item_model.item_net_blocks.1.embedding_bag.weight"] = floats(4, DIM)
    with pytest.raises(InputRefused, match="its items are more than an embedding each"):
        tools.read_model(checkpoint(lightning, "last.ckpt"), tools.Hints())


def wrapper(inner, **fields):
    return stub("rectools.models.implicit_bpr.ImplicitBPRWrapperModel", model=stub(inner, **fields))


def test_wrapped_bpr_loses_its_bias_column():
    user, item = np.column_stack([floats(3, 2), np.ones(3, np.float32)]), floats(4, 3, seed=1)
    tree = wrapper(
        "implicit.cpu.bpr.BayesianPersonalizedRanking", user_factors=user, item_factors=item, factors=2
    )
    model = build(tools.read_model(checkpoint(tree), tools.Hints()))
    assert model.dim == 2
    scores = model.head.score(model.represent(cases([[]] * 3, users=[0, 1, 2])))
    np.testing.assert_allclose(scores, user @ item.T, rtol=1e-5)


def test_wrapper_of_a_class_not_read():
    with pytest.raises(InputRefused, match="implicit model CosineRecommender is not read yet"):
        tools.read_model(checkpoint(wrapper("implicit.nearest_neighbours.CosineRecommender")), tools.Hints())


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("file", ["model.pkl", "lightning.ckpt"])
def test_both_files_of_the_fixture(file):
    fix = opened(next(folder for folder in FOLDERS if folder.name == "rectools-sasrec"))
    path = fix.folder / file
    ids = tools.read_model(read_checkpoint(path), tools.Hints()).raw_ids["item"]
    assert {ids[row]: row for row in ids if row} == fix.ids["item"]
    golden = fix.manifest["golden"]
    for scores, user in zip(shown_scores(fix.model(path), fix.cases(golden)), golden, strict=True):
        assert_list(scores, user["top_all"], {0}, 1e-4)
