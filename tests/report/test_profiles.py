"""Genres and decades of latents, in a report and on a latent's page."""

import numpy as np
import pandas as pd
import pytest

from recaudit.analyses import concepts as analyses
from recaudit.analyses.concepts import inputs
from recaudit.report import concepts as report
from recaudit.report import latent as page
from recaudit.report import profiles
from recaudit.store import concepts as stored
from recaudit.store import read, reading

RULE = "recommended10"


@pytest.fixture(scope="module")
def analysed(looked_at):
    """With 30 items no genre is significant: those of even latents are said to be."""
    return looked_at


@pytest.fixture(scope="module")
def tables(analysed):
    """Of the report, by name, as data frames."""
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model, None)
        made = [*report.sections(audit, model, sae), *profiles.temporal(audit, sae)]
    return {table.name: pd.DataFrame(table.rows, columns=table.columns) for table in made}


@pytest.fixture(scope="module")
def of_items(analysed):
    """Items' dense scores [items, latents], and which of them has which genre or decade, from the raw tables."""
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model, None)
        catalogue = read.catalogue(audit, model)
        everyone = inputs.items(audit, model, catalogue)
        scored = analyses.item_scores(audit, model, sae, RULE, catalogue, everyone, seed=0)
        has = audit.frame(
            "SELECT item_id, kind, name FROM item_concepts JOIN concepts USING (dataset_id, concept_id) "
            "WHERE dataset_id = ?",
            [model.dataset_id],
        )
    scores = scored.scores.columns(np.arange(sae.n_latents))
    return pd.DataFrame(scores, index=scored.entities.ids), has


def test_means_by_genre_are_means_over_its_items(tables, of_items):
    scores, has = of_items
    table = tables[f"genre_activation_{RULE}"]
    assert len(table)
    for row in table.itertuples():
        members = has.loc[(has["kind"] == "genre") & (has["name"] == row.genre), "item_id"]
        own = scores[row.latent]
        assert row.mean == pytest.approx(own[own.index.isin(members)].mean())
        assert row.overall == pytest.approx(own.mean())
        assert row.ratio == pytest.approx(row.mean / row.overall)
    assert (table.groupby("genre").size() <= profiles.BEST).all()
    assert (table["auc"] > 0.5).all()
    assert (table["latent"] % 2 == 0).all()


def test_a_profile_has_every_genre_and_agrees_with_the_means(tables):
    profile = tables[f"genre_profiles_{RULE}"].set_index("latent")
    means = tables[f"genre_activation_{RULE}"]
    assert set(means["latent"]) <= set(profile.index)
    for row in means.itertuples():
        assert profile.loc[row.latent, row.genre] == pytest.approx(row.ratio)


def test_decades_begin_with_the_catalogue_and_each_adds_up(tables, of_items):
    scores, has = of_items
    table = tables[f"latent_decades_{RULE}"]
    names = [name for name in table.columns if name not in ("latent", "concentration", "q")]
    assert names == sorted(names)
    assert table["latent"].iloc[0] == "catalogue"
    known = has[(has["kind"] == "decade") & has["item_id"].isin(scores.index)]
    expected = known["name"].value_counts(normalize=True)
    for name in names:
        assert table[name].iloc[0] == pytest.approx(expected[name])
    assert table[names].sum(axis=1).to_numpy() == pytest.approx(1)
    beyond = table["concentration"].iloc[1:].to_numpy(float)
    assert len(beyond)
    assert (np.diff(beyond) <= 0).all()


def test_likeness_stands_beside_that_of_controls(tables):
    table = tables[f"monosemanticity_{RULE}"]
    assert {"untrained", "neurons", "pca"} <= set(table["dictionary"])
    for _, variant in table.groupby("variant"):
        assert len(variant) == table["dictionary"].nunique()
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()


def test_a_latents_page_shows_its_genres_and_decades(analysed):
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model, None)
        latent = int(stored.genre_means(audit, sae, RULE)["latent"].iloc[0])
        made = {table.name: table for table in page.page(audit, model, sae, latent, RULE)}
        expected = stored.decades(audit, sae, RULE, latent)
    genres = made[f"genres_{RULE}"]
    means = [row[genres.columns.index("mean")] for row in genres.rows]
    assert means == sorted(means, reverse=True)
    assert genres.rows[0][-1] == "█" * page.BAR
    times = made[f"decades_{RULE}"]
    assert [row[0] for row in times.rows] == expected["decade"].tolist()
    assert sum(row[times.columns.index("share")] for row in times.rows) == pytest.approx(1)
