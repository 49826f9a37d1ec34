"""gensim: nearest items from every container, arrays beside the pickle, classes that are not read."""

import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.errors import InputRefused
from recaudit.metrics.neighbours import similar_items
from recaudit.models import build
from tests.models.golden import FOLDERS, opened
from tests.models.specs import checkpoint, floats, stub
from tests.shared import needs_shared

WORDS, VECTORS = ["a", "b", "c"], floats(3, 4)


def keyed(**fields):
    return stub("gensim.models.keyedvectors.KeyedVectors", index_to_key=WORDS, **fields)


def read(tree, folder, name="m.kv"):
    return tools.read_model(checkpoint(tree, name, folder=folder), tools.Hints())


def test_vectors_inside(tmp_path):
    spec = read(keyed(vectors=VECTORS), tmp_path)
    assert spec.raw_ids == {"item": dict(enumerate(WORDS))}


@pytest.mark.parametrize(("nested", "beside"), [(False, "m.kv.vectors.npy"), (True, "m.kv.wv.vectors.npy")])
def test_vectors_beside(tmp_path, nested, beside):
    inner = keyed(vectors=None, __numpys=["vectors"])
    tree = stub("gensim.models.word2vec.Word2Vec", wv=inner) if nested else inner
    with pytest.raises(InputRefused, match=f"its vectors are in {beside}"):
        read(tree, tmp_path)
    np.save(tmp_path / beside, VECTORS)
    np.testing.assert_array_equal(read(tree, tmp_path).tensors["item"], VECTORS)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (stub("gensim.models.doc2vec.Doc2Vec"), "gensim model Doc2Vec is not read yet"),
        (keyed(vectors=VECTORS[:2]), "lists 3 item ids for 2 item rows"),
        (stub("gensim.models.keyedvectors.KeyedVectors", index2word=WORDS), "no `index_to_key`"),
        (keyed(vectors=None), "`vectors` of its KeyedVectors is NoneType"),
    ],
)
def test_refusals(tmp_path, tree, message):
    with pytest.raises(InputRefused, match=message):
        read(tree, tmp_path)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("file", ["item2vec.model", "item2vec.kv", "item2vec.bin", "item2vec.txt"])
def test_nearest_items_from_every_container(file):
    fix = opened(next(folder for folder in FOLDERS if folder.name == "gensim-item2vec"))
    spec = tools.read_model(read_checkpoint(fix.folder / file), tools.Hints())
    vectors = build(spec).head.vectors
    for golden in fix.manifest["similar_items_golden"]:
        best = golden["top"]
        rows, cosines = similar_items(vectors, golden["row"], len(best))
        assert [[spec.raw_ids["item"][row], row] for row in rows] == [[raw, row] for raw, row, _ in best]
        np.testing.assert_allclose(cosines, [cosine for *_, cosine in best], atol=1e-5)
