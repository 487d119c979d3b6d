"""Plans to compare with: legal, and spending the budget; and the sweep, against scikit-learn trial by trial."""

from __future__ import annotations

import csv
from fractions import Fraction

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dataperf_fast.boards.acquisition import baselines, files, synth, trading
from dataperf_fast.engine import backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    list(synth.write(folder, synth.AcquisitionScale(2, 4, 60, 40, 60), seed=3))
    return folder


def engine():
    return Engine(backend.choose("cpu"))


def test_plans_are_legal_and_one_row_more_is_not(made, tmp_path):
    written = baselines.write(made, tmp_path, None, 5, engine())
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        f"{method}/{number}.csv" for number in (0, 1) for method in ("uniform", "rss", "fss")
    ]
    for path in written:
        market = trading.open_full_market(files.market_files(made, int(path.stem)), None)
        counts = files.read_plan(path, market.sizes)
        files.check_plan(path, counts, market.sizes, market.prices, market.budget)
        method, spent_on = path.parent.name, np.flatnonzero(counts)
        if method != "uniform":
            assert len(spent_on) == 1
            assert method == "rss" or spent_on[0] == 0
        share = market.budget.exact / (4 if method == "uniform" else 1)
        for seller in spent_on:
            price, rows, count = market.prices[seller].exact, market.sizes[seller], int(counts[seller])
            assert price * count / rows <= share
            assert count == rows or price * (count + 1) / rows > share


def test_random_seller_by_seed(made, tmp_path):
    chosen = set()
    for seed in range(12):
        (path, _) = baselines.write(made, tmp_path, ["rss"], seed, engine())
        chosen.add(int(np.flatnonzero(files.read_plan(path, [10**6] * 4))[0]))
        assert path.read_text() == baselines.write(made, tmp_path / "again", ["rss"], seed, engine())[0].read_text()
    assert chosen == {0, 1, 2, 3}


def test_what_money_buys():
    assert baselines.affordable(Fraction("0.3"), Fraction("0.1"), 5) == 5
    assert baselines.affordable(Fraction("0.3"), Fraction(1), 10) == 3  # in float64 2.9999999999999996
    assert baselines.affordable(Fraction(1), Fraction(0), 7) == 7


def test_an_unknown_method(made, tmp_path):
    with pytest.raises(InputError, match=r"^methods: holds 'best'; expected uniform or rss or fss or sweep"):
        baselines.write(made, tmp_path, ["best"], 0, engine())


@pytest.mark.parity
def test_the_sweep_draws_and_trains_as_the_script_does(made, oracle, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "TRIALS", 6)
    monkeypatch.setattr(baselines, "FRACTIONS", (0.1, 0.6))
    monkeypatch.setattr(baselines, "_AT_ONCE", 4)
    path = baselines.write(made, tmp_path, ["sweep"], 0, engine())[1]
    assert path == tmp_path / "sweep" / "sweep_market_1.csv"
    with path.open() as file:
        lines = list(csv.DictReader(file))
    market = trading.open_full_market(files.market_files(made, 1), None)
    tables = [np.column_stack([table.features, table.labels]) for table in market.sellers]
    buyer = market.buyer.features.astype(np.float64)
    at = iter(lines)
    for strategy in ("single", "uniform"):
        generator = np.random.RandomState(1111)
        for fraction in (0.1, 0.6):
            for trial in range(6):
                counts = [0] * 4
                if strategy == "single":
                    seller = generator.randint(0, 4)
                    counts[seller] = int(len(tables[seller]) * fraction)
                else:
                    counts = [generator.randint(0, int(len(table) * fraction / 4 * 2)) for table in tables]
                rows = np.concatenate([t[generator.choice(len(t), n)] for t, n in zip(tables, counts, strict=True)])
                row = next(at)
                assert (row["strategy"], float(row["fraction"]), int(row["trial"])) == (strategy, fraction, trial)
                assert int(row["rows"]) == sum(counts)
                if len(set(rows[:, -1])) < 2:
                    assert row["accuracy"] == ""
                    continue
                found = oracle.fit(LogisticRegression(random_state=0), rows[:, :-1], rows[:, -1], predict=buyer)[1]
                assert float(row["accuracy"]) == (found == market.buyer.labels).mean()
    assert next(at, None) is None
