"""The audit file: one DuckDB file per audit. All SQL on it lives in this room."""

from recaudit.store.audit import Audit, reading, writing

__all__ = ["Audit", "reading", "writing"]
