"""Made data markets: the official files, the stated sizes, the same bytes again, and neither trivial nor hopeless."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from dataperf_fast.boards.acquisition import demo, files, synth
from dataperf_fast.boards.acquisition.market import open_market
from dataperf_fast.boards.digits import feature_map

TINY = synth.AcquisitionScale(markets=2, sellers=3, rows=12, buyer=7, bought=10)


def every_file(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def uniform(market: files.MarketFiles) -> tuple[list, files.Budget, int]:
    """A market's tables and budget, and the most rows that can be bought of every seller."""
    tables = files.read_sellers(market, None)
    prices, budget = files.read_prices(market.prices, len(tables)), files.read_budget(market.budget)
    of_one = sum(price.exact / len(table.labels) for price, table in zip(prices, tables, strict=True))
    return tables, budget, int(budget.exact / of_one)


def accuracy(tables: list, count: int, buyer) -> tuple[float, int]:
    generator = np.random.RandomState(0)
    drawn = [generator.choice(len(table.labels), size=count) for table in tables]
    features = np.concatenate([table.features[at] for table, at in zip(tables, drawn, strict=True)])
    labels = np.concatenate([table.labels[at] for table, at in zip(tables, drawn, strict=True)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(random_state=0).fit(features.astype(np.float64), labels)
    return model.score(buyer.features.astype(np.float64), buyer.labels), int(model.n_iter_[0])


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    assert list(synth.write(folder, synth.SCALES["small"], 0)) == [0, 1]
    return folder


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert list(synth.write(tmp_path / name, TINY, seed)) == [0, 1]
    first, again, other = (every_file(tmp_path / name) for name in "abc")
    assert first == again
    assert len(first) == 2 * (3 * 3 + 5)
    for name in ("features/0/0.csv", "features/1/2.csv", "marketinfo/0/data_buyer/20.csv"):
        assert first[name] != other[name]
    assert first["features/0/0.csv"] != first["features/1/0.csv"]


def test_a_market_s_shape(small):
    markets = files.find_markets(small)
    assert [market.number for market in markets] == [0, 1]
    for market in markets:
        tables = files.read_sellers(market, None)
        sizes = [len(table.labels) for table in tables]
        assert len(sizes) == 5
        assert all(120 <= size <= 180 for size in sizes)
        assert len(set(sizes)) > 1
        buyer = files.read_buyer(market, 768)
        assert buyer.features.shape == (120, 768)
        for table in [*tables, buyer]:
            assert table.features.dtype == np.float32
            assert np.array_equal(table.features * 1024, np.rint(table.features * 1024))
            assert set(table.labels) == {0.0, 1.0}
            assert 0.2 < table.labels.mean() < 0.8
    first, second = ([price.maximum for price in files.read_prices(market.prices, 5)] for market in markets)
    assert first == [100.0] * 5
    assert len(set(second)) == 5
    assert all(50 <= price <= 150 for price in second)


def test_what_a_participant_sees(small):
    for number in (0, 1):
        seen = open_market(small, number)
        tables = files.read_sellers(files.market_files(small, number), None)
        for seller, table in zip(seen.sellers, tables, strict=True):
            assert seller.rows == len(table.labels)
            assert np.array_equal(seller.samples[:, :-1], table.features[:5])


@pytest.mark.parametrize("number", [0, 1])
def test_a_market_is_neither_trivial_nor_hopeless(number, small):
    market = files.find_markets(small)[number]
    tables, _, count = uniform(market)
    assert 195 <= 5 * count <= 200
    score, _ = accuracy(tables, count, files.read_buyer(market, 768))
    assert 0.6 < score < 0.85


def test_the_paper_s_scale():
    scale = synth.SCALES["paper"]
    assert (scale.markets, scale.sellers, scale.rows, scale.buyer, synth.DIMENSION) == (5, 20, 30_000, 2_000, 768)
    assert 2_000 <= scale.bought <= 3_000


def test_a_seller_s_noise_turns_labels_and_nothing_else():
    market = synth._Market([5])
    domain = np.array([2])
    features, clear = market.rows([1], domain, 2500, 0.0)
    again, noisy = market.rows([1], domain, 2500, 0.3)
    assert np.array_equal(features, again)
    assert 0.27 < (clear != noisy).mean() < 0.33


def test_domains_lie_apart():
    market = synth._Market([5])
    one, two, other = (market.rows([seed], np.array([at]), 400, 0.0)[0] for seed, at in ((1, 0), (2, 0), (3, 1)))
    within = np.linalg.norm(one.mean(axis=0) - two.mean(axis=0))
    assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 4 * within


def test_the_digits_market(tmp_path):
    assert demo.write(tmp_path / "a") == tmp_path / "a"
    demo.write(tmp_path / "b")
    assert every_file(tmp_path / "a") == every_file(tmp_path / "b")
    (market,) = files.find_markets(tmp_path / "a")
    tables, budget, count = uniform(market)
    assert [len(table.labels) for table in tables] == [160, 220, 190, 180, 150, 200]
    prices = files.read_prices(market.prices, 6)
    cheapest = min(price.exact / len(table.labels) for price, table in zip(prices, tables, strict=True))
    assert budget.exact / cheapest == Fraction(250)
    buyer = files.read_buyer(market, 768)
    assert buyer.features.shape == (300, 768)
    assert 0.7 < accuracy(tables, count, buyer)[0] < 0.9
    images, digits = load_digits(return_X_y=True)
    digit_of = {row.tobytes(): digit for row, digit in zip(feature_map(images, 768), digits, strict=True)}
    seen = set()
    wrong = []
    for table in [*tables, buyer]:
        rows = [row.tobytes() for row in np.ascontiguousarray(table.features)]
        truth = np.array([digit_of[row] for row in rows])
        wrong.append(np.mean((truth >= 5) != table.labels))
        assert not seen & set(rows)  # no image is sold twice, and none is the buyer's
        seen |= set(rows)
    assert np.allclose(wrong, [0, 0.1, 0, 0.05, 0.2, 0.4, 0])
    assert set(truth) == set(range(10))
