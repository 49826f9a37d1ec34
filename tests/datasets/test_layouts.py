"""Every layout, written small, gives the same known answers."""

from __future__ import annotations

import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pytest

from recaudit.datasets import ReadOptions, read_dataset, summary
from recaudit.datasets.types import Split
from recaudit.errors import InputRefused, UsageError
from tests.datasets.files import concepts_of, raw_rows, write

ROWS = [("1", "10"), ("1", "20"), ("2", "10"), ("1", "30"), ("2", "30")]

MOVIELENS_1M: dict[str, str | bytes] = {
    "ratings.dat": "1::10::5::100\n1::20::3::200\n2::10::4::150\n1::30::1::300\n2::30::2::250\n",
    "movies.dat": "10::Alien (1979)::Horror|Sci-Fi\n20::Amélie (2001)::Comedy\n30::Heat (1995)::Crime\n"
    "40::Never Rated (1990)::Drama\n".encode("latin-1"),
    "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
}
MOVIELENS_100K: dict[str, str | bytes] = {
    "u.data": "1\t10\t5\t100\n1\t20\t3\t200\n2\t10\t4\t150\n1\t30\t1\t300\n2\t30\t2\t250\n",
    "u.item": (
        "10|Alien (1979)|01-Jan-1979||http://x|0|0|0|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0\n"
        "20|Amélie (2001)|01-Jan-2001||http://x|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "30|Heat (1995)|01-Jan-1995||http://x|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0\n"
        "40|Never Rated (1990)|01-Jan-1990||http://x|0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0\n"
    ).encode("latin-1"),
    "u.user": "1|17|F|K-12 student|48067\n2|60|M|self-employed|70072\n",
}
MOVIELENS_CSV: dict[str, str | bytes] = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,5.0,100\n1,20,3.0,200\n2,10,4.0,150\n"
    "1,30,1.0,300\n2,30,2.0,250\n",
    "movies.csv": "movieId,title,genres\n10,Alien (1979),Horror|Sci-Fi\n20,Amélie (2001),Comedy\n"
    "30,Heat (1995),Crime\n40,Never Rated (1990),Drama\n",
}
RECBOLE: dict[str, str | bytes] = {
    "ml.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t5\t100\n"
    "1\t20\t3\t200.0\n2\t10\t4\t150\n1\t30\t1\t300\n2\t30\t2\t250\n",
    "ml.item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "10\tAlien (1979)\t1979\tHorror Sci-Fi\n20\tAmélie (2001)\t2001\tComedy\n30\tHeat (1995)\t1995\tCrime\n"
    "40\tNever Rated (1990)\t1990\tDrama\n",
    "ml.user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "1\t17\tF\tK-12 student\t48067\n2\t60\tM\tself-employed\t70072\n",
}
PLAIN: dict[str, str | bytes] = {
    "interactions.csv": "user_id;item_id;rating;timestamp\n1;10;5;100\n1;20;3;200\n2;10;4;150\n1;30;1;300\n"
    "2;30;2;250\n",
    "items.tsv": "item_id\ttitle\tgenres\n10\tAlien (1979)\tHorror|Sci-Fi\n20\tAmélie (2001)\tComedy\n"
    "30\tHeat (1995)\tCrime\n40\tNever Rated (1990)\tDrama\n",
    "users.csv": "user_id,gender,age,age_label,occupation,occupation_label,zip\n"
    "1,F,1,Under 18,10,K-12 student,48067\n2,M,56,56+,16,self-employed,70072\n",
}
WITH_USERS = [
    ("movielens-1m", MOVIELENS_1M),
    ("movielens-100k", MOVIELENS_100K),
    ("recbole", RECBOLE),
    ("plain", PLAIN),
]
LAYOUTS = [*WITH_USERS, ("movielens-csv", MOVIELENS_CSV)]


