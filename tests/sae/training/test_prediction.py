"""The prediction term against losses written down a second time, in numpy and float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recaudit.errors import UsageError
from recaudit.models.heads import DotHead, MaxInterestHead, MlpHead, SigmoidMlpHead
from recaudit.sae.training import prediction
from recaudit.sae.training.pool import Pool
from recaudit.sae.training.prediction import TOP, prediction_loss
from recaudit.sae.training.settings import LossWeights, Settings
from tests.sae.training.reference import NAMES, Case

USERS, ITEMS, DIM = 30, 150, 6
ROWS = torch.tensor([3, 0, 17, 9, 22, 11, 29, 4, 5, 8, 13, 21])
ITEM_ROWS = torch.tensor([5, 80, 2, 149, 31, 60, 7])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


USER_VECTORS, ITEM_VECTORS = draw(USERS, DIM, seed=1), draw(ITEMS, DIM, seed=2) + 0.5
ERROR = torch.from_numpy(draw(len(ROWS), DIM, seed=3)).double()
ITEM_ERROR = torch.from_numpy(draw(len(ITEM_ROWS), DIM, seed=4)).double()


def mlp(product=2, layers=(4, 3), outside=False):
    """A NeuMF head: ``product`` coordinates multiplied, the others through two layers."""
    width = 2 * (DIM - product)
    tensors = {}
    for place, size in enumerate(layers):
        tensors[f"layers.{place}.weight"] = draw(size, width, seed=10 + place)
        tensors[f"layers.{place}.bias"] = draw(size, seed=20 + place)
        width = size
    tensors["out.weight"], tensors["out.bias"] = draw(1, product + width, seed=30), draw(1, seed=31)
    return (SigmoidMlpHead if outside else MlpHead)(ITEM_VECTORS, tensors, draw(ITEMS, seed=32))


def loss_of(head, site, unit="mse"):
    """The loss in float64, and its shared tensors."""
    x = {"case": USER_VECTORS, "item": ITEM_VECTORS}
    kinds = {"user": ["case"], "item": ["item"], "both": ["case", "item"]}[site]
    trained, partners = {k: x[k] for k in kinds}, {k: x[k] for k in x if k not in kinds and k == "case"}
    found = prediction_loss(head, trained, partners, unit=unit, seed=7, device=torch.device("cpu"))
    shared = found.shared
    shared.items = shared.items.double()
    shared.x = {kind: rows.double() for kind, rows in shared.x.items()}
    shared.tensors = {name: tensor.double() for name, tensor in shared.tensors.items()}
    found.reseed(11)
    return found


PARTS = {
    "user": [("case", ROWS, ERROR)],
    "item": [("item", ITEM_ROWS, ITEM_ERROR)],
    "both": [("case", ROWS, ERROR), ("item", ITEM_ROWS, ITEM_ERROR)],
}


@pytest.fixture(params=[None, 15], ids=["every list", "half the lists"])
def lists(request, monkeypatch):
    """How many users' own lists are known; all by default."""
    if request.param:
        monkeypatch.setattr(prediction, "_LISTED", request.param)


def listed_errors(found, error):
    """Errors in the scores of the items drawn from each known list, [known rows, drawn], and what an error weighs."""
    found.reseed(11)
    known, drawn = found.shared.from_lists(ROWS)
    weight = USERS / (min(prediction._LISTED, USERS) * len(ROWS) * drawn.shape[1])
    return torch.einsum("nd,nmd->nm", error[known], found.shared.items[drawn]), weight


def dot_loss(found, site, error, item_error, unit):
    u, v = torch.from_numpy(USER_VECTORS).double(), torch.from_numpy(ITEM_VECTORS).double()
    listed_users = USER_VECTORS[found.shared.list_of.numpy() >= 0]
    variance = float(np.var(listed_users.astype(float) @ ITEM_VECTORS.T.astype(float)))
    divisor = variance if unit == "variance" else 1.0
    if site == "item":
        return ((u @ item_error.T) ** 2).mean() / divisor
    listed, weight = listed_errors(found, error)
    if site == "user":
        pairs = error @ v.T
    else:
        pairs = (u[ROWS] + error) @ (v[ITEM_ROWS] + item_error).T - u[ROWS] @ v[ITEM_ROWS].T
    if unit == "variance":  # a shift of all of a user's scores moves no rank
        pairs, listed = (errors - errors.mean(1, keepdim=True) for errors in (pairs, listed))
    return (0.5 * (pairs**2).mean() + 0.5 * weight * (listed**2).sum()) / divisor


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize("site", PARTS)
@pytest.mark.parametrize("unit", ["mse", "variance"])
def test_inner_products(site, unit):
    found = loss_of(DotHead(ITEM_VECTORS), site, unit)
    got = found.gradients(PARTS[site])
    leaves = {"case": ERROR.clone().requires_grad_(), "item": ITEM_ERROR.clone().requires_grad_()}
    loss = dot_loss(found, site, leaves["case"], leaves["item"], unit)
    wanted = torch.autograd.grad(loss, [leaves[kind] for kind, _, _ in PARTS[site]])
    for mine, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


