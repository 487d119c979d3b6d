"""What is given in memory in the place of files: every form of a table, and a line for what is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.in_memory import Given, submissions_of

VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
IDS = ["a", "b", "c"]


class Column:
    """A column as pandas and polars have it: it turns into an array."""

    def __init__(self, values):
        self.values = np.empty(len(values), object)
        self.values[:] = values

    def __array__(self, dtype=None, copy=None):
        return self.values


class Frame:
    """A data frame, as far as it is used: columns by name, and no mapping."""

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


FORMS = {
    "mapping": {"id": IDS, "vector": VECTORS, "more": [None] * 3},
    "rows of lists": {"id": IDS, "vector": VECTORS.tolist()},
    "rows of arrays": {"id": np.array(IDS), "vector": list(VECTORS)},
    "float64, in columns": {"id": IDS, "vector": np.asfortranarray(VECTORS, dtype=np.float64)},
    "Arrow": pa.table({"vector": pa.array(VECTORS.tolist()), "id": IDS}),
    "Arrow's dictionary": {"id": pa.array(IDS).dictionary_encode(), "vector": pa.array(VECTORS.tolist())},
    "frame": Frame(id=Column(IDS), vector=Column(list(VECTORS))),
    "tuple": (IDS, VECTORS),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_in_every_form(form):
    table = Given("data", FORMS[form]).table(("id", "vector"), "a test")
    assert table.texts("id") == IDS
    found = table.vectors("vector", None)
    assert found.dtype == np.float32
    assert np.array_equal(found, VECTORS)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (3, "data: is a int; expected a test: a table with the columns id, vector"),
        (None, "data: is nothing; expected a test: a table with the columns id, vector"),
        ((IDS,), "data: is a tuple of 1; expected a test: a table with the columns id, vector"),
        ({"id": IDS}, "data: has no column 'vector'; expected a test: a table with the columns id, vector"),
        ((IDS[:2], VECTORS), "data: has columns of 2, 3 rows; expected a test: a table with the columns id, vector"),
        (([], VECTORS[:0]), "data: holds no rows; expected a test: a table with the columns id, vector"),
        ((IDS, "abc"), "data[1]: is a str; expected a test: a table with the columns id, vector"),
        (([1, 2, 3], VECTORS), "data: row 0: column id holds 1; expected a string"),
        ((["a", None, "c"], VECTORS), "data: row 1: column id holds no value; expected a string"),
        ((IDS, [[0, 1], [2], [3, 4]]), "data: row 1: column vector holds a vector of length 1; expected length 2"),
        ((IDS, [[0, 1], None, [3, 4]]), "data: row 1: column vector holds no vector; expected length 2"),
        (
            (IDS, np.ma.array(VECTORS, mask=VECTORS == 3)),
            "data: row 1, element 1: column vector holds nan; expected a finite number",
        ),
    ],
)
def test_what_is_no_table_is_a_line(value, line):
    def read():
        table = Given("data", value).table(("id", "vector"), "a test")
        return table.texts("id"), table.vectors("vector", None)

    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.line == line


def test_columns_of_things_are_a_line():
    for column in (object(), [object()] * 3, [1, "a", {}]):
        with pytest.raises(InputError, match=r"^data\[1\]: is ") as caught:
            Given("data", (IDS, column)).table(("id", "vector"), "a test")
        assert "\n" not in caught.value.line


@pytest.mark.parametrize(
    "value", [[2, 0, 1], (2, 0, 1), np.array([2, 0, 1]), pa.array([2, 0, 1]), Column([2, 0, 1]), range(2, -1, -1)]
)
def test_values_of_every_kind_of_list(value):
    found = Given("order", value).values("numbers")
    assert sorted(found) == [0, 1, 2]
    assert {type(of) for of in found} == {int}


@pytest.mark.parametrize("value", ["201", {2: 0}, 5, None, np.eye(2)])
def test_what_is_no_list_is_a_line(value):
    with pytest.raises(InputError, match=r"^order: (is|has the shape).*; expected numbers$"):
        Given("order", value).values("numbers")


def test_what_has_no_order_is_no_list():
    for value, kind in (({2, 0, 1}, "set"), (frozenset({2, 0}), "frozenset"), ({2: 0}.keys() | {1}, "set")):
        with pytest.raises(InputError) as caught:
            Given("order", value).values("numbers")
        assert caught.value.line == f"order: is a {kind}, which has no order; expected numbers"
    for in_order in ({2: "a", 0: "b", 1: "c"}.keys(), {"a": 2, "b": 0, "c": 1}.values(), iter([2, 0, 1])):
        assert Given("order", in_order).values("numbers") == [2, 0, 1]
    expected = "expected a test: a table with the columns id, vector"
    for table, line in (
        (({"a", "b", "c"}, VECTORS), "data[0]: is a set, which has no order"),
        ({"id": IDS, "vector": frozenset({0.5})}, "data['vector']: is a frozenset, which has no order"),
        ((IDS, [[0.5, 1.5], {0.5, 1.5}, [0.5, 1.5]]), "data[1][1]: is a set, which has no order"),
    ):
        with pytest.raises(InputError) as caught:
            Given("data", table).table(("id", "vector"), "a test")
        assert caught.value.line == f"{line}; {expected}"


def test_records_are_rows_of_any_table():
    rows = [{"a": 1, "b": "x"}, {"a": 2}]
    columns = {"a": [1, 2], "b": ["x", None]}
    official = {"a": {"0": 1, "1": 2}, "b": {"0": "x"}}
    frame = Frame(a=Column([1, 2]), b=Column(["x", float("nan")]))
    for form in (rows, columns, official, frame, pa.table(columns)):
        assert Given("pairs", form).rows("records") == rows
    for wrong in ([3], 3, "text"):
        with pytest.raises(InputError, match=r"^pairs: "):
            Given("pairs", wrong).rows("records")


def test_submissions_are_named_and_what_is_for_no_task_is_refused():
    given = {"mine": {"a": 1, "x": 2}, 7: {"a": 3}, "empty": {}, "list": [1]}
    found, refused = submissions_of(given, {"a": "a"}.get, "a", "a number")
    assert [(one.name, one.given["a"].value, one.given["a"].name) for one in found] == [
        ("mine", 1, "submissions['mine']['a']"),
        ("7", 3, "submissions[7]['a']"),
    ]
    assert [(name, error.line) for name, error in refused] == [
        ("mine", "submissions['mine']: holds the key 'x'; expected a task, a"),
        ("empty", "submissions['empty']: is empty; expected a task, a"),
        ("list", "submissions['list']: is a list; expected a mapping from a task, a, to a number"),
    ]
    with pytest.raises(InputError, match=r"^submissions: names nothing; expected a mapping from names"):
        submissions_of({}, {"a": "a"}.get, "a", "a number")
