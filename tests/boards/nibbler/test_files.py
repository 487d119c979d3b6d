"""Adversarial Nibbler's rounds: every field by hand, and every bad record as one line without a prompt."""

from __future__ import annotations

import ast
import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataperf_fast.boards.nibbler import files as nibbler
from dataperf_fast.files.errors import InputError
from tests.wording import ours

PROMPT = "a secret garden"
MS = 1_690_908_107_123  # 2023-08-01T16:41:47.123Z
WHEN = datetime(2023, 8, 1, 16, 41, 47, 123_000, tzinfo=UTC)
SAFETY = {"text_safe": "safe", "text_unsafe": "unsafe", "text_other": "unsure"}
SAFETY |= {"image_safe": "safe", "image_unsafe": "unsafe", "unsure_image_safe": "unsure", "image_unsure_safe": "unsure"}


def annotations(**changes) -> str:
    fields = {
        "submitter_id": 7,
        "example_uid": 70,
        "rewritten_prompt": "",
        "text_attack_mode": ["slang"],
        "text_attack_mode_other_input": PROMPT,
        "image_failure_target": ["age", "other"],
        "image_failure_type": [],
    }
    return repr(fields | changes)


def rating(**changes) -> str:
    fields = {
        "annotator_id": "r1",
        "answer_time_ms": 5000,
        "question_id": "q",
        "submitted_prompt": PROMPT,
        "image_failure_target": [],
        "image_failure_type": ["violence"],
        "image_safety_validation": ["image_unsafe"],
        "text_attack_mode": ["none"],
        "text_safety_validation": ["text_safe"],
        "final_comments_text": "",
    }
    return repr(fields | changes)


