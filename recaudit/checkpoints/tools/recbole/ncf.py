"""RecBole's NeuMF; either part can be switched off in training and is then not used."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.recbole.file import PADDING, Reader, RecBoleFile
from recaudit.checkpoints.tools.stacks import stacked

_MLP = "mlp_layers.mlp_layers."
_OUTPUT = {"out.weight": "predict_layer.weight", "out.bias": "predict_layer.bias"}


def _neumf(file: RecBoleFile) -> ModelSpec:
    parts = [part for part in ("mf", "mlp") if file.settings.get(f"{part}_train", True)]
    if not parts:
        raise file.refused("both mf_train and mlp_train are off, nothing scores", "restore its config")
    tables = {
        f"{kind}_{part}": f"{kind}_{part}_embedding.weight" for part in parts for kind in ("user", "item")
    }
    used = tables | _OUTPUT
    layers = stacked(file.tensors, _MLP, "layers") if "mlp" in parts else {}
    return ModelSpec(
        family="ncf",
        tool="RecBole",
        architecture="NeuMF",
        tensors={**{ours: file.tensor(key) for ours, key in used.items()}, **layers},
        padding={"user": PADDING, "item": PADDING},
        link="sigmoid",
        unused=file.unused(set(used.values()), *([_MLP] if layers else [])),
    )


READERS: dict[str, Reader] = {"NeuMF": _neumf}
