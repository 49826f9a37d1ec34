"""From a file through an audit to an export: the same autoencoder at every station."""

import numpy as np
import pytest

from recaudit.analyses.reconstruction import reconstructed_cases
from recaudit.checkpoints import read_checkpoint, tools
from recaudit.errors import ExitCode
from recaudit.sae import SparseAutoencoder
from recaudit.store import read, reading
from tests import tiny

LATENTS = 16


def saelens_folder(folder, activation, norm):
    """An SAE as wide as the tiny models, written by the exporter under test in ``test_formats``."""
    from recaudit.checkpoints.spec import SaeSpec
    from recaudit.sae.export import write_sae

    rng = np.random.default_rng(5)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    spec = SaeSpec(
        tool="test",
        encoder=normal(LATENTS, tiny.DIM),
        decoder=normal(LATENTS, tiny.DIM),
        encoder_bias=normal(LATENTS),
        pre_bias=normal(tiny.DIM),
        activation=activation,
        k=4 if activation in ("topk", "groupmax") else None,
        norm_in=norm,
        centred=norm == "none",
        threshold=np.abs(normal(LATENTS)) if activation in ("jumprelu", "batch_topk") else None,
        magnitude_log_scale=normal(LATENTS) if activation == "gated" else None,
        magnitude_bias=normal(LATENTS) if activation == "gated" else None,
        skip=normal(tiny.DIM, tiny.DIM) if activation == "groupmax" else None,
        groups=(4, LATENTS) if activation == "batch_topk" else (),
        notes=("written by a test",),
    )
    write_sae(spec, folder, "recaudit")
    return folder / "sae.safetensors"


@pytest.mark.parametrize(
    ("activation", "norm"),
    [
        ("relu", "standardise"),
        ("topk", "none"),
        ("jumprelu", "layer_norm"),
        ("batch_topk", "constant_norm_rescale"),
        ("gated", "none"),
        ("groupmax", "none"),
    ],
)
def test_the_audit_alone_holds_the_whole_autoencoder(cli, world, tmp_path, activation, norm):
    weights = saelens_folder(tmp_path / "in", activation, norm)
    result = cli("ingest", world.models["bprmf"], "--data", world.data, "--sae", weights, "--name", "m")
    assert result.code == 0, result.err
    before = SparseAutoencoder(tools.read_sae(read_checkpoint(weights), tools.Hints()))
    with reading(tmp_path / "audit.duckdb") as audit:
        model = read.model_named(audit, "m")
        found = read.sae_of(audit, model)
        after = SparseAutoencoder(read.sae_spec(audit, model, found))
        case_ids, x = read.vectors(audit, model.model_id, model.dim, "case")
        again = reconstructed_cases(audit, model, found, case_ids[3:], x[3:])
    assert after.spec.groups == before.spec.groups
    assert after.spec.notes == before.spec.notes
    codes = before.encode(x)
    np.testing.assert_array_equal(after.encode(x).value, codes.value)
    np.testing.assert_allclose(again, before.decode(codes, x)[3:], atol=1e-5)

    exported = cli("export-sae", "m", "--to", "recaudit", "-o", tmp_path / "out")
    assert exported.code == 0, exported.err
    last = SparseAutoencoder(tools.read_sae(read_checkpoint(tmp_path / "out"), tools.Hints()))
    np.testing.assert_allclose(last.reconstruct(x), before.reconstruct(x), atol=1e-6)


def test_exported_for_saelens_it_is_read_as_saelens(cli, audit_path, tmp_path):
    result = cli("export-sae", "sasrec_sae", "--to", "saelens", "-o", tmp_path / "out", "--db", audit_path)
    assert result.code == 0, result.err
    assert "sae_weights.safetensors" in result.err
    spec = tools.read_sae(read_checkpoint(tmp_path / "out"), tools.Hints())
    assert (spec.tool, spec.activation, spec.k) == ("SAELens", "topk", tiny.K)
    with reading(audit_path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        x = read.vectors(audit, model.model_id, model.dim, "case")[1]
        stored = SparseAutoencoder(read.sae_spec(audit, model, read.sae_of(audit, model)))
    np.testing.assert_allclose(SparseAutoencoder(spec).reconstruct(x), stored.reconstruct(x), atol=1e-5)


def test_a_model_without_an_autoencoder_says_so(cli, audit_path, tmp_path):
    result = cli("export-sae", "bprmf", "--to", "recaudit", "-o", tmp_path / "out", "--db", audit_path)
    assert result.code == ExitCode.NO_VERDICT
    assert "--sae" in result.err
