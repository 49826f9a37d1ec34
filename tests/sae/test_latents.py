"""Per-latent statistics against a loop over the dense matrix."""

import numpy as np
import pytest

from recaudit.sae import SparseAutoencoder
from recaudit.sae.latents import latent_statistics, max_cosines
from tests.sae.test_autoencoder import make_spec


def test_equals_a_loop():
    rng = np.random.default_rng(0)
    sae = SparseAutoencoder(make_spec())
    x = rng.normal(size=(60, 6)).astype(np.float32)
    counted = rng.random(60) < 0.7
    users = rng.integers(0, 20, size=60)
    codes = sae.encode(x)
    columns = latent_statistics(codes, counted, users, sae.decoder)
    dense = codes.matrix().toarray()
    for latent in range(sae.n_latents):
        fired = (dense[:, latent] > 0) & counted
        assert columns["n_cases"][latent] == fired.sum()
        assert columns["n_users"][latent] == len(set(users[fired].tolist()))
        assert columns["density"][latent] == pytest.approx(fired.sum() / counted.sum())
        assert columns["max_value"][latent] == pytest.approx(dense[fired, latent].max(initial=0))
        assert columns["total"][latent] == pytest.approx(dense[fired, latent].sum(), rel=1e-5)
        assert columns["dead"][latent] == (not (dense[:, latent] > 0).any())


def test_max_cosines(monkeypatch):
    monkeypatch.setattr("recaudit.sae.latents._ROWS", 2)
    rows = np.array([[1, 0], [2, 0], [0, 1], [0, 0]], np.float32)
    assert max_cosines(rows).tolist() == [1, 1, 0, 0]
    assert max_cosines(rows[:1]).tolist() == [0]
