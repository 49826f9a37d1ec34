"""Edited vectors against the definition, worked out another way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recaudit.checkpoints.spec import SaeSpec
from recaudit.interventions.apply import Reference, edited
from recaudit.interventions.edits import Edit, Intervention
from recaudit.sae import decode
from recaudit.sae.autoencoder import SparseAutoencoder

ROWS, DIM, LATENTS, K = 60, 6, 16, 4


def spec(**changes):
    rng = np.random.default_rng(0)
    encoder = rng.standard_normal((LATENTS, DIM)).astype(np.float32)
    built = SaeSpec(
        tool="test",
        encoder=encoder,
        decoder=rng.standard_normal((LATENTS, DIM)).astype(np.float32),
        encoder_bias=rng.normal(0, 0.1, LATENTS).astype(np.float32),
        pre_bias=rng.normal(0, 0.1, DIM).astype(np.float32),
        activation="topk",
        k=K,
    )
    return replace(built, **changes)


def world(**changes):
    built = spec(**changes)
    x = np.random.default_rng(1).standard_normal((ROWS, DIM)).astype(np.float32)
    codes = SparseAutoencoder(built).encode(x).matrix()
    unit = np.random.default_rng(2).standard_normal(DIM)
    reference = Reference(built, x, codes.tocsc(), {"it": unit / np.linalg.norm(unit)})
    return x, codes, reference


def everyone(*edits):
    return [np.ones(ROWS, dtype=bool) for _ in edits]


def run(*edits, masks=None, keep_error=True, **changes):
    x, codes, reference = world(**changes)
    intervention = Intervention(edits, keep_error=keep_error)
    return x, codes, reference, edited(intervention, x, codes, masks or everyone(*edits), reference)


def by_definition(x, before, after, decoder):
    """x + decode(z') - decode(z), in double precision; biases cancel."""
    return x + (after - before).astype(np.float64) @ decoder.astype(np.float64)


OF_CODES = [
    (Edit("scale", (2, 5), by=-10), lambda z, all_: z * -10),
    (Edit("ablate", (2, 5)), lambda z, all_: z * 0),
    (Edit("set", (2, 5), to=1.5), lambda z, all_: np.full_like(z, 1.5)),
    (Edit("clamp", (2, 5), low=0.3), lambda z, all_: np.maximum(z, 0.3)),
    (Edit("clamp", (2, 5), high=0.3), lambda z, all_: np.minimum(z, 0.3)),
    (Edit("shift", (2, 5), by=-1, at="codes"), lambda z, all_: np.maximum(z - all_.std(axis=0)[[2, 5]], 0)),
]


@pytest.mark.parametrize(("edit", "change"), OF_CODES, ids=lambda part: getattr(part, "op", ""))
def test_edits_of_codes(edit, change):
    x, codes, reference, found = run(edit)
    before = codes.toarray()
    after = before.copy()
    after[:, [2, 5]] = change(before[:, [2, 5]], before.astype(np.float64))
    assert found == pytest.approx(by_definition(x, before, after, reference.spec.decoder), abs=1e-5)


def test_set_to_the_latents_own_quantile():
    _, codes, _, found = run(Edit("set", (3,), quantile=0.75))
    values = codes.toarray()[:, 3]
    level = np.quantile(values[values > 0], 0.75)
    _, _, _, same = run(Edit("set", (3,), to=float(level)))
    assert found == pytest.approx(same, abs=1e-6)


def test_blend_keeps_the_rows_whole_activation():
    x, codes, reference, found = run(Edit("blend", (1, 4), by=0.3))
    before = codes.toarray().astype(np.float64)
    total = before.sum(axis=1, keepdims=True)
    after = 0.7 * before
    after[:, [1, 4]] += 0.3 * total / 2
    assert after.sum(axis=1) == pytest.approx(total[:, 0])
    assert found == pytest.approx(by_definition(x, before, after, reference.spec.decoder), abs=1e-5)


def test_a_shift_before_the_activation_lets_the_dictionary_choose_again():
    x, codes, reference, found = run(Edit("shift", (0,), by=3))
    built = reference.spec
    pre = (x - built.pre_bias) @ built.encoder.T + built.encoder_bias
    pre[:, 0] += 3 * pre[:, 0].std()
    after = np.zeros_like(pre)
    for row, values in enumerate(pre):
        kept = np.argsort(-values)[:K]
        after[row, kept] = np.maximum(values[kept], 0)
    assert (after > 0).sum(axis=1).max() == K
    assert found == pytest.approx(by_definition(x, codes.toarray(), after, built.decoder), abs=1e-4)


def test_silencing_a_pre_activation_makes_room_for_another_latent():
    x, codes, _, found = run(Edit("ablate", (0,), at="pre-activations"))
    _, _, reference, after_codes = run(Edit("ablate", (0,)))
    fired = codes.toarray()[:, 0] > 0
    assert not np.allclose(found[fired], after_codes[fired])
    silent = spec(
        encoder_bias=np.where(np.arange(LATENTS) == 0, -1e9, spec().encoder_bias).astype(np.float32)
    )
    again = decode(silent, SparseAutoencoder(silent).encode(x))
    plain = decode(reference.spec, SparseAutoencoder(reference.spec).encode(x))
    assert found == pytest.approx(x + again - plain, abs=1e-5)


def test_a_projection_leaves_nothing_along_the_direction():
    x, _, reference, found = run(Edit("project", direction="it", by=1))
    unit = reference.directions["it"]
    assert found @ unit == pytest.approx(np.zeros(ROWS), abs=1e-6)
    others = np.linalg.svd(unit[None])[2][1:]
    assert found @ others.T == pytest.approx(x @ others.T, abs=1e-5)


def test_a_shift_along_a_direction_is_in_standard_deviations():
    x, _, reference, found = run(Edit("shift", direction="it", by=2))
    unit = reference.directions["it"]
    assert (found - x) @ unit == pytest.approx(np.full(ROWS, 2 * (x @ unit).std()), rel=1e-4)


NOTHING = [
    Edit("scale", (2, 5), by=1),
    Edit("clamp", (2, 5), high=1e6),
    Edit("shift", (2,), by=0),
    Edit("shift", (2,), by=0, at="codes"),
    Edit("scale", (2,), by=1, at="pre-activations"),
    Edit("blend", (2,), by=0),
    Edit("project", direction="it", by=0),
]


@pytest.mark.parametrize("edit", NOTHING, ids=lambda edit: f"{edit.op} {edit.place}")
def test_no_edit_is_the_original_to_the_bit(edit):
    x, *_, found = run(edit)
    assert found.tobytes() == x.tobytes()


@pytest.mark.parametrize("edit", [Edit("shift", (2,), by=2), Edit("set", (2,), to=3), Edit("project", direction="it", by=1)],
                         ids=lambda edit: edit.op)  # fmt: skip
def test_rows_an_edit_is_not_for_stay_to_the_bit(edit):
    mask = np.arange(ROWS) % 3 == 0
    x, *_, found = run(edit, masks=[mask])
    assert found[~mask].tobytes() == x[~mask].tobytes()
    assert (found[mask] != x[mask]).any()


def test_several_groups_each_with_its_own_shift():
    first, second = np.arange(ROWS) % 2 == 0, np.arange(ROWS) % 3 == 0
    edits = (Edit("shift", (0,), by=2), Edit("shift", (1,), by=-2))
    *_, found = run(*edits, masks=[first, second])
    *_, only_first = run(edits[0])
    *_, only_second = run(edits[1])
    *_, both = run(*edits)
    assert found[first & ~second] == pytest.approx(only_first[first & ~second], abs=1e-6)
    assert found[~first & second] == pytest.approx(only_second[~first & second], abs=1e-6)
    assert found[first & second] == pytest.approx(both[first & second], abs=1e-6)


def test_without_the_error_vectors_are_what_the_dictionary_makes_of_them():
    _, codes, reference, found = run(Edit("scale", (2,), by=0.5), keep_error=False)
    halved = codes.toarray()
    halved[:, 2] *= 0.5
    wanted = halved.astype(np.float64) @ reference.spec.decoder + reference.spec.pre_bias
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("norm_in", ["layer_norm", "standardise", "constant_norm_rescale"])
def test_rescaled_rows_move_by_their_own_scale(norm_in):
    x, codes, reference, found = run(Edit("ablate", (2, 5)), norm_in=norm_in)
    built = reference.spec
    plain = SparseAutoencoder(built).encode(x)
    after = codes.toarray()
    after[:, [2, 5]] = 0
    from scipy.sparse import csr_array

    from recaudit.interventions.apply import _as_codes

    wanted = x + decode(built, _as_codes(csr_array(after)), x) - decode(built, plain, x)
    assert found == pytest.approx(wanted, abs=1e-4)


def test_a_latent_with_a_broken_decoder_moves_nothing():
    broken = spec().decoder.copy()
    broken[2] = np.nan
    x, *_, found = run(Edit("set", (2,), to=1.0), decoder=broken)
    assert found.tobytes() == x.tobytes()


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_scales_multiply(a, b):
    *_, found = run(Edit("scale", (2,), by=a), Edit("scale", (2,), by=b))
    *_, once = run(Edit("scale", (2,), by=a * b))
    assert found == pytest.approx(once, abs=1e-3)


def test_strength_goes_from_nothing_to_the_edit():
    edit = Edit("scale", (2,), by=-4)
    x, *_, whole = run(edit)
    *_, half = run(edit.scaled(0.5))
    assert half - x == pytest.approx((whole - x) / 2, abs=1e-5)
    *_, none = run(edit.scaled(0))
    assert none.tobytes() == x.tobytes()
