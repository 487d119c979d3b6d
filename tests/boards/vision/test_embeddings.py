"""Embedding files: wanted rows are those of the whole file, which is not held; bad input is one exact line."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast.boards.vision import embeddings
from dataperf_fast.boards.vision.embeddings import read_embeddings, write_embedding_blocks, write_embeddings
from tests.boards.vision.test_files import error_of, put

EMBEDDINGS = "the embeddings: a parquet file with the columns ImageID and embedding"


def make_pool(rows: int, dimension: int = 4) -> tuple[list[str], np.ndarray]:
    generator = np.random.default_rng(rows)
    ids = [f"{number:016x}" for number in generator.permutation(rows).tolist()]
    return ids, generator.standard_normal((rows, dimension), dtype=np.float32)


def write_pool(path: Path, columns: dict, row_group_size: int | None = None) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def test_written_embeddings(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "_ROW_GROUP", 30)
    ids, features = make_pool(100)
    for name in "ab":
        write_embeddings(tmp_path / name, ids, features)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parquet.read_metadata(tmp_path / "a").num_row_groups == 4
    table = parquet.read_table(tmp_path / "a")
    assert table.schema.names == ["ImageID", "embedding"]
    assert table.schema.types == [pa.string(), pa.list_(pa.float32())]
    assert table["ImageID"].to_pylist() == ids
    assert np.array_equal(np.array(table["embedding"].to_pylist(), np.float32), features)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("row_group_size", [None, 700, 1024, 1])
def test_wanted_rows_are_those_of_the_whole_file(row_group_size, threads, tmp_path):
    ids, features = make_pool(40 if row_group_size == 1 else 5000)
    path = tmp_path / "pool.parquet"
    write_embeddings(path, ids, features)
    write_pool(path, parquet.read_table(path).to_pydict(), row_group_size)
    generator = np.random.default_rng(3)
    for count in (0, 1, 17, len(ids) // 2, len(ids)):
        rows = generator.permutation(len(ids))[:count]
        wanted = [ids[row] for row in rows]
        row_of, found = read_embeddings(path, (name for name in [*wanted, "none", *wanted[:5]]), 4, threads)
        assert row_of == {name: row for row, name in enumerate(wanted)}
        assert list(row_of) == wanted
        assert np.array_equal(found, features[rows])
        assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.float32, (count, 4), True)


def test_neighbouring_rows_and_the_last_one(tmp_path):
    ids, features = make_pool(3000)
    path = tmp_path / "pool.parquet"
    write_embeddings(path, ids, features)
    rows = [2999, 1023, 1024, 1025, 0, 1, 2047, 2048]
    _, found = read_embeddings(path, [ids[row] for row in rows], 4)
    assert np.array_equal(found, features[rows])


# In a process of its own: a second memory pool for Arrow would have to outlive everything that came from it.
READER = """
import hashlib, sys
sys.modules["pandas"] = None  # which Arrow loads where it is, tens of megabytes
from pathlib import Path
from dataperf_fast.boards.vision import embeddings

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

path, ids = Path(sys.argv[1]), embeddings.read_image_ids(Path(sys.argv[1]))
before = peak()
row_of, features = embeddings.read_embeddings(path, ids[::1600], 256)
print(len(row_of), hashlib.sha256(features).hexdigest(), peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of memory is read from /proc")
def test_a_pool_is_not_held_whole(tmp_path):
    """One row group, as the default writer makes it: 65 MB of vectors, of which 40 rows are wanted."""
    ids, features = make_pool(64_000, 256)
    path = tmp_path / "pool.parquet"
    write_embedding_blocks(path, [(ids, features)])
    assert parquet.read_metadata(path).num_row_groups == 1
    ran = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True)
    found, digest, grown = ran.stdout.split()
    assert int(found) == 40
    assert digest == hashlib.sha256(np.ascontiguousarray(features[::1600])).hexdigest()
    assert int(grown) < features.nbytes / 2


def spoiled(change) -> dict:
    columns = {"ImageID": [f"id{row}" for row in range(60)], "embedding": [[1.0, 2.0, 3.0, 4.0]] * 60}
    change(columns)
    return columns


def item(row: int, value: object):
    return lambda columns: columns["embedding"].__setitem__(row, value)


