"""What every board reads of parquet files: each of Arrow's forms of vectors, ids and labels, in a file or in parts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast.boards.debugging import files as debugging
from dataperf_fast.boards.speech import files as speech
from dataperf_fast.boards.vision import files as vision
from dataperf_fast.boards.vision.embeddings import read_embeddings, read_image_ids
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.vectors import read_columns, read_row_count

ROWS, DIMENSION = 12, 4
NAMES = [f"word/{row:02}.wav" for row in range(ROWS)]
FEATURES = np.random.default_rng(0).integers(-60, 60, (ROWS, DIMENSION)).astype(np.float32)  # exact in every type
LABELS = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0]


def listed(kind: pa.DataType) -> Callable[[np.ndarray], pa.Array]:
    return lambda features: pa.array(features.tolist(), kind)


def with_float16(features: np.ndarray) -> pa.Array:
    flat = pa.array(features.astype(np.float16).ravel())
    return pa.ListArray.from_arrays(np.arange(0, features.size + 1, features.shape[1], dtype=np.int32), flat)


def sliced(features: np.ndarray) -> pa.Array:
    """Of a longer array, its rows from the second on."""
    more = np.concatenate([features[:1] + 1, features, features[:1]])
    return pa.array(more.tolist(), pa.list_(pa.float32(), features.shape[1])).slice(1, len(features))


FORMS: dict[str, Callable[[np.ndarray], pa.Array]] = {
    "list of float32": listed(pa.list_(pa.float32())),
    "list of float64": listed(pa.list_(pa.float64())),
    "list of float16": with_float16,
    "list of int8": listed(pa.list_(pa.int8())),
    "list of int64": listed(pa.list_(pa.int64())),
    "list of decimals": lambda features: listed(pa.list_(pa.float32()))(features).cast(pa.list_(pa.decimal128(9, 2))),
    "large list": listed(pa.large_list(pa.float32())),
    "fixed-size list": listed(pa.list_(pa.float32(), DIMENSION)),
    "fixed-size list of float64": listed(pa.list_(pa.float64(), DIMENSION)),
    "slice of fixed-size lists": sliced,
    "list view": listed(pa.list_view(pa.float64())),
    "large list view": listed(pa.large_list_view(pa.float32())),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray,
    "tensor of float64": lambda features: pa.FixedShapeTensorArray.from_numpy_ndarray(features.astype(np.float64)),
    "tensor of a row": lambda features: pa.FixedShapeTensorArray.from_numpy_ndarray(features[:, None, :]),
    "lists of a dictionary": lambda features: pa.ListArray.from_arrays(
        np.arange(0, features.size + 1, DIMENSION, dtype=np.int32), pa.array(features.ravel()).dictionary_encode()
    ),
}
TEXTS = {
    "string": pa.string(),
    "large string": pa.large_string(),
    "string view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "small dictionary of large strings": pa.dictionary(pa.int8(), pa.large_string()),
}


def in_text(one: str, zero: str) -> pa.Array:
    return pa.array([one if label else zero for label in LABELS])


LABEL_FORMS = {
    "bool": pa.array(LABELS).cast(pa.bool_()),
    **{
        str(kind): pa.array(LABELS).cast(kind)
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    },
    "float16": pa.array(np.array(LABELS, np.float16)),
    "float32": pa.array(LABELS, pa.float32()),
    "float64": pa.array(LABELS, pa.float64()),
    "decimal": pa.array(list(map(Decimal, LABELS)), pa.decimal128(5, 2)),
    "large decimal": pa.array(list(map(Decimal, LABELS)), pa.decimal256(40, 0)),
    "text": in_text("1", "0"),
    "text of floats": in_text("1.0", "0.0"),
    "text of np.savetxt": in_text("1.000000000000000000e+00", "0.000000000000000000e+00"),
    "large text": in_text("1", "0").cast(pa.large_string()),
    "text view": in_text("1", "0").cast(pa.string_view()),
    "categories of text": in_text("1", "0").dictionary_encode(),
    "categories of float text": in_text("1.0", "0.0").dictionary_encode(),
    "categories of numbers": pa.array(LABELS).dictionary_encode(),
    "categories of floats": pa.array(LABELS, pa.float64()).dictionary_encode(),
    "Arrow's bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array(LABELS, pa.int8())),
}

Read = tuple[list[str], np.ndarray, list[int] | None]


def read_debugging(path: Path) -> Read:
    """By the set-up's name of a training file: ``path`` moves there."""
    paths = debugging.Paths(embedding_folder=Path(), groundtruth_folder=Path(), submission_folder=Path())
    task = debugging.TaskSetup(data_id="word", train_size=ROWS, noise_level=0.3, test_size=1, val_size=1)
    setup = debugging.DebuggingSetup(paths=paths, tasks=[task])
    path.rename(moved := debugging.embedding_path(path.parent, setup, task, "train"))
    found = debugging.read_vectors(path.parent, setup, task, "train", None)
    moved.rename(path)
    return found.names, found.features, found.labels.tolist()


