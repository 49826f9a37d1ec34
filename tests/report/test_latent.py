"""The page about one latent says what a direct look at the codes says."""

import json
import shutil

import numpy as np
import pytest

from recaudit.analyses.reconstruction import stored_codes
from recaudit.report.latent import page
from recaudit.store import latents, read, reading, writing


@pytest.fixture
def opened(audit_path):
    with reading(audit_path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model)
        newest = read.cases(audit, model, read.NEWEST_KINDS)
        codes = stored_codes(audit, sae, "case", newest.case_id).matrix().toarray()
        yield audit, model, sae, codes


def tables(opened, latent):
    audit, model, sae, _ = opened
    return {table.name: table for table in page(audit, model, sae, latent, "recommended10")}


def busiest(codes):
    return int((codes > 0).sum(axis=0).argmax())


def test_values_are_those_of_the_newest_cases(opened):
    audit, model, sae, codes = opened
    latent = busiest(codes)
    _, values = latents.values(audit, model, sae, latent)
    np.testing.assert_allclose(values, np.sort(codes[:, latent][codes[:, latent] > 0])[::-1])
    histogram = tables(opened, latent)["histogram"]
    assert sum(row[2] for row in histogram.rows) == len(values)


def test_what_fires_together_by_definition(opened):
    audit, model, sae, codes = opened
    latent = busiest(codes)
    fired = codes > 0
    found = latents.fired_together(audit, model, sae, latent, 100)
    for row in found.itertuples():
        both = (fired[:, latent] & fired[:, row.latent]).sum()
        either = (fired[:, latent] | fired[:, row.latent]).sum()
        assert row.together == both
        assert row.jaccard == pytest.approx(both / either)
        assert row.lift == pytest.approx(
            both * len(fired) / (fired[:, latent].sum() * fired[:, row.latent].sum())
        )
    assert len(found) == (((fired[:, [latent]] & fired).any(axis=0)).sum() - 1)


def test_its_effect_is_what_a_unit_of_it_does_to_scores(opened):
    audit, model, sae, codes = opened
    latent = busiest(codes)
    spec, catalogue = read.sae_spec(audit, model, sae), read.catalogue(audit, model)
    x = np.zeros(model.dim, np.float32)
    change = (x + spec.decoder[latent]) @ catalogue.vectors.T - x @ catalogue.vectors.T
    change -= change.mean()
    shown = [row[2] for row in tables(opened, latent)["effect"].rows]
    assert shown[0] == pytest.approx(float(change.max()), rel=1e-5)
    assert shown[-1] == pytest.approx(float(change.min()), rel=1e-5)


def test_a_dead_latent_says_so(cli, audit_path, tmp_path):
    shutil.copy(audit_path, tmp_path / "audit.duckdb")
    with writing(tmp_path / "audit.duckdb") as audit:
        sae = read.sae_of(audit, read.model_named(audit, "sasrec_sae"))
        where = f"WHERE sae_id = {sae.sae_id} AND latent = 3"
        audit.connection.execute(f"DELETE FROM activations {where}")
        audit.connection.execute(f"UPDATE latents SET dead = true, n_cases = 0, density = 0 {where}")
    result = cli("latent", 3, "sasrec_sae")
    assert result.code == 0, result.err
    assert "dead: fires on nothing" in result.out
    assert "How strongly" not in result.out


@pytest.mark.parametrize("format_", ["table", "json", "md"])
def test_every_form(cli, audit_path, opened, format_):
    latent = busiest(opened[3])
    result = cli("latent", latent, "sasrec_sae", "--db", audit_path, "--format", format_)
    assert result.code == 0, result.err
    assert "Nearest in direction" in result.out
    if format_ == "json":
        assert json.loads(result.out)["tables"][0]["title"] == f"Latent {latent}"


def test_no_such_latent(cli, audit_path):
    result = cli("latent", 999, "sasrec_sae", "--db", audit_path)
    assert result.code == 2
    assert "from 0 to 31" in result.err
