"""What is stored encodes raw vectors as the dictionary in training encoded the ones it saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.sae.training.codes import DenseCodes, encode
from recaudit.sae.training.settings import LossWeights, Settings
from recaudit.sae.training.trainer import Training
from tests.sae.training.worlds import data, judge

SETTINGS = {
    kind: Settings(
        kind=kind, latents=64, k=5, batch=256, max_steps=60, look_every=30, warmup=5,
        loss=LossWeights(l1=0.05 if kind == "relu" else 0),
    )
    for kind in ("topk", "batchtopk", "relu", "jumprelu")
}  # fmt: skip


def dense(codes, n):
    if isinstance(codes, DenseCodes):
        return codes.value.numpy()
    found = np.zeros((n, codes.n_latents), np.float32)
    found[codes.row.numpy(), codes.latent.numpy()] = codes.value.numpy()
    return found


def trained(settings, rows=400):
    run = Training(data(rows), settings, torch.device("cpu"))
    with torch.no_grad():
        for _ in run.looks_on_the_way(judge):
            pass
    return run


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("norm_in", ["none", "layer_norm", "standardise"])
@pytest.mark.parametrize("rescale", [True, False])
def test_codes_and_reconstruction(kind, norm_in, rescale):
    run = trained(replace(SETTINGS[kind], norm_in=norm_in, rescale=rescale))
    parameters, pool = run.parameters, run.pools["case"]
    scale = parameters.scale
    assert (scale != 1) == rescale
    raw = run.data.train["case"]
    with torch.no_grad():
        codes, pre = encode(pool.x - parameters.pre_bias, parameters)
    inside = dense(codes, len(raw))
    sae = SparseAutoencoder(parameters.spec())
    if kind == "batchtopk":
        cut = float(torch.from_numpy(sae.spec.threshold)[0]) / scale
        inside = np.where(pre.numpy() > cut, pre.numpy(), 0)
    outside = sae.encode(raw)
    found = outside.matrix().toarray() / scale
    # A value within rounding of its threshold may fall on either side.
    near = ((found == 0) != (inside == 0)).mean()
    assert near < 1e-4
    agree = (found == 0) == (inside == 0)
    np.testing.assert_allclose(found[agree], inside[agree], rtol=1e-3, atol=2e-4)
    assert (inside > 0).any()
    expected = inside @ parameters.decoder.numpy() + parameters.pre_bias.numpy()
    expected = raw + (expected - pool.x.numpy()) * pool.gain.numpy()
    same = agree.all(axis=1)
    np.testing.assert_allclose(sae.decode(outside, raw)[same], expected[same], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("kind", SETTINGS)
def test_decoder_rows_are_of_unit_length_after_each_step(kind):
    run = Training(data(400), replace(SETTINGS[kind], look_every=1, max_steps=8), torch.device("cpu"))
    before = run.parameters.decoder.clone()
    with torch.no_grad():
        for _ in run.looks_on_the_way(judge):
            norms = run.parameters.decoder.norm(dim=1)
            torch.testing.assert_close(norms, torch.ones_like(norms), rtol=1e-6, atol=1e-6)
    assert not torch.allclose(run.parameters.decoder, before, atol=1e-3)


def test_or_of_each_epoch_or_never():
    for norm_decoder, unit_after in (("epoch", {3, 6}), ("never", set())):
        settings = replace(
            SETTINGS["topk"], batch=128, look_every=1, max_steps=6, norm_decoder=norm_decoder, warmup=0
        )
        run = Training(data(400), settings, torch.device("cpu"))  # three batches an epoch
        with torch.no_grad():
            for look in run.looks_on_the_way(judge):
                norms = run.parameters.decoder.norm(dim=1)
                assert bool(((norms - 1).abs() < 1e-5).all()) == (look.step in unit_after)


def test_tied_halves_stay_one():
    settings = replace(SETTINGS["topk"], tied=True, start="even", norm_decoder="never")
    run = trained(settings)
    spec = run.parameters.spec()
    assert run.parameters.encoder is run.parameters.decoder
    np.testing.assert_array_equal(spec.encoder, spec.decoder)
    assert spec.tied


def test_each_epoch_sees_every_row_once_in_an_order_of_its_own():
    settings = replace(SETTINGS["topk"], batch=100)
    pool = Training(data(400), settings, torch.device("cpu")).pools["case"]
    drawn = pool.batches(settings, 0)
    epochs = [torch.cat([next(drawn).rows for _ in range(4)]) for _ in range(2)]
    assert not torch.equal(*epochs)
    for rows in epochs:
        assert torch.equal(rows.sort().values, torch.arange(400))
    later = pool.batches(settings, 5)  # begun in the middle of the second epoch
    assert torch.equal(next(later).rows, epochs[1][100:200])


def test_augmented_rows_are_their_own_with_a_share_of_noise_like_the_data():
    settings = replace(SETTINGS["topk"], batch=4000, augment=0.6)
    pool = Training(data(4000), settings, torch.device("cpu")).pools["case"]
    first, second = (batch for batch, _ in zip(pool.batches(settings, 7), range(2), strict=False))
    assert not torch.equal(first.x[first.rows.argsort()], second.x[second.rows.argsort()])
    assert torch.equal(next(pool.batches(settings, 7)).x, first.x)
    seen, own = (x.double().numpy() for x in (first.x, pool.x[first.rows]))
    np.testing.assert_allclose(seen.mean(axis=0), own.mean(axis=0), atol=0.02)
    spread = np.trace(np.cov(own.T)) / own.shape[1]
    np.testing.assert_allclose(np.cov(seen.T), np.cov(own.T), atol=0.1 * spread)
    of_itself = ((seen - seen.mean(0)) * (own - own.mean(0))).sum() / np.square(own - own.mean(0)).sum()
    assert of_itself == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_first_step_is_adams_on_the_whole_gradient(tied):
    """Adam's first step is rate x g / (|g| + ε); of a decoder kept at unit length, g is what turns its rows."""
    settings = replace(
        SETTINGS["topk"],
        tied=tied,
        start="even" if tied else "whitened",
        norm_decoder="never" if tied else "step",
        max_steps=1,
        warmup=0,
        batch=400,
    )
    run = Training(data(400), settings, torch.device("cpu"))
    parameters, before = run.parameters, {name: t.clone() for name, t in run.parameters.trained().items()}
    with torch.no_grad():
        batch = next(run.pools["case"].batches(settings, 0))
        found = run.objective.backward([run.objective.forward(batch, parameters)], parameters, torch.empty(0))
        gradients = {name: getattr(found, name) for name in before}
        if tied:
            gradients["encoder"] = found.encoder + found.decoder
        else:
            rows = before["decoder"]
            gradients["decoder"] = found.decoder - (found.decoder * rows).sum(1, keepdim=True) * rows
        next(run.looks_on_the_way(judge))
    for name, gradient in gradients.items():
        expected = before[name] - settings.learning_rate * gradient / (gradient.abs() + 1e-8)
        if name == "decoder":
            expected = expected / expected.norm(dim=1, keepdim=True)
        sure = gradient.abs() > 1e-6  # the sign of a gradient that is almost none is chance
        assert sure.any()
        torch.testing.assert_close(parameters.trained()[name][sure], expected[sure], rtol=1e-4, atol=1e-5)