def read_speech(path: Path) -> Read:
    found = speech.read_clips(path.parent, {path.stem: None}, None)
    return list(found.row_of), found.features, None


def read_pool(path: Path) -> Read:
    ids = read_image_ids(path)
    row_of, features = read_embeddings(path, ids[::-1], DIMENSION, 2)
    assert list(row_of) == ids[::-1]
    return ids, features[::-1], None


def read_test_set(path: Path) -> Read:
    found = vision.read_test_set(path, DIMENSION)
    return found.ids, found.features, found.labels.tolist()


# Each reader, and its columns of names, vectors and labels.
READERS = {
    "debugging": (read_debugging, ("filename", "encoding", "label")),
    "speech": (read_speech, ("clip_id", "mswc_embedding_vector", "label")),
    "vision's pool": (read_pool, ("ImageID", "embedding", "label")),
    "vision's test sets": (read_test_set, ("ImageID", "embedding", "Confidence")),
}

LABELLED = ("debugging", "vision's test sets")
COLUMNS = [(board, column) for board in READERS for column in (0, 1, 2) if column < 2 or board in LABELLED]


def table_of(board: str, names: object = NAMES, vectors: object = None, labels: object = LABELS) -> pa.Table:
    if vectors is None:
        vectors = FEATURES.tolist()
    return pa.table([names, vectors, labels], names=READERS[board][1])


def written(folder: Path, table: pa.Table, parts: bool) -> Path:
    """As a file of several row groups, or as a folder of parts with what Spark leaves beside them."""
    path = folder / "word.parquet"
    if not parts:
        parquet.write_table(table, path, row_group_size=5)
        return path
    path.mkdir()
    for number, (start, rows) in enumerate([(0, 5), (5, 0), (5, 1), (6, 6)]):
        name = f"part-{number:05}-9f3a-c000.snappy.parquet"
        parquet.write_table(table.slice(start, rows), path / name)
        (path / f".{name}.crc").write_bytes(b"crc\0")
    for name in ("_SUCCESS", "_committed_17", ".DS_Store", ".part-x.parquet", "_tmp.parquet", "README.txt"):
        (path / name).write_bytes(b"none")
    (path / "_temporary").mkdir()
    return path


def check(board: str, path: Path) -> None:
    names, features, labels = READERS[board][0](path)
    assert names == NAMES
    assert np.array_equal(features, FEATURES)
    assert (features.dtype, features.shape) == (np.float32, FEATURES.shape)
    assert labels in (None, LABELS)


def refusal(board: str, path: Path) -> str:
    """What the board says of ``path``, or of a part of it: the name below the folder, and the rest of the line."""
    with pytest.raises(InputError) as caught:
        READERS[board][0](path)
    line = str(caught.value)
    assert "\n" not in line
    return line[line.index("part-") if "part-" in line else line.index(".parquet") + len(".parquet") :]