@pytest.mark.parametrize(("layout", "files"), LAYOUTS)
def test_the_same_data_in_every_layout(tmp_path: Path, layout: str, files: dict[str, str | bytes]) -> None:
    dataset = read_dataset(write(tmp_path / "small", files))
    rows = dataset.interactions
    assert dataset.layout == layout
    assert dataset.name == "small"
    assert raw_rows(dataset) == ROWS
    assert rows.rating is not None
    assert rows.timestamp is not None
    np.testing.assert_array_equal(rows.rating, [5, 3, 4, 1, 2])
    np.testing.assert_array_equal(rows.timestamp, [100, 200, 150, 300, 250])
    np.testing.assert_array_equal(rows.position, [0, 1, 0, 2, 1])
    np.testing.assert_array_equal(
        rows.split, [Split.TRAIN, Split.VALID, Split.TRAIN, Split.TEST, Split.TRAIN]
    )
    assert dataset.items["title"].tolist() == [
        "Alien (1979)",
        "Amélie (2001)",
        "Heat (1995)",
        "Never Rated (1990)",
    ]
    assert dataset.items["year"].tolist() == [1979, 2001, 1995, 1990]
    assert concepts_of(dataset, "genre") == {
        "10": {"Horror", "Sci-Fi"},
        "20": {"Comedy"},
        "30": {"Crime"},
        "40": {"Drama"},
    }
    assert concepts_of(dataset, "decade")["30"] == {"1990s"}
    assert summary(dataset).startswith("2 users, 3 items (1 more without interactions), 5 ratings, 5 genres")


@pytest.mark.parametrize(("layout", "files"), WITH_USERS)
def test_user_groups(tmp_path: Path, layout: str, files: dict[str, str | bytes]) -> None:
    groups = read_dataset(write(tmp_path, files)).user_groups
    found = {(user, attribute): value for user, attribute, value in groups.itertuples(index=False)}
    assert found == {
        (0, "gender"): "F",
        (0, "age"): "Under 18",
        (0, "occupation"): "K-12 student",
        (1, "gender"): "M",
        (1, "age"): "56+",
        (1, "occupation"): "self-employed",
    }


def test_a_zip_reads_as_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "small.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in MOVIELENS_1M.items():
            file.writestr(f"inside/{name}", content)
        file.writestr("__MACOSX/inside/ratings.dat", "junk")
        file.writestr("../../escape.csv.sh", "junk")
    dataset = read_dataset(archive)
    assert raw_rows(dataset) == ROWS
    assert dataset.name == "small"
    assert {source.name for source in dataset.sources} == set(MOVIELENS_1M)


def test_rechorus_brings_its_split_and_sorts_by_time(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "train.csv": "user_id\titem_id\ttime\n1\t5\t30\n1\t6\t10\n2\t5\t10\n1\t7\t30\n",
            "dev.csv": "user_id\titem_id\ttime\tneg_items\n1\t8\t30\t[1, 2]\n",
            "test.csv": "user_id\titem_id\ttime\tneg_items\n1\t9\t20\t[1, 2]\n",
            "item_meta_all_info.csv": "item_id\tmovieId\ttitle\tgenres\n5\t50\tAlien (1979)\tHorror|Sci-Fi\n",
        },
    )
    dataset = read_dataset(folder)
    assert dataset.layout == "rechorus"
    assert dataset.split == {"name": "given"}
    assert [item for _, item in raw_rows(dataset)] == ["5", "6", "5", "7", "8", "9"]
    np.testing.assert_array_equal(dataset.interactions.position, [2, 0, 0, 3, 4, 1])
    np.testing.assert_array_equal(dataset.interactions.split, [0, 0, 0, 0, 1, 2])
    assert dataset.items["raw_id"].tolist() == ["5", "6", "7", "8", "9"]
    assert dataset.items["year"][0] == 1979


def test_recbole_benchmark_files_bring_their_split(tmp_path: Path) -> None:
    header = "user_id:token\titem_id:token\n"
    folder = write(
        tmp_path,
        {
            "x.train.inter": header + "a\t1\n",
            "x.valid.inter": header + "a\t2\n",
            "x.test.inter": header + "a\t3\n",
        },
    )
    dataset = read_dataset(folder)
    assert dataset.split["name"] == "given"
    np.testing.assert_array_equal(dataset.interactions.split, [0, 1, 2])


def test_parquet_lists_and_an_order_column(tmp_path: Path) -> None:
    duckdb.execute(
        f"COPY (SELECT * FROM (VALUES (1, 7, 2), (1, 8, 0), (1, 9, 1), (1, 6, NULL)) t(user_id, item_id, seq_pos)) "
        f"TO '{tmp_path}/interactions.parquet'"
    )
    duckdb.execute(
        f"COPY (SELECT 7 AS item_id, 'A' AS title, ['Drama', 'War'] AS genres, 1950 AS year) "
        f"TO '{tmp_path}/items.parquet'"
    )
    dataset = read_dataset(tmp_path)
    np.testing.assert_array_equal(dataset.interactions.position, [3, 1, 2, 0])
    np.testing.assert_array_equal(
        dataset.interactions.split, [Split.TEST, Split.TRAIN, Split.VALID, Split.TRAIN]
    )
    assert concepts_of(dataset, "genre") == {"7": {"Drama", "War"}}


