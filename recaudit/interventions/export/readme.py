"""The page beside an exported module."""

from __future__ import annotations

from collections.abc import Mapping

from recaudit import __version__
from recaudit.interventions.edits import OPS, Edit, Intervention
from recaudit.interventions.steering import Steering
from recaudit.interventions.words import sentence


def readme(
    steering: Steering, intervention: Intervention, whose: str, shapes: Mapping[str, tuple[int, ...]]
) -> str:
    """Markdown: what it does, for whom, how to call it, how to check it, what its weights are."""
    model, spec = steering.model, steering.users.reference.spec
    lines = [
        f"# An intervention on {model.name} ({model.architecture}, {model.tool})",
        "",
        *(f"- {_said(edit)}" for edit in intervention.edits),
        "",
        f"For the vectors of **{whose}**, {model.dim} wide: {model.site}. Give it no others: it does not know whose they are.",
        f"Written by recaudit {__version__} for the checkpoint `{model.checkpoint}` (sha256 {model.sha256}).",
        "",
        "```python",
        "import torch",
        "from safetensors.torch import load_file",
        "",
        'edit = torch.jit.load("module.pt")       # float32 [n, dim] to [n, dim]',
        'test = load_file("test_vector.safetensors")',
        'assert torch.allclose(edit(test["x"]), test["edited"], atol=1e-5)',
        "",
        "scores = edit(x) @ items.T               # where the model scored x @ items.T",
        "```",
        "",
        "## Weights",
        "",
        "`weights.safetensors`, with the factors in `intervention.toml`, is all there is to it:",
        "",
        *(f"- `{name}` {list(shape)}" for name, shape in shapes.items()),
        "",
    ]
    if intervention.of_latents and spec is not None:
        k = "" if spec.k is None else f", k {spec.k}"
        lines += [
            f"A dictionary of {len(spec.encoder):,} latents, activation `{spec.activation}`{k}, input `{spec.norm_in}`:",
            "",
            "```",
            "z  = activation(n(x) encoder^T + encoder_bias)        the pre-bias is in encoder_bias",
            "z' = z after the edits (edited_encoder, where edits come before the activation)",
            "x' = x + gain (z' - z) decoder                        gain 1 for input `none`"
            if intervention.keep_error
            else "x' = n^-1(z' decoder + pre_bias) + skip x",
            "```",
            "",
        ]
    return "\n".join(lines)


def _said(edit: Edit) -> str:
    return f"{sentence(edit)}: {OPS[edit.op].about}"