def test_a_users_list_is_the_best_of_the_frozen_model():
    head = DotHead(ITEM_VECTORS, draw(ITEMS, seed=9) * 3)
    found = loss_of(head, "user")
    best = np.argsort(-head.score(USER_VECTORS), axis=1)[:, :TOP]
    assert [set(row) for row in best] == [set(row) for row in found.shared.top[found.shared.list_of].numpy()]
    known, drawn = (found_.numpy() for found_ in found.shared.from_lists(ROWS))
    assert known.tolist() == list(range(len(ROWS)))
    assert all(set(items) <= set(best[row]) for row, items in zip(ROWS.tolist(), drawn, strict=True))


def test_which_lists_are_known_has_nothing_to_do_with_the_order_of_batches(monkeypatch):
    monkeypatch.setattr(prediction, "_LISTED", 100)
    cases = draw(1000, DIM, seed=5)
    rest = {"unit": "mse", "seed": 0, "device": torch.device("cpu")}
    shared = prediction_loss(DotHead(ITEM_VECTORS), {"case": cases}, {}, **rest).shared
    pool = Pool("case", cases, np.ones((1000, 1), np.float32), 1.0, torch.device("cpu"))
    batches = pool.batches(Settings(batch=100, seed=0), step=0)
    known = [int((shared.list_of[next(batches).rows] >= 0).sum()) for _ in range(10)]
    assert sum(known) == 100
    assert max(known) < 25


@pytest.mark.parametrize("head", [DotHead(ITEM_VECTORS), mlp()], ids=["dot", "mlp"])
def test_a_batch_without_a_known_list_is_scored_over_the_catalogue_alone(head, monkeypatch):
    monkeypatch.setattr(prediction, "_LISTED", 1)
    found = loss_of(head, "user")
    (listed,) = (found.shared.list_of >= 0).nonzero()[:, 0].tolist()
    rows = ROWS[listed != ROWS]
    (gradient,) = found.gradients([("case", rows, ERROR[: len(rows)])])
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_draws_depend_on_seed_and_step_alone():
    one, two = loss_of(DotHead(ITEM_VECTORS), "user"), loss_of(DotHead(ITEM_VECTORS), "user")
    one.gradients(PARTS["user"])
    one.reseed(12), two.reseed(12)
    again = two.gradients(PARTS["user"])[0]
    assert torch.equal(one.gradients(PARTS["user"])[0], again)
    two.reseed(13)
    assert not torch.equal(two.gradients(PARTS["user"])[0], again)


@pytest.mark.parametrize("product", [0, 2], ids=["mlp", "neumf"])
def test_logits_are_the_heads_scores(product):
    head = mlp(product)
    found = loss_of(head, "user")
    shared = found.shared
    got = found.logits(shared.x["case"], shared.items.expand(USERS, -1, -1))
    np.testing.assert_allclose(got.numpy() + head.bias, head.score(USER_VECTORS), rtol=2e-5, atol=2e-5)


def numpy_logits(head, users, items):
    """[n, m] of [n, dim] and [n, m, dim], one pair at a time."""
    tensors = {name: tensor.astype(float) for name, tensor in head.tensors.items()}
    out = tensors["out.weight"][0]
    product = len(out) - len(tensors["layers.1.bias"])
    found = np.empty(items.shape[:2])
    for n, m in np.ndindex(*found.shape):
        u, v = users[n], items[n, m]
        hidden = np.concatenate([u[product:], v[product:]])
        for layer in (0, 1):
            hidden = np.maximum(
                tensors[f"layers.{layer}.weight"] @ hidden + tensors[f"layers.{layer}.bias"], 0
            )
        found[n, m] = out @ np.concatenate([u[:product] * v[:product], hidden]) + tensors["out.bias"][0]
    return found


def cross_entropy(head, pairs, pairs_again):
    p, q = (1 / (1 + np.exp(-numpy_logits(head, *both))) for both in (pairs, pairs_again))
    return float(-(p * np.log(q) + (1 - p) * np.log(1 - q)).mean())


