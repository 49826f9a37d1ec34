"""A small recommender world written to disk as ReChorus writes it: data, two models, an SAE inside one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

USERS, ITEMS, DIM, LATENTS, K, HISTORY = 40, 30, 8, 32, 4, 6


def write_data(folder: Path, seed: int = 0) -> Path:
    """Train, dev and test csv files and item metadata; ids from 1, last two of each user held out."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for user in range(1, USERS + 1):
        items = rng.permutation(ITEMS)[: rng.integers(5, 12)] + 1
        for time, item in enumerate(items):
            split = {len(items) - 1: "test", len(items) - 2: "dev"}.get(time, "train")
            rows[split].append(f"{user}\t{item}\t{1000 + time}")
    for split, lines in rows.items():
        (folder / f"{split}.csv").write_text("\n".join(["user_id\titem_id\ttime", *lines]) + "\n")
    genres = ["Horror", "Comedy", "Drama|Comedy"]
    meta = [f"{i}\t{i + 100}\tFilm [{i}] ({1970 + i})\t{genres[i % 3]}" for i in range(1, ITEMS + 1)]
    (folder / "item_meta_all_info.csv").write_text(
        "\n".join(["item_id\tmovielens_id\ttitle\tgenres", *meta]) + "\n"
    )
    return folder


def bprmf() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "u_embeddings.weight": torch.randn(USERS + 1, DIM, generator=generator),
        "i_embeddings.weight": torch.randn(ITEMS + 1, DIM, generator=generator),
    }


def sasrec() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    state = {
        "i_embeddings.weight": torch.randn(ITEMS + 1, DIM, generator=generator),
        "p_embeddings.weight": torch.randn(HISTORY + 1, DIM, generator=generator) / 4,
    }
    for part in (
        "masked_attn_head.q_linear",
        "masked_attn_head.k_linear",
        "masked_attn_head.v_linear",
        "linear1",
        "linear2",
    ):
        state[f"transformer_block.0.{part}.weight"] = torch.randn(DIM, DIM, generator=generator) / 4
        state[f"transformer_block.0.{part}.bias"] = torch.zeros(DIM)
    for norm in ("layer_norm1", "layer_norm2"):
        state[f"transformer_block.0.{norm}.weight"] = torch.ones(DIM)
        state[f"transformer_block.0.{norm}.bias"] = torch.zeros(DIM)
    return state


def sae() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    directions = torch.nn.functional.normalize(torch.randn(LATENTS, DIM, generator=generator), dim=1)
    return {
        "sae_module.encoder.weight": directions.clone(),
        "sae_module.encoder.bias": torch.zeros(LATENTS),
        "sae_module.W_dec": directions.clone(),
        "sae_module.b_dec": torch.zeros(DIM),
    }


def write_models(folder: Path) -> dict[str, Path]:
    """``bprmf``, ``sasrec`` and ``sasrec_sae`` under the names ReChorus and RecSAE give."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {
        "bprmf": ("BPRMF__tiny__0__emb_size=8.pt", bprmf()),
        "sasrec": ("SASRec__tiny__0__emb_size=8__num_layers=1__num_heads=2.pt", sasrec()),
        "sasrec_sae": (f"SASRec_SAE__tiny__0__num_layers=1__num_heads=2__sae_k={K}.pt", sasrec() | sae()),
    }
    for name, (file, state) in models.items():
        torch.save(state, folder / file)
        models[name] = (folder / file, state)
    return {name: path for name, (path, _) in models.items()}
