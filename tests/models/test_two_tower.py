"""Two towers: all four containers of the fixture, and towers this reading does not cover."""

import numpy as np
import pytest
import torch

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.types import Stub
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.golden import FOLDERS, assert_list, opened, shown_scores
from tests.models.specs import cases, checkpoint, floats
from tests.shared import needs_shared

FILES = ["two_tower_state_dict.pt", "two_tower_legacy.pt", "two_tower_torchscript.pt", "two_tower.onnx"]


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("file", FILES)
def test_every_container(file):
    fix = opened(next(folder for folder in FOLDERS if folder.name == "torch-two-tower"))
    golden = fix.manifest["golden"]
    spec = tools.read_model(read_checkpoint(fix.folder / file), tools.Hints())
    assert spec.unused == ()
    for scores, user in zip(shown_scores(build(spec), fix.cases(golden)), golden, strict=True):
        assert_list(scores, user["top_all"], set(), 1e-4)
        assert_list(scores, user["top_unseen"], fix.seen(user), 1e-4)


def state(**change):
    tensors = {}
    for seed, (side, rows) in enumerate((("user", 5), ("item", 7))):
        tensors |= {
            f"{side}_tower.embedding.weight": floats(rows, 4, seed=seed),
            f"{side}_tower.mlp.0.weight": floats(6, 4, seed=seed + 2),
            f"{side}_tower.mlp.0.bias": floats(6, seed=seed + 4),
            f"{side}_tower.mlp.2.weight": floats(3, 6, seed=seed + 6),
            f"{side}_tower.mlp.2.bias": floats(3, seed=seed + 8),
        }
    return {**tensors, **change}


def test_equals_torch():
    tensors = state()
    outputs = []
    for side in ("user", "item"):
        part = {key: torch.from_numpy(tensors[f"{side}_tower.{key}"]) for key in ("embedding.weight",)}
        x = part["embedding.weight"]
        for index in (0, 2):
            weight, bias = (
                torch.from_numpy(tensors[f"{side}_tower.mlp.{index}.{kind}"]) for kind in ("weight", "bias")
            )
            x = torch.nn.functional.linear(torch.relu(x) if index else x, weight, bias)
        outputs.append(torch.nn.functional.normalize(x, dim=-1))
    model = build(tools.read_model(checkpoint(tensors), tools.Hints()))
    scores = model.head.score(model.represent(cases([[]] * 5, users=range(5))))
    np.testing.assert_allclose(scores, (outputs[0] @ outputs[1].T).numpy(), rtol=1e-4, atol=1e-6)


def test_layers_with_gaps():
    tensors = state(**{"user_tower.mlp.5.weight": floats(3, 3)})
    with pytest.raises(InputRefused, match="user tower are numbered 0, 2, 5"):
        tools.read_model(checkpoint(tensors), tools.Hints())


def test_layers_that_do_not_fit():
    tensors = state(**{"item_tower.mlp.0.weight": floats(6, 9)})
    with pytest.raises(InputRefused, match="4, it takes 9"):
        build(tools.read_model(checkpoint(tensors), tools.Hints()))


def test_another_activation_in_torchscript():
    def module(**fields):
        return Stub("__torch__.Tower", state=fields)

    def tower(side):
        tensors = {key.removeprefix(f"{side}_tower."): value for key, value in state().items() if side in key}
        layers = {
            place: module(
                weight=tensors[f"mlp.{place}.weight"],
                bias=tensors[f"mlp.{place}.bias"],
            )
            for place in ("0", "2")
        }
        layers["1"] = Stub("__torch__.torch.nn.modules.activation.___torch_mangle_3.Tanh", state={})
        return module(embedding=module(weight=tensors["embedding.weight"]), mlp=module(**layers))

    tree = module(user_tower=tower("user"), item_tower=tower("item"))
    with pytest.raises(InputRefused, match="its towers use Tanh; read is ReLU"):
        tools.read_model(checkpoint(tree, "m.pt", "torchscript"), tools.Hints())