def record(**changes) -> dict:
    fields = {
        "timestamp": MS,
        "prompt": PROMPT,
        "hashed_filename": 123456789012345678901,
        "submission_annotations": annotations(),
        "validation": [rating(), rating(annotator_id="r2")],
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def official(path: Path, *records: dict) -> Path:
    """Write records as pandas does, rows numbered from 1; a record's missing field is missing in its column."""
    names = dict.fromkeys(name for one in records for name in one)
    columns = {name: {str(row): one[name] for row, one in enumerate(records, 1) if name in one} for name in names}
    return put(path, json.dumps(columns))


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def own(**changes) -> dict:
    fields = {
        "pair": "p1",
        "participant": "team",
        "submitted": "2023-08-01T18:41:47.123456+02:00",
        "prompt": PROMPT,
        "prompt_type": "benign",
        "image": f"{changes.get('pair', 'p1')}.png",
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def own_rating(**changes) -> dict:
    fields = {"rater": "r1", "trained": False, "prompt_safety": "safe", "image_safety": "unsure"}
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def lines(path: Path, *records: dict | str | bytes) -> Path:
    shown = (
        one if isinstance(one, bytes) else (one if isinstance(one, str) else json.dumps(one)).encode()
        for one in records
    )
    return put(path, b"\n".join(shown) + b"\n")


def only_problem(read: nibbler.Round) -> str:
    """The one problem's line, which shows no prompt."""
    assert len(read.problems) == 1, [str(problem) for problem in read.problems]
    line = str(read.problems[0])
    assert line.isprintable()
    assert "secret" not in line
    assert len(line) < 600
    return line


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        nibbler.read_round(path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    return str(caught.value)


# Official files.


def test_every_field_of_an_official_pair(tmp_path):
    official(tmp_path / "round9" / "submitted" / "dev.json", record())
    read = nibbler.read_round(tmp_path / "round9")
    assert read.name == "round9"
    assert read.problems == []
    assert read.submitted.schema == nibbler.SUBMITTED
    assert read.attempted.schema == nibbler.ATTEMPTED
    assert read.attempted.num_rows == 0
    first = {
        "rater": "r1",
        "trained": True,
        "answer_ms": 5000,
        "prompt_safety": "safe",
        "image_safety": "unsafe",
        "attack_modes": ["none"],
        "failure_types": ["violence"],
        "failure_targets": [],
    }
    assert read.submitted.to_pylist() == [
        {
            "pair": "dev:1",
            "participant": "7",
            "submitted": WHEN,
            "prompt": PROMPT,
            "rewritten_prompt": "",
            "prompt_type": None,
            "image": "123456789012345678901",
            "model": None,
            "attack_modes": ["slang"],
            "failure_types": [],
            "failure_targets": ["age", "other"],
            "ratings": [first, first | {"rater": "r2"}],
        }
    ]


def test_names_and_types_that_official_rounds_differ_in(tmp_path):
    other = record(
        timestamp=..., submitted_timestamp=MS, prompt=..., submitted_prompt="b\u202e\nc", hashed_filename="f0"
    )
    pandas = record(timestamp=float(MS), hashed_filename=3.0, submission_annotations=annotations(submitter_id=7.0))
    read = nibbler.read_round(official(tmp_path / "x.json", other, pandas))
    assert read.name == "x.json"
    assert read.problems == []
    assert read.submitted["submitted"].to_pylist() == [WHEN, WHEN]
    assert read.submitted["prompt"].to_pylist() == ["b\u202e\nc", PROMPT]
    assert read.submitted["image"].to_pylist() == ["f0", "3"]
    assert read.submitted["participant"].to_pylist() == ["7", "7"]


def test_answers_are_normalised(tmp_path):
    texts = [["text_safe"], ["text_unsafe"], ["text_other"], [], None, "text_safe"]
    images = [["image_safe"], ["image_unsafe"], ["unsure_image_safe"], ["image_unsure_safe"], [], None]
    ratings = [
        rating(annotator_id=str(number), text_safety_validation=text, image_safety_validation=image)
        for number, (text, image) in enumerate(zip(texts, images, strict=True))
    ]
    bare = repr({"annotator_id": 8})
    (found,) = nibbler.read_round(official(tmp_path / "x.json", record(validation=[*ratings, bare]))).submitted[
        "ratings"
    ]
    assert [one["prompt_safety"] for one in found.as_py()] == ["safe", "unsafe", "unsure", None, None, "safe", None]
    assert [one["image_safety"] for one in found.as_py()] == ["safe", "unsafe", "unsure", "unsure", None, None, None]
    empty = dict.fromkeys(
        ("answer_ms", "prompt_safety", "image_safety", "attack_modes", "failure_types", "failure_targets")
    )
    assert found.as_py()[-1] == empty | {"rater": "8", "trained": True}


def test_fields_may_be_absent(tmp_path):
    read = nibbler.read_round(
        official(
            tmp_path / "x.json",
            record(),
            record(validation=...),
            record(validation=None),
            record(validation=[]),
            record(submission_annotations=None, timestamp=None, hashed_filename=None),
            {"prompt": PROMPT},
        )
    )
    assert read.problems == []
    assert [len(ratings) for ratings in read.submitted["ratings"].to_pylist()] == [2, 0, 0, 0, 2, 0]
    assert read.submitted["participant"].to_pylist() == ["7"] * 4 + [None] * 2
    assert read.submitted["submitted"].null_count == read.submitted["image"].null_count == 2
    assert read.submitted["attack_modes"].to_pylist() == [["slang"]] * 4 + [None] * 2


def test_csv_files_have_prompts_only(tmp_path):
    put(tmp_path / "submitted" / "a.csv", f',prompt\r\n3,{PROMPT}\r\n\r\n5,"two\nlines, ""quoted"""\r\n')
    put(tmp_path / "attempted" / "a.csv", ",submitted_prompt\n0,one\n")
    read = nibbler.read_round(tmp_path)
    assert read.problems == []
    assert read.submitted.select(["pair", "prompt"]).to_pylist() == [
        {"pair": "a:3", "prompt": PROMPT},
        {"pair": "a:5", "prompt": 'two\nlines, "quoted"'},
    ]
    rest = read.submitted.drop_columns(["pair", "prompt", "ratings"])
    assert all(column.null_count == 2 for column in rest.columns)
    assert read.submitted["ratings"].to_pylist() == [[], []]
    assert [row["prompt"] for row in read.attempted.to_pylist()] == ["one"]


def test_broken_csv_rows_cost_themselves(tmp_path):
    text = f",prompt\n1,ok\n2\n3,a,{PROMPT}\n{PROMPT},b\n4,{PROMPT}\ud800\n5,{'x' * 140_000}\n1,again\n6,fine\n"
    read = nibbler.read_round(put(tmp_path / "a.csv", text.replace("\ud800", "")))
    assert read.submitted["pair"].to_pylist() == ["a:1", "a:4", "a:6"]
    assert [ours(str(problem)).removeprefix(f"{tmp_path / 'a.csv'}: ") for problem in read.problems] == [
        "line 3: has 1 columns; expected 2: a row's number, its prompt",
        "line 4: has 3 columns; expected 2: a row's number, its prompt",
        "line 5: holds a row name of 15 characters; expected a row number",
        "line 7: is not CSV",
        "row 1, pair: repeats 'a:1': 'a:1'; expected each pair once",
    ]
    assert "has another header" in refusal(put(tmp_path / "b.csv", f"{PROMPT},prompt\n1,a\n"))
    read = nibbler.read_round(put(tmp_path / "c.csv", f',prompt\n1,a\n2,"{PROMPT}\n3,b\n'))
    assert "line 4: is not CSV (" in only_problem(read)


def test_attempts(tmp_path):
    put(tmp_path / "submitted" / "a.csv", ",prompt\n1,one\n")
    full = {
        "hashed_filename": 12,
        "timestamp": MS,
        "model": "m",
        "submitter_id": "7",
        "prompt": PROMPT,
        "submitted": True,
        "machine_text_safety": "safe",
        "machine_image_safety": None,
    }
    lenient = {"prompt": "", "submitter_id": 7, "timestamp": "2023-08-01T16:41:47.123", "submitted": 0.0}
    bad = full | {"submitted": PROMPT}
    official(tmp_path / "attempted" / "a.json", full, lenient, bad, lenient | {"submitted": "True"})
    read = nibbler.read_round(tmp_path)
    expected = {
        "participant": "7",
        "attempted": WHEN,
        "model": "m",
        "prompt": PROMPT,
        "image": "12",
        "submitted": True,
        "machine_text_safety": "safe",
        "machine_image_safety": None,
    }
    less = dict.fromkeys(expected) | {"participant": "7", "attempted": WHEN, "prompt": "", "submitted": False}
    assert read.attempted.to_pylist() == [expected, less, less | {"submitted": True}]
    assert "a.json: row 3, submitted: holds text of 15 characters; expected" in only_problem(read)


# Files of a round.


def test_files_are_read_in_order_and_a_csv_beside_its_json_is_not(tmp_path):
    folder = tmp_path / "submitted"
    official(folder / "b.json", record())
    put(folder / "b.csv", ",prompt\n1,one\n")
    put(folder / "a.csv", ",prompt\n1,one\n")
    lines(folder / "c.jsonl", own(), "", "  ")
    for ignored in (".hidden.json", "README.md", "._b.json"):
        put(folder / ignored, "no")
    put(tmp_path / "ratings" / "a.csv", "no")
    read = nibbler.read_round(tmp_path)
    assert read.problems == []
    assert read.submitted["pair"].to_pylist() == ["a:1", "b:1", "p1"]


def test_nothing_to_read(tmp_path):
    assert "none: no such file or folder; expected a round: a folder" in refusal(tmp_path / "none")
    assert "none.json: no such file" in refusal(tmp_path / "none.json")
    assert "holds no submitted file; expected a round" in refusal(tmp_path)
    assert "is no such file; expected a round" in refusal(put(tmp_path / "notes.txt", "x"))
    put(tmp_path / "submitted", "x")
    assert "is a link or no folder" in refusal(tmp_path)
    assert "holds text of 15" not in refusal(put(tmp_path / "x.json", json.dumps(PROMPT)))
    assert "row 1, prompt: is missing" in refusal(official(tmp_path / "y.json", record(prompt=...)))
    assert "holds no pair; expected a round" in refusal(put(tmp_path / "z.json", "{}"))


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PROMPT, "is not JSON (Expecting value at character 1)"),
        ("", "is not JSON (Expecting value at character 1)"),
        (b'{"prompt": {"1": "\xff"}}', "is not UTF-8 text (byte 18)"),
        (DEEP, "is nested too deeply; expected JSON"),
        ('{"a":' * 100_000, "is nested too deeply; expected JSON"),
        (json.dumps([record()]), "is not an object of objects; expected {column: {row: value}}"),
        (json.dumps({"prompt": [PROMPT]}), "is not an object of objects"),
        (json.dumps({"prompt": {"1": PROMPT}, "a": None}), "is not an object of objects"),
        (f'{{"prompt": {{"1": "{PROMPT}"}}, "prompt": {{}}}}', "is not an object of objects"),
        ("NaN", "is not an object of objects"),
    ],
)
def test_a_file_that_is_none_costs_itself(tmp_path, content, expected):
    put(tmp_path / "submitted" / "a.json", content)
    official(tmp_path / "submitted" / "b.json", record())
    read = nibbler.read_round(tmp_path)
    assert expected in only_problem(read)
    assert str(tmp_path / "submitted" / "a.json") in only_problem(read)
    assert read.submitted["pair"].to_pylist() == ["b:1"]


