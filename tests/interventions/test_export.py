"""Interventions outside recaudit: what the file, the tables and the module hold, and what is refused."""

import dataclasses
import json
import warnings
from itertools import product

import duckdb
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.sparse import csc_array

from recaudit.analyses.reopened import reopened
from recaudit.checkpoints.spec import NORMS_IN, SaeSpec
from recaudit.errors import ExitCode, InputRefused, UsageError
from recaudit.ingest import IngestRequest, ingest
from recaudit.interventions.apply import Reference, edited
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.export import agreement
from recaudit.interventions.export.command import exported
from recaudit.interventions.export.folding import CannotFold
from recaudit.interventions.export.module import Edited
from recaudit.interventions.steering import Steering
from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.store import reading
from recaudit.store.read import model_named
from tests import tiny
from tests.interventions.conftest import ITEMS

BPRMF = "BPRMF__tiny__0__emb_size=8.pt"
POPULARITY = Edit("project", direction="popularity", by=0.5)


@pytest.fixture
def checkpoint(steerable):
    return steerable.parent / "models" / BPRMF


def latents(opened, n=3):
    audit, model, sae = opened
    steering = Steering.of_audit(audit, model, sae)
    fires = np.diff(steering.users.reference.codes.indptr)
    return steering, tuple(int(j) for j in np.sort(np.argsort(-fires)[:n]))


def test_the_models_own_file_holds_every_users_edited_vector_and_nothing_else_new(
    opened, checkpoint, tmp_path
):
    steering, chosen = latents(opened)
    intervention = Intervention((Edit("scale", chosen, by=-3.0),))
    done = exported(*opened, intervention, tmp_path / BPRMF, original=checkpoint)
    assert (done.form, done.apart) == ("checkpoint", 0)
    before, after = torch.load(checkpoint), torch.load(tmp_path / BPRMF)
    assert torch.equal(before["i_embeddings.weight"], after["i_embeddings.weight"])
    assert torch.equal(before["u_embeddings.weight"][0], after["u_embeddings.weight"][0])
    wanted = steering.vectors(intervention)
    assert np.array_equal(after["u_embeddings.weight"].numpy()[steering.bench.field.cases.user + 1], wanted)
    assert [path.name for path in tmp_path.iterdir()] == [BPRMF]


def test_items_go_into_the_item_table(opened, checkpoint, tmp_path):
    steering, chosen = latents(opened)
    raw = next(iter(steering.raw_items))
    done = exported(
        *opened,
        Intervention((Edit("set", chosen, to=5.0, items=(raw,)),)),
        tmp_path / BPRMF,
        original=checkpoint,
    )
    assert done.form == "checkpoint"
    before, after = (torch.load(path)["i_embeddings.weight"] for path in (checkpoint, tmp_path / BPRMF))
    assert (before != after).any(dim=1).nonzero().ravel().tolist() == [int(raw)]


def test_tables_hold_ids_and_score_as_the_steered_model(opened, tmp_path):
    steering, chosen = latents(opened)
    intervention = Intervention((Edit("ablate", chosen),))
    for name in ("first.npz", "second.npz"):
        exported(*opened, intervention, tmp_path / name, form="tables")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    found = np.load(tmp_path / "first.npz")
    scores = found["user_embeddings"] @ found["item_embeddings"].T
    wanted = steering.vectors(intervention)[steering.bench.newest] @ steering.items.x.T
    assert scores == pytest.approx(wanted, abs=1e-5)
    assert list(found["item_ids"]) == list(steering.raw_items)


def test_tables_as_parquet(opened, tmp_path):
    steering, chosen = latents(opened)
    intervention = Intervention((Edit("ablate", chosen),))
    done = exported(*opened, intervention, tmp_path / "even", form="tables")
    assert done.apart == 0
    users, items = (
        duckdb.sql(f"SELECT * FROM '{tmp_path}/even/{side}s.parquet'").df() for side in ("user", "item")
    )
    scores = np.stack(users["vector"]) @ np.stack(items["vector"]).T
    wanted = steering.vectors(intervention)[steering.bench.newest] @ steering.items.x.T
    assert scores == pytest.approx(wanted, abs=1e-5)
    assert list(items["item_id"]) == list(steering.raw_items)
    with pytest.raises(UsageError, match="npz or parquet"):
        exported(*opened, intervention, tmp_path / "even.csv", form="tables")