EMBEDDING_FAULTS = {
    "no embedding": (lambda c: c.pop("embedding"), f"has no column 'embedding'; expected {EMBEDDINGS}"),
    "no ImageID": (lambda c: c.update(id=c.pop("ImageID")), f"has no column 'ImageID'; expected {EMBEDDINGS}"),
    "ids of numbers": (
        lambda c: c.update(ImageID=list(range(60))),
        f"column ImageID holds {pa.int64()}; expected strings",
    ),
    "ids of lists": (
        lambda c: c.update(ImageID=[["id57"]] * 60),
        f"column ImageID holds {pa.list_(pa.field('element', pa.string()))}; expected strings",
    ),
    "no list": (
        lambda c: c.update(embedding=[1.5] * 60),
        f"column embedding holds {pa.float64()}; expected a list of numbers a row",
    ),
    "lists of text": (
        lambda c: c.update(embedding=[["a"] * 4] * 60),
        f"column embedding holds lists of {pa.string()}; expected lists of numbers",
    ),
    "short": (item(57, [1.0] * 3), "row 57: column embedding holds a vector of length 3; expected length 4"),
    "long": (item(57, [1.0] * 5), "row 57: column embedding holds a vector of length 5; expected length 4"),
    "empty": (item(57, []), "row 57: column embedding holds a vector of length 0; expected length 4"),
    "none": (item(57, None), "row 57: column embedding holds no vector; expected length 4"),
    "NaN": (
        item(57, [0.0, float("nan"), 0.0, 0.0]),
        "row 57, element 1: column embedding holds nan; expected a finite number",
    ),
    "infinite": (
        item(57, [0.0, 0.0, 0.0, float("-inf")]),
        "row 57, element 3: column embedding holds -inf; expected a finite number",
    ),
    "infinite as float32": (
        item(57, [1e39, 0.0, 0.0, 0.0]),
        "row 57, element 0: column embedding holds 1e+39; expected a finite number in float32, which ends at 3.4e+38",
    ),
    "no number": (
        item(57, [0.0, 0.0, None, 0.0]),
        "row 57, element 2: column embedding holds nan; expected a finite number",
    ),
    "twice": (
        lambda c: c["ImageID"].__setitem__(59, "id57"),
        "row 59: repeats row 57's ImageID 'id57'; expected each image once",
    ),
}


@pytest.mark.parametrize("row_group_size", [None, 25])
@pytest.mark.parametrize("fault", EMBEDDING_FAULTS)
def test_broken_embeddings(fault, row_group_size, tmp_path):
    change, line = EMBEDDING_FAULTS[fault]
    path = write_pool(tmp_path / "pool.parquet", spoiled(change), row_group_size)
    assert error_of(read_embeddings, path, ["id40", "id57", "id3"], 4) == f"{path}: {line}"


def test_what_is_not_wanted_may_be_broken(tmp_path):
    def change(columns):
        columns["embedding"][5:8] = [[1.0], None, [float("nan")] * 4]
        columns["ImageID"][30] = "id31"

    path = write_pool(tmp_path / "pool.parquet", spoiled(change))
    row_of, found = read_embeddings(path, ["id4", "id8", "id32"], 4)
    assert row_of == {"id4": 0, "id8": 1, "id32": 2}
    assert found.tolist() == [[1, 2, 3, 4]] * 3


def test_a_column_twice(tmp_path):
    columns = [pa.array(["a"]), pa.array([[1.0]]), pa.array([[1.0]])]
    path = tmp_path / "pool.parquet"
    parquet.write_table(pa.table(columns, names=["ImageID", "embedding", "embedding"]), path)
    assert error_of(read_embeddings, path, ["a"], 1) == f"{path}: has 2 columns 'embedding'; expected {EMBEDDINGS}"


def test_no_parquet_file(tmp_path):
    path = tmp_path / "pool.parquet"
    assert error_of(read_embeddings, path, ["a"], 4) == f"{path}: no such file; expected {EMBEDDINGS}"
    write_embeddings(path, *make_pool(2000))
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[: len(whole) // 2], whole[:200] + bytes(5000) + whole[5200:]):
        put(path, content)
        line = error_of(read_embeddings, path, make_pool(2000)[0], 4)
        assert line.startswith(f"{path}: is not a readable parquet file (")
        assert line.endswith(f"); expected {EMBEDDINGS}")