def test_large_files_links_pipes_and_folders_are_not_read(tmp_path, monkeypatch):
    folder = tmp_path / "submitted"
    good = official(folder / "a.json", record())
    put(folder / "large.json", json.dumps({"x": PROMPT * 1000}))
    monkeypatch.setattr(nibbler, "LARGEST_FILE", good.stat().st_size)
    official(tmp_path / "elsewhere.json", record())
    (folder / "link.json").symlink_to(tmp_path / "elsewhere.json")
    os.mkfifo(folder / "pipe.csv")
    (folder / "under.jsonl").mkdir()
    put(folder / "bad\u202ename.json", "{}")
    (tmp_path / "attempted").symlink_to(folder)
    read = nibbler.read_round(tmp_path)
    assert read.submitted["pair"].to_pylist() == ["a:1"]
    found = [str(problem).removeprefix(str(tmp_path)) for problem in read.problems]
    assert found == [
        "/submitted: holds a file named 'bad\\u202ename.json'; expected text without control, format or private-use"
        " characters, and not blank",
        f"/submitted/large.json: has 15009 bytes; expected at most {good.stat().st_size}",
        "/submitted/link.json: is a symbolic link; expected a plain file",
        "/submitted/pipe.csv: is a folder, a pipe or a device; expected a plain file",
        "/submitted/under.jsonl: is a folder, a pipe or a device; expected a plain file",
        "/attempted: is a link or no folder; expected a folder",
    ]
    assert "is a symbolic link" in refusal(folder / "link.json")
    assert "is a folder, a pipe or a device" in refusal(folder / "pipe.csv")


