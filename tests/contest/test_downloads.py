"""By what lies beside a page its ranks and means are recomputed, with whole numbers and no code of ours."""

from __future__ import annotations

import csv
import json
import math
import re
from fractions import Fraction
from pathlib import Path

import pytest

from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.report import downloads
from dataperf_fast.report.leaderboard import write
from dataperf_fast.report.ranks import Entry, Part, Setting

from . import contests
from .test_leaderboard import HOSTILE, Page, hostile_entries


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """Means of three tasks, a baseline, one invalid, two that are equal, and a set that does not count."""
    folder = tmp_path_factory.mktemp("contest")
    for name, seed in (("one", 1), ("warm-up", 3)):
        list(synth.write(folder / name, synth.DebuggingScale(tasks=3, train=30, test=30, val=10), seed=seed))
    contests.write_orders(folder / "one", folder / "teams", 6)
    next((folder / "teams" / "team0005").iterdir()).unlink()
    published(folder)
    assert cli.main(["organize", "run", str(folder / "contest.yaml")]) == 0
    return folder


def published(folder: Path, **keys) -> Path:
    """The contest's pages, of a manifest with other keys."""
    tasks = [{"name": "hidden", "data": "one"}, {"name": "warm-up", "data": "warm-up", "hidden": False}]
    board = {"board": "debugging", "tasks": tasks, "submissions": ["teams"], "baselines": ["team0000"]}
    path = contests.write(folder / "contest.yaml", board | keys)
    if (folder / "store.sqlite").exists():
        assert cli.main(["leaderboard", str(path), "--out", str(folder / "site")]) == 0
    return folder / "site"


def brute_force(entries: list[dict], higher: bool) -> list[int | None]:
    """Ranks by the exact scores: one more than there are better ones that compete."""
    scores = [Fraction(e["exact"]) for e in entries if e["score"] is not None and e["kind"] != "paper"]
    return [
        None
        if e["score"] is None or e["kind"] == "paper"
        else 1 + sum(of > Fraction(e["exact"]) if higher else of < Fraction(e["exact"]) for of in scores)
        for e in entries
    ]


def test_ranks_and_means_are_recomputed_from_both_downloads(scored):
    site = published(scored)
    whole = json.loads((site / "debugging.json").read_text())
    entries = whole["entries"]
    assert {entry["status"] for entry in entries} == {"ok", "invalid"}
    assert {entry["kind"] for entry in entries} == {"submission", "baseline", "paper"}
    assert [entry["rank"] for entry in entries] == brute_force(entries, whole["higher_is_better"])
    for entry in entries:
        parts = [Fraction(part["exact"]) for part in entry["parts"] if part["counts"]]
        assert [float(Fraction(part["exact"])) for part in entry["parts"]] == [p["score"] for p in entry["parts"]]
        if entry["score"] is not None:
            assert sum(parts) / len(parts) == Fraction(entry["exact"])
            assert float(Fraction(entry["exact"])) == entry["score"]
        if entry["kind"] != "paper":
            assert {part["place"].split(",")[0] for part in entry["parts"] if not part["counts"]} == {"warm-up"}
    with (site / "debugging.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["submission"] for row in rows] == [entry["submission"] for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        counting = [name for name in row if name.endswith(", exact") and "does not count" not in name and row[name]]
        if row["score"]:
            assert sum(Fraction(row[name]) for name in counting) / len(counting) == Fraction(row["exact"])
        assert row["rank"] == ("" if entry["rank"] is None else str(entry["rank"]))
        assert row["note"] == entry["note"]
    page = Page(site / "debugging.html")
    shown = [(row["name"], row["cells"][0]) for row in page.rows()]
    assert shown == [(row["submission"], row["rank"]) for row in rows]
    links = {attributes["href"] for attributes, _ in page.all("a") if "download" in attributes}
    assert links == {"debugging.csv", "debugging.json"}


def test_no_more_digits_are_shown_than_the_manifest_says(scored):
    site = published(scored)
    ranks = [entry["rank"] for entry in json.loads((site / "debugging.json").read_text())["entries"]]
    site = published(scored, digits=2)
    whole = json.loads((site / "debugging.json").read_text())
    assert [entry["rank"] for entry in whole["entries"]] == ranks  # which go by all of them
    assert whole["digits"] == 2
    for entry in whole["entries"]:
        told = [entry["exact"], repr(entry["score"]), repr(entry["spread"])]
        told += [part[key] for part in entry["parts"] for key in ("exact",)]
        assert all(re.fullmatch(r"None|\d+\.\d{1,2}", text) for text in told if text), told
    page = Page(site / "debugging.html")
    for row in page.rows():
        assert re.fullmatch(r"(\d\.\d\d|invalid)", row["cells"][2])
        assert re.fullmatch(r"\d\.\d{1,2}", row["values"][2] or "0.0")
    with (site / "debugging.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            seconds = row.pop("seconds")
            assert not re.search(r"\d\.\d{3}|/\d", " ".join(row.values()).replace(row["note"], "")), seconds


def test_the_papers_figures_can_be_left_out(scored):
    site = published(scored, published=False)
    assert "paper" not in {entry["kind"] for entry in json.loads((site / "debugging.json").read_text())["entries"]}
    assert "chip paper" not in (site / "debugging.html").read_text()
    assert "chip paper" in (published(scored) / "debugging.html").read_text()


def test_no_name_is_a_formula_and_odd_values_are_none(tmp_path):
    entries = [
        Entry(name, "submission", 0.5, note=name, parts=[Part(name, Fraction(1, 3))])
        for name in ("=1+1", "+x", "-2", "@a", "a,b", 'c"d', "line\nbreak", *HOSTILE)
    ]
    entries += [Entry("odd", "submission", math.nan, spread=math.inf), Entry("neg", "submission", -0.25)]
    write(tmp_path, "Contest", [Setting("one", "One", "m", True, entries=[*entries, *hostile_entries()])], "today")
    with (tmp_path / "one.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [row["submission"] for row in rows]
    assert {"'=1+1", "'+x", "-2", "'@a", "a,b", 'c"d', "line\nbreak"} <= set(names)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert next(row for row in rows if row["submission"] == "neg")["score"] == "-0.25"
    whole = json.loads((tmp_path / "one.json").read_text())
    odd = next(entry for entry in whole["entries"] if entry["submission"] == "odd")
    assert (odd["score"], odd["spread"]) == (None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/4", "0.25"), ("-1/8", "-0.125"), ("1/3", "1/3"), ("17/60", "17/60"), ("3", "3.0"), ("0", "0.0"),
        ("123456789/1000", "123456.789"), ("1/1024", "0.0009765625"),
    ],
)  # fmt: skip
def test_exact_numbers_are_decimals_where_they_are(value, text):
    assert downloads.written(Fraction(value)) == text
    assert Fraction(text) == Fraction(value)
