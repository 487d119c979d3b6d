"""Big CSV tables: the values that Python reads, faults by line and column, and what is kept between runs."""

from __future__ import annotations

import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataperf_fast.files import csv_tables
from dataperf_fast.files.csv_tables import read_table, write_table
from dataperf_fast.files.errors import InputError, shorten


def bits(values: np.ndarray) -> list[int]:
    return np.asarray(values, dtype=np.float64).ravel().view(np.int64).tolist()


def by_python(path: Path) -> np.ndarray:
    return np.array([[float(value) for value in line.split(",")] for line in path.read_text().split()])


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_the_values_are_those_that_python_reads(tmp_path):
    generator = np.random.default_rng(0)
    values = generator.standard_normal((300, 7)) * 10.0 ** generator.integers(-300, 300, (300, 7))
    texts = [[repr(float(value)) for value in row] for row in values]
    texts[0] = ["-0", "5e-324", "1.7976931348623157e308", "0.1", " .5", "2. ", "+3"]
    # Halfway cases, and more digits than a float64 holds.
    texts[1] = ["9007199254740993", "1.00000000000000011102230246251565404", "1E+5", "1e-400", "01", "0.30000001", "7"]
    path = write(tmp_path, "".join(",".join(row) + "\n" for row in texts))
    table = read_table(path, "numbers", None)
    expected = np.array([[float(text) for text in row] for row in texts])
    assert bits(table.features) == bits(expected[:, :-1])
    assert bits(table.labels) == bits(expected[:, -1])
    assert (table.features.dtype, table.labels.dtype, table.path) == (np.float64, np.float64, path)
    assert table.features.flags.c_contiguous


@pytest.mark.parametrize("kept", [None, "kept"])
@pytest.mark.parametrize("exact", [True, False])
def test_float32_only_where_nothing_is_lost(exact, kept, tmp_path):
    values = np.random.default_rng(1).standard_normal((50, 6)).astype(np.float32).astype(np.float64)
    if not exact:
        values[49, 5] = 0.1
    labels = np.arange(50) % 3
    path = tmp_path / "table.csv"
    write_table(path, values, labels)
    table = read_table(path, "numbers", kept and tmp_path / kept)
    assert table.features.dtype == (np.float32 if exact else np.float64)
    assert bits(table.features) == bits(values) == bits(by_python(path)[:, :-1])
    assert bits(table.labels) == bits(labels)
    assert table.features.flags.c_contiguous


def test_a_value_too_big_for_float32_is_kept(tmp_path):
    table = read_table(write(tmp_path, "1e39,0\n1,1\n"), "numbers", None)
    assert table.features.tolist() == [[1e39], [1.0]]


def test_what_is_written_as_float32_is_read_as_the_same_float64(tmp_path):
    values = np.random.default_rng(2).standard_normal((40, 3), dtype=np.float32)
    write_table(tmp_path / "table.csv", values, np.zeros(40))
    assert bits(by_python(tmp_path / "table.csv")[:, :-1]) == bits(values)
    assert (tmp_path / "table.csv").read_text().split("\n")[0].endswith(",0")