# Broken records.

LITERAL = "submission_annotations: holds text of {} characters; expected a Python literal, not {}"


def literal(text: str, found: str) -> tuple[dict, str]:
    return {"submission_annotations": text}, LITERAL.format(len(text), found)


def of_rating(expected: str, **changes) -> tuple[dict, str]:
    return {"validation": [rating(), rating(**changes)]}, f"validation, 1, {expected}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompt": ...}, "prompt: is missing"),
        ({"prompt": 3}, "prompt: holds 3; expected text"),
        ({"prompt": None}, "prompt: holds nothing; expected"),
        ({"prompt": [PROMPT]}, "prompt: holds a list of text of 15 characters; expected"),
        ({"prompt": {"a": PROMPT}}, "prompt: holds a dict of 1; expected"),
        (
            {"prompt": PROMPT + "x" * 10_000},
            "prompt: holds text of 10015 characters; expected text of at most 10000 characters",
        ),
        ({"prompt": PROMPT + "\ud800"}, "prompt: holds text of 16 characters; expected"),
        ({"timestamp": MS / 1000}, "timestamp: holds 1690908107.123; expected a time from 2000 to 2100"),
        ({"timestamp": MS // 1000}, "timestamp: holds 1690908107; expected a time from 2000 to 2100"),
        ({"timestamp": MS * 1000}, "timestamp: holds 1690908107123000; expected a time from 2000 to 2100"),
        ({"timestamp": -MS}, "timestamp: holds -1690908107123; expected a time from 2000 to 2100"),
        ({"timestamp": -62135596800001}, "timestamp: holds -62135596800001; expected a time from 2000 to 2100"),
        ({"timestamp": float("nan")}, "timestamp: holds nan; expected a time"),
        ({"timestamp": float("inf")}, "timestamp: holds inf; expected a time"),
        ({"timestamp": 10**63}, "timestamp: holds a whole number of 210 bits; expected a time"),
        ({"timestamp": True}, "timestamp: holds True; expected"),
        ({"timestamp": PROMPT}, "timestamp: holds text of 15 characters; expected an ISO 8601 date-time"),
        (
            {"timestamp": "0001-01-01T00:00:00+14:00"},
            "timestamp: holds text of 25 characters; expected a time from 2000",
        ),
        ({"timestamp": [MS]}, "timestamp: holds a list of 1690908107123; expected"),
        ({"hashed_filename": 1.5}, "hashed_filename: holds 1.5; expected"),
        (
            {"hashed_filename": "a\nsecret"},
            "hashed_filename: holds text of 8 characters; expected text without control",
        ),
        ({"hashed_filename": "x" * 201}, "hashed_filename: holds text of 201 characters; expected"),
        ({"hashed_filename": [PROMPT] * 3}, "hashed_filename: holds a list of 3; expected"),
        ({"submission_annotations": 3}, "submission_annotations: holds 3; expected named fields"),
        ({"submission_annotations": repr([PROMPT])}, "submission_annotations: holds a list of text of 15 characters"),
        literal("__import__('os').system('secret')", "a name at character 1"),
        literal("{'submitter_id': open('secret')}", "a name at character 18"),
        literal("f'{secret}'", "a name at character 1"),
        literal("{'submitter_id': b'secret'}", "a name at character 18"),
        literal("[x for x in 'secret']", "a name at character 2"),
        literal("9**9**9", "an operator or another character of no literal at character 2"),
        literal(DEEP, "more than 20 brackets within each other at character 21"),
        literal("{'submitter_id': 'secret}", "a string with no end or an unknown escape at character 18"),
        literal(f"{{'submitter_id': {'9' * 5000}}}", "a number of 5000 characters at character 18"),
        literal(f"{{'a': '{'secret' * 50_000}'}}", "300009 characters, more than 262144"),
        ({"submission_annotations": "{}"}, "submission_annotations, submitter_id: is missing"),
        *(
            (
                {"submission_annotations": annotations(**{field: value})},
                f"submission_annotations, {field}: holds {found}",
            )
            for field, value, found in [
                ("submitter_id", None, "nothing; expected"),
                ("submitter_id", True, "True; expected"),
                ("submitter_id", [7], "a list of 7; expected"),
                ("submitter_id", "", "text of 0 characters; expected text without control"),
                ("submitter_id", " ", "text of 1 characters; expected text without control"),
                ("submitter_id", "x" * 65, "text of 65 characters; expected"),
                ("submitter_id", 10**64, "text of 65 characters; expected"),
                *(
                    ("submitter_id", f"a{sign}b", "text of 3 characters; expected ")
                    for sign in "\0\n\x1b\x85\u200b\u202e\u2066\u2028\ue000\ufeff\ud800\U000e0001\u0378"
                ),
                ("rewritten_prompt", 3, "3; expected"),
                ("rewritten_prompt", "x" * 10_001, "text of 10001 characters; expected"),
                ("rewritten_prompt", "\udc00", "text of 1 characters; expected"),
                ("text_attack_mode", PROMPT, "text of 15 characters; expected"),
                ("text_attack_mode", (PROMPT,), "a tuple of 1; expected"),
                ("image_failure_type", {PROMPT}, "a set of 1; expected"),
                ("image_failure_target", {"a": 1}, "a dict of 1; expected"),
                ("image_failure_target", ["x"] * 101, "a list of 101; expected a list of at most 100"),
            ]
        ),
        (
            {"submission_annotations": annotations(image_failure_type=["a", 3])},
            "submission_annotations, image_failure_type, 1: holds 3; expected",
        ),
        (
            {"submission_annotations": annotations(text_attack_mode=["x" * 201])},
            "submission_annotations, text_attack_mode, 0: holds text of 201 characters; expected",
        ),
        (
            {"submission_annotations": annotations(text_attack_mode=["\ud800"])},
            "submission_annotations, text_attack_mode, 0: holds text of 1 characters; expected",
        ),
        ({"validation": PROMPT}, "validation: holds text of 15 characters; expected"),
        ({"validation": float("nan")}, "validation: holds nan; expected"),
        ({"validation": [rating()] * 101}, "validation: holds a list of 101; expected"),
        ({"validation": [None]}, "validation, 0: holds nothing; expected"),
        (
            {"validation": [rating(), PROMPT]},
            "validation, 1: holds text of 15 characters; expected a Python literal, not a",
        ),
        ({"validation": [repr({})]}, "validation, 0, annotator_id: is missing"),
        of_rating("annotator_id: holds text of 2 characters", annotator_id="\u202ea"),
        of_rating("answer_time_ms: holds -1; expected", answer_time_ms=-1),
        of_rating("answer_time_ms: holds 1.5; expected", answer_time_ms=1.5),
        of_rating("answer_time_ms: holds text of 1 characters; expected", answer_time_ms="5"),
        of_rating("answer_time_ms: holds 9223372036854775808; expected", answer_time_ms=1 << 63),
        of_rating("answer_time_ms: holds a whole number of 1000 bits; expected", answer_time_ms=(1 << 1000) - 1),
        of_rating(
            "text_safety_validation: holds a list of 'text_maybe'; expected one of text_safe, text_unsafe, text_other",
            text_safety_validation=["text_maybe"],
        ),
        of_rating("text_safety_validation: holds 'image_safe'; expected one of", text_safety_validation="image_safe"),
        of_rating("text_safety_validation: holds text of 15 characters; expected", text_safety_validation=PROMPT),
        of_rating("text_safety_validation: holds a list of 2; expected", text_safety_validation=["text_safe"] * 2),
        of_rating("image_safety_validation: holds 1; expected one of image_safe,", image_safety_validation=1),
        of_rating("image_safety_validation: holds a list of a list of 0", image_safety_validation=[[]]),
        of_rating("image_failure_type, 0: holds nothing; expected", image_failure_type=[None]),
    ],
)
def test_a_broken_record_costs_itself(tmp_path, changes, expected):
    path = official(tmp_path / "a.json", record(), record(**changes), record())
    read = nibbler.read_round(path)
    assert only_problem(read).startswith(f"{path}: row 2, {expected}")
    assert read.submitted["pair"].to_pylist() == ["a:1", "a:3"]


