"""The report: one model of it, drawn for the terminal, as JSON, as Markdown with images, and as one page."""

from recaudit.report.build import build
from recaudit.report.model import Report
from recaudit.report.sections import register

__all__ = ["Report", "build", "register"]