def test_several_blocks_are_put_together_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_tables, "_BLOCK", 4096)
    monkeypatch.setattr(csv_tables, "_LONGEST_LINE", 2048)
    values = np.random.default_rng(3).standard_normal((1000, 9))
    write_table(tmp_path / "table.csv", values, np.arange(1000))
    table = read_table(tmp_path / "table.csv", "numbers", None)
    assert bits(table.features) == bits(values)
    assert table.labels.tolist() == list(range(1000))


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "1,2\n3,4", "1,2\r\n3,4\r\n", "\ufeff1,2\n3,4\n", " 1,\t2\n3 ,4\t\n"])
def test_line_ends_and_spaces(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    table = read_table(path, "numbers", None)
    assert (table.features.tolist(), table.labels.tolist()) == ([[1.0], [3.0]], [2.0, 4.0])


def test_one_row_without_a_line_end(tmp_path):
    table = read_table(write(tmp_path, "1,2,3"), "numbers", None)
    assert (table.features.tolist(), table.labels.tolist()) == ([[1.0, 2.0]], [3.0])


GOOD = "1,2,3\n"
ROWS_ALONE = "expected rows of numbers alone, in pandas to_csv(path, header=False, index=False)"
FAULTS = {
    "empty": ("", "is empty; expected numbers"),
    "one column": ("17\n18\n", "line 1: has one column: '17'; expected features, commas between, and a label last"),
    "short row": (GOOD * 2 + "1,2\n", "line 3: has 2 columns; expected 3, as line 1"),
    "long row": (GOOD + "1,2,3,4\n", "line 2: has 4 columns; expected 3, as line 1"),
    "comma at the end": (GOOD + "1,2,3,\n", "line 2: has 4 columns; expected 3, as line 1"),
    "word": (GOOD * 4 + "1,two,3\n", "line 5, column 2: holds 'two'; expected a finite number"),
    "header": ("a,b,label\n" + GOOD, f"line 1: is a header, not a row: 'a,b,label'; {ROWS_ALONE}"),
    "header in quotes": ('"a","b"\n1,2\n', f'line 1: is a header, not a row: \'"a","b"\'; {ROWS_ALONE}'),
    "header after an index": (",0,1,2\n0,5,6,7\n", f"line 1: is a header, not a row: ',0,1,2'; {ROWS_ALONE}"),
    "header with one name": ("0,1,label\n" + GOOD, f"line 1: is a header, not a row: '0,1,label'; {ROWS_ALONE}"),
    "a word in line 1": ("1,two,3\n" + GOOD, "line 1, column 2: holds 'two'; expected a finite number"),
    "no number in line 1": ("0,nan,2\n" + GOOD, "line 1, column 2: holds 'nan'; expected a finite number"),
    "no values in line 1": (",,\n" + GOOD, "line 1, column 1: holds no value: ''; expected a finite number"),
    "hexadecimal": (GOOD + "1,2,0x10\n", "line 2, column 3: holds '0x10'; expected a finite number"),
    "underscore": (GOOD + "1_000,2,3\n", "line 2, column 1: holds '1_000'; expected a finite number"),
    "quoted": (GOOD + '1,"2",3\n', "line 2, column 2: holds '\"2\"'; expected a finite number"),
    "no value": (GOOD + "1,,3\n", "line 2, column 2: holds no value: ''; expected a finite number"),
    "only spaces": (GOOD + "1, ,3\n", "line 2, column 2: holds no value: ' '; expected a finite number"),
    "nan": (GOOD + "1,nan,3\n", "line 2, column 2: holds 'nan'; expected a finite number"),
    "NA": (GOOD + "NA,2,3\n", "line 2, column 1: holds 'NA'; expected a finite number"),
    "infinite label": (GOOD + "1,2,-inf\n", "line 2, column 3: holds '-inf'; expected a finite number"),
    "overflow": (GOOD + "1,2e999,3\n", "line 2, column 2: holds '2e999'; expected a finite number"),
    "no exponent": (GOOD + "1,2e,3\n", "line 2, column 2: holds '2e'; expected a finite number"),
    "blank line inside": (GOOD + "\n" + GOOD, "line 2: is blank; expected 3 numbers"),
    "blank line of spaces": (GOOD + "  \n" + GOOD, "line 2: is blank; expected 3 numbers"),
    "blank line at the end": (GOOD + "\n", "line 2: is blank; expected 3 numbers"),
    "blank line first": ("\n" + GOOD, "line 1: is blank; expected 1 numbers"),
    "NUL": (GOOD + "1,2\0,3\n", "line 2, column 2: holds '2\\x00'; expected a finite number"),
    "the first of two": ("1,2,3\n1,x,3\n1,2\n", "line 2, column 2: holds 'x'; expected a finite number"),
}


@pytest.mark.parametrize("kept", [None, "kept"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place(fault, kept, tmp_path):
    text, line = FAULTS[fault]
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_table(path, "numbers", kept and tmp_path / kept)
    assert str(caught.value) == f"{path}: {line}"
    assert not list(tmp_path.glob("kept/*"))


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("features", [2, 768])
def test_a_header_that_counts_the_columns(features, start, tmp_path):
    """As ``DataFrame.to_csv(path, index=False)`` writes it: it was read as a row of a class of its own."""
    values = np.random.default_rng(4).standard_normal((5, features))
    write_table(tmp_path / "table.csv", values, np.arange(5) % 2)
    header = ",".join(map(str, range(start, start + features + 1)))
    path = write(tmp_path, f"{header}\n{(tmp_path / 'table.csv').read_text()}")
    for kept in (None, tmp_path / "kept", tmp_path / "kept"):
        with pytest.raises(InputError) as caught:
            read_table(path, "numbers", kept)
        assert str(caught.value) == f"{path}: line 1: is a header, not a row: {shorten(header)}; {ROWS_ALONE}"


COUNTED = {
    "from 0": (range(12), "0, 1 .. 11"),
    "from 1": (range(1, 13), "1, 2 .. 12"),
    "a piece of a data frame": (range(500, 510), "500, 501 .. 509"),
}


@pytest.mark.parametrize("kept", [None, "kept"])
@pytest.mark.parametrize("name", COUNTED)
def test_a_column_that_counts_the_rows(name, kept, tmp_path):
    index, shown = COUNTED[name]
    path = write(tmp_path, "".join(f"{row},{0.5 * row % 3},{row % 2}\n" for row in index))
    with pytest.raises(InputError) as caught:
        read_table(path, "numbers", kept and tmp_path / kept)
    assert str(caught.value) == f"{path}: column 1: counts the rows: {shown}; {ROWS_ALONE}"


NO_LABELS = {
    "few rows": "".join(f"{row},{row},0\n" for row in range(9)),
    "a count with a gap": "".join(f"{row + (row > 10)},{row},0\n" for row in range(12)),
    "steps of one from a half": "".join(f"{row + 0.5},{row},0\n" for row in range(12)),
    "a class of the columns' number": "0,1,2\n3,4,2\n5,6,1\n",
    "one feature": "0,1\n3,0\n5,0\n",
    "a first row that counts in part": "0,1,0\n3,4,1\n",
}


@pytest.mark.parametrize("name", NO_LABELS)
def test_rows_that_only_look_counted_are_data(name, tmp_path):
    path = write(tmp_path, NO_LABELS[name])
    read = read_table(path, "numbers", None)
    expected = by_python(path)
    assert bits(read.features) == bits(expected[:, :-1])
    assert bits(read.labels) == bits(expected[:, -1])


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"1,2\n\xff\xfe,3\n")
    with pytest.raises(InputError, match="line 2, column 1: holds"):
        read_table(path, "numbers", None)


def test_a_line_without_end_is_refused(tmp_path):
    path = write(tmp_path, "1," * 3_000_000)
    with pytest.raises(InputError, match="line 1: is too long; expected at most 100000 numbers a row"):
        read_table(path, "numbers", None)


def test_what_the_scan_cannot_find_is_told_in_the_parser_s_words(tmp_path):
    fault = csv_tables._first_fault(write(tmp_path, GOOD), 3, "something else")
    assert str(fault).endswith("is not a table of numbers (something else); expected 3 numbers a line")


@pytest.mark.parametrize("kept", [None, "kept"])
def test_no_such_file(kept, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file; expected numbers"):
        read_table(tmp_path / "none.csv", "numbers", kept and tmp_path / kept)
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path, "numbers", kept and tmp_path / kept)


def refuse(*_):
    raise AssertionError("must not be called")


@pytest.fixture
def table(tmp_path) -> Path:
    """A table that was read once and is kept in ``tmp_path / "kept"``."""
    path = tmp_path / "table.csv"
    write_table(path, np.arange(60, dtype=np.float64).reshape(20, 3) / 4, np.arange(20) % 2)
    read_table(path, "numbers", tmp_path / "kept")
    return path


def forget_the_time(path: Path) -> None:
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def check(path: Path) -> csv_tables.Table:
    read = read_table(path, "numbers", path.parent / "kept")
    expected = by_python(path)
    assert bits(read.features) == bits(expected[:, :-1])
    assert bits(read.labels) == bits(expected[:, -1])
    return read


def arrow_file(path: Path) -> Path:
    (file,) = (path.parent / "kept").glob("*.arrow")
    return file


def test_a_second_reading_maps_and_opens_no_csv(table, monkeypatch):
    monkeypatch.setattr(csv_tables, "_parse", refuse)
    monkeypatch.setattr(csv_tables.hashlib, "file_digest", refuse)
    read = check(table)
    for array in (read.features, read.labels):
        assert array.flags.aligned
        assert not array.flags.writeable  # a map of the file
    assert read.features.dtype == np.float32
    assert read.features.flags.c_contiguous
    assert read.path == table


def test_what_is_kept(table):
    names = sorted(path.suffix for path in (table.parent / "kept").iterdir())
    assert names == [".arrow", ".json"]
    (record,) = (table.parent / "kept").glob("*.json")
    known = json.loads(record.read_text())
    status = table.stat()
    assert known["source"] == str(table)
    assert (known["size"], known["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
    assert known["content"][:32] == arrow_file(table).stem
    with pa.memory_map(str(arrow_file(table))) as source:
        reader = pa.ipc.open_file(source)
        assert reader.num_record_batches == 1
        assert reader.schema.field("features").type == pa.list_(pa.float32(), 3)
        assert reader.schema.field("label").type == pa.float64()


def test_a_touched_file_is_hashed_but_not_parsed_again(table, monkeypatch):
    forget_the_time(table)
    monkeypatch.setattr(csv_tables, "_parse", refuse)
    check(table)
    monkeypatch.setattr(csv_tables.hashlib, "file_digest", refuse)
    check(table)  # the record was renewed


def test_the_same_content_elsewhere_is_not_parsed_again(table, monkeypatch):
    other = table.parent / "other.csv"
    other.write_bytes(table.read_bytes())
    monkeypatch.setattr(csv_tables, "_parse", refuse)
    assert check(other).path == other
    assert len(list((table.parent / "kept").glob("*.json"))) == 2


def test_changed_content_is_noticed(table):
    before = table.stat()
    text = table.read_text()
    table.write_text(text.replace("0.75", "0.25", 1))
    assert table.stat().st_size == before.st_size
    forget_the_time(table)
    assert check(table).features[0, 2] == 0.5
    assert check(table).features[1, 0] == 0.25
    table.write_text(text + "1,2,3,1\n")
    assert len(check(table).labels) == 21


def put_column(name: str, values: pa.Array, keep_hash: bool = True):
    """Write a well-formed Arrow file of another content."""

    def spoil(path: Path) -> None:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            whole = reader.read_all().combine_chunks()
        spoiled = whole.set_column(whole.schema.get_field_index(name), name, values)
        spoiled = spoiled.replace_schema_metadata(whole.schema.metadata if keep_hash else {"content": "0" * 64})
        path.unlink()
        with pa.ipc.new_file(str(path), spoiled.schema) as writer:
            writer.write_table(spoiled)

    return spoil


def cut(size: int):
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def in_two_batches(path: Path) -> None:
    with pa.memory_map(str(path)) as source:
        whole = pa.ipc.open_file(source).read_all()
        path.unlink()
        with pa.ipc.new_file(str(path), whole.schema) as writer:
            writer.write_table(whole, max_chunksize=7)


def without_rows(path: Path) -> None:
    with pa.memory_map(str(path)) as source:
        schema = pa.ipc.open_file(source).schema
    path.unlink()
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pa.record_batch([pa.array([], field.type) for field in schema], schema=schema))


def overwrite_footer_length(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-10] + struct.pack("<i", 2**30) + content[-6:])


LISTS = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(60, np.float32)), 3)
BROKEN = {
    "empty": cut(0),
    "magic only": cut(8),
    "half": lambda path: cut(path.stat().st_size // 2)(path),
    "one byte short": cut(-1),
    "not Arrow": lambda path: path.write_text("no table\n" * 100),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "wrong footer length": overwrite_footer_length,
    "no lists": put_column("features", pa.array(np.zeros(20))),
    "lists of another kind": put_column("features", LISTS.cast(pa.list_(pa.int32(), 3))),
    "null list": put_column("features", pa.array([None] + [[1.0, 2.0, 3.0]] * 19, pa.list_(pa.float32(), 3))),
    "null label": put_column("label", pa.array([None, *[1.0] * 19])),
    "float32 labels": put_column("label", pa.array(np.zeros(20, np.float32))),
    "of another source": put_column("features", LISTS, keep_hash=False),
    "two batches": in_two_batches,
    "no rows": without_rows,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("fault", [fault for fault in BROKEN if fault != "a folder"])
def test_a_broken_arrow_file_is_rebuilt(fault, table, monkeypatch):
    whole = arrow_file(table).read_bytes()
    BROKEN[fault](arrow_file(table))
    check(table)
    assert arrow_file(table).read_bytes() == whole
    monkeypatch.setattr(csv_tables, "_parse", refuse)
    check(table)


def test_an_arrow_file_broken_anywhere_is_no_crash(table):
    """The numbers themselves carry no check, but nothing else is believed."""
    file = arrow_file(table)
    whole = file.read_bytes()
    expected = by_python(table)[:, :-1].shape
    generator = np.random.default_rng(0)
    for at in generator.permutation(len(whole))[:400].tolist():
        file.unlink()
        file.write_bytes(whole[:at] + bytes([whole[at] ^ int(generator.integers(1, 256))]) + whole[at + 1 :])
        read = read_table(table, "numbers", table.parent / "kept")
        assert read.features.shape == expected
        assert read.labels.shape == expected[:1]


RECORDS = ["", "[]", "{", "null", '{"content": 7}', '{"size": 1, "mtime_ns": 2}', "[" * 100_000]


@pytest.mark.parametrize("text", RECORDS)
def test_a_broken_record_is_renewed(text, table, monkeypatch):
    (record,) = (table.parent / "kept").glob("*.json")
    whole = record.read_text()
    record.write_text(text)
    monkeypatch.setattr(csv_tables, "_parse", refuse)
    check(table)
    assert record.read_text() == whole


@pytest.mark.parametrize("content", ["../../secret", 7, None, "A" * 64])
def test_a_record_that_names_no_hash_is_not_followed(content, table):
    (record,) = (table.parent / "kept").glob("*.json")
    whole = record.read_text()
    record.write_text(json.dumps({**json.loads(whole), "content": content}))
    check(table)
    assert record.read_text() == whole


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path):
    path = write(tmp_path, "1,2\n3,4\n")
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="parsed tables are not kept") as caught:
        table = read_table(path, "numbers", tmp_path / "file" / "kept")
    assert len(caught) == 1
    assert table.features.tolist() == [[1.0], [3.0]]