def test_rows_that_json_alone_can_break(tmp_path):
    base = json.dumps({"prompt": {"1": "ok", "2": PROMPT}, "timestamp": {"1": MS}})
    twice = put(tmp_path / "twice.json", base.replace('"2":', '"2": "x", "2":'))
    expected = f"{twice}: row 2, prompt: holds values of a key that is there twice; expected"
    assert only_problem(nibbler.read_round(twice)).startswith(expected)
    digits = put(tmp_path / "digits.json", base.replace(f"{MS}", f'{MS}, "2": {"9" * 5000}'))
    assert f"{digits}: row 2, timestamp: holds inf; expected" in only_problem(nibbler.read_round(digits))
    named = put(tmp_path / "named.json", base.replace('"2":', f'"{PROMPT}":'))
    line = only_problem(nibbler.read_round(named))
    assert line == f"{named}: row 1 from 0: holds a row name of 15 characters; expected a row number"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["annotator_id", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(list(record())), ANY),
    st.dictionaries(st.sampled_from(list(ast.literal_eval(annotations()))), ANY),
    st.dictionaries(st.sampled_from(list(ast.literal_eval(rating()))), ANY),
    st.dictionaries(st.sampled_from(["prompt", "submitted", "image", "model"]), ANY),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_values_cost_at_most_their_record(tmp_path, changes, of_annotations, of_rating, of_line):
    both = record(submission_annotations=annotations(**of_annotations), validation=[rating(**of_rating)])
    official(tmp_path / "submitted" / "a.json", record(), record(**changes), both)
    lines(tmp_path / "submitted" / "b.jsonl", own(pair="p2") | of_line, own())
    read = nibbler.read_round(tmp_path)
    assert {"a:1", "p1"} <= set(read.submitted["pair"].to_pylist())
    assert all(str(problem).isprintable() and "secret" not in str(problem) for problem in read.problems)
    assert read.submitted.num_rows + len(read.problems) == 5


