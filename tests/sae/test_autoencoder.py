from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recaudit.checkpoints.spec import SaeSpec
from recaudit.errors import InputRefused
from recaudit.sae import SparseAutoencoder


def make_spec(seed=0, latents=24, dim=6, k=4):
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return SaeSpec(
        tool="test",
        encoder=normal(latents, dim),
        decoder=normal(latents, dim),
        encoder_bias=normal(latents),
        pre_bias=normal(dim),
        activation="relu" if k is None else "relu_topk",
        k=k,
        k_source="--k",
    )


def by_definition(spec, x):
    """ReLU(W (x - b) + e), the k largest kept, straight from the formula in float64."""
    pre = np.maximum((x.astype(np.float64) - spec.pre_bias) @ spec.encoder.T + spec.encoder_bias, 0)
    if spec.k is not None:
        cut = np.sort(pre, axis=1)[:, -spec.k][:, None]
        pre = np.where(pre >= cut, pre, 0)
    return pre, pre @ spec.decoder + spec.pre_bias


@given(st.integers(0, 10_000), st.sampled_from([1, 4, 24, None]))
def test_equals_the_definition(seed, k):
    spec = make_spec(seed, k=k)
    x = np.random.default_rng(seed + 1).normal(size=(9, 6)).astype(np.float32)
    sae = SparseAutoencoder(spec)
    codes = sae.encode(x)
    z, reconstruction = by_definition(spec, x)
    np.testing.assert_allclose(codes.matrix().toarray(), z, atol=1e-5)
    np.testing.assert_allclose(sae.decode(codes), reconstruction, atol=1e-4)
    assert (codes.value > 0).all()


def test_batches_change_nothing(monkeypatch):
    sae = SparseAutoencoder(make_spec())
    x = np.random.default_rng(2).normal(size=(50, 6)).astype(np.float32)
    whole = sae.encode(x)
    monkeypatch.setattr("recaudit.sae.autoencoder._BATCH_CELLS", 24 * 7)
    batched = sae.encode(x)
    np.testing.assert_array_equal(batched.latent, whole.latent)
    np.testing.assert_allclose(batched.value, whole.value, rtol=1e-6)
    np.testing.assert_array_equal(batched.offsets, whole.offsets)


def test_no_rows():
    sae = SparseAutoencoder(make_spec())
    codes = sae.encode(np.empty((0, 6), np.float32))
    assert len(codes) == 0
    assert sae.decode(codes).shape == (0, 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decoder": np.zeros((6, 24), np.float32)}, r"shape \[24, 6\] and its decoder \[6, 24\]"),
        ({"pre_bias": np.zeros(5, np.float32)}, r"pre-bias has shape \[5\]"),
        ({"k": 25}, "k = 25 .* 24 latents"),
        ({"k": 0}, "k = 0"),
    ],
)
def test_contradictions_are_refused(change, said):
    with pytest.raises(InputRefused, match=said):
        SparseAutoencoder(replace(make_spec(), **change))
