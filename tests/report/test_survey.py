"""The survey of concepts against the raw tables."""

from dataclasses import replace

import pandas as pd
import pytest
from scipy.stats import binomtest

from recaudit.report import survey
from recaudit.report.build import context
from recaudit.report.exhibits import survey as exhibits
from recaudit.store import read, reading

RULE = "recommended10"


@pytest.fixture(scope="module")
def surveyed(looked_at):
    """The table, the chart's points and the raw pairs and latents; a control stands in for another model."""
    with reading(looked_at) as audit:
        about = context(audit, "sasrec_sae")
        assert about.sae is not None
        neurons = next(
            one for one in read.controls(audit, about.model.model_id, about.sae) if one.role == "neurons"
        )
        about = replace(about, beside=(read.model_named(audit, "sasrec"), neurons))
        (table,) = survey.sections(about)
        (exhibit,) = exhibits.draw(about)
        pairs = audit.frame("SELECT * FROM latent_concepts WHERE rule = ?", [RULE])
        latents = audit.frame("SELECT * FROM latents WHERE n_cases > 0 AND entity_kind = 'case'")
        ids = {"share": about.sae.sae_id, "beside: sasrec": neurons.sae_id}
    return pd.DataFrame(table.rows, columns=table.columns), exhibit, pairs, latents, ids


@pytest.mark.parametrize("column", ["share", "beside: sasrec"])
def test_a_latent_counts_for_the_concept_it_tells_best(surveyed, column):
    table, _, pairs, latents, ids = surveyed
    own = pairs[(pairs["sae_id"] == ids[column]) & (pairs["enrichment_q"] <= 0.05) & (pairs["auc"] > 0.5)]
    best = own.sort_values(["auc", "name"], ascending=[False, True]).drop_duplicates(["kind", "latent"])
    counts = best.groupby(["kind", "name"]).size()
    live = latents[latents["sae_id"] == ids[column]].set_index("latent")
    contribution = live["total"] * live["decoder_norm"]
    n = len(live)
    assert counts.sum() > 0
    for row in table.to_dict("records"):
        hits = int(counts.get((row["kind"], row["concept"]), 0))
        assert row[column] == pytest.approx(hits / n)
        expected = binomtest(hits, n).proportion_ci(method="wilson")
        assert (row[f"{column}_low"], row[f"{column}_high"]) == pytest.approx(
            (expected.low, expected.high), abs=1e-9
        )
        if column == "share":
            assert row["latents"] == hits
            told = best.loc[(best["kind"] == row["kind"]) & (best["name"] == row["concept"]), "latent"]
            assert row["weight"] == pytest.approx(contribution[told].sum() / contribution.sum())


def test_both_models_are_drawn(surveyed):
    table, exhibit, *_ = surveyed
    series = {value["series"] for panel in exhibit.chart.get("vconcat", [exhibit.chart]) for value in panel["data"]["values"]}  # fmt: skip
    assert series == {"sasrec_sae", "sasrec"}
    assert len(table) == len(exhibit.table.rows)