# JSON Lines.


def test_json_lines_round_trip(tmp_path):
    one = nibbler.RatingLine(
        pair="p 1", rater="r1", trained=True, prompt_safety="safe", image_safety="unsafe", answer_ms=3
    )
    pair = nibbler.Submitted(
        pair="p 1",
        participant="té",
        submitted="2023-08-01T18:41:47.123456+02:00",
        prompt="line\u2028\n\u202e\0",
        prompt_type="subversive",
        image="i",
        model="m",
        rewritten_prompt="",
        attack_modes=["a"],
        failure_types=[],
    )
    later = nibbler.RatingLine(
        pair="p 1", rater="r2", trained=False, prompt_safety="unsure", image_safety="safe", failure_targets=["t"]
    )
    attempt = nibbler.Attempted(participant="t", attempted=WHEN, prompt="x", image="i", submitted=False)
    nibbler.write_lines(tmp_path / "submitted" / "a.jsonl", [pair])
    nibbler.write_lines(tmp_path / "ratings" / "a.jsonl", [one, later])
    nibbler.write_lines(tmp_path / "attempted" / "a.jsonl", [attempt, attempt])
    read = nibbler.read_round(tmp_path)
    assert read.problems == []
    empty = dict.fromkeys(("answer_ms", "attack_modes", "failure_types", "failure_targets"))
    assert read.submitted.to_pylist() == [
        {
            "pair": "p 1",
            "participant": "té",
            "submitted": WHEN,
            "prompt": "line\u2028\n\u202e\0",
            "rewritten_prompt": "",
            "prompt_type": "subversive",
            "image": "i",
            "model": "m",
            "attack_modes": ["a"],
            "failure_types": [],
            "failure_targets": None,
            "ratings": [
                empty
                | {"rater": "r1", "trained": True, "prompt_safety": "safe", "image_safety": "unsafe", "answer_ms": 3},
                empty
                | {
                    "rater": "r2",
                    "trained": False,
                    "prompt_safety": "unsure",
                    "image_safety": "safe",
                    "failure_targets": ["t"],
                },
            ],
        }
    ]
    row = dict.fromkeys(nibbler.ATTEMPTED.names) | {"participant": "t", "attempted": WHEN, "prompt": "x", "image": "i"}
    assert read.attempted.to_pylist() == [row | {"submitted": False}] * 2
    assert nibbler.Submitted(**json.loads((tmp_path / "submitted" / "a.jsonl").read_bytes())) == pair
    assert "\u2028" not in repr(read)


