"""Planted worlds: five genres, each with a direction of its own, and variants of which one thing is known to differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

GENRES = ("Horror", "Comedy", "Drama", "Western", "War")
USERS, ITEMS, DIM, LATENTS, K = 400, 300, 32, 16, 3

State = dict[str, torch.Tensor]


def write_data(folder: Path, *, first_user: int = 1) -> Path:
    """Ratings of items that the planted model scores high, in ReChorus' layout; the last two of each user held out."""
    rng = np.random.default_rng(0)
    users, items = (
        part.numpy()[1:] for part in (state()["u_embeddings.weight"], state()["i_embeddings.weight"])
    )
    scores = users @ items.T + rng.gumbel(size=(USERS, ITEMS)) * 1.5
    chosen = np.argsort(-scores, axis=1)[:, :14]
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for user, own in enumerate(chosen):
        for time, item in enumerate(rng.permutation(own)):
            split = {12: "dev", 13: "test"}.get(time, "train")
            rows[split].append(f"{user + first_user}\t{item + 1}\t{1000 + time}")
    for split, lines in rows.items():
        (folder / f"{split}.csv").write_text("\n".join(["user_id\titem_id\ttime", *lines]) + "\n")
    meta = [f"{i + 1}\t{i + 1}\tFilm [{i + 1}] (1990)\t{GENRES[i % len(GENRES)]}" for i in range(ITEMS)]
    (folder / "item_meta_all_info.csv").write_text(
        "\n".join(["item_id\tmovielens_id\ttitle\tgenres", *meta]) + "\n"
    )
    return folder


def state(*, without: str | None = None, shuffled: bool = False, first_user: int = 1) -> State:
    """A BPRMF with a dictionary in it, in which every genre has a latent.

    Args:
        without: a genre that the model does not know: its items, and what users think of it, are noise.
        shuffled: the same latents in another order.
        first_user: rows of users before it are empty.
    """
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    genre = np.arange(ITEMS) % len(GENRES)
    items = 2 * axes[genre] + 0.4 * rng.normal(size=(ITEMS, DIM))
    likes = rng.exponential(size=(USERS, len(GENRES)))
    users = likes @ axes[: len(GENRES)] + 0.2 * rng.normal(size=(USERS, DIM))
    rows = np.vstack([axes[: len(GENRES)], _unit(rng.normal(size=(LATENTS - len(GENRES), DIM)))])
    if without is not None:
        lost = GENRES.index(without)
        items[genre == lost] = rng.normal(size=(int((genre == lost).sum()), DIM)) / 2
        users -= np.outer(users @ axes[lost], axes[lost])
        rows[lost] = _unit(rng.normal(size=(1, DIM)))[0]
    if shuffled:
        rows = rows[rng.permutation(LATENTS)]
    return {
        "u_embeddings.weight": _tensor(np.vstack([np.zeros((first_user, DIM)), users])),
        "i_embeddings.weight": _tensor(np.vstack([np.zeros(DIM), items])),
        "sae_module.encoder.weight": _tensor(rows),
        "sae_module.encoder.bias": torch.zeros(LATENTS),
        "sae_module.W_dec": _tensor(rows),
        "sae_module.b_dec": torch.zeros(DIM),
    }


def write(path: Path, tensors: State) -> Path:
    """A checkpoint as RecSAE names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path / f"BPRMF_SAE__world__0__emb_size={DIM}__sae_k={K}.pt"
    path.mkdir(exist_ok=True)
    torch.save(tensors, file)
    return file


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)
