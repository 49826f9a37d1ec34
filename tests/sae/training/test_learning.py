"""It learns what is there to be learned: vectors made of known directions."""

from dataclasses import replace

import numpy as np
import pytest

from recaudit.metrics.reconstruction import explained_variance
from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.sae.training.settings import LossWeights, Settings
from recaudit.sae.training.trainer import TrainingData, train
from tests.sae.training.worlds import ACTIVE, atoms, data, judge, sparse_rows

WORLD = data()
FRESH = sparse_rows(1000, seed=7)
LEARNING = Settings(
    latents=96, k=ACTIVE, batch=512, max_steps=500, look_every=100, patience=99, learning_rate=5e-3
)


def learn(**changed):
    return train(WORLD, replace(LEARNING, **changed), judge)


def l0(spec):
    return len(SparseAutoencoder(spec).encode(FRESH).value) / len(FRESH)


def explained(spec):
    return explained_variance(FRESH, SparseAutoencoder(spec).reconstruct(FRESH))


def recovered(spec):
    """Share of the atoms that some decoder row has a cosine above 0.9 with."""
    decoder = spec.decoder / np.linalg.norm(spec.decoder, axis=1, keepdims=True)
    return float(((atoms() @ decoder.T).max(axis=1) > 0.9).mean())


def test_topk_finds_the_atoms():
    trained = learn()
    assert recovered(trained.spec) > 0.8
    assert explained(trained.spec) > 0.8
    assert trained.best.explained_variance == pytest.approx(explained(trained.spec), abs=0.03)
    assert trained.best.l0 <= ACTIVE
    random = np.random.default_rng(99).normal(size=(96, atoms().shape[1]))
    assert recovered(replace(trained.spec, decoder=random)) < 0.1


def test_batchtopk_keeps_k_with_its_threshold():
    spec = learn(kind="batchtopk").spec
    assert spec.activation == "batch_topk"
    assert l0(spec) == pytest.approx(ACTIVE, rel=0.15)
    assert recovered(spec) > 0.8


def test_jumprelu_comes_to_k():
    trained = learn(kind="jumprelu", max_steps=1200, patience=2)
    assert l0(trained.spec) == pytest.approx(ACTIVE, rel=0.25)
    assert explained(trained.spec) > 0.7
    assert recovered(trained.spec) > 0.8
    # Still dense it kept more, and must neither have been chosen for that nor have ended the training.
    dense = max(trained.looks, key=lambda look: look.score)
    assert dense.l0 > 3 * trained.best.l0
    assert trained.best.step > dense.step + 500


def test_more_l1_is_sparser():
    found = [
        l0(learn(kind="relu", max_steps=300, loss=LossWeights(auxiliary=0, l1=weight)).spec)
        for weight in (0.5, 5.0, 50.0)
    ]
    assert found[0] > 1.2 * found[1] > 1.2 * 1.2 * found[2]


def test_augmentation_carries_over_from_few_rows_to_others():
    few = data(60)
    plain, augmented = (train(few, replace(LEARNING, batch=60, augment=share), judge) for share in (0.0, 0.5))
    assert plain.explained_trained > explained(plain.spec) + 0.3  # learned by heart
    assert explained(augmented.spec) > explained(plain.spec) + 0.05


def test_every_prefix_reconstructs():
    spec = learn(prefixes=(12, 32, 96)).spec
    assert spec.groups == (12, 32, 96)
    codes = SparseAutoencoder(spec).encode(FRESH).matrix().toarray()
    found = [
        explained_variance(FRESH, codes[:, :width] @ spec.decoder[:width] + spec.pre_bias)
        for width in spec.groups
    ]
    assert 0.05 < found[0] < found[1] < found[2]
    assert found[2] == pytest.approx(explained(spec), abs=1e-4)
    plain = learn().spec
    codes = SparseAutoencoder(plain).encode(FRESH).matrix().toarray()
    first = codes[:, :12] @ plain.decoder[:12] + plain.pre_bias
    assert found[0] > explained_variance(FRESH, first)


def test_auxk_revives():
    """Rows of which every direction is worth a latent, far from an origin that no pre-bias takes off."""
    rng = np.random.default_rng(0)
    rows = {part: rng.normal(1, 1, size=(n, 24)).astype(np.float32) for part, n in (("x", 4000), ("y", 500))}
    world = TrainingData({"case": rows["x"]}, {"case": rows["y"]}, interactions=1)
    settings = replace(LEARNING, latents=192, pre_bias=False, learning_rate=1e-2, max_steps=200)
    shares = {}
    for weight in (0.0, 1 / 32):
        looks = train(world, replace(settings, loss=LossWeights(auxiliary=weight)), judge).looks
        shares[weight] = looks[-1].dead_share
    assert shares[1 / 32] < 0.05
    assert shares[0.0] > 0.15


def test_relu_has_no_k_to_come_to_so_its_last_look_is_kept():
    falling = iter(np.linspace(0.9, 0.1, 10))
    settings = replace(
        LEARNING, kind="relu", max_steps=100, look_every=10, patience=2, loss=LossWeights(l1=1)
    )
    trained = train(WORLD, settings, lambda rebuild: (next(falling), None))
    assert [look.kept for look in trained.looks] == [False] * 9 + [True]
    assert trained.stopped == "steps"
