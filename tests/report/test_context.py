"""What a report is about."""

import pytest

from recaudit.errors import UsageError
from recaudit.report.build import context
from recaudit.store import reading


def test_a_model_cannot_stand_beside_itself(audit_path):
    with (
        reading(audit_path) as audit,
        pytest.raises(UsageError, match="sasrec_sae cannot stand beside itself"),
    ):
        context(audit, "sasrec_sae", beside="sasrec_sae")


def test_the_other_model_comes_with_its_newest_dictionary(audit_path):
    with reading(audit_path) as audit:
        other, sae = context(audit, "sasrec", beside="sasrec_sae").beside
        assert (other.name, sae.name) == ("sasrec_sae", context(audit, "sasrec_sae").sae.name)
        assert context(audit, "sasrec").beside is None


def test_the_protocol_is_the_models_own_unless_named(audit_path):
    with reading(audit_path) as audit:
        assert context(audit, "sasrec").model.protocol == "history"
        assert context(audit, "sasrec", protocol="recsae").model.protocol == "recsae"