def mlp_loss(found, head, site, error, item_error):
    """From the draws of step 11, in the order they are made."""
    found.reseed(11)
    shared, scored = found.shared, ROWS[: len(ROWS) // prediction._MLP_SHARE]
    u, v = USER_VECTORS.astype(float), ITEM_VECTORS.astype(float)
    own, again = u[scored], u[scored] + error[: len(scored)]
    if site == "item":
        place = torch.randint(USERS, (len(ITEM_ROWS), 16), generator=shared.rng)
        users = u[place].reshape(-1, DIM)
        of = np.repeat(v[ITEM_ROWS], 16, axis=0)[:, None]
        of_again = np.repeat(v[ITEM_ROWS] + item_error, 16, axis=0)[:, None]
        return cross_entropy(head, (users, of), (users, of_again))
    known, drawn = shared.from_lists(scored)
    listed, share = v[drawn], min(prediction._LISTED, USERS) / USERS
    loss = (
        0.5
        * cross_entropy(head, (own[known], listed), (again[known], listed))
        * len(known)
        / len(scored)
        / share
    )
    if site == "user":
        drawn = drawn_again = v[shared.from_catalogue(len(scored))]
    else:
        place = torch.randint(len(ITEM_ROWS), (len(scored), 16), generator=shared.rng)
        drawn, drawn_again = v[ITEM_ROWS][place], (v[ITEM_ROWS] + item_error)[place]
    return loss + 0.5 * cross_entropy(head, (own, drawn), (again, drawn_again))


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize(("site", "outside"), [("user", True), *((site, False) for site in PARTS)])
def test_through_an_mlp_by_finite_differences(site, outside):
    head = mlp(outside=outside)
    found = loss_of(head, site)
    errors = {"case": ERROR.numpy() * 0.3, "item": ITEM_ERROR.numpy() * 0.3}
    got = found.gradients([(kind, rows, torch.from_numpy(errors[kind])) for kind, rows, _ in PARTS[site]])
    rng = np.random.default_rng(0)
    for (kind, _, _), gradient in zip(PARTS[site], got, strict=True):
        way = rng.normal(size=errors[kind].shape)
        step = 1e-5
        moved = []
        for sign in (step, -step):
            there = errors | {kind: errors[kind] + sign * way}
            moved.append(mlp_loss(found, head, site, there["case"], there["item"]))
        slope = (moved[0] - moved[1]) / (2 * step)
        assert abs(slope) > 1e-4
        assert float((gradient.numpy() * way).sum()) == pytest.approx(slope, rel=1e-5)


def test_the_exact_vector_is_a_minimum_through_an_mlp():
    found = loss_of(mlp(), "both")
    for gradient in found.gradients([(kind, rows, 0 * error) for kind, rows, error in PARTS["both"]]):
        assert gradient.abs().max() < 1e-12


def test_heads_without_a_gradient_are_refused():
    head = MaxInterestHead(ITEM_VECTORS)
    with pytest.raises(UsageError, match="max-interest"):
        prediction_loss(head, {"case": USER_VECTORS}, {}, unit="mse", seed=0, device=torch.device("cpu"))


def test_items_need_users_to_be_scored_for():
    head = DotHead(ITEM_VECTORS)
    with pytest.raises(UsageError, match="need users"):
        prediction_loss(head, {"item": ITEM_VECTORS}, {}, unit="mse", seed=0, device=torch.device("cpu"))


class Quadratic:
    """mean_rows eᵀ A e."""

    about = ""
    matrix = torch.from_numpy(draw(DIM, DIM, seed=40)).double()

    def reseed(self, step):
        pass

    def gradients(self, parts):
        return [error @ (self.matrix + self.matrix.T) / len(error) for _, _, error in parts]


@pytest.mark.parametrize("kind", ["topk", "batchtopk", "jumprelu"])
@pytest.mark.parametrize("prefixes", [(), (7, 20, 48)], ids=["flat", "matryoshka"])
def test_it_reaches_the_parameters_in_the_models_units(kind, prefixes):
    weights = LossWeights(auxiliary=0, prediction=1.7)
    settings = Settings(kind=kind, latents=48, k=4, prefixes=prefixes, loss=weights)
    x = torch.from_numpy(draw(40, DIM, seed=50)).double()
    gain = torch.from_numpy(draw(40, 1, seed=51)).double().abs() + 0.1
    one = Case(settings, x, gain, 2.3)
    one.objective.prediction = Quadratic()
    found = one.backward()

    class WithPrediction(Case):
        def loss(self, encoder, decoder, encoder_bias, pre_bias, log_threshold):
            plain = super().loss(encoder, decoder, encoder_bias, pre_bias, log_threshold)
            pre = (self.x - pre_bias) @ encoder.T + encoder_bias
            error = (self._codes(pre, log_threshold.exp()) @ decoder + pre_bias - self.x) * self.gain
            return plain + 1.7 * ((error @ Quadratic.matrix) * error).sum(1).mean()

    wanted = WithPrediction(settings, x, gain, 2.3).autograd()
    for name in NAMES:
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), rtol=1e-9, atol=1e-12)
    plain = Case(replace(settings, loss=replace(weights, prediction=0)), x, gain, 2.3).backward()
    assert not torch.allclose(found.decoder, plain.decoder)
