"""implicit: the hidden bias columns of its classes, and files that contradict themselves."""

import numpy as np
import pytest

from recaudit.checkpoints import tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.specs import cases, checkpoint, floats

ONES, FACTORS = np.ones(3, np.float32), 4


def saved(user, item, **parameters):
    parameters = {"factors": FACTORS, "regularization": 0.1, **parameters}
    tree = {"user_factors": user, "item_factors": item}
    return checkpoint(tree | {key: np.array(value) for key, value in parameters.items()}, "m.npz", "npz")


def lmf():
    # user: factors, 1, bias; item: factors, bias, 1
    user = np.column_stack([floats(3, FACTORS), ONES, floats(3, seed=2)])
    item = np.column_stack([floats(5, FACTORS, seed=1), floats(5, seed=3), np.ones(5, np.float32)])
    return user, item


def test_lmf_splits_both_biases_off():
    user, item = lmf()
    spec = tools.read_model(saved(user, item, neg_prop=30), tools.Hints())
    assert spec.architecture == "LogisticMatrixFactorization"
    model = build(spec)
    everyone = cases([[]] * 3, users=range(3))
    scores = model.head.score(model.represent(everyone)) + model.offset(everyone)[:, None]
    assert model.dim == FACTORS
    np.testing.assert_allclose(scores, user @ item.T, rtol=1e-5, atol=1e-6)


def test_rows_never_trained_stand_for_nobody():
    user, item = lmf()
    user[1] = 0
    spec = tools.read_model(saved(user, item, neg_prop=30), tools.Hints())
    assert spec.padding == {"user": (1,)}


def test_als_hides_nothing():
    spec = tools.read_model(saved(floats(3, FACTORS), floats(5, FACTORS), cg_steps=3), tools.Hints())
    assert spec.tensors.keys() == {"user", "item"}


@pytest.mark.parametrize(
    ("user", "item", "parameters", "message"),
    [
        (
            floats(3, 4),
            floats(5, 4),
            {"verify_negative_samples": True},
            r"user table is \[3, 4\], but the model has 4 factors and 1 hidden columns",
        ),
        (floats(3, 5), floats(5, 5), {"verify_negative_samples": True}, "column 4 of the user table"),
        (floats(3, 4), floats(5, 4), {}, "none of the hyper-parameters that tell implicit's classes apart"),
        (floats(3, 4), floats(5, 4), {"alpha": 1.0, "factors": -1}, "`factors` is no positive integer"),
    ],
)
def test_contradictions(user, item, parameters, message):
    with pytest.raises(InputRefused, match=message):
        tools.read_model(saved(user, item, **parameters), tools.Hints())
