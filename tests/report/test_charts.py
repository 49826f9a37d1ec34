"""Charts are valid Vega-Lite and say what the data say."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recaudit.report import charts
from recaudit.report.charts.theme import PALETTE

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


def says(markup):
    """What the marks of a drawing say, in order."""
    root = ElementTree.fromstring(str(markup))
    return [node.get("data-say") for node in root.iter() if node.get("data-say")]


def forest(rows, **options):
    return charts.forest(rows, x_title="AUC", **options)


def test_a_forest_says_every_row_once_for_its_point_and_once_for_its_tick():
    rows = [
        charts.Row("a", 0.7, 0.6, 0.8, "a: .70", "good", 0.55, "genre"),
        charts.Row("a", 0.6, None, None, "a, too: .60", "bad", None, "genre"),
        charts.Row("b", 0.5, 0.4, 0.6, "b: .50", "good", None, "decade"),
    ]
    drawn = charts.inline(
        forest(rows, series={"good": "s1", "bad": "s3"}, control="chance", reference=0.5), "x"
    )
    assert sorted(says(drawn)) == ["a, too: .60", "a: .70", "a: .70", "b: .50"]
    assert "grey ticks: chance" in drawn
    for text in ("good", "bad", "genre", "decade"):
        assert f">{text}</text>" in drawn


def test_a_chart_of_nothing_is_empty():
    assert forest([]) == charts.heat([], [], []) == charts.arrows([], x_title="", y_title="") == {}


def test_cells_of_a_matrix_show_size_and_sign():
    cells = [charts.Cell("r", "c", 0.5, "half"), charts.Cell("r", "d", -2.0, "minus two")]
    values = charts.heat(cells, ["r"], ["c", "d"])["data"]["values"]
    assert [(value["sign"], value["strength"]) for value in values] == [("+", 0.5), ("-", 1.0)]
    assert says(charts.inline(charts.heat(cells, ["r"], ["c", "d"]), "x")) == ["half", "minus two"]


def test_many_users_become_counts_and_the_trend_their_means():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = 0.3 * x + rng.normal(size=3000)
    ((cells, line, rules, means),) = (panel["layer"] for panel in charts.clouds([charts.Cloud("t", "", x, y)], x_title="x", y_title="y")["concat"])  # fmt: skip
    counted = [int(value["say"].split(" users")[0].replace(",", "")) for value in cells["data"]["values"]]
    inside = [(np.quantile(v, 0.005) <= v) & (v <= np.quantile(v, 0.995)) for v in (x, y)]
    assert sum(counted) == (inside[0] & inside[1]).sum()
    expected = [y[group].mean() for group in np.array_split(np.argsort(x), 6)]
    assert [value["y"] for value in means["data"]["values"]] == pytest.approx(expected)
    lowest = y[np.array_split(np.argsort(x), 6)[0]]
    interval = stats.norm.interval(0.95, lowest.mean(), stats.sem(lowest))
    assert [rules["data"]["values"][0][end] for end in ("low", "high")] == pytest.approx(interval, abs=1e-4)
    assert line["data"] == means["data"]


def test_few_users_are_points():
    x = np.arange(40.0)
    (panel,) = charts.clouds([charts.Cloud("t", "", x, x)], x_title="x", y_title="y")["concat"]
    assert panel["layer"][0]["mark"]["type"] == "circle"
    assert len(panel["layer"][0]["data"]["values"]) == 38  # all but the two beyond the middle 99 %


def test_an_ellipse_holds_95_of_100_draws():
    draws = np.random.default_rng(0).multivariate_normal([0.5, 0.2], [[0.02, 0.01], [0.01, 0.03]], 4000)
    chart = charts.arrows([charts.Arrow("a", 0.5, 0.2, draws, "a")], x_title="x", y_title="y")
    border = np.array([(point["x"], point["y"]) for point in chart["layer"][0]["data"]["values"]])
    centred = draws - draws.mean(axis=0)
    inverse = np.linalg.inv(np.cov(draws.T))
    distance = np.einsum("ij,jk,ik->i", centred, inverse, centred)
    reach = border - draws.mean(axis=0)
    assert np.einsum("ij,jk,ik->i", reach, inverse, reach) == pytest.approx(stats.chi2.ppf(0.95, 2), rel=1e-3)
    assert (distance <= stats.chi2.ppf(0.95, 2)).mean() == pytest.approx(0.95, abs=0.015)


ATTACK = "</svg><script>alert(1)</script>\"'&\x1b\x00"


def test_only_listed_elements_reach_a_page():
    chart = {
        "data": {"values": [{"x": ATTACK, "y": 1, "url": "https://example.org/"}]},
        "title": ATTACK,
        "mark": "bar",
        "encoding": {
            "x": {"field": "x"},
            "y": {"field": "y", "type": "quantitative"},
            "href": {"field": "url"},
            "description": {"field": "x"},
        },
    }
    for drawn in (charts.inline(chart, ATTACK), charts.svg(chart)):
        root = ElementTree.fromstring(str(drawn))
        names = {node.tag.rpartition("}")[2] for node in root.iter()}
        assert names <= {"svg", "style", "g", "path", "line", "rect", "text", "tspan"}
        assert not any(
            "href" in name or name.startswith("on") for node in root.iter() for name in node.attrib
        )
        assert "example.org" not in str(drawn)
        assert ATTACK[:30] in "".join(root.itertext())
    assert says(charts.inline(chart, "x")) == [ATTACK.replace("\x1b", "\\x1b").replace("\x00", "\\x00")]


def test_a_specification_loads_nothing():
    chart = {"data": {"url": "https://example.org/x.json"}, "mark": "bar", "encoding": {"x": {"field": "x"}}}
    with pytest.raises(ValueError, match="not allowed"):
        charts.svg(chart)


def test_a_file_has_colours_for_both_grounds():
    drawn = charts.svg(forest([charts.Row("a", 0.7, 0.6, 0.8, "a")]))
    light, dark = PALETTE["s1"]
    assert f'"{light}"' in drawn
    assert f'[fill="{light}"]{{fill:{dark}}}' in drawn
    assert "prefers-color-scheme:dark" in drawn
    assert "var(" not in drawn
    colours = [colour for pair in PALETTE.values() for colour in pair]
    assert len(set(colours)) == len(colours)  # a rule of the style is for one role
