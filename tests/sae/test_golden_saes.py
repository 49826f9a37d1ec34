"""Every SAE fixture gives the codes and reconstructions of the tool that trained it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.types import Stub
from recaudit.metrics.reconstruction import explained_variance
from recaudit.sae import SparseAutoencoder, check_reading
from tests.models.golden import FOLDERS, Fixture, opened
from tests.shared import needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

TOLERANCE = 1e-5
SAES = [folder for folder in FOLDERS if "explains" in opened(folder).manifest]


def weights_of(folder: Path) -> list[Path]:
    """Every file of the folder that holds the autoencoder, training saves included."""
    names = ("*.safetensors", "ae.pt", "SAE_*.pth", "training/*.safetensors")
    return sorted(path for name in names for path in folder.glob(name))


FILES = [
    pytest.param(folder, path, id=f"{folder.name}/{path.relative_to(folder)}")
    for folder in SAES
    for path in weights_of(folder)
]


def explained_table(fix: Fixture) -> np.ndarray:
    """Item rows of the recommender the SAE was trained on."""
    name = fix.manifest["explains"].split(":")[0]
    base = opened(next(folder for folder in FOLDERS if folder.name == name))
    tree = read_checkpoint(base.folder / base.manifest["checkpoint"].split(" ")[0]).tree
    if name == "mono4rec-mf":
        assert isinstance(tree, Stub)
        return np.asarray(tree.fields["Q"], dtype=np.float32)
    if isinstance(tree, Stub):
        return tree.fields["_modules"]["item_embedding"].fields["_parameters"]["weight"]
    return tree["state_dict"]["item_embedding.weight"]


def golden_rows(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    golden = manifest["golden"]
    return golden if isinstance(golden, list) else golden["rows"]


def opened_sae(path: Path) -> SparseAutoencoder:
    return SparseAutoencoder(tools.read_sae(read_checkpoint(path), tools.Hints()))


@pytest.mark.parametrize(("folder", "path"), FILES)
def test_units_and_reconstruction_of_three_rows(folder, path):
    fix, sae = opened(folder), opened_sae(path)
    rows = golden_rows(fix.manifest)
    x = explained_table(fix)[[golden["row"] for golden in rows]]
    codes = sae.encode(x)
    again = sae.decode(codes, x)
    for golden, code, out, vector in zip(rows, codes.matrix().toarray(), again, x, strict=True):
        units, values = map(list, zip(*golden["top_units"], strict=True))
        assert np.count_nonzero(code) == golden.get("l0", golden.get("active"))
        np.testing.assert_allclose(code[units], values, atol=TOLERANCE)
        assert np.sort(code)[::-1][: len(units)] == pytest.approx(values, abs=TOLERANCE)
        np.testing.assert_allclose(out[:8], golden["recon_first8"], atol=TOLERANCE)
        mse = golden.get("mse", golden.get("recon_mse"))
        assert np.mean((out - vector) ** 2) == pytest.approx(mse, abs=TOLERANCE)


@pytest.mark.parametrize(("folder", "path"), FILES)
def test_sparsity_and_error_over_the_whole_table(folder, path):
    fix, sae = opened(folder), opened_sae(path)
    table = explained_table(fix)
    golden = fix.manifest["golden"]
    if isinstance(golden, list):
        fired = sae.encode(table).latent
        assert sae.n_latents - len(np.unique(fired)) == fix.manifest["dead_units"]
        return
    expected = golden["all_item_rows"]
    x = table[1 : expected["n"] + 1]  # row 0 is padding
    codes = sae.encode(x)
    fires = np.bincount(codes.latent, minlength=sae.n_latents)
    assert len(codes.value) / len(x) == pytest.approx(expected["mean_l0"], abs=TOLERANCE)
    assert np.count_nonzero(fires == 0) == expected["dead_units"]
    assert fires[:16].tolist() == expected["fires_first16"]
    assert 1 - explained_variance(x, sae.decode(codes, x)) == pytest.approx(expected["fvu"], abs=TOLERANCE)


@pytest.mark.parametrize(("folder", "path"), FILES)
def test_no_other_reading_is_clearly_better(folder, path):
    fix = opened(folder)
    spec = tools.read_sae(read_checkpoint(path), tools.Hints())
    check = check_reading(spec, explained_table(fix)[1:])
    assert check.best_other.explained_variance < check.stated.explained_variance + 0.01


def test_a_folder_stands_for_its_weights():
    for folder in SAES:
        if (folder / "cfg.json").exists() or (folder / "config.json").exists():
            assert tools.holds_sae(read_checkpoint(folder))
