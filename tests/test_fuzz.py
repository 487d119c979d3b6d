"""A few of the fuzzer's cases (``make fuzz`` runs thousands), and that it would notice what it looks for."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from .fuzz import cases, spoil

# By the seed: boards in turn, a few in odd environments.
NUMBERS = range(20)


@pytest.mark.filterwarnings("default")
def test_every_case_ends_well_or_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "cache"))
    done = list(cases.faults(NUMBERS, tmp_path / "fuzz"))
    assert [(case.number, case.fault, case.told, case.errors[-500:]) for case in done if case.fault] == []
    statuses = [case.status for case in done]
    assert set(statuses) == {0, 2}
    assert min(statuses.count(0), statuses.count(2)) >= 5  # it spoils, and not all


def outcome(status=0, records=(), errors="", output=None):
    text = "".join(json.dumps(record) + "\n" for record in records) if output is None else output
    return cases.Case(0, "", ["evaluate", "vision"], status, text, errors)


OK = {"submission": "untouched", "task": "Hawk", "status": "ok", "score": 0.5, "error": None}
BAD = OK | {"status": "invalid", "score": None, "error": "a: b"}
FAULTS = {
    "crash": (outcome(1, errors="dataperf-fast: failed"), "exit status 1"),
    "killed": (outcome(-11), "exit status -11"),
    "traceback": (outcome(2, errors="Traceback (most recent call last):"), "shows what went wrong inside"),
    "a failure of ours": (outcome(2, errors="x (--debug shows where)"), "shows what went wrong inside"),
    "no JSON": (outcome(output="hello\n"), "prints what is no JSON"),
    "failed": (outcome(2, [BAD | {"status": "failed"}], "a"), "the status failed: a: b"),
    "no score": (outcome(0, [OK | {"score": None}]), "the score None of what is ok"),
    "no number": (outcome(0, output=json.dumps(OK | {"score": float("nan")})), "the score nan of what is ok"),
    "two lines": (outcome(2, [BAD | {"error": "a\nb"}], "a"), "no line but 'a\\nb'"),
    "no line": (outcome(2, [BAD | {"error": None}], "a"), "no line but None"),
    "another score": (outcome(0, [OK | {"score": 0.4}]), "('untouched', 'Hawk') has 0.4 and had 0.5"),
    "lost": (outcome(2, [BAD], "a"), "('untouched', 'Hawk') has None and had 0.5"),
    "a wrong status": (outcome(0, [BAD | {"submission": "x"}]), "exit status 0 with 1 that are invalid"),
    "silent": (outcome(2), "says nothing"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_noticed(kind):
    case, fault = FAULTS[kind]
    assert cases._fault(case, "vision", cases.Material(None, None, {("untouched", "Hawk"): 0.5}), False) == fault


def test_no_fault_is_none():
    given = cases.Material(None, None, {("untouched", "Hawk"): 0.5})
    assert cases._fault(outcome(0, [OK]), "vision", given, False) == ""
    assert cases._fault(outcome(2, [OK, BAD | {"submission": "x"}], "a: b"), "vision", given, False) == ""


def test_a_case_is_its_number(tmp_path):
    for way in dict.fromkeys((*spoil.ANY, *spoil.PARQUET)):  # a pipe that a way has put there would be waited for
        texts = []
        for name in "ab":
            folder = tmp_path / way.__name__ / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "x.json").write_text(json.dumps({"targets": {"a": [1, 2]}, "nontargets": ["b"]}))
            way(folder / "x.json", np.random.default_rng(6))
            texts.append(
                [
                    (p.name, p.is_file() and p.stat().st_mode and p.read_bytes())
                    for p in sorted(folder.rglob("*"))
                    if not os.path.islink(p)
                ]
            )
        assert texts[0] == texts[1] or way is spoil._layout  # zips hold times
