"""The acquisition board's files: what is read and written, and one line for every kind of bad input."""

from __future__ import annotations

import json
import re
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dataperf_fast.boards.acquisition import files
from dataperf_fast.boards.acquisition.market import open_market, write_market
from dataperf_fast.files import csv_tables
from dataperf_fast.files.errors import InputError
from tests.wording import ours

SIZES = (12, 9, 7)
DIMENSION = 4


def rows(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, DIMENSION)), generator.integers(0, 2, count)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One small market, number 3."""
    folder = tmp_path / "data"
    sellers = [rows(seed, size) for seed, size in enumerate(SIZES)]
    write_market(folder, 3, iter(sellers), [100, 60.5, 7], 12.25, rows(9, 10))
    return folder


@pytest.fixture
def market(data) -> files.MarketFiles:
    return files.market_files(data, 3)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def line_of(path: Path, read) -> str:
    """The one line of the error, without the file's name, which it must start with."""
    with pytest.raises(InputError) as caught:
        read()
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def test_markets_in_numeric_order(tmp_path):
    for name in ("10", "2", "0", "x", "01", ".3"):
        (tmp_path / "marketinfo" / name).mkdir(parents=True)
    put(tmp_path / "marketinfo" / "7", "a file")
    markets = files.find_markets(tmp_path)
    assert [market.number for market in markets] == [0, 2, 10]
    market, info = markets[2], tmp_path / "marketinfo" / "10"
    assert market.prices == info / "price" / "price.txt"
    assert market.budget == info / "price" / "budget.txt"
    assert market.buyer == info / "data_buyer" / "20.csv"
    assert market.summaries == info / "summary"
    assert market.seller_ids == info / "sellerid.txt"
    assert market.features == tmp_path / "features" / "10"
    assert market.seller(12) == market.features / "12.csv"


def test_no_markets(tmp_path):
    folder, what = tmp_path / "marketinfo", "expected a folder of markets, marketinfo/0 and on"
    assert line_of(folder, lambda: files.find_markets(tmp_path)) == f"no such folder; {what}"
    folder.mkdir()
    assert line_of(folder, lambda: files.find_markets(tmp_path)) == f"holds no market; {what}"


def test_prices(tmp_path):
    path = put(tmp_path / "price.txt", "lin,100\nLin , 12.10\n LIN,1e2\nlin,.5\nlin,0\n\n")
    prices = files.read_prices(path, 5)
    assert [price.maximum for price in prices] == [100.0, 12.1, 100.0, 0.5, 0.0]
    assert [price.exact for price in prices] == [100, Fraction(121, 10), 100, Fraction(1, 2), 0]
    assert [price.text for price in prices] == ["100", "12.10", "1e2", ".5", "0"]
    assert files.read_prices(path, None) == prices


BAD_PRICES = [
    "100", "lin", "lin,", "log,100", "lin,-1", "lin,nan", "lin,inf", "lin,1e999", "lin,1e999999999", "lin,x",
    "lin,1,2", "lin;100", "", "lin,1_0", "lin,1/3", "lin,1\x1c", "lin,\u0661", "lin,\uff13", "lin\x0b,1",
    "lin,1\x85", "lin,1\u2028",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_PRICES)
def test_a_bad_price(bad, tmp_path):
    path = put(tmp_path / "price.txt", f"lin,100\n{bad}\nlin,100\n")
    line = line_of(path, lambda: files.read_prices(path, 3))
    assert line == f"line 2: holds {bad!r}; expected lin,NUMBER with a number from 0"


def test_too_few_and_too_many_prices(tmp_path):
    path = put(tmp_path / "price.txt", "lin,1\nlin,2\n")
    assert line_of(path, lambda: files.read_prices(path, 3)) == "has 2 prices; expected 3, one a seller"
    with pytest.warns(UserWarning, match="has 2 prices for 1 sellers; the last are dropped"):
        assert [price.maximum for price in files.read_prices(path, 1)] == [1.0]
    assert line_of(put(path, " \n"), lambda: files.read_prices(path, 3)) == "is empty; expected a price list"
    path.unlink()
    assert line_of(path, lambda: files.read_prices(path, 3)) == "no such file; expected a price list"


