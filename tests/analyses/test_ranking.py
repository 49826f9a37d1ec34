"""Ranking and fidelity against a direct computation, one case at a time, in plain numpy."""

import numpy as np
import pytest

from recaudit.analyses import fidelity
from recaudit.analyses.inputs import load
from recaudit.analyses.protocol import PROTOCOLS
from recaudit.analyses.scoring import _best_columns, ranked, target_ranks, top_lists
from recaudit.store import read, reading, views


def rank_by_definition(scores, target, masked):
    candidates = [s for item, s in enumerate(scores) if item == target or item not in masked]
    return sum(s >= scores[target] for s in candidates)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["bprmf", "sasrec"])
def test_ranks_equal_the_definition(audit_path, name, protocol, monkeypatch):
    monkeypatch.setattr("recaudit.analyses.scoring._BLOCK_CELLS", 100)
    with reading(audit_path) as audit:
        model = read.model_named(audit, name)
        inputs = load(audit, model, PROTOCOLS[protocol], 0)
        field, targets = inputs.field, inputs.targets
        ranks = target_ranks(field, field.cases.vectors, targets)
        timeline = field.timeline
    assert len(ranks) == 40
    for target_case, item, rank in zip(targets.case_id, targets.item, ranks, strict=True):
        case = int(np.searchsorted(field.cases.case_id, target_case))
        scores = field.catalogue.vectors @ field.cases.vectors[case]
        own = timeline.user == field.cases.user[case]
        if protocol == "history":
            past = (
                timeline.split < 2 if name == "bprmf" else timeline.position < field.cases.history_end[case]
            )
            own &= past
        masked = set() if protocol == "recbole-seq" else set(timeline.item[own].tolist())
        assert rank == rank_by_definition(scores, item, masked)


def test_a_constant_model_comes_last(audit_path):
    with reading(audit_path) as audit:
        inputs = load(audit, read.model_named(audit, "bprmf"), PROTOCOLS["recbole-seq"], 0)
    flat = np.zeros_like(inputs.field.cases.vectors)
    assert set(target_ranks(inputs.field, flat, inputs.targets)) == {len(inputs.field.catalogue.item_id)}


def test_lists_are_sorted_unseen_and_break_ties_by_item(audit_path):
    with reading(audit_path) as audit:
        inputs = load(audit, read.model_named(audit, "bprmf"), PROTOCOLS["recsae"], 0)
    field = inputs.field
    chosen = np.arange(5)
    items, scores = top_lists(field, field.cases.vectors, chosen, 40)
    for case in chosen:
        real = items[case] >= 0
        seen = set(field.timeline.item[field.timeline.user == field.cases.user[case]].tolist())
        assert real.sum() == len(field.catalogue.item_id) - len(seen)
        assert not seen & set(items[case][real].tolist())
        assert (np.diff(scores[case][real]) <= 0).all()
    flat, _ = top_lists(field, np.zeros_like(field.cases.vectors), chosen, 3)
    assert (np.diff(flat, axis=1) > 0).all()


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(("depth", "n"), [(1, 900), (3, 900), (10, 900), (10, 40), (10, 10), (10, 11)])
def test_the_best_columns_are_those_of_a_sort(depth, n, rounded):
    scores = np.random.default_rng(0).standard_normal((50, n)).astype(np.float32)
    if rounded:  # many ties, all of them to the lower column
        scores = np.round(scores)
    scores[0] = 1.0
    scores[1, depth // 2 :] = -np.inf  # fewer that can be listed than places
    scores[2, :-1] = -np.inf
    scores[3, ::2] = -np.inf
    scores[4, 3] = np.nan
    wanted = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    assert np.array_equal(_best_columns(scores, depth), wanted)


def test_lists_and_ranks_of_one_look_are_those_of_two(audit_path, monkeypatch):
    with reading(audit_path) as audit:
        inputs = load(audit, read.model_named(audit, "sasrec"), PROTOCOLS["history"], 0)
    field, targets, vectors = inputs.field, inputs.targets, inputs.field.cases.vectors
    lists, scores = top_lists(field, vectors, inputs.listed, 5)
    ranks = target_ranks(field, vectors, targets)
    monkeypatch.setattr("recaudit.analyses.scoring._BLOCK_CELLS", 100)
    some = inputs.listed[::-2]  # in an order of their own, and without the case of every other target
    items, best, again = ranked(field, vectors, some, 5, targets)
    assert np.array_equal(items, lists[::-2])
    assert best == pytest.approx(scores[::-2])
    assert np.array_equal(again, ranks)


def test_identity_reconstruction_keeps_everything(audit_path):
    with reading(audit_path) as audit:
        inputs = load(audit, read.model_named(audit, "sasrec"), PROTOCOLS["history"], 0)
    vectors = inputs.field.cases.vectors
    by_name = {(m.metric, *m.slice.values()): m.value for m in fidelity.vector_fidelity(inputs, vectors)}
    assert by_name["fidelity.explained_variance", "test"] == pytest.approx(1)
    ranks = target_ranks(inputs.field, vectors, inputs.targets)
    ratio = fidelity.ndcg_ratio(inputs, ranks, ranks)
    assert (ratio.value, ratio.low, ratio.high) == (1, 1, 1)


def test_stored_metrics_carry_interval_n_and_protocol(audit_path):
    with reading(audit_path) as audit:
        rows = audit.rows(
            "SELECT metric, value, low, high, n, protocol FROM metrics WHERE metric SIMILAR TO '(ranking|fidelity).*'"
        )
    assert rows
    for metric, value, low, high, n, protocol in rows:
        assert low <= value <= high or metric == "fidelity.ndcg_ratio@10", metric
        assert n > 0
        assert protocol == "history"


def test_the_store_knows_every_evaluation_protocol():
    assert tuple(PROTOCOLS) == views.EVALUATION_PROTOCOLS
