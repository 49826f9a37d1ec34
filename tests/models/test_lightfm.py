"""LightFM: features are given beside the model, and never silently left out."""

import numpy as np
import pytest
from scipy import sparse

from recaudit.checkpoints import tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.golden import FOLDERS, opened
from tests.models.specs import cases, checkpoint, floats, stub
from tests.shared import needs_shared

TABLES = {
    "user_embeddings": floats(4, 3),
    "user_biases": floats(4, seed=1),
    "item_embeddings": floats(6, 3, seed=2),
    "item_biases": floats(6, seed=3),
    "item_bias_gradients": floats(6),
    "user_embedding_momentum": floats(4, 3),
}


def read(folder, **hints):
    model = checkpoint(stub("lightfm.lightfm.LightFM", **TABLES), folder=folder)
    return tools.read_model(model, tools.Hints(**hints))


def features(path, rows, columns):
    matrix = sparse.random(rows, columns, density=0.5, random_state=0, dtype=np.float32).tocsr()
    sparse.save_npz(path, matrix)
    return matrix.toarray()


def test_both_sides_are_sums_of_features(tmp_path):
    items = features(tmp_path / "a.npz", 5, 6)
    users = features(tmp_path / "b.npz", 2, 4)
    spec = read(tmp_path, item_features=tmp_path / "a.npz", user_features=tmp_path / "b.npz")
    model, everyone = build(spec), cases([[]] * 2, users=[0, 1])
    user, item = users @ TABLES["user_embeddings"], items @ TABLES["item_embeddings"]
    expected = user @ item.T + (users @ TABLES["user_biases"])[:, None] + items @ TABLES["item_biases"]
    found = model.head.score(model.represent(everyone)) + model.offset(everyone)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert spec.unused == ()


def test_rows_are_items_without_features(tmp_path):
    assert build(read(tmp_path)).n_items == 6


def test_features_of_another_model(tmp_path):
    features(tmp_path / "a.npz", 5, 7)
    with pytest.raises(InputRefused, match="features have 7 columns and the model has embeddings of 6"):
        build(read(tmp_path, item_features=tmp_path / "a.npz"))


def test_a_file_that_is_no_csr_matrix(tmp_path):
    sparse.save_npz(tmp_path / "a.npz", sparse.random(5, 6, format="coo"))
    with pytest.raises(InputRefused, match="no sparse matrix in csr form"):
        read(tmp_path, item_features=tmp_path / "a.npz")


def test_a_damaged_csr_matrix(tmp_path):
    parts = {"data": np.ones(2), "indices": np.array([0, 9]), "indptr": np.array([0, 2])}
    np.savez(tmp_path / "a.npz", format=np.array(b"csr"), shape=np.array([1, 6]), **parts)
    with pytest.raises(InputRefused, match="item features are no valid csr matrix"):
        build(read(tmp_path, item_features=tmp_path / "a.npz"))


@needs_shared
@pytest.mark.shared
def test_features_beside_the_model_are_asked_for():
    fix = opened(next(folder for folder in FOLDERS if folder.name == "lightfm-hybrid"))
    with pytest.raises(InputRefused, match=r"item_features\.npz lies beside the model") as refused:
        read(fix.folder)
    assert "--item-features" in refused.value.fix