@pytest.mark.parametrize("parts", [False, True], ids=["file", "parts"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("board", READERS)
def test_vectors_in_every_form(board, form, parts, tmp_path):
    check(board, written(tmp_path, table_of(board, vectors=FORMS[form](FEATURES)), parts))


@pytest.mark.parametrize("parts", [False, True], ids=["file", "parts"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("board", READERS)
def test_names_in_every_form(board, text, parts, tmp_path):
    kind = TEXTS[text]
    if pa.types.is_dictionary(kind):
        rows = pa.array(range(ROWS), kind.index_type)
        names = pa.DictionaryArray.from_arrays(rows, pa.array(NAMES, kind.value_type))
    else:
        names = pa.array(NAMES, kind)
    check(board, written(tmp_path, table_of(board, names=names), parts))


@pytest.mark.parametrize("form", LABEL_FORMS)
@pytest.mark.parametrize("board", LABELLED)
def test_labels_in_every_form(board, form, tmp_path):
    path = written(tmp_path, table_of(board, labels=LABEL_FORMS[form]), False)
    assert READERS[board][0](path)[2] == LABELS


BAD_LABELS = {
    "2": [2] * ROWS,
    "-1": [-1] * ROWS,
    "0.5": [0.5] * ROWS,
    "nan": [float("nan")] * ROWS,
    "Decimal('0.50')": pa.array([Decimal("0.50")] * ROWS, pa.decimal128(5, 2)),
    "'yes'": ["yes"] * ROWS,
    "'True'": ["True"] * ROWS,
    "''": [""] * ROWS,
    "'-1'": ["-1"] * ROWS,
    "'10'": ["10"] * ROWS,
    "'1_0'": ["1_0"] * ROWS,
    "'１'": ["１"] * ROWS,  # noqa: RUF001 (a full-width digit)
    "b'1'": [b"1"] * ROWS,
    "[1]": [[1]] * ROWS,
}


@pytest.mark.parametrize("value", BAD_LABELS)
@pytest.mark.parametrize("board", LABELLED)
def test_a_label_of_no_class(board, value, tmp_path):
    column = READERS[board][1][2]
    path = written(tmp_path, table_of(board, labels=BAD_LABELS[value]), False)
    assert refusal(board, path) == f": row 0: column {column} holds {value}; expected 0 or 1"


def change(column: int, row: int, value: object) -> Callable[[list[list]], None]:
    return lambda columns: columns[column].__setitem__(row, value)


# In the last part, whose rows begin with the whole's row 6: names, vectors, labels; a pool has no labels.
PART_FAULTS = {
    "short": (change(1, 8, [1.0]), "row 2: column {1} holds a vector of length 1; expected length 4"),
    "no vector": (change(1, 8, None), "row 2: column {1} holds no vector; expected length 4"),
    "NaN": (change(1, 11, [0, np.nan, 0, 0]), "row 5, element 1: column {1} holds nan; expected a finite number"),
    "too big": (
        change(1, 7, [0, 0, 1e39, 0]),
        "row 1, element 2: column {1} holds 1e+39; expected a finite number in float32, which ends at 3.4e+38",
    ),
    "label": (change(2, 9, 7), "row 3: column {2} holds 7; expected 0 or 1"),
}


@pytest.mark.parametrize(
    ("board", "fault"),
    [(board, fault) for board in READERS for fault in PART_FAULTS if fault != "label" or board in LABELLED],
)
def test_a_fault_in_a_part_is_named_by_the_part_and_its_row(board, fault, tmp_path):
    spoil, line = PART_FAULTS[fault]
    columns = [list(NAMES), [list(map(float, row)) for row in FEATURES], list(LABELS)]
    spoil(columns)
    path = written(tmp_path, table_of(board, *columns), True)
    expected = f"part-00003-9f3a-c000.snappy.parquet: {line.format(*READERS[board][1])}"
    assert refusal(board, path) == expected


@pytest.mark.parametrize(("row", "of"), [(1, " of part-00000-9f3a-c000.snappy.parquet"), (6, "")])
@pytest.mark.parametrize("board", ["speech", "vision's pool"])
def test_a_name_in_two_parts(board, row, of, tmp_path):
    names = [*NAMES[:11], NAMES[row]]
    path = written(tmp_path, table_of(board, names=names), True)
    column, first = READERS[board][1][0], {1: 1, 6: 0}[row]
    line = refusal(board, path)
    repeated = f"row 5: repeats row {first}{of}'s {column} {NAMES[row]!r}; expected each"
    assert line.startswith(f"part-00003-9f3a-c000.snappy.parquet: {repeated}")


def test_parts_are_read_in_the_order_of_their_names(tmp_path):
    """That is Arrow's own order, which an order of inspection counts by; numbers in the names may mean another."""
    path = tmp_path / "train.parquet"
    path.mkdir()
    for number in (10, 2, 9):
        parquet.write_table(pa.table({"row": [str(number)]}), path / f"part.{number}.parquet")
    with pytest.warns(UserWarning, match="parts are read in the order of their names") as caught:
        found = read_columns(path, ["row"], "rows")
    assert found.texts("row") == ["10", "2", "9"] == parquet.read_table(path)["row"].to_pylist()
    line = f"{path}: parts are read in the order of their names, part.10.parquet before part.2.parquet"
    assert [str(warning.message) for warning in caught] == [line]
    assert [found.place(row) for row in range(3)] == [(path / f"part.{n}.parquet", 0) for n in (10, 2, 9)]


def test_parts_without_an_ending_are_known_by_their_content(tmp_path):
    path = tmp_path / "train.parquet"
    path.mkdir()
    for number in range(3):
        parquet.write_table(pa.table({"row": [str(number)]}), path / f"00000{number}_0")
    assert read_columns(path, ["row"], "rows").texts("row") == ["0", "1", "2"]
    assert read_row_count(path, "rows") == 3


def test_folders_that_are_no_parts(tmp_path):
    path = tmp_path / "train.parquet"
    path.mkdir()
    (path / "_SUCCESS").touch()
    expected = "expected parts train.parquet/*.parquet, or one file: rows"

    def line() -> str:
        with pytest.raises(InputError) as caught:
            read_columns(path, ["row"], "rows")
        return str(caught.value)

    assert line() == f"{path}: holds no part; {expected}"
    parquet.write_table(pa.table({"row": ["a"]}), path / "part-0.parquet")
    (path / "label=1").mkdir()  # whose rows would be left out
    assert line() == f"{path / 'label=1'}: is a folder; {expected}"
    (path / "label=1").rmdir()
    (path / "part-1.parquet").touch()
    assert line().startswith(f"{path / 'part-1.parquet'}: is not a readable parquet file (")
    os.mkfifo(path / "pipe")
    (path / "part-1.parquet").unlink()
    (path / "part-1.parquet").symlink_to("gone")  # whose rows would be left out too
    assert line() == f"{path / 'part-1.parquet'}: no such file; expected rows"
    (path / "part-1.parquet").unlink()
    parquet.write_table(pa.table({"other": ["a"]}), path / "part-1.parquet")
    assert line() == f"{path / 'part-1.parquet'}: has no column 'row'; expected columns row"


@pytest.mark.parametrize("parts", [False, True], ids=["file", "parts"])
@pytest.mark.parametrize(("board", "column"), COLUMNS)
def test_a_column_twice(board, column, parts, tmp_path):
    name = READERS[board][1][column]
    table = table_of(board)
    path = written(tmp_path, table.append_column(name, table.column(column)), parts)
    part = "part-00000-9f3a-c000.snappy.parquet" if parts else ""
    assert refusal(board, path).startswith(f"{part}: has 2 columns {name!r}; expected ")


@pytest.mark.parametrize("rename", [str.upper, str.swapcase, lambda name: f" {name} ", lambda name: f"{name}s"])
@pytest.mark.parametrize(("board", "column"), COLUMNS)
def test_a_misnamed_column_is_guessed(board, column, rename, tmp_path):
    names = list(READERS[board][1])
    right, names[column] = names[column], rename(names[column])
    path = written(tmp_path, table_of(board).rename_columns(names), False)
    assert refusal(board, path).startswith(f": has no column {right!r}, but {names[column]!r}; expected ")


BAD_FORMS = {
    "numbers": (pa.array([1.5] * ROWS), "column {} holds double; expected a list of numbers a row"),
    "text": (pa.array(["1 2 3 4"] * ROWS), "column {} holds string; expected a list of numbers a row"),
    "lists of text": (
        pa.array([["a"] * 4] * ROWS, pa.list_view(pa.string())),
        "column {} holds lists of string; expected lists of numbers",
    ),
    "lists of lists": (
        pa.array([[[1.0]] * 4] * ROWS),
        "column {} holds lists of list<element: double>; expected lists of numbers",
    ),
    "tensors of another size": (
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((ROWS, 2, 3), np.float32)),
        "row 0: column {} holds a vector of length 6; expected length 4",
    ),
    "a fixed-size list missing": (
        pa.array([*[[1.0] * 4] * 7, None, *[[1.0] * 4] * 4], pa.list_(pa.float64(), 4)),
        "row 7: column {} holds no vector; expected length 4",
    ),
    "a list view missing": (
        pa.array([*[[1.0] * 4] * 7, None, *[[1.0] * 4] * 4], pa.list_view(pa.float64())),
        "row 7: column {} holds no vector; expected length 4",
    ),
    "a tensor's element missing": (
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float64(), [4]),
            pa.array([*[[1.0] * 4] * 7, [1.0, None, 1.0, 1.0], *[[1.0] * 4] * 4], pa.list_(pa.float64(), 4)),
        ),
        "row 7, element 1: column {} holds nan; expected a finite number",
    ),
}


@pytest.mark.parametrize("form", BAD_FORMS)
@pytest.mark.parametrize("board", ["vision's pool", "vision's test sets"])
def test_vectors_of_no_use(board, form, tmp_path):
    vectors, line = BAD_FORMS[form]
    path = written(tmp_path, table_of(board, vectors=vectors), False)
    assert refusal(board, path) == f": {line.format(READERS[board][1][1])}"


LIGHT = """
import sys
sys.modules["pandas"] = None  # where it is installed Arrow loads it, and compute with it, for any array
from pathlib import Path
from dataperf_fast.files.vectors import read_columns
found = read_columns(Path(sys.argv[1]), ["vector"], "vectors")
print(found.vectors("vector", None).shape, "pyarrow.compute" in sys.modules)
"""


@pytest.mark.parametrize("form", ["list of float32", "large list", "fixed-size list", "tensor"])
def test_the_ordinary_forms_are_read_without_arrow_s_compute(form, tmp_path):
    """Whose import is 0.07 s of a user's waiting time."""
    parquet.write_table(pa.table({"vector": FORMS[form](FEATURES)}), path := tmp_path / "file.parquet")
    ran = subprocess.run([sys.executable, "-c", LIGHT, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == f"({ROWS}, {DIMENSION}) False"
