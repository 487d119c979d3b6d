"""The acquisition board from files to scores: the shared trials, the rules, and what is wrong with a submission."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

import dataperf_fast as dpf
from dataperf_fast import cli, parity
from dataperf_fast.boards.acquisition import files, picture, synth, trading
from dataperf_fast.boards.acquisition.board import BOARD, AcquisitionResult
from tests.contest import contests

SCALE = synth.AcquisitionScale(2, 4, 60, 40, 60)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    list(synth.write(folder, SCALE, seed=3))
    return folder


@pytest.fixture
def market(made, tmp_path):
    """Two markets that can be changed."""
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def submit(folder, *plans):
    folder.mkdir(parents=True)
    for number, plan in enumerate(plans):
        if plan is not None:
            (folder / f"{number}.csv").write_text(plan)
    return folder


@pytest.mark.parity
@pytest.mark.parametrize("model", ["lr", "knn", "rf"])
def test_all_ten_shared_trials(shared_data, model):
    expected = json.loads((shared_data / "expected/acquisition_0_uniform.json").read_text())[model]
    (record,) = dpf.evaluate("acquisition", shared_data / "acquisition", model=model, cache=False)
    assert record.details["trials"] == expected["trials"]
    assert (record.score, record.details["cost"]) == (expected["acc"], expected["cost"])
    assert (record.task, record.submission, record.retrains) == ("0", "uniform", 10)


@pytest.mark.parity
@pytest.mark.parametrize("model", ["lr", "knn", "rf"])
def test_same_trials_as_the_reference(made, tmp_path, model):
    paths = [submit(tmp_path / "some", "9,0,20,11", "3,14,0,30"), submit(tmp_path / "others", "20,20,20,0", "0,0,9,9")]
    if model == "rf":
        del paths[1]  # scikit-learn's takes a quarter of a second a trial
    fast = dpf.evaluate("acquisition", made, paths, model=model, cache=False)
    plain = dpf.evaluate("acquisition", made, paths, model=model, backend="reference", cache=False)
    assert [r.status for r in fast] == ["ok"] * 3 * len(paths)
    assert [(r.task, r.submission, r.score) for r in fast] == [(r.task, r.submission, r.score) for r in plain]
    assert [r.details.get("trials") for r in fast] == [r.details.get("trials") for r in plain]
    first, second, mean = fast[0], fast[len(paths)], fast[2 * len(paths)]
    counts = [[round(40 * trial) for trial in record.details["trials"]] for record in (first, second)]  # of 40 rows
    assert BOARD.exact([first, second]) == [Fraction(sum(of), 400) for of in counts]
    assert [r.details.get("correct") for r in fast] == [r.details.get("correct") for r in plain]
    assert mean.score == sum(map(sum, counts)) / 800


@pytest.mark.parity
def test_one_stream_of_draws_goes_on_from_market_to_market(made, oracle, tmp_path):
    paths = [submit(tmp_path / "both", "9,0,20,11", "3,14,0,30"), submit(tmp_path / "second", None, "3,14,0,30")]
    records = {(r.submission, r.task): r for r in dpf.evaluate("acquisition", made, paths, cache=False)}
    knn = {r.task: r for r in dpf.evaluate("acquisition", made, paths[:1], model="knn", cache=False)}
    generator = np.random.RandomState(1111)
    for number, counts in enumerate(([9, 0, 20, 11], [3, 14, 0, 30])):
        opened = trading.open_full_market(files.market_files(made, number), None)
        tables = [np.column_stack([table.features, table.labels]) for table in opened.sellers]
        for trial in range(10):
            rows = np.concatenate(
                [table[generator.choice(len(table), n)] for table, n in zip(tables, counts, strict=True)]
            )
            buyer = opened.buyer.features.astype(np.float64)
            _, found = oracle.fit(KNeighborsClassifier(9), rows[:, :-1], rows[:, -1], predict=buyer)
            assert knn[str(number)].details["trials"][trial] == (found == opened.buyer.labels).mean()
    # A market without a plan draws nothing: the second one's draws come first then, and differ.
    assert records["second", "0"].status == "invalid"
    assert records["second", "0"].error == f"{paths[1]}: holds no 0.csv but 1.csv; expected a file named 0.csv"
    assert records["second", "1"].details["trials"] != records["both", "1"].details["trials"]
    assert records["second", "mean"].error == "second: only 1 of 2 tasks were scored"
    assert records["second", "mean"].details == {"tasks": 1, "derived": True}
    assert [key for key, record in records.items() if "derived" in record.details] == [("second", "mean")]


def test_official_result_files(made, tmp_path):
    path = submit(tmp_path / "mine", "9,0,20,11", "3,14,0,30")
    records = dpf.evaluate("acquisition", made, path, out=tmp_path / "out", cache=False)
    result = json.loads((tmp_path / "out" / "mine_lr.json").read_text())
    assert {market: figures["acc"] for market, figures in result.items()} == {r.task: r.score for r in records[:2]}
    assert result["0"]["cost"] == records[0].details["cost"]


def test_bad_plans_cost_only_themselves(made, tmp_path):
    bad = {
        "over": ("40,40,40,40", "costs "),
        "fractional": ("1.5,2,3,4", "seller 0: holds a fractional count: '1.5'"),
        "negative": ("1,-2,3,4", "seller 1: holds a negative count: '-2'"),
        "many": ("0,0,0,61", "seller 3: buys too many rows: 61; expected at most"),
        "short": ("1,2,3", "lists 3 counts; expected 4, one a seller"),
        "empty": ("\n", "is empty"),
        "nothing": ("0,0,0,0", "buys nothing"),
        "words": ("1,two,3,4", "seller 1: holds no count: 'two'"),
    }
    good = "9,0,20,11"
    for name, (plan, _) in bad.items():
        submit(tmp_path / "all" / name, plan, good)
    submit(tmp_path / "all" / "good", good, good)
    records = {(r.submission, r.task): r for r in dpf.evaluate("acquisition", made, tmp_path / "all", cache=False)}
    for name, (_, problem) in bad.items():
        record = records[name, "0"]
        assert record.status == "invalid"
        assert record.error.startswith(f"{tmp_path / 'all' / name / '0.csv'}: ")
        assert problem in record.error
        assert records[name, "1"].status == "ok"
        assert records[name, "mean"].status == "invalid"
    assert records["good", "mean"].status == "ok"


def test_plans_over_the_budget_are_scored_where_that_is_asked_for(made, tmp_path, capsys):
    """Scored as under a budget that they keep, and marked; without being asked for they are invalid."""
    markets = [trading.open_full_market(of, None) for of in files.find_markets(made)]
    plans = []
    for market, part in zip(markets, (1.01, 0.9), strict=True):
        share = part * market.budget.amount / sum(price.maximum for price in market.prices)
        plans.append([int(share * size) + 1 for size in market.sizes])
    exact = [
        sum(price.exact * Fraction(count, size) for price, count, size in zip(of.prices, plan, of.sizes, strict=True))
        for of, plan in zip(markets, plans, strict=True)
    ]
    over = float(exact[0] / markets[0].budget.exact - 1)
    assert over > 0 > exact[1] / markets[1].budget.exact - 1
    path = submit(tmp_path / "mine", *(",".join(map(str, plan)) for plan in plans))
    before = dpf.evaluate("acquisition", made, path, cache=False)
    assert [record.status for record in before] == ["invalid", "ok", "invalid"]
    assert "over_budget" not in before[1].details
    assert before[0].error.endswith("the budget; --over-budget PERCENT, own={'over_budget': PERCENT}, allows more")
    (tmp_path / "teams").mkdir()
    shutil.copytree(path, tmp_path / "teams" / "mine")
    tasks = [{"name": "hidden", "data": str(made)}]
    contest = {"board": "acquisition", "tasks": tasks, "submissions": ["teams"]}
    of_contest, _ = contests.score(contests.write(tmp_path / "contest.yaml", contest))
    assert next(score.error for score in of_contest if score.error).endswith(", the budget")
    own = {"over_budget": 100 * over + 0.001}
    scored = dpf.evaluate("acquisition", made, path, cache=False, own=own, out=tmp_path / "out")
    assert [record.details.get("over_budget") for record in scored] == [over, None, over]
    shutil.copytree(made, tmp_path / "rich")
    (files.market_files(tmp_path / "rich", 0).budget).write_text("1e10")
    rich = dpf.evaluate("acquisition", tmp_path / "rich", path, cache=False)
    assert [record.score for record in scored] == [record.score for record in rich]
    assert [record.details["cost"] for record in scored[:2]] == [record.details["cost"] for record in rich[:2]]
    written = json.loads((tmp_path / "out" / "mine_lr.json").read_text())
    assert [figures.get("over_budget") for figures in written.values()] == [over, None]
    arguments = ["evaluate", "acquisition", str(made), "--submissions", str(path)]
    assert cli.main([*arguments, "--over-budget", f"{100 * over + 1:.1f}"]) == 0
    assert f"{over:.4g}" in capsys.readouterr().out
    assert cli.main([*arguments, "--over-budget", f"{50 * over:.3f}"]) == 2
    assert "expected at most" in capsys.readouterr().err


def test_verify_takes_plans_over_the_budget(made, tmp_path):
    market = trading.open_full_market(files.market_files(made, 0), None)
    path = submit(tmp_path / "mine", ",".join(map(str, market.sizes)), "3,14,0,30")
    verify = partial(parity.verify, "acquisition", made, path, names=["cpu", "reference"], sample=1, jobs=1)
    assert [line for line in verify().invalid if "costs" in line]
    report = verify(own={"over_budget": 10_000})
    assert (report.invalid, report.same) == ([], True)
    with pytest.raises(dpf.InputError, match=r"own\['over'\]: has no meaning for acquisition; expected over_budget"):
        verify(own={"over": 1})
    assert cli.main(["verify", "vision", str(made), "--over-budget", "3"]) == 2


def test_a_picture_marks_a_plan_over_the_budget(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(picture.dots, "draw", lambda path, chart, rows: shown.extend(row.name for row in rows) or [])
    records = [
        dpf.Record("acquisition", "0", name, "ok", "accuracy", 0.5, True, {"trials": [0.5], **more})
        for name, more in (("kept", {}), ("mine", {"over_budget": 0.0294}))
    ]
    picture.draw(tmp_path, AcquisitionResult("0", records))
    assert shown == ["kept", "mine (2.9% over budget)"]


@pytest.mark.parametrize("percent", [-1, "x", None, float("nan"), float("inf"), True, 10_001, "1_0"])
def test_an_excess_that_is_none(percent, made):
    with pytest.raises(
        dpf.InputError, match=r"^own\['over_budget'\]: is .+; expected per cent of the budget, from 0 to 10000"
    ):
        dpf.evaluate("acquisition", made, made, own={"over_budget": percent})


def test_a_broken_market_costs_only_itself(market, tmp_path):
    path = submit(tmp_path / "mine", "9,0,20,11", "3,14,0,30")
    prices = market / "marketinfo" / "0" / "price" / "price.txt"
    prices.write_text(prices.read_text().replace("lin", "quad", 1))
    first, second, _ = dpf.evaluate("acquisition", market, path, cache=False)
    assert first.error.startswith(f"{prices}: line 1: holds 'quad,")
    assert first.error.endswith("expected lin,NUMBER with a number from 0")
    assert second.status == "ok"
    table = market / "features" / "1" / "2.csv"
    lines = table.read_text().splitlines()
    lines[6] = lines[6].rpartition(",")[0]
    table.write_text("\n".join(lines) + "\n")
    _, second, _ = dpf.evaluate("acquisition", market, path, cache=False)
    assert second.error.startswith(f"{table}: line 7")


def test_draws_of_one_label_and_too_few_neighbours(market, tmp_path):
    table = market / "features" / "0" / "1.csv"
    lines = [line.rpartition(",")[0] + ",1" for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines) + "\n")
    path = submit(tmp_path / "mine", "0,20,0,0", "2,2,0,0")
    first = dpf.evaluate("acquisition", market, path, cache=False)[0]
    assert first.error == (
        f"{path / '0.csv'}: draws only the label 1 in trial 0; expected rows of two labels, or no model can be trained"
    )
    second = dpf.evaluate("acquisition", market, path, model="knn", cache=False)[1]
    assert second.error == (f"{path / '1.csv'}: buys too few rows: 4; expected at least 9, the neighbours of knn")


def test_an_unknown_model_and_equal_names(made, tmp_path):
    path = submit(tmp_path / "a" / "mine", "9,0,20,11", "3,14,0,30")
    with pytest.raises(dpf.InputError, match=r"^model: is 'svm'; expected lr or knn or rf"):
        dpf.evaluate("acquisition", made, path, model="svm", cache=False)
    other = submit(tmp_path / "b" / "mine", "9,0,20,11", "3,14,0,30")
    records = dpf.evaluate("acquisition", made, [path, other], cache=False)
    assert [(r.submission, r.task, r.status) for r in records] == [
        (name, task, "ok") for task in ("0", "1", "mean") for name in ("a/mine", "b/mine")
    ]


def test_tables_are_parsed_once(made, tmp_path, monkeypatch):
    monkeypatch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "cache"))
    path = submit(tmp_path / "mine", "9,0,20,11", "3,14,0,30")
    first = dpf.evaluate("acquisition", made, path)
    from dataperf_fast.files import csv_tables

    monkeypatch.setattr(csv_tables, "_parse", lambda *_: pytest.fail("parsed again"))
    again = dpf.evaluate("acquisition", made, path, model="lr")
    assert [r.score for r in again] == [r.score for r in first]


def test_what_a_buyer_sees(made):
    market = dpf.open_market(made, 1)
    assert isinstance(market, dpf.Market)
    assert (market.buyer_features.shape, len(market.sellers)) == ((40, 768), 4)
    seller = market.sellers[2]
    assert seller.price(seller.rows) == seller.maximum_price
    assert seller.samples.shape == (5, 769)
