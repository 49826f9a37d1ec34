"""Gradients written by hand equal torch's own of the same loss, in float64."""

from dataclasses import replace

import pytest
import torch

from recaudit.sae.normalisation import row_scale
from recaudit.sae.training.settings import LossWeights, Settings
from tests.sae.training.reference import BANDWIDTH, NAMES, Case

ROWS, DIM, LATENTS = 40, 6, 48
PLAIN = LossWeights(auxiliary=0)
SETTINGS = Settings(latents=LATENTS, k=4, loss=PLAIN)


def rows(seed=0, count=ROWS):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, DIM, generator=rng, dtype=torch.float64) + 0.3


def case(settings, x=None, silent=()):
    """Rows as the pool hands them over: normalised, with the factor back to the model's units."""
    x = rows() if x is None else x
    scale = row_scale(x.numpy().astype("float32"), settings.norm_in)
    gain = torch.ones(len(x), 1, dtype=torch.float64)
    seen = x
    if scale is not None:
        gain = torch.from_numpy(scale.gain).double()
        seen = torch.from_numpy(scale.normalise(x.numpy().astype("float32"))).double()
    return Case(settings, seen, gain, 3.7, torch.tensor(silent, dtype=torch.long))


def assert_same(found, expected, names=NAMES):
    for name in names:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-12)


def check(one):
    expected = one.autograd()
    assert expected.encoder.abs().max() > 0
    assert expected.decoder.abs().max() > 0
    assert_same(one.backward(), expected)


KINDS = {
    "topk": replace(SETTINGS, kind="topk"),
    "batchtopk": replace(SETTINGS, kind="batchtopk"),
    "relu": replace(SETTINGS, kind="relu", loss=replace(PLAIN, l1=0.2)),
    "jumprelu": replace(SETTINGS, kind="jumprelu"),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("norm_in", ["none", "layer_norm", "standardise"])
@pytest.mark.parametrize("unit", ["variance", "mse"])
def test_reconstruction(kind, tied, norm_in, unit):
    check(case(replace(KINDS[kind], tied=tied, norm_in=norm_in, unit=unit)))


@each_kind
@pytest.mark.parametrize("pre_bias", [False, True])
@pytest.mark.parametrize("encoder_bias", [False, True])
def test_biases(kind, pre_bias, encoder_bias):
    check(case(replace(KINDS[kind], pre_bias=pre_bias, encoder_bias=encoder_bias)))


@each_kind
def test_every_prefix_counts(kind):
    nested = replace(KINDS[kind], prefixes=(5, 16, LATENTS))
    check(case(nested))
    check(case(replace(nested, norm_in="layer_norm")))


@each_kind
def test_l1_and_kl(kind):
    terms = LossWeights(auxiliary=0, l1=0.7, kl=0.4, rho=0.1)
    check(case(replace(KINDS[kind], loss=terms)))
    check(case(replace(KINDS[kind], loss=terms, prefixes=(7, LATENTS))))


def test_a_mean_out_of_bounds_has_no_kl_gradient():
    one = case(replace(KINDS["relu"], loss=LossWeights(reconstruction=0, auxiliary=0, kl=1, rho=0.2)))
    one.parameters.encoder_bias[:10] = 9.0  # means above 1
    one.parameters.encoder_bias[10:20] = -9.0  # never active: mean 0
    found = one.backward()
    assert not found.encoder[:20].any()
    assert not found.encoder_bias[:20].any()
    assert found.encoder[20:].abs().sum(1).min() > 0
    assert_same(found, one.autograd())


@each_kind
@pytest.mark.parametrize("unit", ["residual", "variance"])
@pytest.mark.parametrize("count", [3, 20], ids=["fewer than k_aux", "more"])
def test_auxiliary(kind, unit, count):
    silent = list(range(LATENTS - count, LATENTS))
    settings = replace(KINDS[kind], auxiliary_unit=unit, auxiliary_latents=1, loss=LossWeights(auxiliary=0.5))
    for one in (
        case(settings, silent=silent),
        case(replace(settings, norm_in="standardise"), silent=silent),
        case(replace(settings, prefixes=(9, LATENTS)), silent=silent),
    ):
        check(one)


def test_auxiliary_looks_at_the_first_rows_of_a_large_batch():
    settings = replace(KINDS["topk"], auxiliary_latents=1, loss=LossWeights(reconstruction=0, auxiliary=1))
    check(case(settings, rows(count=700), silent=list(range(30))))


def test_auxiliary_reaches_silent_latents_only_and_teaches_what_is_left():
    settings = replace(KINDS["topk"], loss=LossWeights(reconstruction=0, auxiliary=1))
    silent = list(range(10))
    one = case(settings, silent=silent)
    one.parameters.encoder_bias[silent] = -0.0
    found = one.backward()
    assert not found.encoder[10:].any()
    assert not found.decoder[10:].any()
    # A step against the gradient must bring the silent latents' reconstruction nearer to x - x^.
    before = one.loss(**{name: getattr(one.parameters, name) for name in NAMES})
    for name in ("encoder", "decoder", "encoder_bias"):
        getattr(one.parameters, name).sub_(1e-3 * getattr(found, name))
    after = one.loss(**{name: getattr(one.parameters, name) for name in NAMES})
    assert after < before


def test_a_thresholds_gradient_is_the_papers():
    """One latent, one row inside the window, by hand."""
    x = torch.tensor([[0.51, 0, 0, 0, 0, 0]], dtype=torch.float64)
    one = case(
        replace(KINDS["jumprelu"], latents=1, k=1, unit="mse", loss=LossWeights(auxiliary=0, sparsity=0.25)),
        x,
    )
    parameters = one.parameters
    parameters.encoder, parameters.decoder = torch.eye(1, DIM).double(), 2 * torch.eye(1, DIM).double()
    parameters.encoder_bias.zero_(), parameters.pre_bias.zero_()
    parameters.log_threshold.fill_(float(torch.tensor(0.5).log()))
    # loss = (2z - x)²/6 + (L0 - 1)²/4, z = JumpReLU(0.51), L0 = 1: the second has no slope here.
    of_z = 2 * (2 * 0.51 - 0.51) * 2 / 6
    of_theta = of_z * -(0.5 / BANDWIDTH)
    assert one.backward().log_threshold[0].item() == pytest.approx(of_theta * 0.5, rel=1e-6)
    parameters.log_threshold.fill_(float(torch.tensor(0.52).log()))  # just above: L0 = 0, z = 0
    of_theta = -(2 * -0.51 * 2 / 6) * 0.52 / BANDWIDTH + 0.25 * 2 * (0 - 1) * -1 / BANDWIDTH
    assert one.backward().log_threshold[0].item() == pytest.approx(of_theta * 0.52, rel=1e-6)
    parameters.log_threshold.fill_(float(torch.tensor(0.6).log()))  # outside the window
    assert one.backward().log_threshold[0].item() == 0


def test_nothing_active_is_no_error():
    one = case(replace(KINDS["batchtopk"], loss=LossWeights(auxiliary=0.5)), silent=[1, 2])
    one.parameters.encoder_bias.fill_(-99)
    assert_same(one.backward(), one.autograd())
