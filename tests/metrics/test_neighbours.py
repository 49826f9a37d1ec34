import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.metrics.neighbours import similar_items
from recaudit.models import build
from tests.models.golden import FOLDERS, opened
from tests.shared import needs_shared


def test_by_hand():
    vectors = np.array([[1, 0], [2, 2], [0, 3], [-1, 0], [5, 0]], dtype=np.float32)
    rows, cosines = similar_items(vectors, 0, 3)
    assert rows.tolist() == [4, 1, 2]
    np.testing.assert_allclose(cosines, [1, np.sqrt(0.5), 0], atol=1e-7)


def test_ties_by_lower_row_and_zero_rows_have_no_direction():
    vectors = np.array([[1, 0], [0, 0], [0, 1], [-1, 0]], dtype=np.float32)
    rows, cosines = similar_items(vectors, 0, 10)
    assert rows.tolist() == [1, 2, 3]
    assert cosines.tolist() == [0, 0, -1]
    assert similar_items(vectors, 1, 2)[1].tolist() == [0, 0]


def golden(name):
    fix = opened(next(folder for folder in FOLDERS if folder.name == name))
    found = fix.manifest["similar_items_golden"]
    return fix, found if isinstance(found, list) else [found]


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("file", ["item2vec.model", "item2vec.kv", "item2vec.bin", "item2vec.txt"])
def test_gensim_neighbours(file):
    fix, lists = golden("gensim-item2vec")
    vectors = build(tools.read_model(read_checkpoint(fix.folder / file), tools.Hints())).head.vectors
    for expected in lists:
        assert_neighbours(vectors, expected["row"], expected["top"])


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", ["implicit-als", "implicit-bpr"])
def test_implicit_neighbours(name):
    fix, lists = golden(name)
    head = fix.model().head
    # implicit keeps BPR's bias column in its cosines, and lists the item itself first.
    vectors = head.vectors if head.bias is None else np.column_stack([head.vectors, head.bias])
    for expected in lists:
        assert_neighbours(vectors, expected["row"], expected["top"][1:])


def assert_neighbours(vectors, row, expected):
    rows, cosines = similar_items(vectors, row, len(expected))
    assert rows.tolist() == [found for _, found, _ in expected]
    np.testing.assert_allclose(cosines, [cosine for *_, cosine in expected], atol=1e-5)
