"""A diff of two models for people: terminal, JSON, Markdown, HTML."""

from recaudit.report.diff.document import DiffDocument, compose

__all__ = ["DiffDocument", "compose"]