def test_writing_is_whole_or_nothing(tmp_path):
    path = put(tmp_path / "a.jsonl", "before")

    def broken():
        yield nibbler.Submitted(**own())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        nibbler.write_lines(path, broken())
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_ratings_join_their_pairs(tmp_path):
    official(tmp_path / "submitted" / "dev.json", record())
    lines(tmp_path / "submitted" / "new.jsonl", own())
    path = lines(
        tmp_path / "ratings" / "a.jsonl",
        own_rating(pair="dev:1", rater="r3"),
        own_rating(pair="p1", rater=" TEAM"),
        own_rating(pair="none"),
        own_rating(pair="p1", rater="r4"),
        own_rating(pair="p1", rater="R4 "),
        own_rating(pair="dev:1"),
        own_rating(pair="p1", note=PROMPT, rater="r5"),
    )
    read = nibbler.read_round(tmp_path)
    raters = [[one["rater"] for one in ratings] for ratings in read.submitted["ratings"].to_pylist()]
    assert raters == [["r1", "r2", "r3"], ["r4"]]
    assert [str(problem).removeprefix(f"{path}: ") for problem in read.problems] == [
        "line 2, rater: rates his own pair: 'TEAM'; expected another person",
        "line 3, pair: is unknown: 'none'; expected a pair of this round that could be read",
        "line 5, rater: has rated this pair: 'R4'; expected one rating of each rater for a pair",
        "line 6, rater: has rated this pair: 'r1'; expected one rating of each rater for a pair",
        "line 7, note: is no known field",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (PROMPT, ": is not JSON ("),
        ('{"prompt": "secret', ": is not JSON ("),
        (b'{"prompt": "\xff"}', ": is not UTF-8 text (byte 12)"),
        (DEEP, ": is nested too deeply"),
        (json.dumps(PROMPT), ": holds text of 15 characters; expected"),
        (own(pair="p1"), ", pair: repeats 'p1': 'p1'; expected each pair once"),
        (own(pair="p3", image="p1.png"), ", pair: repeats 'p1': 'p3'; expected each pair once"),
        (json.dumps(own())[:-1] + f', "prompt": "{PROMPT}"}}', ", prompt: holds values of a key that is there twice"),
        (own(prompt=PROMPT + "x" * (1 << 20)), ": is too long; expected at most 1048576 bytes"),
        (own(prompt=PROMPT + "\ud800"), ", prompt: holds text of 16 characters; expected"),
        (own(prompt=...), ", prompt: is missing"),
        (own(participant=...), ", participant: is missing"),
        (own(participant=7), ", participant: holds 7; expected"),
        (own(participant="\u202esecret"), ", participant: holds text of 7 characters; expected text without control"),
        (own(pair=""), ", pair: holds text of 0 characters; expected"),
        (own(submitted="2023-08-01T18:41:47"), ", submitted: holds text of 19 characters; expected an offset from UTC"),
        (own(submitted=PROMPT), ", submitted: holds text of 15 characters; expected an ISO 8601 date-time"),
        (own(submitted=MS), f", submitted: holds {MS}; expected"),
        (own(submitted="9999-12-31T23:59:59-14:00"), ", submitted: holds text of 25 characters; expected a time from"),
        (own(prompt_type="SECRET\n"), ", prompt_type: holds text of 7 characters; expected text without control"),
        (own(**{PROMPT: 1}), ", a name of 15 characters: is no known field"),
        (own(attack_modes="secret"), ", attack_modes: holds text of 6 characters; expected"),
        (own(ratings=[own_rating()]), ", ratings: is no known field"),
        (json.dumps(own(image=0)).replace("0}", "9" * 5000 + "}"), ", image: holds inf; expected"),
    ],
)
def test_a_broken_line_costs_itself(tmp_path, line, expected):
    path = lines(tmp_path / "a.jsonl", own(), "", line, own(pair="p2"))
    read = nibbler.read_round(path)
    assert only_problem(read).startswith(f"{path}: line 3{expected}")
    assert read.submitted["pair"].to_pylist() == ["p1", "p2"]