def test_a_lone_table_with_named_columns(tmp_path: Path) -> None:
    write(tmp_path, {"clicks.csv": "who,what,when\na,x,2020-01-02\na,y,2020-01-01 12:00:00\n"})
    mapping = tmp_path / "map.toml"
    mapping.write_text('[columns]\nuser = "who"\nitem = "nothing"\n')
    options = ReadOptions(mapping=mapping, columns={"item": "what", "timestamp": "when"})
    dataset = read_dataset(tmp_path / "clicks.csv", options=options)
    assert dataset.layout == "table"
    assert raw_rows(dataset) == [("a", "x"), ("a", "y")]
    np.testing.assert_array_equal(dataset.interactions.position, [1, 0])


def test_a_table_without_a_header(tmp_path: Path) -> None:
    folder = write(tmp_path, {"x.dat": "1 5\n2 6\n", "songs.csv": "item,title\n5,A\n"})
    options = ReadOptions(column_names=("user", "item"), delimiter=" ", items=folder / "songs.csv")
    dataset = read_dataset(folder / "x.dat", options=options)
    assert raw_rows(dataset) == [("1", "5"), ("2", "6")]
    assert dataset.items["title"].tolist() == ["A", None]


def test_a_file_name_is_only_a_value(tmp_path: Path) -> None:
    name = "it's; DROP TABLE interactions; -- *?[a].csv"
    write(tmp_path, {name: "user_id,item_id\n1,2\n"})
    assert raw_rows(read_dataset(tmp_path / name)) == [("1", "2")]


def test_ids_stay_text(tmp_path: Path) -> None:
    folder = write(tmp_path, {"interactions.csv": "user_id,item_id\n01,a\n1,A\n1.0,a \n"})
    dataset = read_dataset(folder)
    assert dataset.users["raw_id"].tolist() == ["01", "1", "1.0"]
    assert dataset.items["raw_id"].tolist() == ["a", "A", "a "]


def test_items_keep_the_order_of_their_table(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {"interactions.csv": "user_id,item_id\nu,z\nu,b\nu,y\n", "items.csv": "item_id\nb\na\n"},
    )
    assert read_dataset(folder).items["raw_id"].tolist() == ["b", "a", "z", "y"]


def test_tags_count_by_spelling_and_need_support(tmp_path: Path) -> None:
    tags = (
        "userId,movieId,tag,timestamp\n1,10,Space,1\n2,10,space ,1\n2,20,space,1\n1,30,Cops,1\n1,99,space,1\n"
    )
    folder = write(tmp_path, {**MOVIELENS_CSV, "tags.csv": tags})
    dataset = read_dataset(folder, options=ReadOptions(min_tag_support=2))
    assert concepts_of(dataset, "tag") == {"10": {"space"}, "20": {"space"}}
    assert [note.count for note in dataset.notes if "tags on fewer" in note.message] == [1]


def test_no_layout_says_what_was_found(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "x\n", "b.csv": "x\n"})
    with pytest.raises(InputRefused, match=r"a\.csv, b\.csv"):
        read_dataset(tmp_path)


def test_a_layout_can_be_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path, {**PLAIN, **MOVIELENS_CSV})
    assert read_dataset(folder, options=ReadOptions(layout="plain")).layout == "plain"
    with pytest.raises(InputRefused, match="not laid out as recbole"):
        read_dataset(folder, options=ReadOptions(layout="recbole"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "holdout"},
        {"layout": "movielens"},
        {"columns": {"usr": "x"}},
        {"cut_points": (0.9, 0.8)},
        {"shares": (0.5, 0.5)},
        {"split": "random", "split_column": "fold"},
    ],
)
def test_impossible_options(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ReadOptions(**wrong)  # type: ignore[arg-type]


def test_a_named_column_must_exist(tmp_path: Path) -> None:
    folder = write(tmp_path, PLAIN)
    with pytest.raises(UsageError, match="no column stars") as caught:
        read_dataset(folder, options=ReadOptions(columns={"rating": "stars"}))
    assert "rating" in caught.value.fix
