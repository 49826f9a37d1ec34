"""Each tool's files, written here as that tool writes them, read and run against its formula in plain numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.errors import InputRefused, UsageError
from recaudit.sae import SparseAutoencoder
from recaudit.sae.export import write_sae

DIM, LATENTS, K = 6, 12, 3
RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, DIM)).astype(np.float32) * 2 + 1


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


W, V = normal(LATENTS, DIM), normal(LATENTS, DIM)  # encoder and decoder, one row per latent
E, C = normal(LATENTS), normal(DIM)  # encoder bias, pre-bias
THRESHOLD = np.abs(normal(LATENTS))
R, B = normal(LATENTS) / 4, normal(LATENTS)  # r_mag, b_mag
SKIP = normal(DIM, DIM)
NORMS = np.linalg.norm(V, axis=1)


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def largest(values: np.ndarray, k: int) -> np.ndarray:
    return np.where(values >= np.sort(values, axis=1)[:, [-k]], values, 0)


def above(values: np.ndarray, threshold: Any) -> np.ndarray:
    return np.where(values > threshold, relu(values), 0)


def gated(x: np.ndarray) -> np.ndarray:
    return (x @ W.T + E > 0) * relu(x @ (W.T * np.exp(R)) + B)


def groupmax(values: np.ndarray) -> np.ndarray:
    groups = values.reshape(len(values), K, -1)
    return np.where(groups == groups.max(axis=2, keepdims=True), groups, 0).reshape(values.shape)


def layer_normed(x: np.ndarray, inside: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    mean, sd = x.mean(axis=1, keepdims=True), x.std(axis=1, ddof=1, keepdims=True)
    return inside((x - mean) / (sd + 1e-5)) * sd + mean


def unit_length(x: np.ndarray, inside: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    factor = np.sqrt(DIM) / np.linalg.norm(x, axis=1, keepdims=True)
    return inside(x * factor) / factor


@dataclass(frozen=True)
class Case:
    """How to write a file, and what it means."""

    write: Callable[[Path], Path]
    code: Callable[[np.ndarray], np.ndarray]
    reconstruction: Callable[[np.ndarray], np.ndarray]
    activation: str


def saelens(architecture: str, tensors: dict[str, np.ndarray] | None = None, **cfg: Any):
    def write(folder: Path) -> Path:
        gate = {"b_gate": E, "r_mag": R, "b_mag": B} if architecture == "gated" else {"b_enc": E}
        arrays = {"W_enc": W.T, "W_dec": V, "b_dec": C, **gate, **(tensors or {})}
        save_file(
            {name: np.array(array, order="C") for name, array in arrays.items()},
            folder / "sae_weights.safetensors",
        )
        settings = {"architecture": architecture, "d_in": DIM, "d_sae": LATENTS, **cfg}
        (folder / "cfg.json").write_text(json.dumps(settings))
        return folder

    return write


def dictionary(dict_class: str | None, tensors: dict[str, np.ndarray], **trainer: Any):
    def write(folder: Path) -> Path:
        state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        torch.save(state, folder / "ae.pt")
        if dict_class:
            settings = {"dict_class": dict_class, "activation_dim": DIM, "dict_size": LATENTS, **trainer}
            (folder / "config.json").write_text(json.dumps({"trainer": settings}))
        return folder

    return write


def sparsify(tensors: dict[str, np.ndarray] | None = None, **cfg: Any):
    def write(folder: Path) -> Path:
        arrays = {"encoder.weight": W, "encoder.bias": E, "W_dec": V, "b_dec": C, **(tensors or {})}
        save_file(arrays, folder / "sae.safetensors")
        (folder / "cfg.json").write_text(json.dumps({"k": K, "d_in": DIM, "activation": "topk", **cfg}))
        return folder

    return write


def torch_file(content: dict[str, Any], name: str = "sae.pth"):
    def write(folder: Path) -> Path:
        torch.save(content, folder / name)
        return folder / name

    return write


def tensors(**arrays: np.ndarray) -> dict[str, Any]:
    return {
        name.replace("__", "."): torch.from_numpy(np.ascontiguousarray(array))
        for name, array in arrays.items()
    }


def pre(x: np.ndarray) -> np.ndarray:
    return (x - C) @ W.T + E


LAYERS = {"encoder.weight": W, "encoder.bias": E, "decoder.weight": V.T}
INPUT_FIRST = {"W_enc": W.T, "b_enc": E, "W_dec": V, "b_dec": C}
K_AND_THRESHOLD = {"k": np.int32(K), "threshold": np.float32(0.7)}
BATCH_CFG = {
    "k": K,
    "rescale_acts_by_decoder_norm": True,
    "metadata": {"training_architecture": "matryoshka_batchtopk",
                 "training_architecture_details": {"matryoshka_widths": [4, LATENTS]}},
}  # fmt: skip
MONO_MF = tensors(pre_bias=C, latent_bias=E, encoder__weight=W, decoder__linear__weight=W)
KNOTS = tensors(encoder_w=W.T, encoder_b=E, decoder_w=V, decoder_b=C)


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, ddof=1, keepdims=True) + 1e-7)


def knots_reconstruction(x: np.ndarray) -> np.ndarray:
    mean, sd = x.mean(axis=1, keepdims=True), x.std(axis=1, ddof=1, keepdims=True) + 1e-7
    return mean + (largest(relu(pre(standardised(x))), K) @ V + C) * sd


def plain(code: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: code(x) @ V + C


def case(write, code, activation, reconstruction=None) -> Case:
    return Case(write, code, reconstruction or plain(code), activation)


def mono_code(x: np.ndarray) -> np.ndarray:
    mean, sd = x.mean(axis=1, keepdims=True), x.std(axis=1, ddof=1, keepdims=True)
    return relu(pre((x - mean) / (sd + 1e-5)))


CASES = {
    "saelens standard": case(saelens("standard"), lambda x: relu(pre(x)), "relu"),
    "saelens uncentred": case(
        saelens("standard", apply_b_dec_to_input=False), lambda x: relu(x @ W.T + E), "relu"
    ),
    "saelens topk": case(saelens("topk", k=K), lambda x: relu(largest(pre(x), K)), "topk"),
    "saelens topk rescaled": case(
        saelens("topk", k=K, rescale_acts_by_decoder_norm=True),
        lambda x: relu(largest(pre(x) * NORMS, K)),
        "topk",
        lambda x: relu(largest(pre(x) * NORMS, K)) / NORMS @ V + C,
    ),
    "saelens topk before 6": case(
        saelens("standard", activation_fn_str="topk", activation_fn_kwargs={"k": K}),
        lambda x: relu(largest(pre(x), K)),
        "topk",
    ),
    "saelens jumprelu": case(
        saelens("jumprelu", {"threshold": THRESHOLD}), lambda x: above(pre(x), THRESHOLD), "jumprelu"
    ),
    "saelens gated": case(saelens("gated"), lambda x: gated(x - C), "gated"),
    "saelens matryoshka in training": case(
        saelens("matryoshka_batchtopk", {"topk_threshold": np.array(0.9)}, **BATCH_CFG),
        lambda x: above(pre(x) * NORMS, 0.9),
        "batch_topk",
        lambda x: above(pre(x) * NORMS, 0.9) / NORMS @ V + C,
    ),
    "saelens layer norm": case(
        saelens("standard", normalize_activations="layer_norm"),
        mono_code,
        "relu",
        lambda x: layer_normed(x, lambda n: relu(pre(n)) @ V + C),
    ),
    "saelens constant norm": case(
        saelens("standard", normalize_activations="constant_norm_rescale"),
        lambda x: relu(pre(x * np.sqrt(DIM) / np.linalg.norm(x, axis=1, keepdims=True))),
        "relu",
        lambda x: unit_length(x, lambda n: relu(pre(n)) @ V + C),
    ),
    "dictionary_learning AutoEncoder": case(
        dictionary("AutoEncoder", {"bias": C, **LAYERS}),
        lambda x: relu(pre(x)) * NORMS,
        "relu",
        lambda x: relu(pre(x)) @ V + C,
    ),
    "dictionary_learning AutoEncoderNew": case(
        dictionary("AutoEncoderNew", {"decoder.bias": C, **LAYERS}), lambda x: relu(x @ W.T + E), "relu"
    ),
    "dictionary_learning TopK": case(
        dictionary("AutoEncoderTopK", {"b_dec": C, **LAYERS, **K_AND_THRESHOLD}, k=K),
        lambda x: largest(relu(pre(x)), K),
        "relu_topk",
    ),
    "dictionary_learning BatchTopK": case(
        dictionary("BatchTopKSAE", {"b_dec": C, **LAYERS, **K_AND_THRESHOLD}, k=K),
        lambda x: above(pre(x), 0.7),
        "batch_topk",
    ),
    "dictionary_learning BatchTopK, threshold never set": case(
        dictionary("BatchTopKSAE", {"b_dec": C, **LAYERS, "k": np.int32(K), "threshold": np.float32(-1)}),
        lambda x: relu(pre(x)),
        "batch_topk",
    ),
    "dictionary_learning JumpReLU": case(
        dictionary("JumpReluAutoEncoder", {**INPUT_FIRST, "threshold": THRESHOLD}),
        lambda x: above(x @ W.T + E, THRESHOLD),
        "jumprelu",
    ),
    "dictionary_learning Gated": case(
        dictionary(
            "GatedAutoEncoder",
            {"encoder.weight": W, "decoder.weight": V.T, "decoder_bias": C, "gate_bias": E, "r_mag": R,
             "mag_bias": B},
        ),
        lambda x: gated(x - C),
        "gated",
    ),
    "dictionary_learning Matryoshka": case(
        dictionary(
            "MatryoshkaBatchTopKSAE", {**INPUT_FIRST, **K_AND_THRESHOLD, "group_sizes": np.array([4, 8])}
        ),
        lambda x: above(pre(x), 0.7),
        "batch_topk",
    ),
    "sparsify": case(sparsify(), lambda x: largest(relu(pre(x)), K), "relu_topk"),
    "sparsify groupmax": case(
        sparsify(activation="groupmax"), lambda x: groupmax(relu(pre(x))), "groupmax"
    ),
    "sparsify transcoder with skip": case(
        sparsify({"W_skip": SKIP}, transcode=True, skip_connection=True),
        lambda x: largest(relu(x @ W.T + E), K),
        "relu_topk",
        lambda x: largest(relu(x @ W.T + E), K) @ V + C + x @ SKIP.T,
    ),
    "RecSAE": case(
        torch_file(
            {f"sae_module.{key}": value for key, value in
             tensors(encoder__weight=W, encoder__bias=E, W_dec=V, b_dec=C).items()},
            f"SASRec_SAE__x__0__sae_k={K}.pt",
        ),
        lambda x: largest(relu(pre(x)), K),
        "relu_topk",
    ),
    "Monosemanticity4Rec MF": case(
        torch_file({**MONO_MF, "activation": "ReLU", "activation_state_dict": {}}),
        mono_code,
        "relu",
        lambda x: layer_normed(x, lambda n: relu(pre(n)) @ W + C),
    ),
    "Monosemanticity4Rec MF TopK": case(
        torch_file(
            {**MONO_MF, "activation": "TopK", "activation_state_dict": {"k": K, "postact_fn": "ReLU"}}
        ),
        lambda x: largest(mono_code(x), K),
        "topk",
        lambda x: layer_normed(x, lambda n: relu(largest(pre(n), K)) @ W + C),
    ),
    "Monosemanticity4Rec NCF": case(
        torch_file(
            tensors(encoder_linear__weight=W, encoder_linear__bias=E, decoder__tied_layer__weight=W)
        ),
        lambda x: relu(x @ W.T + E),
        "relu",
        lambda x: relu(x @ W.T + E) @ W,
    ),
    "Knots": case(
        torch_file({"epoch": 1, "job_cfg": {"model_class": "TopKSAE", "k": K}, "model_state_dict": KNOTS}),
        lambda x: largest(relu(pre(standardised(x))), K),
        "relu_topk",
        knots_reconstruction,
    ),
}  # fmt: skip


def read(path: Path, **hints: Any):
    return tools.read_sae(read_checkpoint(path, isolate=False), tools.Hints(**hints))


def assert_behaves(spec, case: Case) -> None:
    sae = SparseAutoencoder(spec)
    codes = sae.encode(X)
    np.testing.assert_allclose(codes.matrix().toarray(), case.code(X), atol=2e-5)
    np.testing.assert_allclose(sae.decode(codes, X), case.reconstruction(X), atol=2e-4)


@pytest.mark.parametrize("name", CASES)
def test_reading_equals_the_tools_formula(name, tmp_path):
    spec = read(CASES[name].write(tmp_path))
    assert spec.activation == CASES[name].activation
    assert_behaves(spec, CASES[name])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("to", ["recaudit", "saelens"])
def test_exported_it_behaves_the_same(name, to, tmp_path):
    (tmp_path / "in").mkdir()
    spec = read(CASES[name].write(tmp_path / "in"))
    unsayable = spec.activation == "groupmax" or spec.skip is not None or spec.norm_in == "standardise"
    if to == "saelens" and unsayable:
        with pytest.raises(UsageError, match="SAELens has no architecture"):
            write_sae(spec, tmp_path / "out", to)
        return
    write_sae(spec, tmp_path / "out", to)
    again = read(tmp_path / "out")
    assert_behaves(again, CASES[name])
    assert again.groups == spec.groups
    with pytest.raises(UsageError, match="already holds"):
        write_sae(spec, tmp_path / "out", to)


def test_square_weights_go_by_their_key(tmp_path):
    square = normal(DIM, DIM)
    zeros = np.zeros(DIM, np.float32)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    arrays = {"W_enc": square, "W_dec": square, "b_enc": zeros, "b_dec": zeros}
    first = saelens("standard", arrays, d_sae=DIM)(tmp_path / "a")
    arrays = {"encoder.weight": square, "encoder.bias": zeros, "W_dec": square, "b_dec": zeros}
    second = sparsify(arrays)(tmp_path / "b")
    np.testing.assert_array_equal(read(first).encoder, square.T)
    np.testing.assert_array_equal(read(second).encoder, square)


REFUSED = {
    "no cfg.json": (lambda folder: no_config(saelens("topk", k=K)(folder)), "cfg.json or config.json"),
    "no k": (saelens("topk"), "k is in none of cfg.json"),
    "k of another type": (saelens("topk", k="3"), "“3”"),
    "k too big": (saelens("topk", k=99), "k = 99"),
    "flag of another type": (saelens("standard", apply_b_dec_to_input="no"), "apply_b_dec_to_input"),
    "sizes that lie": (saelens("standard", d_sae=13), "d_sae = 13.*12"),
    "unknown normalisation": (saelens("standard", normalize_activations="covariance_whitening"), "whiten"),
    "no threshold": (saelens("jumprelu"), "threshold"),
    "threshold of another size": (saelens("jumprelu", {"threshold": THRESHOLD[:5]}), r"\[5\]"),
    "two k": (
        dictionary("AutoEncoderTopK", {"b_dec": C, **LAYERS, **K_AND_THRESHOLD}, k=4),
        "tensor `k` says k = 3 but .*config.json.* says k = 4",
    ),
    "top-k or batch-top-k": (
        dictionary(None, {"b_dec": C, **LAYERS, **K_AND_THRESHOLD}),
        "AutoEncoderTopK or BatchTopKSAE",
    ),
    "another class than the tensors": (
        dictionary("GatedAutoEncoder", {"bias": C, **LAYERS}),
        "GatedAutoEncoder.*AutoEncoder",
    ),
    "groups that do not divide": (sparsify(activation="groupmax", k=5), "cannot be divided"),
    "a tied decoder that differs": (
        torch_file({**MONO_MF, **tensors(decoder__linear__weight=V), "activation": "ReLU"}),
        "tied",
    ),
    "codes that could be negative": (
        torch_file({**MONO_MF, "activation": "TopK",
                    "activation_state_dict": {"k": K, "postact_fn": "Identity"}}),
        "negative",
    ),
    "codes that depend on the batch": (
        torch_file({"job_cfg": {"model_class": "BatchTopKSAE", "k": K}, "model_state_dict": KNOTS}),
        "BatchTopKSAE",
    ),
}  # fmt: skip


def no_config(folder: Path) -> Path:
    (folder / "cfg.json").unlink()
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_missing_or_contradicts_is_refused(name, tmp_path):
    write, said = REFUSED[name]
    path = write(tmp_path)
    with pytest.raises(InputRefused, match=said):
        SparseAutoencoder(read(path))


def test_k_given_beats_the_file_and_is_refused_where_there_is_none(tmp_path):
    spec = read(saelens("topk", k=99)(tmp_path), k=2)
    assert (spec.k, spec.k_source) == (2, "--k")
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match="--k 2"):
        read(saelens("standard")(tmp_path / "b"), k=2)


@pytest.mark.parametrize("activation", ["standard", "topk", "jumprelu", "gated"])
def test_a_latent_that_is_no_number_is_silent_and_named(activation, tmp_path):
    bad = E.copy()
    bad[4] = np.nan
    key = "b_gate" if activation == "gated" else "b_enc"
    more = {"threshold": THRESHOLD} if activation == "jumprelu" else {}
    cfg = {"k": LATENTS - 1} if activation == "topk" else {}
    spec = read(saelens(activation, {key: bad, **more}, **cfg)(tmp_path))
    assert any("latent 4" in note for note in spec.notes)
    whole = SparseAutoencoder(spec)
    codes = whole.encode(X)
    assert 4 not in codes.latent
    assert np.isfinite(whole.decode(codes, X)).all()
    write_sae(spec, tmp_path / "out", "saelens")
    again = SparseAutoencoder(read(tmp_path / "out")).encode(X)
    np.testing.assert_allclose(again.matrix().toarray(), codes.matrix().toarray(), atol=1e-5)
