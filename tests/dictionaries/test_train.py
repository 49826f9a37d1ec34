"""``recaudit train`` from the command line to the audit file and the report."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from recaudit.analyses.reconstruction import stored_codes
from recaudit.dictionaries import train as training
from recaudit.errors import ExitCode, NoVerdictError, UsageError
from recaudit.ingest import IngestRequest, ingest
from recaudit.metrics.reconstruction import explained_variance
from recaudit.sae import decode
from recaudit.sae.autoencoder import SparseAutoencoder
from recaudit.sae.controls import CONTROLS
from recaudit.sae.training.settings import PRESETS, Settings
from recaudit.store import read, reading, write, writing

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
SMALL = ("--steps", 30, "--latents", 24, "--k", 3)
TABLES = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY 1"


def dictionary(path, model, name=None):
    """Model, dictionary, its weights, and the vectors of cases and items."""
    with reading(path) as audit:
        stored = read.model_named(audit, model)
        sae = read.sae_of(audit, stored, name)
        return sae, read.sae_spec(audit, stored, sae)


def counts(path):
    """Rows of every table but ``runs``."""
    with duckdb.connect(path, read_only=True) as db:
        names = [name for (name,) in db.sql(TABLES).fetchall() if name != "runs"]
        return {name: db.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}


def weights(spec):
    return (
        spec.encoder.tobytes(),
        spec.decoder.tobytes(),
        spec.encoder_bias.tobytes(),
        spec.pre_bias.tobytes(),
    )


@pytest.mark.parametrize("model", ["bprmf", "sasrec"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset(cli, audit, preset, model):
    result = cli("train", model, "--preset", preset, "--steps", 6, "--name", "it")
    assert result.code == 0, result.err
    assert result.out == ""
    assert "it: " in result.err
    sae, spec = dictionary(audit, model, "it")
    chosen = PRESETS[preset]
    assert (sae.n_latents, sae.site, sae.tied) == (chosen.width(8), chosen.site, chosen.tied)
    assert sae.training["settings"]["preset"] == preset
    assert sae.training["steps"] == 6
    assert (sae.k or chosen.k) == chosen.k
    assert np.isfinite(spec.encoder).all()
    assert sae.self_check["stated"]["explained_variance"] is not None
    assert not list(audit.parent.glob(".*training*"))


@pytest.mark.parametrize(
    ("kind", "site"),
    [("topk", "user"), ("topk", "item"), ("topk", "both"), ("batchtopk", "user"), ("jumprelu", "both")],
)
def test_what_is_stored_is_what_it_does(cli, audit, kind, site):
    flags = ("--site", site, "--kind", kind, "--loss", "prediction=1", "--name", "x")
    assert cli("train", "bprmf", *SMALL, *flags).code == 0
    kinds = {"user": ("case",), "item": ("item",), "both": ("case", "item")}[site]
    with reading(audit) as found:
        model = read.model_named(found, "bprmf")
        cases, items = read.cases(found, model, ("user",)), read.catalogue(found, model)
        vectors = {"case": (cases.case_id, cases.vectors), "item": (items.item_id, items.vectors)}
        known = read.dictionaries(found, model.model_id)
        assert [sae.name for sae in known] == ["x", *(f"x:{role}" for role in CONTROLS)]
        assert [sae.role for sae in known] == ["sae", *CONTROLS]
        assert {sae.control_of for sae in known[1:]} == {known[0].sae_id}
        assert {sae.site for sae in known} == {site}
        for sae in known:
            spec = read.sae_spec(found, model, sae)
            rows = found.rows(
                "SELECT entity_kind, count(*) FROM latents WHERE sae_id = ? GROUP BY 1", [sae.sae_id]
            )
            assert dict(rows) == dict.fromkeys(kinds, sae.n_latents)
            stored = found.rows("SELECT DISTINCT entity_kind FROM activations WHERE sae_id = ?", [sae.sae_id])
            assert {kind for (kind,) in stored} == set(kinds)
            for part in kinds:
                ids, x = vectors[part]
                codes, mine = stored_codes(found, sae, part, ids), SparseAutoencoder(spec).encode(x)
                np.testing.assert_array_equal(codes.latent, mine.latent)
                np.testing.assert_array_equal(codes.value, mine.value)
                if sae.role in ("neurons", "pca"):
                    np.testing.assert_allclose(decode(spec, codes, x), x, atol=1e-5)
                if sae.role == "untrained":
                    assert sae.n_latents == known[0].n_latents
                    assert sae.k == round(known[0].self_check["stated"]["l0"])
                    assert 0.8 * sae.k < len(codes.value) / len(x) <= sae.k
        assert known[0].training["prediction"] == {
            "item": "all pairs", "user": "half all pairs, half the 100 best items of each user",
            "both": "half all pairs, half the 100 best items of each user",
        }[site]  # fmt: skip


def test_axes_of_the_pca_control_are_sklearns(cli, audit):

    cli("train", "bprmf", *SMALL, "--name", "x")
    with reading(audit) as found:
        model = read.model_named(found, "bprmf")
        axes = read.sae_spec(found, model, read.sae_of(found, model, "x:pca"))
        x = read.cases(found, model, ("user",)).vectors
    fitted = PCA().fit(x)
    np.testing.assert_allclose(np.abs((axes.encoder[:8] * fitted.components_).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_array_equal(axes.encoder[8:], -axes.encoder[:8])
    np.testing.assert_allclose(axes.pre_bias, fitted.mean_, atol=1e-6)


def test_looks_are_in_the_file(cli, audit):
    cli("train", "bprmf", *SMALL, "--name", "x", "--steps", 430)
    with reading(audit) as found:
        rows = found.rows(
            "SELECT step, explained_variance, l0, overlap, ndcg_ratio, kept FROM training_log ORDER BY 1"
        )
    assert [row[0] for row in rows] == [200, 400, 430]
    assert sum(row[-1] for row in rows) == 1
    assert all(row[1] < 1 and 0 < row[2] <= 3 and 0 <= row[3] <= 1 for row in rows)


def test_a_dictionary_that_is_too_large_is_said_to_be(cli, audit):
    wide = cli(
        "train", "bprmf", "--latents", 2000, "--k", 1, "--steps", 200, "--loss", "auxiliary=0", "--augment", 0
    )
    assert "latents do the explaining: a smaller dictionary may do as well" in wide.err
    cli("report", "bprmf")
    with reading(audit) as found:
        ((said,),) = found.rows("SELECT sentence FROM findings WHERE code = 'dead-latents'")
        ((alive,),) = found.rows(
            "SELECT count(*) FROM latents JOIN saes USING (sae_id) WHERE role = 'sae' AND NOT dead"
        )
    assert f"A dictionary of {alive:,} may do as well." in said
    narrow = cli("train", "bprmf", *SMALL, "--name", "narrow", "--steps", 200)
    assert "smaller dictionary" not in narrow.err


def test_a_dictionary_that_learned_its_vectors_by_heart_is_said_to_have(cli):
    said = "they are few, and partly learned by heart"
    sample = ("--data", SAMPLES / "movielens-small", "--ids", SAMPLES / "ids.csv")
    assert cli("ingest", SAMPLES / "recbole-bpr.pth", *sample, "--name", "bpr").code == 0
    long = cli("train", "bpr", "--name", "long", "--steps", 600).err
    assert said in long
    assert "604 vectors are few for 512 latents" in long
    assert "--augment 0.5" in long
    short = cli("train", "bpr", "--name", "short", "--augment", 0, *SMALL).err
    assert said not in short
    assert "--augment" not in short
    for name in ("long", "short"):
        cli("report", "bpr", "--sae", name)
    with reading(Path("audit.duckdb")) as found:
        model = read.model_named(found, "bpr")
        long = read.sae_of(found, model, "long")
        told = found.rows("SELECT sae_id FROM findings WHERE code = 'learned-by-heart'")
        users = read.cases(found, model, ("user",)).vectors
        spec = read.sae_spec(found, model, long)
    assert told == [(long.sae_id,)]
    assert long.training["settings"]["augment"] == 0.5
    explained = long.training["explained_variance"]
    everyone = explained_variance(users, SparseAutoencoder(spec).reconstruct(users))
    assert explained["held_out"] < everyone < explained["trained_on"]
    axes = PCA(8).fit(users)
    assert explained["held_out_by_axes"] == pytest.approx(axes.explained_variance_ratio_.sum(), abs=0.03)


def test_latents_that_fire_too_rarely_to_be_told(cli, audit):
    cli("train", "bprmf", "--latents", 300, "--steps", 600)
    cli("train", "bprmf", *SMALL, "--name", "small")
    shares = {}
    for name in ("topk-300-k8", "small"):
        cli("report", "bprmf", "--sae", name)
        with reading(audit) as found:
            model = read.model_named(found, "bprmf")
            sae = read.sae_of(found, model, name)
            fired = read.latent_columns(found, sae)["n_cases"]
            ((share,),) = found.rows(
                f"SELECT value FROM metrics WHERE metric = 'sae.rare_share' AND sae_id = {sae.sae_id}"
            )
            told = found.rows(
                f"SELECT evidence FROM findings WHERE code = 'rare-latents' AND sae_id = {sae.sae_id}"
            )
            listed = [len(found.rows(evidence)) for (evidence,) in told]
        assert share == np.mean(fired < 10)
        shares[name] = share, listed
    assert shares["topk-300-k8"][1] == [round(300 * shares["topk-300-k8"][0])]
    assert shares["small"][1] == []


@pytest.mark.parametrize("site", ["item", "both"])
def test_reports_speak_of_items(cli, audit, site):
    cli("train", "bprmf", *SMALL, "--name", "x", "--site", site)
    assert cli("report", "bprmf", "--sae", "x", "-o", "r.json").code == 0
    metrics = json.loads((audit.parent / "r.json").read_text())["metrics"]
    slices = {json.dumps(row["slice"]) for row in metrics if row["metric"] == "fidelity.explained_variance"}
    assert any("items" in text for text in slices)
    assert any("cases" in text for text in slices) == (site == "both")
    overlap = next(row["value"] for row in metrics if row["metric"] == "fidelity.overlap@10")
    assert 0 < overlap < 1
    assert cli("report", "bprmf", "--sae", "x:pca", "-o", "pca.json").code == 0
    metrics = json.loads((audit.parent / "pca.json").read_text())["metrics"]
    assert next(row["value"] for row in metrics if row["metric"] == "fidelity.overlap@10") == pytest.approx(1)


def test_removal_takes_all_that_hangs_on_it(cli, audit):
    cli("report", "bprmf", "-o", "r.json")
    cli("train", "bprmf", *SMALL, "--name", "first", "--site", "both")
    cli("report", "bprmf", "-o", "r.json")
    before = counts(audit)
    cli("train", "bprmf", *SMALL, "--name", "second", "--site", "both", "--matryoshka", "8,24")
    assert cli("report", "bprmf", "--sae", "second", "-o", "r.json").code == 0
    assert cli("report", "bprmf", "--sae", "second:pca", "-o", "r.json").code == 0
    between = counts(audit)
    assert {table for table in before if between[table] > before[table]} >= {
        "saes", "activations", "latents", "training_log", "vectors_8", "metrics", "recommendations", "target_ranks",
    }  # fmt: skip
    sae, _ = dictionary(audit, "bprmf", "second")
    with writing(audit) as found:
        write.remove_sae(found, sae.sae_id)
    assert {table: rows for table, rows in counts(audit).items() if rows != before[table]} == {}


def test_a_taken_name(cli, audit):
    assert cli("train", "bprmf", *SMALL, "--name", "x").code == 0
    _, first = dictionary(audit, "bprmf", "x")
    size = counts(audit)
    for name in ("x", "x:pca"):
        again = cli("train", "bprmf", *SMALL, "--name", name, "--seed", 1)
        assert again.code == ExitCode.USAGE
        assert "already has a dictionary" in again.err
        assert "--name" in again.err
    assert cli("train", "bprmf", *SMALL, "--name", "x:pca", "--replace").code == ExitCode.USAGE  # a control
    assert counts(audit) == size
    assert cli("train", "bprmf", *SMALL, "--name", "x", "--seed", 1, "--replace").code == 0
    _, second = dictionary(audit, "bprmf", "x")
    assert weights(first) != weights(second)
    assert counts(audit)["saes"] == size["saes"] == 4
    assert counts(audit)["latents"] == size["latents"]
    assert cli("train", "sasrec", *SMALL, "--name", "x").code == 0  # another model's names are its own
    assert cli("train", "bprmf", *SMALL, "--name", "y", "--replace").code == 0  # nothing there to replace


def test_a_name_whose_controls_would_meet_another(cli, audit):
    assert cli("train", "bprmf", *SMALL, "--name", "x:pca").code == 0
    refused = cli("train", "bprmf", *SMALL, "--name", "x", "--replace")
    assert refused.code == ExitCode.USAGE
    assert "x:pca" in refused.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--kind", "gated"), "--kind"), (("--k", 999), "k = 999"), (("--kind", "relu"), "sparsity"),
        (("--loss", "x=1"), "no term x"), (("--loss", "l1"), "TERM=WEIGHT"), (("--loss", "l1=nan"), "l1 = nan"),
        (("--norm", "batch"), "--norm"), (("--matryoshka", "8,a"), "widths"), (("--matryoshka", "8,4"), "grow"),
        (("--matryoshka", "8,24", "--scale", 2), "exclude"), (("--matryoshka", "8,24", "--latents", 32), "widest"),
        (("--scale", 2, "--latents", 9), "exclude"), (("--preset", "x"), "no preset"), (("--seed", -1), "seed"),
        (("--device", "toaster"), "toaster"), (("--site", "x"), "--site"), (("--steps", 0), "steps"),
    ],
    ids=str,
)  # fmt: skip
def test_flags_that_cannot_be(cli, audit, flags, said):
    before = audit.read_bytes()
    result = cli("train", "bprmf", *flags)
    assert result.code == ExitCode.USAGE, result.err
    assert said in result.err
    assert audit.read_bytes() == before


def test_too_few_vectors_are_no_verdict(cli, world):
    cli("ingest", world.models["bprmf"], "--data", world.data)
    result = cli("train", "--site", "item")
    assert result.code == ExitCode.NO_VERDICT
    assert "27 different item vectors are too few" in result.err


def request(audit, **more):
    settings = Settings(latents=24, k=3, max_steps=300, look_every=20, patience=99)
    return training.TrainRequest(audit, settings, model="bprmf", name="x", **more)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_fails_in_storing_leaves_the_file_and_the_training(audit, monkeypatch):
    before = counts(audit)

    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(write, "add_training_log", full)
        with pytest.raises(OSError, match="no space"):
            training.train_dictionary(request(audit))
    assert counts(audit) == before
    assert training.state_path(audit, "bprmf", "x").exists()
    steps = []
    training.train_dictionary(request(audit), progress=lambda look, limit: steps.append(look.step))
    assert steps == []
    assert not training.state_path(audit, "bprmf", "x").exists()
    assert counts(audit)["saes"] == before["saes"] + 4


def test_a_model_that_changes_under_a_training(audit, larger_world, tmp_path):
    state = torch.load(larger_world["bprmf"])
    state["u_embeddings.weight"] += 1
    torch.save(state, tmp_path / "BPRMF__tiny__1__emb_size=8.pt")
    other = IngestRequest(
        tmp_path / "BPRMF__tiny__1__emb_size=8.pt", larger_world["data"], audit, name="bprmf", replace=True
    )

    def meanwhile(look, limit):
        if look.step == 20:
            ingest(other)

    with pytest.raises(UsageError, match="was replaced"):
        training.train_dictionary(request(audit), progress=meanwhile)
    assert counts(audit)["saes"] == 0
    # What is left of it is of no use to the new model's training.
    steps = []
    training.train_dictionary(request(audit), progress=lambda look, limit: steps.append(look.step))
    assert steps[0] == 20


def test_a_name_taken_while_it_trained(audit):
    def meanwhile(look, limit):
        if look.step == 20:
            short = Settings(latents=24, k=3, max_steps=10)
            trained = training.train_dictionary(
                training.TrainRequest(audit, short, model="bprmf", name="x:pca")
            )
            assert trained[0] == "x:pca"

    with pytest.raises(UsageError, match="x:pca"):
        training.train_dictionary(request(audit), progress=meanwhile)


def test_killed_and_gone_on(cli, audit, tmp_path):
    flags = ("bprmf", "--latents", 64, "--k", 3, "--steps", 1000, "--patience", 999, "--name", "x")
    apart = tmp_path / "apart.duckdb"
    apart.write_bytes(audit.read_bytes())
    assert cli("train", *flags, "--db", apart).code == 0
    before = digest(audit)
    kept = training.state_path(audit, "bprmf", "x")
    process = subprocess.Popen(
        [sys.executable, "-m", "recaudit", "train", *map(str, flags), "--db", str(audit)],
        stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while not kept.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert digest(audit) == before
    result = cli("train", *flags, "--db", audit)
    assert result.code == 0
    assert not kept.exists()
    (_, whole), (_, resumed) = dictionary(apart, "bprmf"), dictionary(audit, "bprmf")
    assert weights(whole) == weights(resumed)
    looks = "SELECT * EXCLUDE seconds FROM training_log ORDER BY step"
    with reading(apart) as one, reading(audit) as two:
        assert one.rows(looks) == two.rows(looks)


def test_dictionaries_are_named_after_what_they_are(audit):
    usual = PRESETS["recaudit"]
    prepared = training.prepare(audit, "bprmf", usual)
    assert training.default_name(usual, prepared) == "topk-128-k8"
    both = replace(usual, kind="batchtopk", latents=64, k=4, site="both")
    assert training.default_name(both, training.prepare(audit, "bprmf", both)) == "batchtopk-64-k4-both"
    with pytest.raises((UsageError, NoVerdictError)):
        training.prepare(audit, "nobody", Settings())
