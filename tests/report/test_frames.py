"""Records as tables: the same columns whatever the records hold, details beside them."""

from __future__ import annotations

import json
import sys
from dataclasses import fields

import pytest

import dataperf_fast as dpf

FIXED = [field.name for field in fields(dpf.Record) if field.name != "details"]
SPEECH = dpf.Record(
    "speech", "en_25", "mine", "ok", "macro_f1", 0.5, True, {"clips": 24, "scores": {"5": 0.25, "69": 0.75}}
)
MARKET = dpf.Record("acquisition", "0", "mine", "ok", "accuracy", 0.75, True, {"clips": "none", "trials": [0.5, 1.0]})
INVALID = dpf.Record("speech", "en_60", "ünï\n", "invalid", "macro_f1", None, True, error="a line")


def test_fields_come_first_and_details_by_their_names():
    table = dpf.to_arrow([INVALID, SPEECH])
    assert table.column_names == [*FIXED, "details.clips", "details.scores.5", "details.scores.69"]
    assert table["score"].to_pylist() == [None, 0.5]
    assert table["details.scores.69"].to_pylist() == [None, 0.75]
    assert table["submission"].to_pylist() == ["ünï\n", "mine"]
    assert table["error"].to_pylist() == ["a line", None]


@pytest.mark.parametrize("records", [[], [INVALID], [SPEECH], [SPEECH, MARKET, INVALID]])
def test_fields_have_one_type_whatever_there_is(records):
    expected = ["string"] * 5 + ["double", "bool", "string", "string", "int64", "int64", "int64", "double", "string"]
    schema = dpf.to_arrow(records).schema
    assert [str(schema.field(name).type) for name in FIXED] == expected
    assert schema.names[: len(FIXED)] == FIXED


def test_lists_stay_and_what_has_no_type_in_common_is_json():
    table = dpf.to_arrow([SPEECH, MARKET])
    assert table["details.trials"].to_pylist() == [None, [0.5, 1.0]]
    assert [json.loads(of) for of in table["details.clips"].to_pylist()] == [24, "none"]


def test_what_is_no_record_is_a_line():
    with pytest.raises(dpf.InputError, match=r"^records: position 1: holds 3; expected records, as evaluate and score"):
        dpf.to_arrow([SPEECH, 3])


def test_without_pandas_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    line = "to_frame: needs the package pandas; expected pip install pandas, or to_arrow, which does without"
    with pytest.raises(dpf.InputError) as caught:
        dpf.to_frame([SPEECH])
    assert caught.value.line == line


def test_with_pandas_a_frame():
    pandas = pytest.importorskip("pandas")
    frame = dpf.to_frame([SPEECH, INVALID])
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == dpf.to_arrow([SPEECH, INVALID]).column_names
    assert frame.loc[0, "score"] == 0.5
    assert frame["score"].isna().tolist() == [False, True]
