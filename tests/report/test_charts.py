"""Charts are valid Vega-Lite and say what the data say."""

import pandas as pd

from recaudit.report import charts

FRAME = pd.DataFrame(
    {
        "k": [4, 4, 8, 8],
        "with": ["a", "b", "a", "b"],
        "m": [0.5, 0.25, 0.75, None],
        "m:low": [0.4, 0.2, 0.7, None],
        "m:high": [0.6, 0.3, 0.8, None],
    }
)


def test_the_picture_names_axis_panel_and_lines():
    drawn = charts.svg(charts.lines(FRAME, "k", {"m": "kept", "absent": "nothing"}, "with", x_title="k"))
    assert drawn.startswith("<svg")
    assert "kept" in drawn
    assert "nothing" not in drawn
    assert ">with</text>" in drawn


def test_the_same_data_give_the_same_bytes():
    chart = charts.lines(FRAME, "k", {"m": "kept"}, None, x_title="k")
    assert charts.svg(chart) == charts.svg(chart)


def test_what_is_missing_is_left_out_not_drawn_as_zero():
    (panel,) = charts.lines(FRAME, "k", {"m": "kept"}, "with", x_title="k")["concat"]
    assert [row["value"] for row in panel["data"]["values"]] == [0.5, 0.25, 0.75]
