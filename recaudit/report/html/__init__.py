"""The report as one HTML file: everything inside, nothing loaded, scripts and styles named by their hashes.

``page`` turns a document into what the template needs, all of it text or numbers already written; ``render`` fills
the template. Jinja escapes every value; the only markup put in as it is comes from ``charts.inline``, which rebuilds
the drawing engine's output from a list of elements and attributes it allows.
"""

from recaudit.report.html.render import render

__all__ = ["render"]
