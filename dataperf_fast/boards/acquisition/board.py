"""Acquisition: how many rows to buy of each seller in a data market, within a budget.

The rows are drawn ten times, with replacement, the frozen model is trained on each draw, and the score is its accuracy
on the buyer's data, averaged over the trials, then over the markets. Higher is better.

The reference draws all of a run's rows from one stream, seeded once: so a submission's draws in a market depend on what
it buys in the markets before. A market without a legal plan draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dataperf_fast.boards.acquisition import files, trading
from dataperf_fast.boards.acquisition.published import PUBLISHED
from dataperf_fast.boards.board import Benchmark, Challenge
from dataperf_fast.boards.options import Option, OptionError, Options, sizes
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files.errors import ArgumentError, InputError, shorten
from dataperf_fast.files.handed_in import HandedIn, Recognize
from dataperf_fast.files.records import Record
from dataperf_fast.models import table
from dataperf_fast.models.nearest_neighbours import NEIGHBOURS

TRIALS, SEED = 10, 1111
_PERCENT = "per cent of the budget, from 0 to 10000"
_OFFICIAL = ("cost", "over_budget", "trials", "spread")  # of a record's details, in the file of results


@dataclass
class AcquisitionResult:
    """A scored market, or at the end the means; ``results`` grows from market to market."""

    task: str
    records: list[Record]
    model: str = ""
    results: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # submission -> market -> figures

    def write(self, folder: Path) -> list[Path]:
        """Write ``{submission}_{model}.json`` with all markets scored so far, as the reference's script does."""
        return [
            files.write_result(folder / f"{name}_{table.short(self.model)}.json", of)
            for name, of in self.results.items()
        ]


def _evaluate_market(
    source: trading.Source,
    found: Sequence[HandedIn],
    generators: dict[str, np.random.RandomState],
    model: str,
    engine: Engine,
    options: Options,
    over: Fraction,
) -> list[Record]:
    task = str(source.number)
    try:
        market = engine.read(source.open, engine)
    except InputError as error:
        return [BOARD.invalid(task, submission.name, error, engine) for submission in found]
    engine.progress.begin(f"market {task}")
    records = []
    for submission in found:
        try:
            counts, cost = engine.read(_read_plan, submission, source, market, model, over, options.by_folder)
            record = score_plan(task, submission, market, counts, generators[submission.name], model, engine, options)
            record.details = {**cost, **record.details}
        except InputError as error:
            record = BOARD.invalid(task, submission.name, error, engine)
        records.append(record)
    return records


def _read_plan(
    submission: HandedIn,
    source: trading.Source,
    market: trading.FullMarket,
    model: str,
    over: Fraction,
    in_contest: bool,
) -> tuple[np.ndarray, dict[str, float]]:
    """A submission's counts ``(sellers,)``, and what its record says of the cost, if they are legal."""
    path, counts = source.plan(submission, market.sizes)
    cost, excess = files.check_plan(path, counts, market.sizes, market.prices, market.budget, over, in_contest)
    if model == "nearest-neighbours" and counts.sum() < NEIGHBOURS:
        expected = f"at least {NEIGHBOURS}, the neighbours of knn"
        raise InputError(path, "buys too few rows:", "", int(counts.sum()), expected)
    return counts, {"cost": cost, "budget": market.budget.amount, **({"over_budget": excess} if excess else {})}


def score_plan(
    task: str,
    submission: HandedIn,
    market: trading.FullMarket,
    counts: np.ndarray,
    generator: np.random.RandomState,
    model: str,
    engine: Engine,
    options: Options,
) -> Record:
    """Draw a legal plan's ten trials and, if models are trained, score them."""
    if engine.backend.is_reference:
        backends.reference_pipeline(BOARD.reference, engine.backend)  # its processes start before the clock does
    started = clock.now()
    state = generator.get_state()
    features, rows, labels = trading.gather(market, [trading.draw(market, counts, generator) for _ in range(TRIALS)])
    for trial, drawn in enumerate(labels):
        if len(set(drawn)) == 1:
            problem = f"draws only the label {drawn[0]:g} in trial {trial}"
            expected = "rows of two labels, or no model can be trained"
            raise InputError(submission.files[int(task)], problem, expected=expected)
    if not options.train:
        return BOARD.pending(task, submission.name, engine)
    values: dict[str, Any] = {"retrains": TRIALS}
    if engine.backend.is_reference:
        generator.set_state(state)
        accuracies = _accuracies_by_reference(market, counts, generator, model, engine)
        values["distinct"] = TRIALS
    else:
        pool = Pool(features, market.buyer.features, market.buyer.labels)
        outcomes = engine.run(Plan(pool, BOARD.make_model(model), labels, rows))
        accuracies = outcomes.values["correct"] / len(market.buyer.labels)
        values |= {"distinct": len(set(outcomes.identity)), "rechecked": int(outcomes.rechecked.sum())}
    values["details"] = {
        "model": model,
        "rows": int(counts.sum()),
        "spread": float(np.std(accuracies)),
        "trials": accuracies.tolist(),
        "correct": np.rint(accuracies * len(market.buyer.labels)).astype(int).tolist(),
        "buyer_rows": len(market.buyer.labels),
    }
    score = sum(accuracies.tolist()) / TRIALS
    return BOARD.record(task, submission.name, score, engine, model, seconds=clock.now() - started, **values)


