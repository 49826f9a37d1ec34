"""A training that was broken off goes on to the same bits; the same seed gives the same bits."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from recaudit.errors import NoVerdictError
from recaudit.models.heads import DotHead
from recaudit.sae.training import state
from recaudit.sae.training.settings import LossWeights, Settings
from recaudit.sae.training.trainer import TrainingData, train
from tests.sae.training.worlds import DIM, data, judge, sparse_rows

SHORT = Settings(latents=64, k=4, batch=128, max_steps=90, look_every=10, warmup=20, patience=3, silent=5)
WORLD = data(600)
HEAD = DotHead(sparse_rows(150, seed=9))

TRAININGS = {
    "topk": (SHORT, WORLD),
    "plateau": (replace(SHORT, learning_rate=1e-9, max_steps=400), WORLD),
    "batchtopk": (replace(SHORT, kind="batchtopk"), WORLD),
    "silent latents": (replace(SHORT, latents=192, pre_bias=False, learning_rate=2e-2, warmup=0), WORLD),
    "jumprelu": (replace(SHORT, kind="jumprelu"), WORLD),
    "augmented": (replace(SHORT, augment=0.5), WORLD),
    "tied": (replace(SHORT, tied=True, start="even", norm_decoder="never"), WORLD),
    "predicting both": (
        replace(SHORT, site="both", loss=LossWeights(prediction=1)),
        TrainingData(
            {"case": sparse_rows(600), "item": sparse_rows(333, seed=9)},
            {"case": sparse_rows(60, seed=4), "item": sparse_rows(50, seed=5)},
            interactions=600,
            head=DotHead(sparse_rows(333, seed=9)),
        ),
    ),
}


def run(settings, world=WORLD, **more):
    return train(world, settings, judge, **more)


def weights(trained):
    spec = trained.spec
    parts = (spec.encoder, spec.decoder, spec.encoder_bias, spec.pre_bias, spec.threshold)
    return [part.tobytes() for part in parts if part is not None]


def looks(trained):
    return [replace(look, seconds=0) for look in trained.looks]


class Broken(Exception):
    """The power goes."""


def break_off(settings, world, path, after):
    """Train until ``after`` looks have been shown, then break."""
    seen = []

    def progress(look, limit):
        seen.append(look)
        if len(seen) == after:
            raise Broken

    with pytest.raises(Broken):
        run(settings, world, keep_state=path, progress=progress)
    return seen


@pytest.mark.parametrize("name", TRAININGS)
def test_broken_off_and_gone_on(name, tmp_path):
    settings, world = TRAININGS[name]
    whole = run(settings, world)
    path = tmp_path / "state"
    seen = break_off(settings, world, path, 1) + break_off(settings, world, path, 3)
    assert [look.step for look in seen] == [10, 20, 30, 40]  # none of it twice
    again = run(settings, world, keep_state=path)
    assert weights(again) == weights(whole)
    assert looks(again) == looks(whole)
    assert again.stopped == whole.stopped
    assert (whole.stopped == "plateau") == (name == "plateau")
    assert again.looks[-1].seconds >= seen[-1].seconds > 0
    # Until its result is stored, a finished training can be had again for nothing.
    finished = run(
        settings, world, keep_state=path, progress=lambda look, limit: pytest.fail("trained again")
    )
    assert weights(finished) == weights(whole)
    state.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_what_kills_left_behind_goes_too(tmp_path):
    path = tmp_path / ".audit [1].training"
    break_off(SHORT, WORLD, path, 1)
    path.with_name(f"{path.name}.123.writing").write_bytes(b"half")
    other = tmp_path / "audit 1.training.123.writing"
    other.touch()
    state.remove(path)
    assert list(tmp_path.iterdir()) == [other]
    state.remove(path)


@pytest.mark.parametrize(
    ("settings", "world"),
    [
        (replace(SHORT, seed=1), WORLD),
        (replace(SHORT, loss=LossWeights(l1=1)), WORLD),
        (SHORT, replace(WORLD, train={"case": WORLD.train["case"][::-1]})),
        (SHORT, replace(WORLD, held_out={"case": sparse_rows(70, seed=8)})),
        (SHORT, replace(WORLD, interactions=5)),
    ],
    ids=["seed", "loss", "order of rows", "held-out rows", "interactions"],
)
def test_the_state_of_another_training_is_ignored(settings, world, tmp_path):
    path = tmp_path / "state"
    break_off(SHORT, WORLD, path, 4)
    assert weights(run(settings, world, keep_state=path)) == weights(run(settings, world))


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "no notes", "other notes", "not a table"])
def test_a_damaged_state_is_ignored(damage, tmp_path):
    path = tmp_path / "state"
    break_off(SHORT, WORLD, path, 2)
    good = path.read_bytes()
    if damage in ("no notes", "other notes", "not a table"):
        said = {"no notes": None, "other notes": {"run": "{}"}, "not a table": {"run": "[1, 2]"}}[damage]
        save_file({"a": np.zeros(2)}, path, said)
    else:
        path.write_bytes({"empty": b"", "half": good[: len(good) // 2], "garbage": b"\xff" * 5000}[damage])
    again = run(SHORT, keep_state=path)
    assert weights(again) == weights(run(SHORT))
    assert again.looks[0].step == 10


@pytest.mark.parametrize("name", TRAININGS)
def test_a_seed_is_all_there_is_to_chance(name):
    settings, world = TRAININGS[name]
    one, two, other = (run(replace(settings, seed=seed), world) for seed in (4, 4, 5))
    assert weights(one) == weights(two)
    assert looks(one) == looks(two)
    assert weights(one) != weights(other)


def test_the_best_look_is_what_is_kept():
    scores = iter([0.3, 0.9, 0.5, 0.9, 0.1])
    seen = []

    def wandering(rebuild):
        seen.append(rebuild("case", WORLD.held_out["case"]))
        return next(scores), None

    trained = train(WORLD, replace(SHORT, max_steps=50, patience=99), wandering)
    assert [look.kept for look in trained.looks] == [False, True, False, False, False]
    assert trained.best.step == 20
    from recaudit.sae.autoencoder import SparseAutoencoder

    np.testing.assert_array_equal(
        SparseAutoencoder(trained.spec).reconstruct(WORLD.held_out["case"]), seen[1]
    )


def test_weights_that_run_away_are_said_to():
    with pytest.raises(NoVerdictError, match="ran away") as refused:
        run(replace(SHORT, learning_rate=1e30, rescale=False, kind="relu", loss=LossWeights(l1=1e-3)))
    assert "--learning-rate" in refused.value.fix


@pytest.mark.parametrize(
    ("train_rows", "held_out", "said"),
    [
        (sparse_rows(31), sparse_rows(9), "31 different case vectors are too few"),
        (sparse_rows(60), sparse_rows(1), "no two different case vectors to hold out"),
        (sparse_rows(60), np.ones((5, DIM), np.float32), "no two different case vectors to hold out"),
        (sparse_rows(60), sparse_rows(9)[:0], "no two different case vectors to hold out"),
    ],
    ids=["few", "one held out", "all the same held out", "none held out"],
)
def test_too_little_to_train_on(train_rows, held_out, said):
    with pytest.raises(NoVerdictError, match=said):
        run(SHORT, TrainingData({"case": train_rows}, {"case": held_out}, interactions=9))
