"""Records as tables of a notebook: Arrow's, and pandas' where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dataperf_fast.files.errors import InputError, kind_of
from dataperf_fast.files.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

_DETAILS = "details"


def to_arrow(records: Sequence[Record]) -> pa.Table:
    """Make an Arrow table of records, a row each.

    Args:
        records: those of ``evaluate`` or ``score``, of one board or of several.

    Returns:
        The fields of ``Record`` in their order, whatever the records hold, but for ``details``: last comes a column
        ``details.NAME`` for each detail that some record has, in the order of their first appearance. A mapping has one
        a key (``details.scores.5``), a list stays one. Values of a detail that have no type in common are JSON.

    Raises:
        InputError: for what is no record.

    Example:
        >>> table = dpf.to_arrow(dpf.evaluate("debugging", "data/debugging", model="knn"))
        >>> table.num_rows, table["details.inspections"].to_pylist()[:2]
        (6, [19, 14])
    """
    import pyarrow as pa

    expected = "records, as evaluate and score return them"
    if isinstance(records, str | Mapping) or not isinstance(records, Iterable):
        raise InputError("records", f"is {kind_of(records)}", expected=f"a list of {expected}")
    records = list(records)
    for at, record in enumerate(records):
        if not isinstance(record, Record):
            raise InputError("records", "holds", f"position {at}", record, expected)
    whole = pa.int64()
    types = {
        "benchmark": pa.string(), "task": pa.string(), "submission": pa.string(), "status": pa.string(),
        "metric": pa.string(), "score": pa.float64(), "higher_is_better": pa.bool_(), "backend": pa.string(),
        "arithmetic": pa.string(), "retrains": whole, "distinct": whole, "rechecked": whole, "seconds": pa.float64(),
        "error": pa.string(),
    }  # fmt: skip
    columns = {name: pa.array([getattr(record, name) for record in records], kind) for name, kind in types.items()}
    rows = [dict(_flat(_DETAILS, record.details)) for record in records]
    for name in dict.fromkeys(name for row in rows for name in row):
        columns[name] = _column([row.get(name) for row in rows])
    return pa.table(columns)


def to_frame(records: Sequence[Record]) -> Any:
    """Make a pandas data frame of records: ``to_arrow``'s table.

    Args:
        records: those of ``evaluate`` or ``score``, of one board or of several.

    Returns:
        The ``pandas.DataFrame``.

    Raises:
        InputError: for what is no record, and where pandas, which nothing else needs, is not installed.

    Example:
        >>> records = dpf.evaluate("debugging", "data/debugging", model="knn")
        >>> try:
        ...     rows = len(dpf.to_frame(records))
        ... except dpf.InputError as error:  # without pandas
        ...     rows = dpf.to_arrow(records).num_rows
        >>> rows
        6
    """
    table = to_arrow(records)
    if find_spec("pandas") is None:
        expected = "pip install pandas, or to_arrow, which does without"
        raise InputError("to_frame", "needs the package pandas", expected=expected)
    return table.to_pandas()


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, of in value.items():
            yield from _flat(f"{name}.{key}", of)
    else:
        yield name, value


def _column(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
