"""A sparse autoencoder of SASRec's sequence vectors, with the SparseCoder of EleutherAI's sparsify.

A sequence vector is SASRec's output at the last position: its dot product with the item table is
the score, so the autoencoder sees exactly what the recommendations are made of.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from make_recommenders import Trained, accuracy, seen_before_test, test_scores
from sparsify import SparseCoder, SparseCoderConfig

SEED = 0
K = 8
EXPANSION = 16
STEPS = 20_000
BATCH = 1024
RATE = 2e-3
AUXK = 1 / 32
DEAD_AFTER = 64
"""A latent that has not fired for so many batches (about a pass over the data) counts as dead, and
is pulled towards what the living ones leave unexplained."""


@torch.no_grad()
def sequence_vectors(sasrec: Trained, part: str) -> torch.Tensor:
    rows = sasrec.parts[part].inter_feat
    pairs = zip(rows["item_id_list"].split(2048), rows["item_length"].split(2048), strict=True)
    return torch.cat([sasrec.model(items, lengths) for items, lengths in pairs])


def train(sasrec: Trained, split: pd.DataFrame) -> tuple[SparseCoder, dict[str, Any]]:
    """Learns from every prefix of the training sequences, is measured on the test rows."""
    vectors = torch.unique(sequence_vectors(sasrec, "train"), dim=0)
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    sae = SparseCoder(vectors.shape[1], SparseCoderConfig(expansion_factor=EXPANSION, k=K))
    with torch.no_grad():
        sae.b_dec.copy_(vectors.mean(0))
    variance = (vectors - vectors.mean(0)).pow(2).sum(1).mean() * BATCH

    optimizer = torch.optim.Adam(sae.parameters(), lr=RATE)
    # Constant for the first half, then down to nothing.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, 2 - 2 * s / STEPS))
    idle = torch.zeros(sae.num_latents, dtype=torch.long)
    for step in range(STEPS):
        batch = vectors[torch.randint(len(vectors), (BATCH,), generator=generator)]
        out = sae(batch, dead_mask=idle >= DEAD_AFTER, total_variance=variance)
        optimizer.zero_grad()
        (out.fvu + AUXK * out.auxk_loss).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        schedule.step()
        sae.set_decoder_norm_to_unit_norm()
        idle += 1
        idle[out.latent_indices[out.latent_acts > 0]] = 0
        if step % 2000 == 0:
            dead = int((idle >= DEAD_AFTER).sum())
            print(f"sae step {step} fvu {out.fvu.item():.4f} dead {dead}", flush=True)
    return sae, _measure(sae, sasrec, split, vectors)


@torch.no_grad()
def _measure(
    sae: SparseCoder, sasrec: Trained, split: pd.DataFrame, train_vectors: torch.Tensor
) -> dict[str, Any]:
    def look(vectors: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        acts, latents, _ = sae.encode(vectors)
        rebuilt = sae.decode(acts, latents)
        lost = (vectors - rebuilt).pow(2).sum() / (vectors - vectors.mean(0)).pow(2).sum()
        fired = torch.zeros(sae.num_latents, dtype=torch.bool)
        fired[latents[acts > 0]] = True
        return rebuilt, {
            "vectors": len(vectors),
            "explained_variance": round(1 - float(lost), 6),
            "l0": round(float((acts > 0).sum(1).float().mean()), 4),
            "never_fired": int((~fired).sum()),
        }

    _, on_train = look(train_vectors)
    rebuilt, on_test = look(sequence_vectors(sasrec, "test"))
    # In the order test_scores uses: by user row.
    rebuilt = rebuilt[np.argsort(sasrec.parts["test"].inter_feat["user_id"].numpy())]
    scores, users, targets = test_scores(sasrec)
    seen = seen_before_test(split, sasrec)[users]
    patched = (rebuilt @ sasrec.model.item_embedding.weight.T).numpy()
    patched[:, 0] = -np.inf
    first_ten = [np.argsort(-s, axis=1)[:, :10] for s in (scores, patched)]
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(*first_ten, strict=True)]
    return {
        "tool": "eai-sparsify 1.3.3",
        "explains": "recbole-sasrec.pth, last position of the sequence",
        "settings": {
            "d_in": sae.d_in,
            "num_latents": sae.num_latents,
            "k": K,
            "seed": SEED,
            "steps": STEPS,
            "batch": BATCH,
            "learning_rate": RATE,
            "auxk_alpha": AUXK,
            "dead_after_batches": DEAD_AFTER,
        },
        "dead_share": round(on_train["never_fired"] / sae.num_latents, 6),
        "train_prefixes": on_train,
        "test_rows": on_test,
        "ranking": {
            "original": {
                "nothing masked": accuracy(scores, targets, None),
                "train and valid masked": accuracy(scores, targets, seen),
            },
            "reconstructed": {
                "nothing masked": accuracy(patched, targets, None),
                "train and valid masked": accuracy(patched, targets, seen),
            },
            "top10_overlap": round(float(np.mean(shared)), 4),
        },
    }
