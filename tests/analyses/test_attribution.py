import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from recaudit.analyses import attribution
from recaudit.store import read, reading


@pytest.fixture(scope="module")
def opened(audit_path):
    with reading(audit_path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        yield audit, model, read.sae_of(audit, model)


def pairs_by_hand(audit, model, sae, latent, rule):
    """(count, users, strength) per item, from the raw tables, with Python loops."""
    cases = audit.rows(
        "SELECT case_id, user_id, history_end FROM cases WHERE model_id = ? AND kind = 'latest'",
        [model.model_id],
    )
    codes = dict(
        audit.rows(
            "SELECT entity_id, value FROM activations WHERE sae_id = ? AND latent = ?", [sae.sae_id, latent]
        )
    )
    found = {}
    for case, user, end in cases:
        if case not in codes:
            continue
        if rule == "history":
            items = audit.rows(
                "SELECT item_id FROM interactions WHERE dataset_id = ? AND user_id = ? AND position < ? AND position >= ?",
                [model.dataset_id, user, end, end - model.history_length],
            )
        else:
            items = audit.rows(
                "SELECT item_id FROM recommendations WHERE model_id = ? AND sae_id IS NULL AND case_id = ? AND rank = 1",
                [model.model_id, case],
            )
        for (item,) in items:
            count, strength = found.get(item, (0, 0.0))
            found[item] = (count + 1, strength + codes[case])
    return found


@pytest.mark.parametrize("rule", ["history", "recommended"])
def test_counts_and_strengths_equal_a_loop(opened, rule):
    latent = attribution.strongest(opened[0], opened[2], 1, hide_above=1.0)[0]
    table = attribution.items_of_latents(*opened, [latent], rule=rule, by="count", limit=1000)
    by_hand = pairs_by_hand(*opened, latent, rule)
    assert dict(zip(table["item_id"], table["count"], strict=True)) == {i: c for i, (c, _) in by_hand.items()}
    for row in table.itertuples():
        assert row.strength == pytest.approx(by_hand[row.item_id][1], rel=1e-6)
        assert row.mean == pytest.approx(row.strength / row.count)


def test_q_is_fishers_one_sided_test_corrected(opened):
    latent = attribution.strongest(opened[0], opened[2], 1, hide_above=1.0)[0]
    table = attribution.items_of_latents(*opened, [latent], rule="history", by="lift", limit=1000)
    p = [
        fisher_exact(
            [
                [row.count, row.n_latent - row.count],
                [row.n_item - row.count, row.n - row.n_latent - row.n_item + row.count],
            ],
            alternative="greater",
        ).pvalue
        for row in table.itertuples()
    ]
    assert table["q"].to_numpy() == pytest.approx(false_discovery_control(p))
    assert (table["count"] >= attribution.SUPPORT).all()


def test_strength_and_count_can_disagree(opened):
    latents = attribution.strongest(opened[0], opened[2], 8, hide_above=1.0)
    orders = [
        attribution.items_of_latents(*opened, latents, rule="history", by=by, limit=3)["item_id"].tolist()
        for by in ("count", "strength")
    ]
    assert orders[0] != orders[1]


def test_nearly_always_on_latents_are_hidden(opened):
    audit, _, sae = opened
    columns = read.latent_columns(audit, sae)
    bar = float(np.median(columns["density"][columns["density"] > 0]))
    shown = attribution.strongest(audit, sae, 100, hide_above=bar)
    assert shown
    assert columns["density"][shown].max() <= bar
