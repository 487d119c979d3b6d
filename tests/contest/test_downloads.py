"""By what lies beside a page its ranks and means are recomputed, with whole numbers and no code of ours."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.report import downloads, tables
from dataperf_fast.report.leaderboard import write
from dataperf_fast.report.ranks import Earlier, Entry, Part, Setting

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
        told = [repr(number) for number in (entry["score"], entry["spread"], *(of["score"] for of in entry["parts"]))]
        assert all(re.fullmatch(r"None|\d+\.\d{1,2}", text) for text in told), told
        assert {entry["exact"], *(part["exact"] for part in entry["parts"])} == {None}
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


@pytest.mark.parametrize("digits", [4, 2, 6, None])
def test_a_number_is_rounded_in_one_way_wherever_it_is_shown(tmp_path, capsys, digits):
    """In the middle between two decimals, where floats lie a little above or below: half to even of the exact value."""
    middles = ["0.69125", "0.69135", "0.685", "0.695", "0.4321875", "0.0000005", "0.1234565"]
    entries = [
        Entry(
            f"t{number}", "submission", float(text), "ok", float(text), seconds=0.0, retrains=0,
            tasks={"task": float(text)}, parts=[Part("task", Fraction(text))], exact=Fraction(text),
            earlier=[Earlier("2026-01-01", float(text), "ok", "other files")],
        ) for number, text in enumerate(middles)
    ]  # fmt: skip
    setting = Setting("s", "S", "score", True, entries=entries, digits=digits)
    write(tmp_path, "contest", [setting], "")
    tables.print_standings([setting], sys.stdout, "table")
    printed = {cells[2].strip(): cells[3].strip() for line in capsys.readouterr().out.splitlines()
               if len(cells := line.split("│")) > 4}  # fmt: skip
    of_csv = {row["submission"]: row for row in csv.DictReader((tmp_path / "s.csv").read_text().splitlines())}
    of_json = {entry["submission"]: entry for entry in json.loads((tmp_path / "s.json").read_text())["entries"]}
    page = Page(tmp_path / "s.html")
    rows = {row["name"]: row for row in page.rows()}
    for number, text in enumerate(middles):
        name, entry = f"t{number}", of_json[f"t{number}"]
        expected = Decimal(text).quantize(Decimal(f"1e-{4 if digits is None else digits}"), ROUND_HALF_EVEN)
        assert Decimal(printed[name]) == expected
        if digits is None:
            assert {entry["exact"], of_csv[name]["exact"], entry["parts"][0]["exact"]} == {text}
            continue
        shown = [
            rows[name]["cells"][2],
            rows[name]["cells"][3],
            *(of_csv[name][key] for key in ("score", "spread", "task")),
        ]
        shown += [repr(entry["score"]), repr(entry["spread"]), repr(entry["parts"][0]["score"])]
        shown += [repr(entry["earlier"][0]["score"])]
        assert {Decimal(value) for value in shown} == {expected}
        assert {entry["exact"], entry["parts"][0]["exact"]} == {None}
        assert {of_csv[name]["exact"], of_csv[name]["task, exact"]} == {""}
    if digits is not None:
        whole = {format(Decimal(text).quantize(Decimal(f"1e-{digits}"), ROUND_HALF_EVEN), "f") for text in middles}
        told = {text.partition(",")[0].strip("\N{FIGURE SPACE}") for _, text in page.all("dd") if "0" in text}
        assert told - {"0", "0.00"} <= whole  # of each entry's section: score, spread, earlier ones; and its seconds
