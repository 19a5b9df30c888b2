"""Counting real files, and refusing bad ones with the column, the row and the remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from audits.fairness import MISSING, Confusion, Counts, Limits, PredictionsError, count_file
from audits.fairness.session import open_session
from audits.fairness.source import inspect

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "demo" / "data"
BAD = ROOT / "tests" / "assets" / "predictions" / "bad"
HEADER = "y_true,y_pred,sex\n"
GOOD = "1,1,f\n0,0,m\n1,0,f\n0,1,m\n"

# file, code, column, row, line, and a word of the message or remedy
BAD_FILES = [
    ("missing_column.csv", "missing_column", "y_pred", None, None, "Did you mean 'y_predicted'"),
    ("duplicate_column.csv", "duplicate_column", "sex", None, None, "more than once"),
    ("one_class.csv", "one_class", "y_true", None, None, "holds only 1"),
    ("score_for_decision.csv", "bad_label", "y_pred", 2, None, "'0.25' in row 2 (2 such rows)"),
    ("nan_label.csv", "empty_label", "y_true", 3, None, "empty in row 3"),
    ("empty_label.csv", "empty_label", "y_true", 2, None, "empty in row 2"),
    ("no_rows.csv", "no_rows", None, None, None, "no rows"),
    ("empty.csv", "empty_file", None, None, None, "empty"),
    ("utf16.csv", "wrong_encoding", None, None, 1, "UTF-16"),
    ("utf16_without_mark.csv", "not_text", None, None, None, "UTF-16"),
    ("latin1_value.csv", "wrong_encoding", None, None, 6, "Line 6"),
    ("latin1_header.csv", "wrong_encoding", None, None, 1, "header"),
    ("ragged_long.csv", "ragged_row", None, None, 6, "has 4 fields; the header has 3"),
    ("ragged_short.csv", "ragged_row", None, None, 6, "has 2 fields; the header has 3"),
    ("open_quote.csv", "bad_quotes", None, None, 2, "quote"),
    ("mixed_line_ends.csv", "unreadable_csv", None, None, None, "one kind of line end"),
    ("binary.csv", "not_text", None, None, None, "binary"),
    ("spreadsheet.csv", "not_csv", None, None, None, "spreadsheet"),
    ("named_parquet.parquet", "not_parquet", None, None, None, "not a Parquet file"),
    ("cut_off.parquet", "damaged_parquet", None, None, None, "cut off"),
    ("damaged.parquet", "damaged_parquet", None, None, None, "damaged"),
    ("cut_off.csv.gz", "damaged_gzip", None, None, None, "cut off"),
    ("wrong_checksum.csv.gz", "damaged_gzip", None, None, None, "damaged"),
    ("rubbish_after.csv.gz", "damaged_gzip", None, None, None, "damaged"),
]


def write(folder: Path, text: str | bytes, name: str = "predictions.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path, **options: object) -> PredictionsError:
    with pytest.raises(PredictionsError) as caught:
        count_file(path, **{"attributes": ["sex"], **options})  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(("name", "code", "column", "row", "line", "words"), BAD_FILES)
def test_bad_file_is_refused_with_what_where_and_how(
    name: str, code: str, column: str | None, row: int | None, line: int | None, words: str
) -> None:
    fault = refusal(BAD / name)
    assert (fault.code, fault.column, fault.row, fault.line) == (code, column, row, line)
    assert words in str(fault)
    assert fault.how


def test_every_bad_file_is_in_the_table() -> None:
    assert {path.name for path in BAD.iterdir()} == {row[0] for row in BAD_FILES}


def test_count_equals_pandas_on_the_demo_files() -> None:
    for path in sorted(DEMO.glob("adult_predictions*.csv.gz")):
        counts = count_file(path, attributes=["sex", "race", "age_band"])
        rows = pd.read_csv(path).groupby(["sex", "race", "age_band", "y_true", "y_pred"]).size()
        expected: dict[tuple[str, ...], list[int]] = {}
        for (*values, truth, guess), n in rows.items():
            place = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3}[truth, guess]
            expected.setdefault(tuple(values), [0, 0, 0, 0])[place] = n
        assert {key: list(cell) for key, cell in counts.cells.items()} == expected
        assert counts.n == 16281


def test_all_formats_give_the_same_counts(tmp_path: Path) -> None:
    original = DEMO / "adult_predictions.csv.gz"
    plain = write(tmp_path, gzip.decompress(original.read_bytes()))
    frame = pd.read_csv(original)
    columns = ", ".join(frame.columns)
    parquet = tmp_path / "predictions.parquet"
    duckdb.sql(f"COPY (SELECT {columns} FROM frame) TO '{parquet}'")
    semicolon = tmp_path / "semicolon.csv"
    frame.to_csv(semicolon, sep=";", index=False, lineterminator="\r\n", encoding="utf-8-sig")
    members = write(tmp_path, b"", "members.csv.gz")
    head, _, tail = plain.read_bytes().partition(b"\n")
    members.write_bytes(gzip.compress(head + b"\n") + gzip.compress(tail))
    expected = count_file(original, attributes=["race", "sex"])
    for path in (plain, parquet, semicolon, members):
        assert count_file(path, attributes=["race", "sex"]) == expected


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = write(tmp_path, ("\ufeff" + HEADER + GOOD).encode())
    assert count_file(path, attributes=["sex"]).n == 4


def test_label_and_prediction_columns_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "outcome,group,decision\n1,a,1\n0,a,0\n")
    counts = count_file(path, attributes=["group"], label="outcome", prediction="decision")
    assert counts.cells == {("a",): Confusion(1, 0, 0, 1)}


def test_labels_may_be_written_as_numbers_or_booleans(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "1.0,true,f\n0,FALSE,f\n 1 ,0.0,f\nFalse,1,f\n")
    assert count_file(path, attributes=["sex"]).total() == Confusion(1, 1, 1, 1)


def test_missing_attribute_value_is_its_own_group(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + '1,1,\n0,0,""\n0,1,  \n1,0,f\n')
    counts = count_file(path, attributes=["sex"])
    assert counts.cells == {(MISSING,): Confusion(1, 1, 0, 1), ("f",): Confusion(0, 0, 1, 0)}


def test_parquet_null_and_nan_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES (1, true, 'nan'::DOUBLE), (0, false, NULL), (1, false, 2.5)) "
        f"t(y_true, y_pred, band)) TO '{path}'"
    )
    assert set(count_file(path, attributes=["band"]).cells) == {(MISSING,), ("2.5",)}


def test_parquet_bad_label_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    duckdb.sql(
        "COPY (SELECT CASE WHEN i = 149999 THEN 2 ELSE i % 2 END AS y_true, "
        f"CASE WHEN i = 7 THEN NULL ELSE 1 END AS y_pred, 'a' AS sex FROM range(150000) t(i)) TO '{path}'"
    )
    fault = refusal(path)
    assert (fault.code, fault.column, fault.row) == ("bad_label", "y_true", 150000)


def test_parquet_faults_name_the_column(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS y_true, 0 AS y_pred, [1, 2] AS sex, {{'y': 1}} AS box) TO '{path}'")
    assert refusal(path).code == "bad_type"
    assert refusal(path, attributes=["box"]).code == "bad_type"
    fault = refusal(path, attributes=["y"])
    assert (fault.code, fault.column) == ("missing_column", "y")


def test_text_like_a_formula_or_sql_is_kept(tmp_path: Path) -> None:
    values = ["=1+1", "@SUM(A1)", "-1", "'; DROP TABLE x; --", "{0}", "a,b", 'say "x"', "two\nlines", "größe"]
    lines = [f'{place % 2},1,"{value.replace(chr(34), chr(34) * 2)}"' for place, value in enumerate(values)]
    path = write(tmp_path, HEADER + "\n".join(lines) + "\n")
    assert [key[0] for key in count_file(path, attributes=["sex"]).cells] == sorted(values)


def test_column_names_of_any_text_are_kept(tmp_path: Path) -> None:
    name = 'a "b" \'; c{0}'
    quoted = name.replace('"', '""')
    path = write(tmp_path, f'y_true,y_pred,"{quoted}"\n1,1,x\n0,0,y\n')
    assert set(count_file(path, attributes=[name]).cells) == {("x",), ("y",)}
    parquet = tmp_path / "p.parquet"
    rows = f"""SELECT * FROM (VALUES (1, 1, 'x'), (0, 0, 'y')) t(y_true, y_pred, "{quoted}")"""
    duckdb.sql(f"COPY ({rows}) TO '{parquet}'")
    assert set(count_file(parquet, attributes=[name]).cells) == {("x",), ("y",)}


def test_file_name_with_pattern_characters_opens_only_itself(tmp_path: Path) -> None:
    write(tmp_path, HEADER + "1,1,other\n0,0,other\n", "p1.csv")
    for name in ("p*.csv", "p[1].csv", "p?.csv", "it's.csv", "a b,c.csv"):
        path = write(tmp_path, HEADER + GOOD, name)
        assert set(count_file(path, attributes=["sex"]).cells) == {("f",), ("m",)}


def test_fault_deep_in_a_large_file_has_the_right_line_and_row(tmp_path: Path) -> None:
    block = GOOD * 300_000
    ragged = write(tmp_path, HEADER + block + "1,1\n" + block, "ragged.csv")
    assert refusal(ragged).line == 1_200_002
    label = write(tmp_path, HEADER + block + "1,7,f\n" + block, "label.csv")
    fault = refusal(label)
    assert (fault.row, fault.column) == (1_200_001, "y_pred")


def test_score_in_the_prediction_column_is_found_even_with_very_many_values(tmp_path: Path) -> None:
    lines = "".join(f"{i % 2},{i / 5000},f\n" for i in range(5000))
    fault = refusal(write(tmp_path, HEADER + lines), limits=Limits(cells=1000))
    assert (fault.code, fault.column, fault.row) == ("bad_label", "y_pred", 2)


@pytest.mark.parametrize("limits", [Limits(), Limits(cells=500)])
def test_id_column_as_attribute_is_refused(tmp_path: Path, limits: Limits) -> None:
    path = write(tmp_path, HEADER + "".join(f"{i % 2},1,p{i}\n" for i in range(2000)))
    fault = refusal(path, limits=limits)
    assert (fault.code, fault.column) == ("too_many_groups", "sex")
    assert "id" in fault.how


def test_too_many_combinations_are_refused(tmp_path: Path) -> None:
    lines = "".join(f"{i % 2},1,{i % 40},{i % 41}\n" for i in range(4000))
    path = write(tmp_path, "y_true,y_pred,a,b\n" + lines)
    assert refusal(path, attributes=["a", "b"], limits=Limits(cells=1000)).code == "too_many_cells"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(file_bytes=100), "file_too_large"),
        (Limits(rows=399), "too_many_rows"),
        (Limits(columns=2), "too_many_columns"),
        (Limits(attributes=0), "too_many_attributes"),
        (Limits(value_chars=0), "bad_value"),
        (Limits(seconds=0.0), "too_slow"),
    ],
)
def test_limit_exceeded_is_refused(tmp_path: Path, limits: Limits, code: str) -> None:
    path = write(tmp_path, HEADER + GOOD * 100 + GOOD * 100_000 * (code == "too_slow"))
    if code == "too_slow":
        path = write(tmp_path, HEADER + GOOD * 2_000_000)
    assert refusal(path, limits=limits).code == code


def test_limit_rows_refuses_one_row_more(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD)
    assert count_file(path, attributes=["sex"], limit_rows=4).n == 4
    assert refusal(path, limit_rows=3).code == "too_many_rows"


def test_huge_field_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD + "1,1," + "x" * 3_000_000 + "\n" + GOOD)
    fault = refusal(path)
    assert (fault.code, fault.line) == ("line_too_long", 6)
    assert len(str(fault)) < 300
    header = write(tmp_path, "y_true,y_pred," + "x" * 300_000 + "\n" + GOOD)
    assert refusal(header).code in ("line_too_long", "bad_header")


def test_zero_byte_in_a_value_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER.encode() + GOOD.encode() * 50_000 + b"1,1,m\x00x\n")
    assert refusal(path).code == "bad_value"


def test_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(HEADER.encode())
        for _ in range(60):
            stream.write(GOOD.encode() * 40_000)
    assert path.stat().st_size < 300_000
    fault = refusal(path, limits=Limits(unpacked_bytes=2_000_000))
    assert fault.code == "unpacked_too_large"


def test_memory_limit_is_an_answer_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    duckdb.sql(
        "COPY (SELECT i % 2 AS y_true, 1 AS y_pred, 'person number ' || (i * 7919)::VARCHAR AS sex "
        f"FROM range(1500000) t(i)) TO '{path}'"
    )
    assert refusal(path, limits=Limits(memory="40MB")).code == "out_of_memory"


def test_unreadable_path_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "unreadable"
    assert refusal(tmp_path / "none.csv").code == "unreadable"


@pytest.mark.parametrize(
    ("attributes", "label"), [(["y_true"], "y_true"), (["sex", "sex"], "y_true"), (["sex"], "y_pred")]
)
def test_column_named_for_two_purposes_is_refused(tmp_path: Path, attributes: list[str], label: str) -> None:
    path = write(tmp_path, HEADER + GOOD)
    assert refusal(path, attributes=attributes, label=label).code == "column_named_twice"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{other}')",
        "SELECT * FROM read_csv('{other}')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/x.db'",
        "SET enable_external_access = true",
        "SET allowed_paths = []",
        "SET memory_limit = '8GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://localhost/x.csv'",
    ],
)
def test_session_can_reach_nothing_but_its_file(tmp_path: Path, query: str) -> None:
    path = write(tmp_path, HEADER + GOOD)
    other = write(tmp_path, HEADER + GOOD, "other.csv")
    limits = Limits()
    with open_session(inspect(path, ["sex"], limits), limits) as session:
        assert session.rows("SELECT count(*) FROM read_csv($path)") == [(4,)]
        with pytest.raises(duckdb.Error, match=r"disabled|locked|Cannot access"):
            session._connection.execute(query.format(other=other, folder=tmp_path))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["other.csv", "predictions.csv"]


def test_counts_document_is_read_back_and_parts_merge() -> None:
    counts = count_file(DEMO / "adult_predictions.csv.gz", attributes=["sex", "race"])
    assert Counts.from_document(counts.as_document()) == counts
    doubled = counts.merge(counts)
    assert doubled.n == 2 * counts.n
    assert doubled.by("sex")["Female",] == Confusion(*(2 * k for k in counts.by("sex")["Female",]))
    with pytest.raises(ValueError, match="same attributes"):
        counts.merge(count_file(DEMO / "adult_predictions.csv.gz", attributes=["sex"]))
