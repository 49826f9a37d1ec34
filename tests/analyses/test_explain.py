import numpy as np
import pytest

from recaudit.analyses.explain import explained
from recaudit.analyses.recommend import recommended
from recaudit.errors import UsageError
from recaudit.store import reading


@pytest.mark.parametrize("name", ["bprmf", "sasrec", "sasrec_sae"])
def test_parts_sum_to_the_score(audit_path, name):
    with reading(audit_path) as audit:
        top = recommended(audit, name, "7", k=3)
        for item, _, score in top:
            explanation = explained(audit, name, "7", item)
            assert sum(part.amount for part in explanation.parts) == pytest.approx(
                explanation.score, abs=1e-9
            )
            assert explanation.score == pytest.approx(score, abs=1e-5)


def test_latents_error_and_bias_are_named(audit_path):
    with reading(audit_path) as audit:
        parts = explained(audit, "sasrec_sae", "7", "3").parts
    names = {part.part for part in parts}
    assert {"latent", "SAE error"} <= names
    assert sum(part.part == "latent" for part in parts) == 4
    assert np.all(np.diff([-abs(part.amount) for part in parts]) >= 0)


@pytest.mark.parametrize(("user", "item", "said"), [("999", "3", "no user 999"), ("7", "999", "no item 999")])
def test_unknown_ids_show_known_ones(audit_path, user, item, said):
    with reading(audit_path) as audit, pytest.raises(UsageError, match=said) as refused:
        explained(audit, "bprmf", user, item)
    assert "for example" in refused.value.fix
