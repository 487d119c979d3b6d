"""Equal scores share a rank in every output: means that tie by their counts, against whole numbers cross-multiplied."""

from __future__ import annotations

import io
import itertools
import json
import math
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dataperf_fast import cli
from dataperf_fast.boards.acquisition import board as acquisition
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.boards.debugging import board as debugging
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.nibbler import board as nibbler
from dataperf_fast.boards.nibbler import creativity
from dataperf_fast.boards.vision import board as vision
from dataperf_fast.contest import manifest, planning, standings
from dataperf_fast.contest.manifest import Contest, Manifest
from dataperf_fast.contest.planning import PlannedSet
from dataperf_fast.contest.store import Score, Store
from dataperf_fast.report import dots, leaderboard, ranks, tables

from . import contests
from .test_leaderboard import Page


class Plain(Benchmark):
    """A board of another package, whose scores are decimals."""

    name, metric, higher_is_better = "plain", "points", True

    def evaluate(self, *_):
        raise NotImplementedError

    def tasks(self, data):
        return [""]


def of_debugging(count: int, whole: int, draw: Random) -> tuple[float, dict[str, Any]]:
    return count / whole, {"inspections": count + 1, "rows": whole}


def of_acquisition(count: int, whole: int, draw: Random) -> tuple[float, dict[str, Any]]:
    """Ten trials that are right so often on average, and their accuracies added up as the board does."""
    correct = []
    for _ in range(5):
        more = draw.randint(0, min(count, whole - count))
        correct += [count - more, count + more]
    trials = [of_trial / whole for of_trial in correct]
    return sum(trials) / 10, {"trials": trials, "correct": correct, "buyer_rows": whole}


def of_vision(count: int, whole: int, draw: Random) -> tuple[float, dict[str, Any]]:
    missed = draw.randint(0, 2 * (whole - count))
    counts = {"true_positives": count, "false_positives": 2 * (whole - count) - missed, "false_negatives": missed}
    f1 = 2 * count / (2 * count + counts["false_positives"] + missed)
    return f1, counts | {"true_negatives": 5, "average_precision": draw.random()}


def of_fooling(count: int, whole: int, draw: Random) -> tuple[float, dict[str, Any]]:
    return float(count), {"fooling": count}


def of_decimals(count: int, whole: int, draw: Random) -> tuple[float, dict[str, Any]]:
    return count / whole, {}


@dataclass(frozen=True)
class Kind:
    """A board: what a score of so many of the whole is, and how large the whole may be."""

    board: Benchmark
    score: Callable[[int, int, Random], tuple[float, dict[str, Any]]]
    wholes: tuple[int, ...] = (3, 7, 30, 97, 120, 150, 1000, 99_991, 100_000)


KINDS = {
    "debugging": Kind(debugging.BOARD, of_debugging),
    "acquisition": Kind(acquisition.BOARD, of_acquisition),
    "vision": Kind(vision.BOARD, of_vision),
    "nibbler": Kind(nibbler.BOARD, of_fooling, (1,)),
    "plain": Kind(Plain(), of_decimals, (10, 1000, 10**9)),
}
Counts = dict[str, list[int]]  # of each submission, one a task


