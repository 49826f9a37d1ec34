"""Charts as Vega-Lite specifications: plain dictionaries, one file a form, and how they become pictures.

=============  ============================================================
``lines``      values over a setting, small multiples
``forest``     values with intervals, one row each, controls beside
``heat``       a matrix
``clouds``     users as points or counts, small multiples with a trend
``front``      what is gained against what is kept
``arrows``     directions in the plane with their bootstrap clouds
``draw``       specification to SVG: a file, or markup inside a page
=============  ============================================================
"""

from recaudit.report.charts.arrows import Arrow, arrows
from recaudit.report.charts.clouds import Cloud, clouds
from recaudit.report.charts.draw import Chart, inline, svg
from recaudit.report.charts.forest import Row, forest
from recaudit.report.charts.front import Point, front
from recaudit.report.charts.heat import Cell, heat
from recaudit.report.charts.lines import lines

__all__ = [
    "Arrow",
    "Cell",
    "Chart",
    "Cloud",
    "Point",
    "Row",
    "arrows",
    "clouds",
    "forest",
    "front",
    "heat",
    "inline",
    "lines",
    "svg",
]
