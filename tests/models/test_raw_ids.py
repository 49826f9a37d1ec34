"""Ids that files hold themselves are those of the fixtures' id maps."""

import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.tools import raw_ids
from recaudit.errors import InputRefused
from tests.models.golden import FOLDERS, opened
from tests.models.specs import checkpoint
from tests.shared import needs_shared

BOTH_KINDS = [
    *("cornac-bpr", "cornac-mf", "surprise-svd"),
    *("libreco-bpr-inference", "libreco-lightgcn", "libreco-svd"),
]
ITEMS_ONLY = ["gensim-item2vec", "lenskit-biasedmf", "lenskit-implicitmf"]


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", BOTH_KINDS + ITEMS_ONLY)
def test_ids_of_the_fixtures(name):
    fix = opened(next(folder for folder in FOLDERS if folder.name == name))
    spec = tools.read_model(read_checkpoint(fix.files[0]), fix.hints)
    assert set(spec.raw_ids) == ({"item"} if name in ITEMS_ONLY else {"user", "item"})
    for kind, ids in spec.raw_ids.items():
        assert {raw: row for row, raw in ids.items()} == fix.ids[kind]


def test_two_ids_of_one_row():
    with pytest.raises(InputRefused, match="user ids a and b share row 1"):
        raw_ids.by_raw_id({"a": 1, "b": 1}, "user", 2, checkpoint({}))


def test_ids_that_become_one_as_text():
    with pytest.raises(InputRefused, match="item id 1 is on rows 0 and 1"):
        raw_ids.by_raw_id({1: 0, "1": 1}, "item", 2, checkpoint({}))


@pytest.mark.parametrize("row", [-1, 2, True, "0"])
def test_rows_the_table_does_not_have(row):
    with pytest.raises(InputRefused, match="but the table has 2 rows"):
        raw_ids.by_raw_id({"a": row}, "user", 2, checkpoint({}))


def test_no_mapping_at_all():
    with pytest.raises(InputRefused, match="map of user ids is list, not a dict"):
        raw_ids.by_raw_id(["a"], "user", 1, checkpoint({}))
