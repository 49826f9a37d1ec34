"""The hostile collection's autoencoders, given to ``recaudit ingest --sae``."""

from pathlib import Path

import pytest

from recaudit.analyses.audit import analyse
from recaudit.errors import ExitCode
from recaudit.store import read, reading
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

FOLDER = (SHARED or Path()) / "fixtures" / "hostile"


def ingest(cli, world, case):
    weights = FOLDER / case / "sae_weights.safetensors"
    return cli("ingest", world.models["bprmf"], "--data", world.data, "--name", "m", "--sae", weights)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("sae_k_too_big", ["k = 64", "16"]),
        ("sae_cfg_lies", ["d_in = 7", "8"]),
        ("sae_cfg_types", ["d_in", "not a whole number"]),
        ("sae_unknown_arch", ["quantum"]),
        ("sae_cfg_not_json", ["cfg.json"]),
        ("sae_missing_tensor", ["W_dec"]),
        ("sae_wrong_dim", ["width 5", "8 wide"]),
    ],
)
def test_refused_in_one_clear_line(cli, world, case, said):
    result = ingest(cli, world, case)
    assert result.code == ExitCode.REFUSED
    assert all(words in result.err for words in said)
    assert "Traceback" not in result.err
    assert not Path("audit.duckdb").exists()


def test_one_latent_that_is_no_number_is_named(cli, world):
    assert ingest(cli, world, "sae_nan").code == 0
    with reading(Path("audit.duckdb")) as audit:
        sae = read.sae_of(audit, read.model_named(audit, "m"))
        assert "are not finite (latent" in " ".join(sae.notes)
        (dead,) = audit.rows("SELECT latent FROM latents WHERE dead AND decoder_norm >= 0 LIMIT 1")
    assert f"(latent {dead[0]})" in " ".join(sae.notes)


def test_an_autoencoder_that_never_fires_is_a_finding(cli, world):
    assert ingest(cli, world, "sae_all_dead").code == 0
    analyse(Path("audit.duckdb"), "m", None)
    with reading(Path("audit.duckdb")) as audit:
        said = dict(audit.rows("SELECT code, sentence FROM findings"))
    assert "16 of the 16 latents (100%)" in said["dead-latents"]


def test_paths_and_escapes_in_the_settings_are_only_text(cli, world):
    result = ingest(cli, world, "sae_traversal_cfg")
    assert result.code == 0
    assert "\x1b" not in result.err
