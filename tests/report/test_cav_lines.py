"""Tables about concept vectors: what fits where, and what their cells say."""

import numpy as np
import pandas as pd

from recaudit.report import cav_lines


def concept(name, **given):
    row = {
        "kind": "genre",
        "concept": name,
        "n": 1007,
        "auc": 0.941,
        "auc_low": 0.933,
        "auc_high": 0.951,
        "stability": 0.94,
        "verdict": "present",
        "share": 0.845,
        "share_low": 0.84,
        "rating": 0.287,
        "rating_low": 0.263,
        "rating_high": 0.311,
    }
    return row | given


NONE = dict.fromkeys(("auc", "auc_low", "auc_high", "stability", "share", "share_low", "rating"), np.nan)
TABLE = pd.DataFrame(
    [
        concept("Comedy"),
        concept("War", verdict="unstable", rating=-0.01, rating_low=-0.05, rating_high=0.03),
        concept("1910s", kind="decade", n=1, verdict="insufficient", **NONE),
    ]
)


def test_wide_and_narrow_say_the_same():
    columns, rows = cav_lines.overview(TABLE, 140)
    assert columns == ["kind", "concept", "n", "AUC", "stability", "verdict", "history", "rating", "ratings"]
    assert rows[0] == [
        *("genre", "✓ Comedy", 1007, ".94 [.93, .95]", ".94", "present"),
        *(".84", ".29 [.26, .31]", "goes with"),
    ]
    columns, rows = cav_lines.overview(TABLE, 80)
    assert columns == ["concept", "AUC", "history", "rating", "ratings"]
    assert rows[0] == ["GENRE", "", "", "", ""]
    assert rows[1] == ["✓ Comedy", ".94 [.93, .95]", ".84", ".29 [.26, .31]", "goes with"]
    assert rows[2][0] == "! War"
    assert rows[2][-1] == "no relation"
    assert rows[3][0] == "DECADE"
    assert rows[4] == ["– 1910s", "–", "–", "–", ""]


def test_one_kind_needs_no_heading():
    assert len(cav_lines.overview(TABLE[:2], 80)[1]) == 2


def correlation(ratings, rating, value, **given):
    row = {
        "ratings": ratings,
        "rating": rating,
        "sensitivity": "raw",
        "adjusted": False,
        "correlation": "spearman",
    }
    return (
        row
        | {"value": value, "low": value - 0.1, "high": value + 0.1, "q": 0.01, "n": 5681, "smallest": 0.037}
        | given
    )


def test_both_coefficients_of_a_question_stand_side_by_side():
    frame = pd.DataFrame(
        [
            correlation("all", "mean", 0.1),
            correlation("all", "mean", 0.2, correlation="pearson", q=0.5),
            correlation("all", "share", 0.8),
            correlation("all", "mean", 0.3, sensitivity="cosine"),
            correlation("all", "mean", 0.4, adjusted=True),
            correlation("held-out", "mean", 0.0, n=99),
        ]
    )
    (title, columns, rows), (held_out, _, more) = cav_lines.correlations(frame)
    assert "5,681 users, all ratings (so many show .04" in title
    assert "99 users, ratings of items outside the training history" in held_out
    assert columns == ["sensitivity with", "given", "Spearman", "q", "Pearson"]
    assert rows == [
        ["share of the history", "", ".80 [.70, .90]", "0.0100", "–"],
        ["mean rating", "", ".10 [.00, .20]", "0.0100", ".20 [.10, .30]"],
        ["mean rating", "length", ".30 [.20, .40]", "0.0100", "–"],
        ["mean rating", "activity", ".40 [.30, .50]", "0.0100", "–"],
    ]
    assert len(more) == 1


def test_angles_say_which_mean_something():
    frame = pd.DataFrame(
        {
            "concept": ["A", "B"],
            "degrees": [45.0, 88.0],
            "cosine": [0.7, 0.03],
            "low": [0.6, -0.1],
            "high": [0.8, 0.1],
        }
    ).assign(null_low=-0.25, null_high=0.25)
    assert cav_lines.angles(frame)[1] == [
        ["A", "45°", ".70 [.60, .80]", "beyond chance"],
        ["B", "88°", ".03 [-.10, .10]", ""],
    ]


def test_contributions_add_up():
    latents = pd.DataFrame(
        {
            "concept": ["A", "A"],
            "sae": ["s", "s"],
            "latent": [3, 5],
            "value": [2.0, 0.0],
            "mean": [0.5, 1.0],
            "contribution": [1.5, -0.25],
        }
    )
    _, rows = cav_lines.contributions(
        latents, pd.DataFrame({"concept": ["A", "B"], "sensitivity": [1.0, 7.0]})
    )
    assert [row[2] for row in rows] == ["3", "5", "all else", "= sensitivity"]
    assert [row[-1] for row in rows] == [1.5, -0.25, -0.25, 1.0]


def test_a_user_on_the_component_that_separates_conditions():
    axes = pd.DataFrame({"axis": [1, 2], "eta_squared": [0.1, 0.9]})
    frame = pd.DataFrame({"condition": ["a", "b", "(none)"], "place": [[0.0, 1.0], [9.0, -1.0], [5.0, 0.0]]})
    columns, rows = cav_lines.places(frame, axes)
    assert columns == ["condition", "component 2", ""]
    assert [row[0] for row in rows] == ["b", "(none)", "a"]
    assert rows[0][2].startswith("●")
    assert rows[2][2].endswith("●")
    assert {len(row[2]) for row in rows} == {36}
    assert cav_lines.places(frame[:0], axes) == ([], [])


def test_items_without_ratings_have_no_column_of_them():
    frame = pd.DataFrame(
        {
            "concept": ["A"],
            "item": ["7"],
            "title": [None],
            "rating": [np.nan],
            "along": [0.1],
            "farther": [0.987],
        }
    )
    assert cav_lines.items(frame) == (
        ["concept", "item", "farther along than"],
        [["A", "7", "98.7% of items"]],
    )
    assert cav_lines.items(frame.assign(rating=4.0, title="T"))[1] == [["A", "T", "98.7% of items", "4.00"]]
