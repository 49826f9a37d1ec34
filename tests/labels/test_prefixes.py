"""A nested dictionary as a tree, planted: one coarse latent per half of the users, finer ones inside."""

import numpy as np
import pytest

from recaudit.labels.prefixes import nodes, text

GROUPS = [2, 4, 8]
NAMES = ["Drama", "Comedy", "Crime drama", "Slapstick", "Film noir", "Everywhere"]
MEMBERS = {
    0: range(100),
    1: range(100, 200),
    2: range(40),
    3: range(150, 200),
    5: range(10, 30),
    7: range(0, 200, 9),
}


@pytest.fixture(scope="module")
def found():
    latents = np.array(sorted(MEMBERS))
    latent = np.concatenate([np.full(len(MEMBERS[n]), n) for n in latents])
    entity = np.concatenate([np.array(MEMBERS[n]) for n in latents])
    return nodes(latents, NAMES, GROUPS, latent, entity, 200)


def test_prefix_is_the_smallest_width_that_has_the_latent(found):
    assert {node.latent: node.prefix for node in found} == {0: 2, 1: 2, 2: 4, 3: 4, 5: 8, 7: 8}


def test_parents_contain_their_children(found):
    assert {node.latent: node.parent for node in found} == {0: None, 1: None, 2: 0, 3: 1, 5: 2, 7: None}
    assert {node.latent: node.inside for node in found}[5] == 1


def test_text(found):
    assert text(found).splitlines() == [
        "Drama  (latent 0, first 2)",
        "└─ Crime drama  (latent 2, first 4)",
        "   └─ Film noir  (latent 5, first 8)",
        "Comedy  (latent 1, first 2)",
        "└─ Slapstick  (latent 3, first 4)",
        "Everywhere  (latent 7, first 8)",
    ]


def test_text_draws_branches_and_hides_control_characters():
    latents = np.arange(3)
    latent, entity = np.array([0] * 100 + [1] * 40 + [2] * 40), np.r_[0:100, 0:40, 50:90]
    found = nodes(latents, ["a\x1b", "b", "c"], [1, 3], latent, entity, 200)
    assert text(found).splitlines() == [
        "a\\x1b  (latent 0, first 1)",
        "├─ b  (latent 1, first 3)",
        "└─ c  (latent 2, first 3)",
    ]


def test_nothing_named():
    assert nodes(np.empty(0, np.int64), [], GROUPS, np.empty(0, np.int64), np.empty(0, np.int64), 200) == []
