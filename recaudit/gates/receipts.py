"""Rules on what the safety scan found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recaudit.gates.rules import ReceiptRule


def receipt_wanted(rule: ReceiptRule) -> str:
    """What is asked, in words."""
    return f"{rule.wants} is {rule.expected}" if rule.expected else rule.wants


def broken_receipts(rule: ReceiptRule, receipts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with each file that is not as asked."""
    return [
        f"{receipt['role']} {receipt['file']}: {said}"
        for receipt in receipts
        if (said := _broken(rule, receipt))
    ]


def _broken(rule: ReceiptRule, receipt: Mapping[str, Any]) -> str:
    if rule.wants == "no stubs":
        stubs = json.loads(receipt["stubs"])
        return f"classes kept as inert stubs: {', '.join(sorted(stubs))}" if stubs else ""
    if rule.wants == "no warnings":
        notes = [note["message"] for note in json.loads(receipt["notes"]) if note["level"] == "warning"]
        return "; ".join(notes)
    found = str(receipt[rule.wants]).lower()
    return "" if found == rule.expected else f"{rule.wants} is {found}"
