"""Selection, optimiser, schedule, settings."""

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from recaudit.errors import UsageError
from recaudit.sae.training.adam import Adam
from recaudit.sae.training.codes import encode, largest
from recaudit.sae.training.parameters import Parameters
from recaudit.sae.training.pool import moments
from recaudit.sae.training.record import Look
from recaudit.sae.training.schedule import Schedule
from recaudit.sae.training.settings import PRESETS, LossWeights, Settings, preset_named, with_loss
from recaudit.sae.training.state import device_named
from recaudit.sae.training.trainer import TrainingData, train


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize(
    ("n", "k"), [(1024, 8), (1024, 64), (1024, 65), (1000, 3), (1001, 3), (12, 12), (256, 16)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_largest_is_topk(rows, n, k, ties):
    rng = torch.Generator().manual_seed(n + k)
    pre = torch.randn(rows, n, generator=rng)
    if ties:
        pre = pre.mul(2).round()
    value, latent = largest(pre, k)
    assert torch.equal(value.sort(dim=1).values, torch.topk(pre, k).values.sort(dim=1).values)
    assert torch.equal(pre.gather(1, latent), value)
    assert all(len(set(row.tolist())) == k for row in latent)
    if not ties:
        assert torch.equal(latent.sort(dim=1).values, torch.topk(pre, k).indices.sort(dim=1).values)


def test_moments_are_exact_far_from_zero_and_copy_no_data():
    rng = np.random.default_rng(0)
    parts = [rng.normal(1000, 0.1, (n, 64)).astype(np.float32) for n in (150_000, 7)]
    together = np.concatenate(parts).astype(np.float64)
    tracemalloc.start()
    mean, covariance = moments(parts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert mean == pytest.approx(together.mean(axis=0), rel=1e-12)
    assert covariance == pytest.approx(np.cov(together.T, bias=True), rel=1e-6, abs=1e-9)
    assert peak < together.nbytes / 2


def test_batchtopk_keeps_k_a_row_on_average_and_remembers_the_cut():
    settings = Settings(kind="batchtopk", latents=256, k=4)
    x = torch.randn(500, 12, generator=torch.Generator().manual_seed(0))
    parameters = Parameters(settings, x.mean(dim=0), torch.eye(12), 1.0)
    codes, pre = encode(x - parameters.pre_bias, parameters)
    kept = pre.flatten().topk(2000).values
    assert torch.equal(codes.value.sort(descending=True).values, kept)
    assert codes.l0 == 4
    assert parameters.running_threshold == kept.min()
    parameters.encoder_bias += 1
    _, pre = encode(x - parameters.pre_bias, parameters)
    after = 0.99 * kept.min() + 0.01 * pre.flatten().topk(2000).values.min()
    assert float(parameters.running_threshold) == pytest.approx(float(after), rel=1e-6)


def test_adam_is_torchs():
    rng = torch.Generator().manual_seed(0)
    start = {name: torch.randn(5, 3, generator=rng) for name in ("a", "b")}
    mine = {name: tensor.clone() for name, tensor in start.items()}
    theirs = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    adam = Adam(mine, beta2=0.99, lazy=False, weight_decay={"a": 0.1})
    groups = [{"params": [theirs["a"]], "weight_decay": 0.1}, {"params": [theirs["b"]]}]
    torchs = torch.optim.Adam(groups, lr=1.0, betas=(0.9, 0.99), eps=1e-8, foreach=False, fused=False)
    for step in range(50):
        rate = 0.01 / (step + 1)
        gradients = {name: torch.randn(5, 3, generator=rng) for name in start}
        gradients["b"][step % 5] = 0
        adam.step(gradients, rate)
        for group in torchs.param_groups:
            group["lr"] = rate
        for name, tensor in theirs.items():
            tensor.grad = gradients[name].clone()
        torchs.step()
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor.detach(), rtol=1e-6, atol=1e-7)
        assert not torch.allclose(mine[name], start[name], atol=1e-2)


def test_lazy_adam_is_torchs_on_the_steps_in_which_a_row_has_a_gradient():
    rng = torch.Generator().manual_seed(0)
    start = {"a": torch.randn(6, 3, generator=rng), "b": torch.randn(6, generator=rng)}
    mine = {name: tensor.clone() for name, tensor in start.items()}
    adam = Adam(mine, beta2=0.99, lazy=True, weight_decay={})
    theirs = {name: [row.clone().requires_grad_() for row in tensor] for name, tensor in start.items()}
    torchs = [
        torch.optim.Adam([theirs["a"][row], theirs["b"][row]], lr=0.01, betas=(0.9, 0.99), foreach=False, fused=False)
        for row in range(6)
    ]  # fmt: skip
    for step in range(60):
        gradients = {name: torch.randn(tensor.shape, generator=rng) for name, tensor in start.items()}
        for row in range(6):
            if step % (row + 1):  # row 5 fires once in six steps
                gradients["a"][row] = gradients["b"][row] = 0
                continue
            theirs["a"][row].grad, theirs["b"][row].grad = gradients["a"][row], gradients["b"][row]
            torchs[row].step()
        adam.step(gradients, 0.01)
    for name, rows in theirs.items():
        torch.testing.assert_close(mine[name], torch.stack(rows).detach(), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(mine[name], start[name], atol=1e-2)


RATE = Settings(learning_rate=1.0, warmup=10, decay=0.25, patience=2)


def test_rate_rises_stays_and_falls_to_zero():
    schedule = Schedule(RATE, 100)
    rates = [schedule.rate(step) for step in range(100)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert set(rates[10:75]) == {1.0}
    np.testing.assert_allclose(rates[75:], np.arange(25, 0, -1) / 25)
    assert not schedule.is_over(99)
    assert schedule.is_over(100)
    assert schedule.reason == "steps"


def test_a_plateau_brings_the_fall_forward():
    schedule = Schedule(RATE, 1000)
    for step, score in ((30, 0.5), (60, 0.4), (90, 0.5005)):  # a hair better is no better
        assert schedule.falling_since is None
        schedule.saw(step, score)
    assert (schedule.falling_since, schedule.end, schedule.reason) == (90, 120, "plateau")
    np.testing.assert_allclose([schedule.rate(step) for step in (90, 105, 119)], [1, 0.5, 1 / 30])
    schedule.saw(110, 0.1)
    assert schedule.end == 120
    assert schedule.is_over(120)


def test_something_better_starts_the_wait_anew():
    schedule = Schedule(RATE, 1000)
    for step, score in ((1, 0.5), (2, 0.5), (3, 0.6), (4, 0.6)):
        schedule.saw(step, score)
    assert schedule.falling_since is None
    schedule.saw(5, 0.6)
    assert schedule.falling_since == 5


def test_a_late_plateau_keeps_the_limit():
    schedule = Schedule(RATE, 100)
    for score in (0.5, 0.5, 0.5):
        schedule.saw(70, score)
    assert schedule.end == round(70 / 0.75)
    late = Schedule(replace(RATE, decay=0.9), 100)
    for score in (0.5, 0.5, 0.5):
        late.saw(70, score)
    assert late.end == 100


def test_without_decay_a_plateau_ends_it_at_once():
    schedule = Schedule(replace(RATE, decay=0.0, warmup=0), 100)
    assert {schedule.rate(step) for step in range(100)} == {1.0}
    for score in (0.5, 0.5, 0.5):
        schedule.saw(50, score)
    assert schedule.is_over(50)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_possible(name):
    assert preset_named(name).preset == name
    assert preset_named(name).checked(64) == PRESETS[name]


def test_published_presets_keep_the_papers_sizes():
    sizes = {name: (preset.width(64), preset.kind, preset.k) for name, preset in PRESETS.items()}
    assert sizes["recsae"] == (1024, "topk", 8)
    assert sizes["popsteer"] == (4096, "topk", 32)
    assert sizes["knots"] == (512, "topk", 32)
    assert PRESETS["monosemanticity4rec-mf"].width(20) == 22
    assert PRESETS["monosemanticity4rec-matryoshka"].width(100) == 80


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "gated"}, {"site": "nobody"}, {"norm_in": "batch"}, {"unit": "percent"}, {"norm_decoder": "x"},
        {"epoch": "year"}, {"auxiliary_unit": "x"}, {"latents": 0}, {"scale": 0.001}, {"scale": -1}, {"k": 0},
        {"k": 2000}, {"prefixes": (20, 10)}, {"prefixes": (0, 10)}, {"prefixes": (10, 10)},
        {"prefixes": (10, 20), "latents": 64}, {"kind": "relu"}, {"tied": True}, {"learning_rate": 0.0},
        {"learning_rate": float("nan")}, {"batch": 0}, {"max_steps": None}, {"max_steps": 0}, {"epochs": 0},
        {"warmup": -1}, {"decay": 1.0}, {"patience": 0}, {"look_every": 0}, {"silent": -1}, {"seed": -1},
        {"auxiliary_latents": 0}, {"beta2": 1.0}, {"augment": 1.0}, {"augment": -0.1}, {"loss": LossWeights(l1=-1)},
        {"loss": LossWeights(kl=float("nan"))}, {"loss": LossWeights(rho=0)}, {"loss": LossWeights(rho=1.5)},
        {"loss": LossWeights(reconstruction=float("inf"))},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be(changed):
    with pytest.raises(UsageError) as refused:
        replace(Settings(), **changed).checked(64)
    assert refused.value.fix


def test_no_such_preset_or_term():
    with pytest.raises(UsageError, match="no preset named x"):
        preset_named("x")
    with pytest.raises(UsageError, match="no term x"):
        with_loss(Settings(), {"x": 1.0})
    assert with_loss(Settings(), {"l1": 0.5}).loss == LossWeights(l1=0.5)


OTHER = {
    "preset": "x", "kind": "relu", "scale": 2, "latents": 7, "k": 9, "prefixes": (1, 2), "site": "item", "unit": "mse", "start": "even",
    "norm_in": "layer_norm", "rescale": False, "augment": 0.3, "pre_bias": False, "encoder_bias": False, "tied": True,
    "norm_decoder": "never", "optimiser": "adam", "learning_rate": 1.0, "beta2": 0.5, "weight_decay": 1.0, "batch": 1,
    "epoch": "interactions", "epochs": 3, "max_steps": 3, "warmup": 3, "decay": 0.1, "patience": 3, "look_every": 3,
    "silent": 3, "auxiliary_latents": 3, "auxiliary_unit": "variance", "seed": 3,
}  # fmt: skip


def test_the_digest_is_of_every_field():
    digests = {Settings().digest}
    for found in fields(Settings):
        if found.name != "loss":
            digests.add(replace(Settings(), **{found.name: OTHER[found.name]}).digest)
    for found in fields(LossWeights):
        digests.add(with_loss(Settings(), {found.name: 0.123}).digest)
    assert len(digests) == len(fields(Settings)) + len(fields(LossWeights))
    assert Settings().digest == Settings().digest


def test_devices():
    assert device_named("cpu") == "cpu"
    assert device_named("auto") in ("cpu", "cuda")
    for name in ("toaster", "meta", "cuda:99"):
        with pytest.raises(UsageError, match="cannot use a device"):
            device_named(name)


def test_a_whitened_start_leaves_fewer_latents_dead_where_few_axes_hold_the_variance():
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(4000, 16)) * np.geomspace(10, 0.1, 16)).astype(np.float32)
    data = TrainingData(train={"case": x[:3600]}, held_out={"case": x[3600:]}, interactions=3600)

    def last(start: str) -> Look:
        settings = Settings(latents=256, k=4, start=start, max_steps=300, batch=512)
        return train(data, settings, lambda rebuild: (0.5, None)).looks[-1]

    even, whitened = last("even"), last("whitened")
    assert whitened.dead_share < 0.6 * even.dead_share
    assert whitened.explained_variance > even.explained_variance - 0.02
