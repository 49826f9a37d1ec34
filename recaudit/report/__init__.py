"""The report: one model of it, drawn for the terminal, as JSON and as Markdown."""

from recaudit.report.build import build
from recaudit.report.model import Report

__all__ = ["Report", "build"]