@pytest.mark.parametrize("text", ["240", "240.0\n", " 2.4e2 \n\n", "2.400000000000000000e+02\n"])
def test_a_budget(text, tmp_path):
    assert files.read_budget(put(tmp_path / "budget.txt", text)) == files.Budget(240.0, Fraction(240))


def test_the_exact_budget(tmp_path):
    assert files.read_budget(put(tmp_path / "budget.txt", "0.1")) == files.Budget(0.1, Fraction(1, 10))


BAD_BUDGETS = {
    "": "is empty; expected a budget",
    "-1\n": "line 1: holds '-1'; expected one number from 0",
    "nan\n": "line 1: holds 'nan'; expected one number from 0",
    "1e999": "line 1: holds '1e999'; expected one number from 0",
    "ten": "line 1: holds 'ten'; expected one number from 0",
    "1 2": "line 1: holds '1 2'; expected one number from 0",
    "1_000": "line 1: holds '1_000'; expected one number from 0",
    "\u0661": f"line 1: holds {chr(0x661)!r}; expected one number from 0",
    "1\x1c": "line 1: holds '1\\x1c'; expected one number from 0",
    "9" * 5000: f"line 1: holds '{'9' * 76}...; expected one number from 0",
    "1\n2\n": "line 2: holds more: '2'; expected one number from 0",
}


@pytest.mark.parametrize("text", BAD_BUDGETS)
def test_a_bad_budget(text, tmp_path):
    path = put(tmp_path / "budget.txt", text)
    assert line_of(path, lambda: files.read_budget(path)) == BAD_BUDGETS[text]


@pytest.mark.parametrize("kept", [None, "kept"])
def test_sellers_and_buyer(kept, market, tmp_path):
    calls = []
    tables = files.read_sellers(market, kept and tmp_path / kept, lambda: calls.append(len(calls)))
    assert calls == [0, 1, 2]
    assert [len(table.labels) for table in tables] == list(SIZES)
    for seed, table in enumerate(tables):
        features, labels = rows(seed, SIZES[seed])
        assert np.array_equal(table.features, features)
        assert np.array_equal(table.labels, labels)
        assert table.labels.dtype == np.float64
        assert table.path == market.seller(seed)
    buyer = files.read_buyer(market, DIMENSION, kept and tmp_path / kept)
    assert np.array_equal(buyer.features, rows(9, 10)[0])
    assert len(list(tmp_path.glob("kept/*.arrow"))) == (4 if kept else 0)


def test_sellers_are_in_numeric_order(tmp_path):
    market = files.market_files(tmp_path, 0)
    for number in range(11):
        put(market.seller(number), f"{number},0\n")
    put(market.features / ".3.csv", "hidden")
    put(market.features / "notes.txt", "passed over")
    assert [table.features[0, 0] for table in files.read_sellers(market, None)] == list(range(11))


SELLERS = "the sellers' tables 0.csv, 1.csv and on"


def test_sellers_that_are_missing(market):
    market.seller(1).unlink()
    line = line_of(market.seller(1), lambda: files.read_sellers(market, None))
    assert line == f"no such file; expected {SELLERS} without a gap, as there are 2"
    other = market.seller(0).rename(market.features / "00.csv")
    line = line_of(other, lambda: files.read_sellers(market, None))
    assert line == f"is not named as a seller's table; expected {SELLERS}"
    for path in market.features.iterdir():
        path.unlink()
    line = line_of(market.features, lambda: files.read_sellers(market, None))
    assert line == f"holds no seller's table; expected {SELLERS}"
    market.features.rmdir()
    line = line_of(market.features, lambda: files.read_sellers(market, None))
    assert line == f"no such folder; expected {SELLERS}"