def test_a_module_is_the_intervention_for_whoever_has_torch(opened, tmp_path):
    steering, chosen = latents(opened)
    intervention = Intervention((Edit("shift", chosen, by=1.5), Edit("set", chosen[:1], quantile=0.9)))
    exported(*opened, intervention, tmp_path / "module", form="module")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = torch.jit.load(str(tmp_path / "module" / "module.pt"))
    x = steering.users.x
    assert run(torch.from_numpy(x)).numpy() == pytest.approx(steering.vectors(intervention), abs=1e-5)
    pair = load_file(tmp_path / "module" / "test_vector.safetensors")
    assert run(torch.from_numpy(pair["x"])).numpy() == pytest.approx(pair["edited"], abs=1e-6)
    assert run(torch.zeros(0, 8)).shape == (0, 8)
    page = (tmp_path / "module" / "README.md").read_text()
    weights = load_file(tmp_path / "module" / "weights.safetensors")
    assert all(f"`{name}` {list(array.shape)}" in page for name, array in weights.items())


SETTINGS = {
    "relu": {}, "relu_topk": {"k": 3}, "topk": {"k": 3}, "groupmax": {"k": 4},
    "jumprelu": {"threshold": np.full(16, 0.3, np.float32)},
    "batch_topk": {"threshold": np.full(16, 0.2, np.float32)},
    "gated": {"magnitude_log_scale": np.full(16, 0.1, np.float32), "magnitude_bias": np.full(16, 0.05, np.float32)},
}  # fmt: skip
EDITS = (
    Edit("scale", (1, 4), by=-2.0), Edit("ablate", (2,)), Edit("clamp", (3, 5), low=0.1, high=0.4),
    Edit("set", (0,), to=0.7), Edit("shift", (6,), by=1.0, at="codes"), Edit("blend", (7, 8), by=0.3),
    Edit("project", direction="d", by=0.6), Edit("shift", direction="d", by=-0.5),
)  # fmt: skip


@pytest.mark.parametrize(("activation", "norm_in"), list(product(SETTINGS, NORMS_IN)))
def test_the_module_does_what_the_audit_does_for_every_kind_of_dictionary(activation, norm_in):
    rng = np.random.default_rng(3)
    x, encoder, decoder, skip = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((50, 6), (16, 6), (16, 6), (6, 6))
    )
    bias = rng.standard_normal(16).astype(np.float32) / 8
    spec = SaeSpec(
        "test", encoder, decoder, bias, rng.standard_normal(6).astype(np.float32), activation,
        SETTINGS[activation].get("k"), norm_in=norm_in, skip=skip,
        **{name: value for name, value in SETTINGS[activation].items() if name != "k"},
    )  # fmt: skip
    codes = SparseAutoencoder(spec).encode(x).matrix()
    reference = Reference(spec, x, csc_array(codes), {"d": np.eye(6)[2]})
    before = (
        ()
        if activation == "gated"
        else (Edit("shift", (9, 10), by=2.0), Edit("ablate", (11,), at="pre-activations"))
    )
    for keep_error in (True, False):
        intervention = Intervention((*before, *EDITS), keep_error=keep_error)
        masks = [np.ones(len(x), dtype=bool)] * len(intervention.edits)
        wanted = edited(intervention, x, codes, masks, reference)
        with torch.no_grad():
            found = Edited(intervention, reference)(torch.from_numpy(x)).numpy()
        assert found == pytest.approx(wanted, abs=2e-5)