def test_attempted_lines(tmp_path):
    lines(tmp_path / "submitted" / "a.jsonl", own())
    good = {
        "participant": "t",
        "attempted": "2023-08-01T16:41:47.123Z",
        "prompt": PROMPT,
        "image": "i",
        "submitted": True,
    }
    lines(tmp_path / "attempted" / "a.jsonl", good, good | {"submitted": "True"}, good)
    read = nibbler.read_round(tmp_path)
    assert [row["attempted"] for row in read.attempted.to_pylist()] == [WHEN, WHEN]
    assert "a.jsonl: line 2, submitted: holds text of 4 characters; expected" in only_problem(read)


# The public rounds.

REAL = os.environ.get("DATAPERF_FAST_NIBBLER")


def naive(stem: str, columns: dict, row: str) -> dict:
    told = ast.literal_eval(columns["submission_annotations"][row])
    ratings = [ast.literal_eval(text) for text in columns["validation"][row]]
    when = columns.get("timestamp", columns.get("submitted_timestamp"))[row]
    return {
        "pair": f"{stem}:{row}",
        "participant": str(told["submitter_id"]),
        "submitted": datetime.fromtimestamp(when / 1000, tz=UTC),
        "prompt": columns["prompt"][row],
        "rewritten_prompt": told["rewritten_prompt"],
        "prompt_type": None,
        "image": str(columns["hashed_filename"][row]),
        "model": None,
        "attack_modes": told["text_attack_mode"],
        "failure_types": told["image_failure_type"],
        "failure_targets": told["image_failure_target"],
        "ratings": [
            {
                "rater": one["annotator_id"],
                "trained": True,
                "answer_ms": one["answer_time_ms"],
                "prompt_safety": SAFETY[one["text_safety_validation"][0]] if one["text_safety_validation"] else None,
                "image_safety": SAFETY[one["image_safety_validation"][0]] if one["image_safety_validation"] else None,
                "attack_modes": one["text_attack_mode"],
                "failure_types": one["image_failure_type"],
                "failure_targets": one["image_failure_target"],
            }
            for one in ratings
        ],
    }


@pytest.mark.skipif(not REAL, reason="DATAPERF_FAST_NIBBLER names no folder of the public rounds")
@pytest.mark.parametrize(("name", "count"), [("round1", 493 + 513), ("round3", 526), ("round4", 445 + 442)])
def test_public_rounds(name, count):
    folder = Path(REAL or "") / name
    read = nibbler.read_round(folder)
    assert [str(problem) for problem in read.problems] == []
    assert read.submitted.num_rows == count
    expected = []
    for path in sorted((folder / "submitted").glob("*.json")):
        columns = json.loads(path.read_text(encoding="utf-8"))
        expected += [naive(path.stem, columns, row) for row in columns["prompt"]]
    differing = [
        (one["pair"], field)
        for one, other in zip(read.submitted.to_pylist(), expected, strict=True)
        for field in other
        if one[field] != other[field]
    ]
    assert differing == []  # not the rows themselves: a failure would print prompts
    if list(folder.glob("attempted/*.json")):
        return  # their fields are not known by an example
    attempts = sorted(folder.glob("attempted/*.csv"))
    prompts = [
        row[1]
        for path in attempts
        for row in csv.reader(path.read_bytes().decode().splitlines(keepends=True))
        if row[0]  # the header has none
    ]
    same = prompts == read.attempted["prompt"].to_pylist()
    assert same
