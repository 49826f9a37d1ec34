"""The models give what the tools that trained them gave (golden values of the fixtures)."""

import json

import duckdb
import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.models import Cases, build
from recaudit.sae import SparseAutoencoder
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

FOLDERS = ["recbole-bpr", "recbole-sasrec", "rechorus-bprmf", "rechorus-sasrec"]


def opened(folder, checkpoint_key="checkpoint"):
    path = SHARED / "fixtures" / "checkpoints" / folder
    manifest = json.loads((path / "manifest.json").read_text())
    checkpoint = read_checkpoint(path / manifest[checkpoint_key])
    return manifest, checkpoint, item_rows(path / "ids.parquet")


def item_rows(path):
    ids = duckdb.sql(f"SELECT * FROM '{path}' WHERE kind = 'item'").df()
    return dict(zip(ids["raw_id"], ids["row"], strict=True))


def cases_of(golden, rows):
    history = [
        np.array([rows[raw] for raw in user.get("input_sequence", [])], dtype=np.int64) for user in golden
    ]
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in history])])
    users = np.array([user["row"] for user in golden])
    return Cases(users, np.concatenate(history).astype(np.int64), offsets)


def assert_scores(scores, golden, tolerance):
    for row, user in zip(scores, golden, strict=True):
        expected = user["top_all"] if "top_all" in user else user["rec"]["top_all"]
        items = [item for _, item, _ in expected]
        np.testing.assert_allclose(
            row[items], [score for *_, score in expected], rtol=tolerance * 10, atol=tolerance
        )
        candidates = row.copy()
        candidates[0] = -np.inf  # the padding row is no item
        assert set(np.argsort(-candidates)[: len(items)]) == set(items)


@pytest.mark.parametrize("folder", FOLDERS)
def test_scores(folder):
    manifest, checkpoint, rows = opened(folder)
    model = build(tools.read_model(checkpoint, tools.Hints()))
    scores = model.head.score(model.represent(cases_of(manifest["golden"], rows)))
    assert_scores(scores, manifest["golden"], manifest["tolerance"])


def test_recsae_codes_and_reconstruction():
    manifest, checkpoint, rows = opened("recsae-sasrec")
    model = build(tools.read_model(checkpoint, tools.Hints()))
    vectors = model.represent(cases_of(manifest["golden"], rows))
    sae = SparseAutoencoder(tools.read_sae(checkpoint, tools.Hints()))
    codes = sae.encode(vectors)
    assert_scores(model.head.score(vectors), manifest["golden"], 1e-5)
    through = [{"top_all": user["rec_through_sae"]["top_all"]} for user in manifest["golden"]]
    assert_scores(model.head.score(sae.decode(codes)), through, 1e-5)
    dense = codes.matrix().toarray()
    for row, user, x in zip(dense, manifest["golden"], vectors, strict=True):
        np.testing.assert_allclose(x[:8], user["his_vector_first8"], atol=1e-5)
        latents = [latent for latent, _ in user["sae_active"]]
        np.testing.assert_allclose(row[latents], [value for _, value in user["sae_active"]], atol=1e-5)
        assert set(np.flatnonzero(row)) == set(latents)


def test_sparsify_codes_and_reconstruction():
    path = SHARED / "fixtures" / "checkpoints" / "sparsify-topk"
    manifest = json.loads((path / "manifest.json").read_text())
    _, base, _ = opened(manifest["explains"])
    table = base.tree["state_dict"]["item_embedding.weight"]
    sae = SparseAutoencoder(tools.read_sae(read_checkpoint(path / "sae.safetensors"), tools.Hints()))
    for golden in manifest["golden"]["rows"]:
        codes = sae.encode(table[golden["row"]][None])
        assert dict(zip(codes.latent.tolist(), codes.value, strict=True)) == pytest.approx(
            dict(golden["top_units"]), abs=1e-5
        )
        np.testing.assert_allclose(sae.decode(codes)[0, :8], golden["recon_first8"], atol=1e-5)