@dataclass(frozen=True)
class Case:
    """A contest: the whole of each task, and each submission's counts."""

    kind: str
    wholes: list[int]
    counts: Counts
    draw: Random

    @property
    def sets(self) -> list[str]:
        """The set of tasks that each task is of; nibbler's sets hold one that counts here."""
        split = len(self.wholes) if self.kind == "nibbler" else 2
        return [f"set {at % split}" for at in range(len(self.wholes))]

    def oracle(self) -> dict[str, int]:
        """The means as whole numbers: cross-multiplied with all wholes, and not divided."""
        product = math.prod(self.wholes)
        return {
            name: sum(count * (product // whole) for count, whole in zip(of, self.wholes, strict=True))
            for name, of in self.counts.items()
        }

    def ranks(self) -> dict[str, int]:
        totals, sign = self.oracle(), 1 if KINDS[self.kind].board.higher_is_better else -1
        return {name: 1 + sum(sign * other > sign * own for other in totals.values()) for name, own in totals.items()}


@st.composite
def cases(draw, kinds=tuple(KINDS)) -> Case:
    """Submissions whose means tie with each other's by other counts, and some that are one count beside them."""
    kind = draw(st.sampled_from(kinds))
    size = draw(st.integers(2, 12))
    least = 2 if kind == "nibbler" else 0
    wholes = draw(st.lists(st.sampled_from(KINDS[kind].wholes), min_size=size, max_size=size))
    tops = [100 if whole == 1 else whole for whole in wholes]
    random = draw(st.randoms(use_true_random=False))
    counts: list[list[int]] = []
    for _ in range(draw(st.integers(1, 3))):
        base = [random.randint(least, top) for top in tops]
        counts += [base, *(_moved(base, wholes, tops, random) for _ in range(draw(st.integers(1, 2))))]
        near = _moved(base, wholes, tops, random)
        at = random.randrange(size)
        near[at] += 1 if near[at] < tops[at] else -1
        counts.append(near)
    names = [f"team {number}" for number in range(len(counts))]
    random.shuffle(names)
    return Case(kind, wholes, dict(zip(names, counts, strict=True)), random)


def _moved(base: list[int], wholes: list[int], tops: list[int], draw: Random) -> list[int]:
    """Other counts of the same mean: what one task loses another gains."""
    found = list(base)
    for _ in range(10):
        one, other = draw.sample(range(len(base)), 2)
        common = math.gcd(wholes[one], wholes[other])
        gain, loss = wholes[one] // common, wholes[other] // common
        most = min((tops[one] - found[one]) // gain, found[other] // loss)
        times = draw.randint(0, most)
        found[one] += times * gain
        found[other] -= times * loss
    return found


def setting_of(case: Case, without: str = "", score: Callable | None = None) -> ranks.Setting:
    """The contest's setting, of scores that arrive in any order; those of a team ``without`` details are old ones."""
    kind = KINDS[case.kind]
    sets = list(dict.fromkeys(case.sets))
    part = {
        "board": case.kind, "tasks": [{"name": name, "data": "."} for name in sets], "baselines": list(case.counts)[:1],
    }  # fmt: skip
    contest = Contest(Path("/contests/contest.yaml"), Manifest.model_validate({"contest": "Spring", "boards": [part]}))
    part = contest.manifest.boards[0]
    scores = []
    for name, counts in case.counts.items():
        for at, (count, whole, of_set) in enumerate(zip(counts, case.wholes, case.sets, strict=True)):
            value, details = (score or kind.score)(count, whole, case.draw)
            task = "fooling" if case.kind == "nibbler" else f"task {at}"
            scores.append(
                Score(
                    "Spring", case.kind, "", "1", of_set, "d", name, "s", task, "submission", "ok", "m", value,
                    kind.board.higher_is_better, None, "cpu", 1, 1, 0, 0.5, "2026-01-01T00:00:00+00:00",
                    {} if name == without else details,
                )
            )  # fmt: skip
    case.draw.shuffle(scores)
    works = [PlannedSet(part, kind.board, tasks, "1", [], "", ("fooling",)) for tasks in part.tasks]
    return standings.settings(contest, works, scores)[0]


def printed(setting: ranks.Setting, output: str) -> str:
    text = io.StringIO()
    tables.print_standings([setting], text, output)
    return text.getvalue()


def ranks_on_page(setting: ranks.Setting) -> dict[str, tuple[int, str]]:
    """Ranks and scores as the page shows them."""
    with tempfile.TemporaryDirectory() as folder:
        leaderboard.write(Path(folder), "Spring", [setting], "today")
        rows = Page(Path(folder) / f"{setting.slug}.html").rows()
    return {row["name"]: (int(row["cells"][0]), row["cells"][2]) for row in rows if row["cells"][0]}


def ranks_in_table(text: str) -> dict[str, int]:
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in text.splitlines() if line.startswith("│")]
    return {name: int(rank) for rank, name in rows if rank.isdecimal()}


@settings(max_examples=30, deadline=None)
@given(cases())
def test_means_that_tie_by_their_counts_share_a_rank(case):
    setting = setting_of(case)
    expected = case.ranks()
    entries = {entry.submission: entry for entry in setting.entries if entry.kind != "paper"}
    ranked = {entry.submission: rank for rank, entry in ranks.ranking(setting) if rank is not None}
    assert ranked == expected
    lines = [line for line in map(json.loads, printed(setting, "json").splitlines()) if line["rank"] is not None]
    assert {line["submission"]: line["rank"] for line in lines} == expected
    assert {line["submission"]: line["score"] for line in lines} == {n: e.score for n, e in entries.items()}
    assert ranks_in_table(printed(setting, "table")) == expected
    shown = ranks_on_page(setting)
    assert {name: rank for name, (rank, _) in shown.items()} == expected
    for one, other in itertools.combinations(shown.values(), 2):
        assert (one[0] == other[0]) == (one[1] == other[1])  # and equal scores, no others, look alike
    product = math.prod(case.wholes)
    for name, total in case.oracle().items():
        assert entries[name].score == total / (len(case.wholes) * product)  # of whole numbers: rounded once


@settings(max_examples=30, deadline=None)
@given(cases())
def test_the_spread_over_tasks_is_that_of_the_counts(case):
    """The nearest float to the root of the variance, whatever the order of the tasks."""
    for entry in setting_of(case).entries:
        if entry.kind == "paper":
            continue
        values = [Fraction(*pair) for pair in zip(case.counts[entry.submission], case.wholes, strict=True)]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        below, above = (Fraction(math.nextafter(entry.spread, to)) for to in (0.0, math.inf))
        low, high = (below + Fraction(entry.spread)) / 2, (above + Fraction(entry.spread)) / 2
        assert low**2 <= variance <= high**2


@settings(max_examples=30, deadline=None)
@given(cases(kinds=("debugging", "acquisition", "vision")))
def test_scores_of_an_older_version_are_compared_as_decimals_with_all(case):
    """One submission's scores came without counts: whoever has the same scores still shares its rank."""
    first = next(iter(case.counts))
    twin = Case(case.kind, case.wholes, {first: case.counts[first], "twin": case.counts[first]}, Random(7))

    def same(count, whole, _):  # acquisition's trials are drawn
        return KINDS[case.kind].score(count, whole, Random(count))

    setting = setting_of(twin, first, same)
    assert [rank for rank, entry in ranks.ranking(setting) if entry.kind != "paper"] == [1, 1]


ENGINE: Any = SimpleNamespace(backend=SimpleNamespace(name="cpu", is_reference=False))


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_means_of_evaluate_are_rounded_once(case, tmp_path_factory):
    kind = KINDS[case.kind]
    means = []
    for name, counts in case.counts.items():
        records = []
        for at, (count, whole) in enumerate(zip(counts, case.wholes, strict=True)):
            score, details = kind.score(count, whole, case.draw)
            records.append(kind.board.record(f"task {at}", name, score, ENGINE, details=details))
        case.draw.shuffle(records)
        means.append(kind.board.mean(records, len(records), ENGINE))
    product = math.prod(case.wholes)
    assert {mean.submission: mean.score for mean in means} == {
        name: total / (len(case.wholes) * product) for name, total in case.oracle().items()
    }
    path = tmp_path_factory.mktemp("means") / "scores.csv"
    tables.write_csv(path, means)
    header, *lines = (line.split(",") for line in path.read_text().splitlines())
    cells = {line[header.index("submission")]: line[header.index("score")] for line in lines}
    ranks = case.ranks()
    for one, other in itertools.combinations(cells, 2):
        if ranks[one] == ranks[other]:
            assert cells[one] == cells[other]


def test_vision_means_of_every_metric_are_rounded_once():
    counts = [(3, 1, 2, 4), (10, 0, 7, 5), (1, 1, 1, 8)]
    records = []
    for number, of in enumerate(counts):
        details = dict(zip(vision.COUNTS, of, strict=True)) | {"average_precision": (0.1, 0.2, 0.3)[number]}
        score = 2 * of[0] / (2 * of[0] + of[1] + of[2])
        records.append(vision.BOARD.record(f"task {number}", "mine", score, ENGINE, details=details))
    mean = vision._mean(records, 3, ENGINE)
    right = {
        "accuracy": [Fraction(tp + tn, tp + fp + fn + tn) for tp, fp, fn, tn in counts],
        "recall": [Fraction(tp, tp + fn) for tp, _, fn, _ in counts],
        "precision": [Fraction(tp, tp + fp) for tp, fp, _, _ in counts],
        "f1": [Fraction(2 * tp, 2 * tp + fp + fn) for tp, fp, fn, _ in counts],
        "average_precision": [Fraction(number, 10) for number in (1, 2, 3)],
    }
    for metric, values in right.items():
        assert mean.details[metric] == float(sum(values) / 3)
    assert mean.score == mean.details["f1"]


# The weights of the parts in hundredths, and the parts in units of the tenth decimal
WEIGHTS = {name: round(100 * weight) for name, weight in creativity.WEIGHTS.items()}
PART = st.integers(0, 10**10) | st.sampled_from([0, 10**10, 5 * 10**9, 3333333333])


@st.composite
def creative(draw) -> dict[str, dict[str, int]]:
    """Parts of some participants: what one part loses others gain by its weight, or all but one unit of it."""
    found = []
    random = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.integers(1, 3))):
        base = {name: draw(PART) for name in WEIGHTS}
        found.append(base)
        for missing in (0, 0, 1):
            one, other = random.sample(list(WEIGHTS), 2)
            common = math.gcd(WEIGHTS[one], WEIGHTS[other])
            gain, loss = WEIGHTS[other] // common, WEIGHTS[one] // common
            times = random.randint(0, min((10**10 - base[one]) // gain, base[other] // loss))
            moved = base | {one: base[one] + times * gain, other: base[other] - times * loss}
            last = random.choice(list(WEIGHTS))
            moved[last] -= missing if moved[last] else 0
            found.append(moved)
    return {f"team {number}": of for number, of in enumerate(found)}


@settings(max_examples=30, deadline=None)
@given(creative())
def test_creativity_is_compared_without_rounding(teams):
    totals = {name: sum(WEIGHTS[part] * units for part, units in of.items()) for name, of in teams.items()}
    expected = {name: 1 + sum(other > own for other in totals.values()) for name, own in totals.items()}
    records = []
    for name, of in teams.items():
        parts = {part: units / 10**10 for part, units in of.items()}
        details = {"fooling": 3, "parts": parts}
        record = nibbler.BOARD.record("creativity", name, creativity.score(parts), ENGINE, details=details)
        records.append(replace(record, metric="creativity"))
    report = {"round": "spring", "pairs": {"read": 0}, "method": "majority", "participants": {}}
    with tempfile.TemporaryDirectory() as folder:
        nibbler.BOARD.draw(Path(folder), nibbler.NibblerResult("", [], report, records))
        rows = Page(Path(folder) / "leaderboard" / "creativity.html").rows()
    assert {row["name"]: int(row["cells"][0]) for row in rows} == expected
    by_weights = creativity.sensitivity([record.details["parts"] for record in records])
    assert [of.rank for of in by_weights] == list(expected.values())
    for number, of in enumerate(by_weights):
        ranks = []
        for left_out in WEIGHTS:
            without = [sum(WEIGHTS[part] * u for part, u in of.items() if part != left_out) for of in teams.values()]
            ranks.append(1 + sum(other > without[number] for other in without))
        assert of.without_one == (min(ranks), max(ranks))


def test_a_picture_of_a_market_shows_equal_accuracies_in_the_order_of_their_arrival(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(dots, "draw", lambda path, chart, rows: drawn.extend(rows) or [path])
    trials = {"first": [53, 57, 53, 57, 53, 57, 53, 57, 53, 57], "second": [55] * 10, "third": [54, 56] * 5}
    records = []
    for name, correct in trials.items():
        accuracies = [of / 60 for of in correct]
        details = {"trials": accuracies, "correct": correct, "buyer_rows": 60}
        records.append(acquisition.BOARD.record("7", name, sum(accuracies) / 10, ENGINE, details=details))
    assert len({record.score for record in records}) > 1  # as they were added up
    acquisition.BOARD.draw(tmp_path, acquisition.AcquisitionResult("7", records, "lr"))
    assert [(row.name, row.score) for row in drawn] == [(name, 55 / 60) for name in trials]


def test_a_contest_of_two_that_tie(tmp_path, capsys, monkeypatch):
    """68 + 44 + 82 and 107 + 52 + 35 inspections of 150, and one less, from manifest to every output."""
    monkeypatch.chdir(tmp_path)
    list(synth.write(tmp_path / "hidden", synth.DebuggingScale(tasks=3, train=12, test=12, val=4), seed=1))
    teams = {"one": (68, 44, 82), "other": (107, 52, 35), "better": (107, 52, 34), "worse": (149, 149, 149)}
    contests.write_orders(tmp_path / "hidden", tmp_path / "teams", len(teams))
    for number, name in enumerate(teams):
        (tmp_path / "teams" / f"team{number:04d}").rename(tmp_path / "teams" / name)
    path = contests.write(
        tmp_path / "contest.yaml",
        {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": [{"name": "h", "data": "hidden"}]},
    )
    contest = manifest.read(path)
    [work] = planning.read(contest, contests.Watched())
    tasks = work.board.tasks(work.tasks.data)
    rows = [
        Score(
            **vars(entrant.unit), task=task, kind="submission", status="ok", metric="fraction_fixes",
            score=inspections / 150, higher_is_better=False, error=None, backend="cpu", retrains=1, distinct=1,
            rechecked=0, seconds=0.1, finished="2026-01-01T00:00:00+00:00",
            details={"inspections": inspections + 1, "rows": 150},
        )
        for entrant in work.entrants
        for task, inspections in zip(tasks, teams[entrant.submission.name], strict=True)
    ]  # fmt: skip
    with closing(Store(contest.store, make=True)) as store:
        store.add(rows)
    expected = {"better": 1, "one": 2, "other": 2, "worse": 4}
    assert cli.main(["organize", "run", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "0 were left to score" in err
    assert ranks_in_table(out) == expected
    assert cli.main(["organize", "run", str(path), "--format", "json"]) == 0
    lines = {line["submission"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: line["rank"] for name, line in lines.items()} == expected
    assert lines["one"]["score"] == lines["other"]["score"] == 194 / 450
    assert cli.main(["leaderboard", str(path), "--out", "site"]) == 0
    page = Page(tmp_path / "site" / "debugging-knn.html")
    assert {row["name"]: int(row["cells"][0]) for row in page.rows()} == expected
    assert "equal scores share a rank" in page.raw
