from dataclasses import replace

import numpy as np
import pytest

from recaudit.checkpoints.spec import SaeSpec
from recaudit.sae import SparseAutoencoder, check_reading


@pytest.fixture(scope="module")
def perfect():
    """An SAE of 8 orthonormal directions, and vectors that are sums of exactly three of them."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(8, 8)))[0].astype(np.float32)
    pre_bias = rng.normal(size=8).astype(np.float32) * 3
    z = np.zeros((500, 8), np.float32)
    for row in z:
        row[rng.choice(8, 3, replace=False)] = rng.uniform(1, 2, size=3)
    spec = SaeSpec("test", basis, basis, np.zeros(8, np.float32), pre_bias, "relu_topk", k=3)
    return spec, z @ basis + pre_bias


def test_right_reading_passes(perfect):
    check = check_reading(*perfect)
    assert check.stated.explained_variance == pytest.approx(1, abs=1e-5)
    assert check.stated.l0 == pytest.approx(3, abs=0.1)
    assert check.best_other.explained_variance <= check.stated.explained_variance
    assert check.dead_share == 0
    assert check.decoder_norms == pytest.approx((1, 1, 1), abs=1e-5)


def test_forgotten_centring_is_seen(perfect):
    spec, vectors = perfect
    wrong = replace(spec, encoder_bias=spec.encoder @ spec.pre_bias)
    check = check_reading(wrong, vectors)
    assert check.best_other.name == "no encoder bias"
    assert check.best_other.explained_variance > check.stated.explained_variance + 0.1


def test_transposed_square_encoder_is_seen(perfect):
    spec, vectors = perfect
    check = check_reading(replace(spec, encoder=np.ascontiguousarray(spec.encoder.T)), vectors)
    assert check.best_other.name == "encoder transposed"
    assert check.best_other.explained_variance == pytest.approx(1, abs=1e-5)


def test_wrong_k_is_seen(perfect):
    spec, vectors = perfect
    check = check_reading(replace(spec, k=1), vectors)
    assert check.best_other.name == "k = 2"
    assert check.best_other.explained_variance > check.stated.explained_variance


def test_sample_is_bounded_and_seeded(perfect, monkeypatch):
    monkeypatch.setattr("recaudit.sae.selfcheck.SAMPLE", 50)
    first, second = check_reading(*perfect, seed=1), check_reading(*perfect, seed=1)
    assert first.rows == 50
    assert first == second
    assert SparseAutoencoder(perfect[0]).n_latents == 8