def _accuracies_by_reference(
    market: trading.FullMarket, counts: np.ndarray, generator: np.random.RandomState, model: str, engine: Engine
) -> np.ndarray:
    """The same by NumPy's generator and plain scikit-learn: all draws in order, then a fit a trial."""
    pipeline = backends.reference_pipeline(BOARD.reference, engine.backend)
    engine.progress.planned(TRIALS)
    sizes = [len(table.labels) for table in market.sellers]
    trials, after = pipeline.call("draw", sizes, counts.tolist(), TRIALS, generator)
    generator.set_state(after.get_state())

    def training_set(trial: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        drawn = list(zip(market.sellers, trial, strict=True))
        features = np.concatenate([table.features[rows] for table, rows in drawn])
        return features, np.concatenate([table.labels[rows] for table, rows in drawn])

    fits = ((model, *training_set(trial)) for trial in trials)
    accuracies = []
    for accuracy in pipeline.each("score", fits, (market.buyer.features, market.buyer.labels)):
        accuracies.append(accuracy)
        engine.progress.done(1)
    return np.array(accuracies)


def _mean(records: list[Record], markets: int, engine: Engine) -> Record:
    """The mean over the markets; of budgets that were not kept the largest excess."""
    mean = BOARD.mean(records, markets, engine)
    if excesses := [record.details["over_budget"] for record in records if "over_budget" in record.details]:
        mean.details["over_budget"] = max(excesses)
    return mean


def percent(text: str) -> float:
    """How many per cent of the budget a plan may cost more."""
    try:
        files.read_percent(text)
    except ValueError:
        raise OptionError(text, _PERCENT) from None
    return float(text)


def _over_budget(percent: object) -> Fraction:
    """The option's value as a share."""
    try:
        return files.read_percent(str(percent))
    except ValueError:
        raise ArgumentError("own['over_budget']", f"is {shorten(percent)}", expected=_PERCENT) from None


class Acquisition(Benchmark):
    """The board: a plan of purchase a market, ranked by the mean over the markets."""

    name, metric, higher_is_better = "acquisition", "accuracy", True
    metric_means: ClassVar = {
        "accuracy": "the share of the buyer's rows that are classified correctly by the model that is trained on the "
        "bought rows, averaged over ten draws of these",
    }
    demo_methods = ("uniform", "rss", "fss", "sweep")
    options = (
        Option(
            "over-budget", "score plans that cost so much more than the budget, and mark them [0]", percent, "PERCENT",
            have="a board with a budget",
        ),
    )  # fmt: skip
    synth_options = sizes("markets", "sellers", "rows", "buyer")
    columns: ClassVar = {
        "model": "model",
        "rows": "rows",
        "cost": "cost",
        "budget": "budget",
        "over_budget": "over budget by",
        "spread": "spread",
    }
    instructions = """
`price.txt` says what all rows of each seller cost (`lin,PRICE`, seller 0 first), and m of n rows cost m / n of that;
`budget.txt` what may be spent; `buyer.csv` holds the buyer's rows, label last; `summary/` tells each seller's number
of rows, histograms and correlations, and five of the rows. Hand in one line: how many rows to buy of each seller,
commas between, seller 0 first. The rows are drawn at random, a fixed model is trained on them and tried on the
buyer's. All draws come from one stream, market after market: what a plan buys in one market decides which rows are
drawn in the next ones, so that another plan for market 0 may change the score of market 1.
"""
    published = PUBLISHED
    models = ("logistic-regression", "nearest-neighbours", "boosted-stumps")
    reference = "dataperf_fast.boards.acquisition.reference"
    reference_takes = ("model", "features", "labels")

    def evaluate(
        self, data: Path, submissions: Sequence[Path] | None, engine: Engine, options: Options
    ) -> Iterator[AcquisitionResult]:
        """Score submissions market by market; without ``submissions`` those in the data's folder ``submission``."""
        model = self.model_named(options.model)
        over = _over_budget(options.own.get("over_budget", 0))
        markets = files.find_markets(data)
        paths = [data / "submission"] if submissions is None else submissions
        found, refused = self.find_submissions(paths, files.recognize, files.NAMED, options, engine)
        yield from self._scored(list(map(trading.MarketInFiles, markets)), found, refused, model, over, engine, options)

    def score(self, data: Any, submissions: Any, engine: Engine, options: Options) -> Iterator[AcquisitionResult]:
        """The same of markets and plans in memory: ``memory.py``."""
        from dataperf_fast.boards.acquisition import memory

        model = self.model_named(options.model)
        over = _over_budget(options.own.get("over_budget", 0))
        markets = memory.markets_of(data)
        found, refused = memory.plans_of(submissions, [market.number for market in markets])
        records = [self.invalid("", name, error, engine) for name, error in refused]
        yield from self._scored(markets, found, records, model, over, engine, options)

    def _scored(
        self, markets: Sequence[trading.Source], found: Sequence[HandedIn], refused: list[Record], model: str,
        over: Fraction, engine: Engine, options: Options,
    ) -> Iterator[AcquisitionResult]:  # fmt: skip
        """Market by market, and the means."""
        if refused:
            yield AcquisitionResult("", refused)
        generators = {submission.name: np.random.RandomState(SEED) for submission in found}
        records: dict[str, list[Record]] = {submission.name: [] for submission in found}
        results: dict[str, dict[str, dict[str, Any]]] = {}
        for market in markets:
            of_market = _evaluate_market(market, found, generators, model, engine, options, over)
            for record in of_market:
                records[record.submission].append(record)
                if record.status == "ok":
                    figures = {name: record.details[name] for name in _OFFICIAL if name in record.details}
                    results.setdefault(record.submission, {})[record.task] = {"acc": record.score, **figures}
            yield AcquisitionResult(str(market.number), of_market, model, results)
        if len(markets) > 1:
            yield AcquisitionResult("mean", [_mean(of, len(markets), engine) for of in records.values()])

    def recognizer(self, data: Path) -> Recognize:
        """What names of files say."""
        return files.recognize

    def tasks(self, data: Path) -> list[str]:
        """The markets' numbers."""
        return [str(market.number) for market in files.find_markets(data)]

    def readings(self, data: Path, model: str | None, engine: Engine) -> list[Callable[[], object]]:
        """The markets."""
        return [partial(trading.MarketInFiles(market).open, engine) for market in files.find_markets(data)]

    def ratio(self, details: Mapping[str, Any]) -> Fraction | None:
        """Of the buyer's rows that are classified correctly in some trial, and all of them in all trials."""
        if not {"correct", "buyer_rows"} <= details.keys():
            return None
        return Fraction(sum(details["correct"]), len(details["correct"]) * details["buyer_rows"])

    def inputs(self, data: Path) -> list[Path]:
        """What each market's budget, prices, buyer and sellers are."""
        markets = files.find_markets(data)
        return [path for of in markets for path in (of.prices, of.budget, of.buyer, *files.seller_paths(of))]

    def challenges(self, data: Path) -> list[Challenge]:
        """What a buyer may know of a market, for a plan of purchase."""
        return [
            Challenge(
                str(market.number),
                {
                    "price.txt": market.prices,
                    "budget.txt": market.budget,
                    "buyer.csv": market.buyer,
                    "sellerid.txt": market.seller_ids,
                    "summary": market.summaries,
                },
                "plan.csv",
                f"{market.number}.csv",
                {"model": "lr"},
            )
            for market in files.find_markets(data)
        ]

    def write_baselines(
        self, data: Path, out: Path, methods: Sequence[str] | None, seed: int, engine: Engine
    ) -> list[Path]:
        """The paper's three plans; a sweep of costs is drawn too."""
        from dataperf_fast.boards.acquisition import baselines, picture

        written = baselines.write(data, out, methods, seed, engine)
        return written + picture.draw_sweeps(written)

    def synth(self, out: Path, scale: str, seed: int, own: Mapping[str, Any]) -> Iterator[str]:
        """Markets."""
        from dataperf_fast.boards.acquisition import synth

        for number in synth.write(out, replace(synth.SCALES[scale], **own), seed):
            yield f"market {number}"

    def draw(self, folder: Path, result: AcquisitionResult) -> list[Path]:
        """Draw a result's pictures; returns the files."""
        from dataperf_fast.boards.acquisition import picture as acquisition_picture

        # Best first, and a record's score is a sum of rounded accuracies.
        exact = zip(result.records, self.exact(result.records), strict=True)
        records = [record if of is None else replace(record, score=float(of)) for record, of in exact]
        return acquisition_picture.draw(folder, replace(result, records=records))


BOARD = Acquisition()