def test_a_seller_of_another_width(market):
    put(market.seller(2), "1,2,0\n")
    line = line_of(market.seller(2), lambda: files.read_sellers(market, None))
    assert line == "line 1: has 3 columns; expected 5, as seller 0"
    line = line_of(market.buyer, lambda: files.read_buyer(market, 7))
    assert line == "line 1: has 5 columns; expected 8, as the sellers"


@pytest.mark.parametrize("who", ["seller", "buyer"])
def test_a_label_that_is_no_class(who, market):
    path = market.seller(1) if who == "seller" else market.buyer
    put(path, "1,2,3,4,-1\n1,2,3,4,2e0\n1,2,3,4,0.5\n1,2,3,4,0.7\n")
    read = (lambda: files.read_sellers(market, None)) if who == "seller" else (lambda: files.read_buyer(market, None))
    assert line_of(path, read) == "line 3, column 5: holds the label 0.5; expected a whole number, the class"


def test_a_broken_table_is_named(market):
    put(market.seller(1), "1,2,3,4,0\n1,2,x,4,0\n")
    line = line_of(market.seller(1), lambda: files.read_sellers(market, None))
    assert line == "line 2, column 3: holds 'x'; expected a finite number"


# np.loadtxt reads all of these, to the same numbers, and ours does.
PLANS = [
    "32,0,7", "32,0,7\n", "32, 0 ,\t7\n", "32,0,7\r\n", "32,0,007\n", "+32,-0,7", "32\n0\n7\n", "32\r\n0\r\n7",
    "32\r0\r7", "# sellers 0 to 2\n32,0,7", "32,0,7 # bought", "32,0,7#", "32#a\n0#b,9\n#c\n7",
    "\n\n32\n\n0\n7\n\n", " 32\n\t0\n7 ", "32\x0c,0,7", "32\x0b,0,7", "32\x1c,0,7", "32,0\x85,7",
    "32,0,7\u2028", "32,\u00a00,7", "\u300032,0,7",
]  # fmt: skip
# np.loadtxt refuses these, and ours does.
NO_PLANS = [
    "32,0,7,", "32,,7", ",32,0,7", "32,\n0,\n7", "32;0;7", "32 0 7", "32,0x1,7", "32,0.5,7", "32,nan,7",
    "32,inf,7", "32,1_0,7", "32,\u0661,7", "32,\uff11,7", "32,True,7", "32,1+0j,7", "32,+ 1,7", "32,--1,7",
    "32,+-1,7", '"32",0,7', "32,0\x00,7", "32,0,7\x1a", "32\x1c0\x1c7", "32\u20280\u20287", "32\x850\x857",
    "32,0,7\n8", "32\n0,7", "32,\u22121,7", "32,e3,7", "32,.,7",
]  # fmt: skip
# Where the two differ, and why.
OURS_ALONE = [
    "\ufeff32,0,7",  # as some editors save a file
    "   \n32,0,7\n  # bought\n",  # lines of spaces are blank to the eye
    "32.0,0,7.",  # whole numbers as np.savetxt writes them: np.loadtxt read them until it was NumPy 2.4
    "3.200000000000000000e+01\n0.000000000000000000e+00\n7.000000000000000000e+00\n",
    "3.2e1,0e0,.7E+1",
]
NUMPY_ALONE = ["1,2,3\n4,5,6", "1\n2\n3\n4", "1,2", "-1,2,3", "13,0,0", "0,0,9223372036854775807", "", "# nothing\n"]


