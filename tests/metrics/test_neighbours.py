import numpy as np
import pytest

from recaudit.metrics.neighbours import similar_items
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


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", ["implicit-als", "implicit-bpr"])
def test_implicit_neighbours(name):
    fix = opened(next(folder for folder in FOLDERS if folder.name == name))
    head, expected = fix.model().head, fix.manifest["similar_items_golden"]
    # implicit keeps BPR's bias column in its cosines, and lists the item itself first.
    vectors = head.vectors if head.bias is None else np.column_stack([head.vectors, head.bias])
    best = expected["top"][1:]
    rows, cosines = similar_items(vectors, expected["row"], len(best))
    assert rows.tolist() == [row for _, row, _ in best]
    np.testing.assert_allclose(cosines, [cosine for *_, cosine in best], atol=1e-5)
