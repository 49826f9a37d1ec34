"""RecBole: ``{config, state_dict, other_parameter, optimizer, …}``; the config is a pickled object whose
settings survive as fields of a stub. Row 0 of users and items is ``[PAD]``.
"""

from __future__ import annotations

from typing import Any

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.recbole import factorization, graph, ncf, profile, sequence
from recaudit.checkpoints.tools.recbole.file import Reader, RecBoleFile
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_READERS: dict[str, Reader] = {
    **factorization.READERS,
    **graph.READERS,
    **ncf.READERS,
    **profile.READERS,
    **sequence.READERS,
}


def recognises_model(checkpoint: Checkpoint) -> bool:
    tree = checkpoint.tree
    return isinstance(tree, dict) and {"config", "state_dict"} <= tree.keys()


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    settings = _settings(checkpoint.tree["config"])
    architecture = settings.get("model")
    reader = _READERS.get(architecture) if isinstance(architecture, str) else None
    if reader is None:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: RecBole model {printable(architecture)} is not read yet",
            fix=f"models read: {', '.join(sorted(_READERS))}",
        )
    other = checkpoint.tree.get("other_parameter")
    tensors = arrays_of(checkpoint.tree["state_dict"])
    return reader(RecBoleFile(checkpoint, tensors, settings, arrays_of(other), hints))


def _settings(config: Any) -> dict[str, Any]:
    fields = config.fields if isinstance(config, Stub) else config
    final = fields.get("final_config_dict", fields) if isinstance(fields, dict) else {}
    return final if isinstance(final, dict) else {}
