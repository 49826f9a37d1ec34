"""The models give what the tools that trained them gave: every fixture with golden users."""

import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.sae import SparseAutoencoder
from tests.models.golden import FOLDERS, assert_list, opened, shown_scores
from tests.shared import needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

RECOMMENDERS = [
    folder.name
    for folder in FOLDERS
    if isinstance(opened(folder).manifest.get("golden"), list)
    and "top_all" in opened(folder).manifest["golden"][0]
]


def fixture(name):
    return opened(next(folder for folder in FOLDERS if folder.name == name))


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_scores_and_lists(name):
    fix = fixture(name)
    model = fix.model()
    golden = fix.manifest["golden"]
    tolerance = max(10 * fix.manifest["tolerance"], 1e-4)
    for scores, user in zip(shown_scores(model, fix.cases(golden)), golden, strict=True):
        outside = fix.padding | set(range(len(fix.ids["item"]) + len(fix.padding), len(scores)))
        assert_list(scores, user["top_all"], outside, tolerance)
        assert_list(scores, user["top_unseen"], outside | fix.seen(user), tolerance)


def test_recsae_codes_and_reconstruction():
    fix = fixture("recsae-sasrec")
    golden = fix.manifest["golden"]
    model = fix.model()
    vectors = model.represent(fix.cases(golden))
    checkpoint = read_checkpoint(fix.files[0])
    sae = SparseAutoencoder(tools.read_sae(checkpoint, tools.Hints()))
    codes = sae.encode(vectors)
    again = model.head.score(sae.decode(codes))
    dense = codes.matrix().toarray()
    for user, x, scores, through, row in zip(
        golden, vectors, model.head.score(vectors), again, dense, strict=True
    ):
        assert_list(scores, user["rec"]["top_all"], {0}, 1e-4)
        assert_list(through, user["rec_through_sae"]["top_all"], {0}, 1e-4)
        np.testing.assert_allclose(x[:8], user["his_vector_first8"], atol=1e-5)
        active = dict(user["sae_active"])
        assert set(np.flatnonzero(row)) == set(active)
        np.testing.assert_allclose(row[list(active)], list(active.values()), atol=1e-5)


def test_sparsify_codes_and_reconstruction():
    fix = fixture("sparsify-topk")
    base = fixture(fix.manifest["explains"])
    table = read_checkpoint(base.files[0]).tree["state_dict"]["item_embedding.weight"]
    sae = SparseAutoencoder(tools.read_sae(read_checkpoint(fix.folder / "sae.safetensors"), tools.Hints()))
    for golden in fix.manifest["golden"]["rows"]:
        codes = sae.encode(table[golden["row"]][None])
        assert dict(zip(codes.latent.tolist(), codes.value, strict=True)) == pytest.approx(
            dict(golden["top_units"]), abs=1e-5
        )
        np.testing.assert_allclose(sae.decode(codes)[0, :8], golden["recon_first8"], atol=1e-5)