def by_numpy(path: Path) -> list[int] | None:
    """What the reference reads; None where it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files without numbers
        try:
            return np.loadtxt(path, delimiter=",", dtype=int).tolist()
        except ValueError:
            return None


def by_us(path: Path, sizes: tuple[int, ...] = (99, 99, 99)) -> list[int] | None:
    try:
        return files.read_plan(path, sizes).tolist()
    except InputError:
        return None


@pytest.mark.parametrize("text", PLANS)
def test_a_plan_that_numpy_reads(text, tmp_path):
    path = tmp_path / "0.csv"
    path.write_bytes(text.encode())
    assert by_us(path) == by_numpy(path) == [32, 0, 7]
    assert files.read_plan(path, (99, 0, 7)).dtype == np.int64


@pytest.mark.parametrize("text", NO_PLANS)
def test_a_plan_that_numpy_does_not_read(text, tmp_path):
    path = tmp_path / "0.csv"
    path.write_bytes(text.encode())
    assert by_us(path) is by_numpy(path) is None


def test_plans_that_ours_reads_and_numpy_does_not_or_the_other_way(tmp_path):
    path = tmp_path / "0.csv"
    for text in OURS_ALONE:
        path.write_bytes(text.encode())
        assert by_us(path) == [32, 0, 7]
        assert by_numpy(path) in (None, [32, 0, 7])
    for text in NUMPY_ALONE:
        path.write_bytes(text.encode())
        assert by_numpy(path) is not None
        assert by_us(path, SIZES) is None


@pytest.mark.parametrize("shape", [(3,), (1, 3), (3, 1)])
@pytest.mark.parametrize(
    "style", [{}, {"fmt": "%d"}, {"fmt": "%.3f"}, {"fmt": "%d", "header": "rows", "footer": "end"}]
)
def test_a_plan_as_savetxt_writes_it(shape, style, tmp_path):
    plan = np.array([32, 0, 7])
    np.savetxt(tmp_path / "0.csv", plan.reshape(shape), delimiter=",", **style)
    assert by_us(tmp_path / "0.csv") == plan.tolist()


COUNT = "expected a whole number from 0"
PLAN = "expected 3 whole numbers from 0, on one line with commas between, or one a line"
BAD_PLANS = {
    "": f"is empty; {PLAN}",
    "  \n": f"is empty; {PLAN}",
    "# 1,2,3\n": f"is empty; {PLAN}",
    "1,2,3\n4,5,6\n": f"line 2: holds more: '4,5,6'; {PLAN}",
    "1\n2\n\n3,4\n": f"line 4: holds more: '3,4'; {PLAN}",
    "1,2.5,3\n": f"line 1, seller 1: holds a fractional count: '2.5'; {COUNT}",
    "#\n1\n2\n3.5e0\n": f"line 4, seller 2: holds a fractional count: '3.5e0'; {COUNT}",
    "-1,2,3\n": f"line 1, seller 0: holds a negative count: '-1'; {COUNT}",
    "1,two,3\n": f"line 1, seller 1: holds no count: 'two'; {COUNT}",
    "1\n\ntwo\n3": f"line 3, seller 1: holds no count: 'two'; {COUNT}",
    "1,1_0,3\n": f"line 1, seller 1: holds no count: '1_0'; {COUNT}",
    "1,٣,3\n": f"line 1, seller 1: holds no count: '٣'; {COUNT}",
    "1,2\x00,3\n": f"line 1, seller 1: holds no count: '2\\x00'; {COUNT}",
    "1,,3\n": f"line 1, seller 1: holds no count: ''; {COUNT}",
    "1,2,3,\n": f"line 1, seller 3: holds no count: ''; {COUNT}",
    "1,1e400,3\n": f"line 1, seller 1: holds no count: '1e400'; {COUNT}",
    "1,10,3\n": "line 1, seller 1: buys too many rows: 10; expected at most 9, the rows that it has",
    "1\n2\n8": "line 3, seller 2: buys too many rows: 8; expected at most 7, the rows that it has",
    "1,1e300,3": f"line 1, seller 1: buys too many rows: 1{'0' * 76}...; expected at most 9, the rows that it has",
    "1,2\n": "line 1: lists 2 counts; expected 3, one a seller",
    "1,2,3,4\n": "line 1: lists 4 counts; expected 3, one a seller",
    "1\n2\n3\n\n4\n5\n": "line 5: lists 5 counts; expected 3, one a seller",
    "1" * 5000: f"is too large (5000 bytes); {PLAN}",
}


@pytest.mark.parametrize("text", BAD_PLANS, ids=lambda text: repr(text)[:30])
def test_a_bad_plan(text, tmp_path):
    path = put(tmp_path / "0.csv", text)
    assert line_of(path, lambda: files.read_plan(path, SIZES)) == BAD_PLANS[text]


def test_a_plan_that_is_no_text_or_not_there(tmp_path):
    path = tmp_path / "0.csv"
    assert line_of(path, lambda: files.read_plan(path, SIZES)).startswith("no such file; expected a plan: 3 whole")
    path.write_bytes(b"\xff\xfe1")
    assert line_of(path, lambda: files.read_plan(path, SIZES)).startswith("byte 0: is not UTF-8 text")


def price(text: str) -> files.Price:
    return files.Price(float(text), Fraction(text), text)


def budget(text: str) -> files.Budget:
    return files.Budget(float(text), Fraction(text))


def test_the_cost_is_the_sum_in_float64_from_the_left():
    generator = np.random.default_rng(0)
    sizes = generator.integers(20_000, 30_000, 40).tolist()
    prices = [price(f"{value:.2f}") for value in generator.uniform(50, 150, 40)]
    plan = generator.integers(0, 300, 40)
    cost = np.float64(0)
    for count, size, one in zip(plan, sizes, prices, strict=True):
        cost = cost + one.maximum * (count / size)
    assert files.check_plan(Path("0.csv"), plan, sizes, prices, budget("1000")) == (cost, 0)
    exact = sum(one.exact * Fraction(int(m), n) for m, n, one in zip(plan, sizes, prices, strict=True))
    assert cost == pytest.approx(float(exact), rel=1e-14)


def test_the_budget_may_be_spent_to_the_cent():
    """In float64, 0.1 x 3 is more than 0.3; decided exactly it is not."""
    prices, sizes = [price("0.1")] * 3, [7, 7, 7]
    plan = np.array([7, 7, 7])
    cost, over = files.check_plan(Path("0.csv"), plan, sizes, prices, budget("0.3"))
    assert not over
    assert cost == 0.1 + 0.1 + 0.1 > 0.3
    line = line_of(
        Path("0.csv"), lambda: files.check_plan(Path("0.csv"), plan, sizes, prices, budget("0.29999999999999999"))
    )
    assert line.startswith("costs 0.3")


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (
            "240",
            "243.33; expected at most 240, the budget; --over-budget PERCENT, own={'over_budget': PERCENT}, allows",
        ),
        ("243.333", "243.3333; expected at most 243.333, the"),
    ],
)
def test_a_plan_over_the_budget(limit, shown):
    path, plan = Path("0.csv"), np.array([292, 0])
    line = line_of(path, lambda: files.check_plan(path, plan, [1200, 5], [price("1000"), price("1")], budget(limit)))
    assert line.startswith(f"costs {shown}")
    sizes, prices = [1200, 5], [price("1000"), price("1")]
    told = line_of(path, lambda: files.check_plan(path, plan, sizes, prices, budget(limit), in_contest=True))
    assert told == f"costs {shown.partition(' ')[0]} expected at most {limit}, the budget"  # there nothing allows more


def test_a_plan_that_buys_nothing():
    path, prices = Path("0.csv"), [price("1"), price("0")]

    def check(*plan: int) -> tuple[float, float]:
        return files.check_plan(path, np.array(plan), [5, 8], prices, budget("1"))

    assert check(5, 8) == (1.0, 0.0)
    line = line_of(path, lambda: check(0, 0))
    assert line == "buys nothing; expected at least one row, or no model can be trained"


@pytest.mark.parametrize(
    ("limit", "percent", "over"),
    [
        ("8", "25", 0.25),
        ("8", "24.99", None),
        ("8", "3", None),
        ("10", "0", 0.0),
        ("9.8", "3", 0.2 / 9.8),
        ("0", "9", None),
    ],
)
def test_a_plan_that_may_cost_more(limit, percent, over):
    """Ten rows of a hundred that cost 100."""
    path, share = Path("0.csv"), files.read_percent(percent)

    def check() -> tuple[float, float]:
        return files.check_plan(path, np.array([10]), [100], [price("100")], budget(limit), share)

    if over is None:
        most = float(Fraction(limit) * (1 + Fraction(percent) / 100))
        line = f"costs 10.00; expected at most {most:.15g}, the budget and what may be over it"
        assert line_of(path, check) == line
    else:
        assert check() == (10.0, pytest.approx(over, rel=1e-15))


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "nan", "inf", "1e9", "10000.1", "3%", "1_0", "\u0661", "1\x1c", "9" * 5000]
)
def test_no_percentage(text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        files.read_percent(text)


def test_a_written_plan_is_read_back(tmp_path):
    path = files.write_plan(tmp_path / "new" / "0.csv", np.array([3, 0, 12]))
    assert path.read_text() == "3,0,12\n"
    assert files.read_plan(path, [99, 99, 99]).tolist() == [3, 0, 12]
    for bad in (-1, 2.5):
        with pytest.raises(ValueError, match="whole number from 0"):
            files.write_plan(path, [1, bad])


def test_a_result(tmp_path):
    path = files.write_result(tmp_path / "out" / "result.json", {"0": {"cost": 1.5, "acc": 0.75}})
    assert path.read_text() == '{\n    "0": {\n        "cost": 1.5,\n        "acc": 0.75\n    }\n}'


def test_every_file_of_a_written_market(data, market):
    names = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    info = "marketinfo/3"
    assert names == {
        *(f"features/3/{seller}.csv" for seller in range(3)),
        *(f"{info}/summary/{seller}.csv.json" for seller in range(3)),
        *(f"{info}/summary/{seller}.csvsamples.csv" for seller in range(3)),
        f"{info}/data_buyer/20.csv",
        f"{info}/price/price.txt",
        f"{info}/price/budget.txt",
        f"{info}/sellerid.txt",
        f"{info}/seller_datasize.csv",
    }
    assert market.prices.read_text() == "lin,100\nlin,60.5\nlin,7\n"
    assert market.budget.read_text() == "12.25\n"
    assert market.seller_ids.read_text() == "0\n1\n2\n"
    assert (market.folder / "seller_datasize.csv").read_text() == "12\n9\n7\n"
    for seller, size in enumerate(SIZES):
        lines = market.seller(seller).read_text().splitlines()
        features, labels = rows(seller, size)
        assert [[float(value) for value in line.split(",")[:-1]] for line in lines] == features.tolist()
        assert [line.split(",")[-1] for line in lines] == [str(label) for label in labels]


def test_a_price_for_every_seller(tmp_path):
    with pytest.raises(ValueError, match="2 prices for 1 sellers"):
        write_market(tmp_path, 0, [rows(0, 6)], [1, 2], 3, rows(1, 6))


def test_a_written_summary(market):
    features, labels = rows(0, SIZES[0])
    summary = json.loads((market.summaries / "0.csv.json").read_text())
    assert list(summary) == ["row_number", "column_number", "hist", "label_correlation"]
    assert (summary["row_number"], summary["column_number"]) == (12, DIMENSION + 1)
    assert list(summary["hist"]) == list(summary["label_correlation"]) == ["0", "1", "2", "3"]
    for number in range(DIMENSION):
        sizes, edges = np.histogram(features[:, number], 10)
        hist = summary["hist"][str(number)]
        assert list(hist) == [f"{at}_size" for at in range(10)] + [f"{at}_range" for at in range(11)]
        assert [hist[f"{at}_size"] for at in range(10)] == sizes.tolist()
        assert [hist[f"{at}_range"] for at in range(11)] == edges.tolist()
        expected = np.corrcoef(features[:, number], labels)[0, 1]
        assert summary["label_correlation"][str(number)] == pytest.approx(expected, abs=1e-12)
    samples = [line.split(" ") for line in (market.summaries / "0.csvsamples.csv").read_text().splitlines()]
    assert [[float(value) for value in row] for row in samples] == np.column_stack([features, labels])[:5].tolist()


def test_a_constant_feature_has_no_correlation(tmp_path):
    features, labels = rows(0, 10)
    features[:, 1] = 0.1
    write_market(tmp_path, 0, [(features, labels), (features, labels * 0)], [1, 1], 1, rows(1, 6))
    first, second = open_market(tmp_path, 0).sellers
    assert first.summary["label_correlation"]["1"] == 0.0
    assert first.summary["label_correlation"]["0"] != 0.0
    assert set(second.summary["label_correlation"].values()) == {0.0}


def test_what_a_participant_sees(data, market):
    for path in market.features.iterdir():
        path.unlink()  # a participant has none of them
    seen = open_market(data, 3)
    assert (seen.number, seen.budget) == (3, 12.25)
    features, labels = rows(9, 10)
    assert seen.buyer_features.dtype == seen.buyer_labels.dtype == np.float64
    assert np.array_equal(seen.buyer_features, features)
    assert np.array_equal(seen.buyer_labels, labels)
    assert [seller.number for seller in seen.sellers] == [0, 1, 2]
    assert [seller.rows for seller in seen.sellers] == list(SIZES)
    assert [seller.maximum_price for seller in seen.sellers] == [100.0, 60.5, 7.0]
    seller = seen.sellers[1]
    assert [seller.price(count) for count in (0, 4, 9)] == [0.0, 60.5 * (4 / 9), 60.5]
    assert seller.summary["column_number"] == DIMENSION + 1
    assert seller.samples.dtype == np.float64
    assert np.array_equal(seller.samples, np.column_stack(rows(1, 9))[:5])
    for bad in (-1, 10, 2.5):
        with pytest.raises(InputError, match=rf"^seller 1: cannot sell {bad}; expected 0 to 9 rows$"):
            seller.price(bad)


def test_features_that_are_float32_are_seen_as_float64(tmp_path):
    features, labels = np.ones((6, 4)), np.zeros(6)
    write_market(tmp_path, 0, [(features, labels)], [1], 1, (features, labels))
    assert open_market(tmp_path, 0).buyer_features.dtype == np.float64


def test_no_pickle_is_opened(data, market):
    put(market.folder / "data_buyer" / "mlmodel.pickle", "cos\nsystem\n(S'exit 1'\ntR.")
    assert len(open_market(data, 3).sellers) == 3


def test_samples_with_commas(data, market):
    path = market.summaries / "2.csvsamples.csv"
    path.write_text(path.read_text().replace(" ", ","))
    assert np.array_equal(open_market(data, 3).sellers[2].samples, np.column_stack(rows(2, 7))[:5])


SUMMARY = "expected a seller's summary: row_number, column_number, hist, label_correlation"
BAD_SUMMARIES = {
    '{"row_number" 3}': f"line 1, column 15: is not JSON; {SUMMARY}",
    "[]": f"holds no object; {SUMMARY}",
    "{}": f"has no key 'row_number'; {SUMMARY}",
    f'{{"row_number": {"9" * 5000}}}': f"holds a number that is too long; {SUMMARY}",
    '{"row_number": 0}': "row_number: holds 0; expected a whole number from 1",
    '{"row_number": true}': "row_number: holds True; expected a whole number from 1",
    '{"row_number": 2.5}': "row_number: holds 2.5; expected a whole number from 1",
    '{"row_number": 3}': f"has no key 'column_number'; {SUMMARY}",
    '{"row_number": 3, "column_number": 5, "hist": []}': "hist: holds []; expected an object",
    '{"row_number": 3, "column_number": 5, "hist": {}}': f"has no key 'label_correlation'; {SUMMARY}",
    '{"row_number": 3, "column_number": 9, "hist": {}, "label_correlation": {}}':
        "column_number: holds 9; expected 5, as the buyer's table",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_SUMMARIES, ids=lambda text: text[:60])
def test_a_bad_summary(text, data, market):
    path = put(market.summaries / "0.csv.json", text)
    seller = open_market(data, 3).sellers[0]
    assert ours(line_of(path, lambda: seller.rows)) == BAD_SUMMARIES[text]


def test_a_summary_nested_without_end(data, market):
    path = put(market.summaries / "0.csv.json", "[" * 200_000)
    seller = open_market(data, 3).sellers[0]
    assert line_of(path, lambda: seller.summary) == f"is nested too deeply; {SUMMARY}"


SAMPLES = "expected a seller's sample: 5 rows of 5 numbers, spaces or commas between"
BAD_SAMPLES = {
    "1 2 3 4 0\n": f"holds 1 rows; {SAMPLES}",
    "1 2 3 4 0\n" * 6: f"holds 6 rows; {SAMPLES}",
    "1 2 3 4 0\n" * 4 + "1 2 3 0\n": f"line 5: has 4 columns; {SAMPLES}",
    "1 2 3 4 0\n" * 2 + "1 x 3 4 0\n" * 3: "line 3, column 2: holds 'x'; expected a finite number",
    "1 2 3 4 nan\n" * 5: "line 1, column 5: holds 'nan'; expected a finite number",
    "1 2 3 4 0\n" * 4 + "1 2_0 3 4 0\n": "line 5, column 2: holds '2_0'; expected a finite number",
    "1 2 3 4 0\n" * 4 + "1 \u0661 3 4 0\n": f"line 5, column 2: holds {chr(0x661)!r}; expected a finite number",
    "1 2 3 4 0\n" * 4 + "1 2\x1c3 4 0\n": f"line 5: has 4 columns; {SAMPLES}",
    "1 2 3 4 0\n" * 4 + "1 2 3 4 0\x1c\n": "line 5, column 5: holds '0\\x1c'; expected a finite number",
}


@pytest.mark.parametrize("text", BAD_SAMPLES, ids=lambda text: repr(text)[-20:])
def test_bad_samples(text, data, market):
    path = put(market.summaries / "0.csvsamples.csv", text)
    seller = open_market(data, 3).sellers[0]
    assert line_of(path, lambda: seller.samples) == BAD_SAMPLES[text]


def test_a_market_that_is_not_there(data, market):
    folder = data / "marketinfo" / "4"
    assert line_of(folder, lambda: open_market(data, 4)) == "no such folder; expected market 4"
    gone = market.summaries / "1.csv.json"
    gone.unlink()
    line = line_of(gone, lambda: open_market(data, 3))
    assert line == "no such file; expected 0.csv.json and on without a gap, as there are 2"
    for path in market.summaries.iterdir():
        path.unlink()
    line = line_of(market.summaries, lambda: open_market(data, 3))
    assert line == "holds no seller's summary; expected 0.csv.json, 1.csv.json and on"


def test_the_real_market(shared_data, tmp_path, monkeypatch):
    data = shared_data / "acquisition"
    (market,) = files.find_markets(data)
    kept = tmp_path / "kept"
    tables = files.read_sellers(market, kept)
    assert [table.features.shape for table in tables] == [(120, 768)] * 10
    for seller in (0, 9):
        expected = np.array([line.split(",") for line in market.seller(seller).read_text().split()], dtype=np.float64)
        assert np.array_equal(tables[seller].features, expected[:, :-1])
        assert np.array_equal(tables[seller].labels, expected[:, -1])
    monkeypatch.setattr(csv_tables, "_parse", None)
    for again, table in zip(files.read_sellers(market, kept), tables, strict=True):
        assert np.array_equal(again.features, table.features)
    monkeypatch.undo()
    prices, limit = files.read_prices(market.prices, 10), files.read_budget(market.budget)
    path = data / "submission" / "uniform" / "0.csv"
    plan = files.read_plan(path, [120] * 10)
    assert plan.tolist() == [24] * 10
    cost, _ = files.check_plan(path, plan, [120] * 10, prices, limit)
    assert cost == sum([np.float64(100) * (24 / 120)] * 10)
    seen = open_market(data, 0)
    assert seen.budget == limit.amount
    assert seen.buyer_features.shape == files.read_buyer(market, 768).features.shape
    for seller in seen.sellers:
        assert (seller.rows, seller.price(24)) == (120, 100 * (24 / 120))
        assert seller.samples.shape == (5, 769)
        table = tables[seller.number]
        assert np.array_equal(seller.samples, np.column_stack([table.features, table.labels])[:5])