def test_an_arrow_file_that_cannot_be_replaced_costs_a_warning(table):
    BROKEN["a folder"](arrow_file(table))
    with pytest.warns(UserWarning, match="parsed tables are not kept"):
        check(table)


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path, monkeypatch):
    path = write(tmp_path, "1,2\n")
    parse = csv_tables._parse

    def parse_late(*arguments):
        path.write_text("5,6\n7,8\n")
        return parse(*arguments)

    monkeypatch.setattr(csv_tables, "_parse", parse_late)
    assert read_table(path, "numbers", tmp_path / "kept").labels.tolist() == [6.0, 8.0]
    assert not (tmp_path / "kept").exists()


def test_many_readers_at_once(tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, np.arange(3000, dtype=np.float64).reshape(1000, 3), np.arange(1000))
    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda _: read_table(path, "numbers", tmp_path / "kept"), range(16)))
    assert all(np.array_equal(table.features, tables[0].features) for table in tables)
    assert sorted(file.suffix for file in (tmp_path / "kept").iterdir()) == [".arrow", ".json"]


def test_the_default_folder(tmp_path, monkeypatch):
    assert csv_tables.default_folder() == tmp_path / "cache" / "tables"
    monkeypatch.delenv("DATAPERF_FAST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert csv_tables.default_folder() == tmp_path / "xdg" / "dataperf-fast" / "tables"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert csv_tables.default_folder() == tmp_path / ".cache" / "dataperf-fast" / "tables"