def test_a_module_is_for_one_kind_of_vector(opened, tmp_path):
    _, chosen = latents(opened)
    raw = Edit("set", chosen, to=1.0, items=("1",))
    with pytest.raises(UsageError, match="different users or items"):
        exported(*opened, Intervention((Edit("ablate", chosen), raw)), tmp_path / "module", form="module")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def sequence(tmp_path_factory, steerable):
    """SASRec whose norms are no round numbers: audit and file."""
    folder = tmp_path_factory.mktemp("sequence")
    state = tiny.sasrec() | {
        "i_embeddings.weight": torch.randn(ITEMS + 1, tiny.DIM, generator=torch.Generator().manual_seed(5))
    }
    for name in state:
        if name.endswith("norm2.bias"):
            state[name] = torch.randn(tiny.DIM, generator=torch.Generator().manual_seed(4))
    path = folder / "SASRec__tiny__0__emb_size=8__num_layers=1__num_heads=2.pt"
    torch.save(state, path)
    ingest(IngestRequest(path, steerable.parent / "data", folder / "audit.duckdb", name="sasrec"))
    return folder / "audit.duckdb", path


def test_a_step_along_a_direction_folds_into_the_last_bias_of_a_network(sequence, tmp_path):
    db, path = sequence
    with reading(db) as audit:
        model = model_named(audit, None)
        edit = Intervention((Edit("shift", direction="popularity", by=-1.0),))
        done = exported(audit, model, None, edit, tmp_path / path.name, original=path)
        steering = Steering.of_audit(audit, model, None, directions=["popularity"])
        step = (steering.vectors(edit) - steering.users.x)[0]
    assert done.form == "checkpoint"
    assert 0 < done.apart <= agreement.TOLERANCE
    before, after = torch.load(path), torch.load(tmp_path / path.name)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["transformer_block.0.layer_norm2.bias"]
    assert (after[changed[0]] - before[changed[0]]).numpy() == pytest.approx(step, abs=1e-6)


def test_what_a_network_cannot_take_on_is_said_and_becomes_a_module(sequence, tmp_path):
    db, path = sequence
    with reading(db) as audit:
        model = model_named(audit, None)
        with pytest.raises(CannotFold, match="layer norm"):
            exported(
                audit,
                model,
                None,
                Intervention((POPULARITY,)),
                tmp_path / "a.pt",
                form="checkpoint",
                original=path,
            )
        done = exported(audit, model, None, Intervention((POPULARITY,)), tmp_path / "a", original=path)
    assert done.form == "module"
    assert "layer norm" in done.notes[0]
    assert (tmp_path / "a" / "module.pt").exists()


def test_another_file_than_the_models_is_refused(opened, sequence, checkpoint, tmp_path):
    edit = Intervention((POPULARITY,))
    with pytest.raises(InputRefused, match="not the file"):
        exported(*opened, edit, tmp_path / "a.pt", original=sequence[1])
    with pytest.raises(UsageError, match="needs that file"):
        exported(*opened, edit, tmp_path / "a.pt")
    (tmp_path / "there").touch()
    with pytest.raises(UsageError, match="there already"):
        exported(*opened, edit, tmp_path / "there", original=checkpoint)


def test_what_does_not_score_as_the_steered_model_is_not_kept(opened, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(agreement, "TOLERANCE", -1.0)
    with pytest.raises(InputRefused, match="otherwise than the steered model"):
        exported(*opened, Intervention((POPULARITY,)), tmp_path / BPRMF, original=checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_network_that_gives_other_vectors_than_stored_is_refused(sequence):
    db, path = sequence
    with reading(db) as audit:
        model = model_named(audit, None)
        assert reopened(audit, model, path).network.reads == "sequence"
        other = dataclasses.replace(model, settings={**model.settings, "heads": 4})
        with pytest.raises(InputRefused, match="other vectors"):
            reopened(audit, other, path)


def test_from_the_command_line(cli, steerable, checkpoint):
    done = cli("steer", "bprmf", "--db", steerable, "--edit", "project direction=popularity by=0.5", "--controls", 0,
               "--export", "out.pt", "--checkpoint", checkpoint, "--format", "json")  # fmt: skip
    assert done.code == ExitCode.OK, done.err
    assert "exported as checkpoint: out.pt" in done.err
    json.loads(done.out)
