"""Debugging: the order in which the rows of a noisy training set should be inspected.

After each inspection the row has its true label and the frozen model is trained from scratch. The score is
``fraction_fixes = (k - 1) / n`` for the first of n inspections, k, after which the test accuracy reaches 95% of what
the fully cleaned training set gives. Lower is better. Accuracies are rounded to two decimals, whatever the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dataperf_fast.boards.board import Benchmark, Challenge
from dataperf_fast.boards.debugging import files
from dataperf_fast.boards.debugging.inspections import Inspection, book_seconds, hand_out, label_states, next_states
from dataperf_fast.boards.debugging.published import PUBLISHED
from dataperf_fast.boards.options import Option, Options, sizes
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import checks, clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel, Plan, Pool
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import Recognize
from dataperf_fast.files.records import Record
from dataperf_fast.models import table
from dataperf_fast.models.linear_net import DIMENSION

OWN_MODEL = "linear-net"
TARGET_SHARE = 0.95
PRECISIONS = ("float32", "float64")  # of the reference's net, its script's first


@dataclass
class DebuggingResult:
    """A scored task: its records, and what its files and pictures are drawn from."""

    task: str
    records: list[Record]
    model: str = OWN_MODEL
    rows: int = 0
    before: float = float("nan")
    target: float = float("nan")
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    crossings: dict[str, int] = field(default_factory=dict)
    over_tasks: list[Record] = field(default_factory=list)  # of the whole run, with its last result

    @property
    def name(self) -> str:
        """The task's, with the model's where that is not the board's own."""
        return self.task if self.model == OWN_MODEL else f"{self.task}_{table.short(self.model)}"

    def write(self, folder: Path) -> list[Path]:
        """Write ``{data_id}_evaluation.json``, if anything was scored; another model's name comes after the id."""
        if not self.curves:
            return []
        fractions = {method: (crossing - 1) / self.rows for method, crossing in self.crossings.items()}
        return [files.write_result(folder, self.name, self.before, self.curves, fractions)]


def _find(
    paths: Sequence[Path], data_ids: Sequence[str], engine: Engine, options: Options
) -> tuple[list[files.OrderFile], list[Record]]:
    """The orders, and the records of what is none, two files for one task and method among them."""
    recognize = files.recognizer(data_ids, options.by_folder)
    found, refused = BOARD.find_submissions(paths, recognize, f"files named {files.NAMED}", options, engine)
    orders = [files.OrderFile(task, one.name, path) for one in found for task, path in one.files.items()]
    doubtful = {(task, one.name): error for one in found for task, error in one.doubtful.items()}
    refused += [BOARD.invalid(task, name, error, engine) for (task, name), error in doubtful.items()]
    return [order for order in orders if (order.data_id, order.method) not in doubtful], refused


def _evaluate_task(
    source: files.Source, data_id: str, submissions: list[files.OrderFile], engine: Engine, options: Options
) -> DebuggingResult:
    model, curve = BOARD.model_named(options.model), options.own.get("curve", options.whole)
    try:
        task = engine.read(_read_task, source, model)
    except InputError as error:
        return DebuggingResult(data_id, [_invalid(file, error, engine) for file in submissions])
    orders: dict[files.OrderFile, np.ndarray] = {}
    broken = []
    for file in submissions:
        try:
            order = engine.read(file.read, len(task.true_labels))
            _require_trainable(task, order, source.train, file.path, model)
            orders[file] = order
        except InputError as error:
            broken.append(_invalid(file, error, engine))
    if not options.train:
        timed = {file: {"method_seconds": _method_seconds(file)} for file in orders}
        broken += [BOARD.pending(file.data_id, file.method, engine, details=of) for file, of in timed.items()]
    if not (orders and options.train):
        return DebuggingResult(task.data_id, broken)
    if engine.backend.is_reference:
        result = _score_by_reference(task, orders, engine, curve, model, options.variant or PRECISIONS[0])
    else:
        result = score_task(task, orders, engine, curve, model)
    result.records += broken
    return result


def _read_task(source: files.Source, model: str) -> files.Task:
    """Read a task; the board's own model takes vectors of its own length alone."""
    return source.read(DIMENSION if model == OWN_MODEL else None)


def _require_trainable(task: files.Task, order: np.ndarray, train: Path, handed_in: Path, model: str) -> None:
    """Refuse an order on whose way the model cannot be trained: most of them need both labels.

    The training set is to blame for the labels as given and as cleaned, which are those of every order.
    """
    trained = BOARD.make_model(model)
    states, state_of = label_states(task, order)
    for state, labels in enumerate(states):
        if not trained.can_train(labels):
            place = f"after {state_of.searchsorted(state)} inspections"
            path = train if state in (0, len(states) - 1) else handed_in
            problem = f"cannot train {table.short(model)} on {checks.classes(labels)}"
            raise InputError(path, problem, place, expected=trained.trains_on)


def pool_of(task: files.Task) -> Pool:
    """A task's vectors."""
    return Pool(task.train.features, task.test.features, task.test.labels)


def ends(task: files.Task, pool: Pool, trained: FrozenModel, engine: Engine) -> tuple[float, float, int]:
    """The rounded accuracies of the set as it is given and of the cleaned one, and how often that was rechecked."""
    outcomes = engine.run(Plan(pool, trained, [task.train.labels, task.true_labels]))
    before, cleaned = np.round(trained.accuracy(outcomes.values, len(task.test.labels)), 2).tolist()
    return before, cleaned, int(outcomes.rechecked[1])


def score_task(
    task: files.Task,
    orders: dict[files.OrderFile, np.ndarray],
    engine: Engine,
    curve: bool,
    model: str = OWN_MODEL,
) -> DebuggingResult:
    """Train the cleaned set, then every submission's label states: all at once, or until each one crosses."""
    started = clock.now()
    pool, rows = pool_of(task), len(task.test.labels)
    trained = BOARD.make_model(model)
    ways = [Inspection(file, *label_states(task, order)) for file, order in orders.items()]
    before, cleaned, rechecked = ends(task, pool, trained, engine)
    target = TARGET_SHARE * cleaned

    def straddles(doubtful: np.ndarray) -> np.ndarray:
        """A score alone needs no more of an accuracy than on which side of the target it lies."""
        lowest, highest = np.round(trained.bounds(doubtful, rows), 2)
        sides: np.ndarray = (lowest < target) & (highest >= target)
        return sides

    unfinished = ways
    while unfinished:
        take = {id(way): len(way.states) if curve else next_states(way, engine) for way in unfinished}
        labels = [state for way in unfinished for state in way.states[len(way.accuracies) :][: take[id(way)]]]
        outcomes = engine.run(Plan(pool, trained, labels), None if curve else straddles)
        accuracies = np.round(trained.accuracy(outcomes.values, rows), 2)
        hand_out(accuracies, outcomes.rechecked, unfinished, take)
        for way in unfinished:
            way.note_crossing(target)
        unfinished = [way for way in unfinished if way.crossing is None and len(way.accuracies) < len(way.states)]
    seconds = clock.now() - started
    book_seconds(ways, seconds)
    for way in ways:
        if len(way.accuracies) < len(way.states):  # otherwise its own last state is the cleaned set
            way.rechecked += rechecked
    records = [_record(task, way, before, cleaned, engine, curve, model) for way in ways]
    curves = {way.method: way.curve if curve else way.curve[: way.crossing] for way in ways}
    crossings = {way.method: way.crossing for way in ways if way.crossing is not None}
    return DebuggingResult(task.data_id, records, model, len(task.true_labels), before, target, curves, crossings)


def _record(
    task: files.Task, way: Inspection, before: float, cleaned: float, engine: Engine, curve: bool, model: str
) -> Record:
    rows = len(task.true_labels)
    assert way.crossing is not None  # a complete order ends at the cleaned set, which reaches its own target
    details: dict[str, Any] = {
        "model": model,
        "inspections": way.crossing,
        "rows": rows,
        "accuracy_before": before,
        "accuracy_cleaned": cleaned,
        "target": TARGET_SHARE * cleaned,
    }
    if (taken := _method_seconds(way.file)) is not None:
        details["method_seconds"] = taken
    if curve:
        details["curve"] = way.curve.tolist()
    return BOARD.record(
        task.data_id,
        way.method,
        (way.crossing - 1) / rows,
        engine,
        model,
        details=details,
        retrains=(rows if curve else way.crossing) + 1,  # the inspections, and the cleaned set
        distinct=len(way.accuracies) + (len(way.accuracies) < len(way.states)),
        rechecked=way.rechecked,
        seconds=way.seconds,
    )


def _method_seconds(file: files.OrderFile) -> float | None:
    """What the submission's time file says; a broken one costs a warning and not the score."""
    try:
        return file.read_seconds()
    except InputError as error:
        warnings.warn(error.line, stacklevel=2)
        return None


def _score_by_reference(
    task: files.Task, orders: dict[files.OrderFile, np.ndarray], engine: Engine, curve: bool, model: str,
    precision: str,
) -> DebuggingResult:  # fmt: skip
    """The same by the plain pipeline: a fit an inspection, nothing shared."""
    pipeline = backends.reference_pipeline(BOARD.reference, engine.backend)
    shared = (task.train.features, task.test.features, task.test.labels)
    records: list[Record] = []
    result = DebuggingResult(task.data_id, records, model, len(task.true_labels))
    for file, order in orders.items():
        started = clock.now()
        engine.progress.planned(len(order) + 2)
        ends = (task.train.labels, task.true_labels)
        states = (_inspected(task, order[:inspections]) for inspections in range(1, len(order) + 1))
        fits = ((model, precision, labels) for labels in chain(ends, states))
        with closing(pipeline.each("score", fits, shared)) as accuracies:
            before, cleaned = islice(accuracies, 2)
            engine.progress.done(2)
            way = Inspection(file, task.train.labels[None], np.arange(len(order) + 1), [before])
            for accuracy in accuracies:
                engine.progress.done(1)
                way.accuracies.append(accuracy)
                if way.crossing is None and accuracy >= TARGET_SHARE * cleaned:
                    way.crossing = len(way.accuracies) - 1
                if way.crossing is not None and not curve:
                    break
        way.seconds = clock.now() - started
        assert way.crossing is not None
        result.before, result.target = before, TARGET_SHARE * cleaned
        result.curves[file.method] = np.array(way.accuracies[1:])
        result.crossings[file.method] = way.crossing
        record = _record(task, way, before, cleaned, engine, curve, model)
        record.distinct = record.retrains
        records.append(record)
    return result


def _inspected(task: files.Task, rows: np.ndarray) -> np.ndarray:
    """The labels after those rows were inspected."""
    labels = task.train.labels.copy()
    labels[rows] = task.true_labels[rows]
    return labels


def _invalid(file: files.OrderFile, error: InputError, engine: Engine) -> Record:
    return BOARD.invalid(file.data_id, file.method, error, engine)


class Debugging(Benchmark):
    """The board: orders of inspection, ranked by the mean over the tasks."""

    name, metric, higher_is_better = "debugging", "fraction_fixes", False
    metric_means: ClassVar = {
        "fraction_fixes": "the share of the training rows that are inspected before the model that is trained on them "
        "is right on 95% of what it is right on when all labels are cleaned",
    }
    options = (
        Option("curve", "every point [the default with --out]"),
        Option("score-only", "only what the score needs [the default without --out]", sets="curve", value=False),
    )
    synth_options = (
        *sizes("tasks", "train", "test", "val"),
        Option("noise", "label noise [both]", str, choices=("inverted", "weak", "both")),
    )
    columns: ClassVar = {
        "inspections": "inspections",
        "accuracy_before": "before",
        "target": "target",
        "accuracy_cleaned": "cleaned",
    }
    instructions = """
Some labels in `train.parquet` (columns `filename`, `encoding`, `label`) are wrong; those of `val.parquet` are right.
Hand in the order in which the training rows should be inspected: every row's number, from 0, once, one a line. After
each inspection the row has its true label and a fixed model is trained again; what counts is how soon it is nearly as
good as on clean labels. Beside it `time_{file}` may hold the seconds that making the order took.
"""
    curve_labels = ("test accuracy", "rows inspected")
    published = PUBLISHED
    models = (OWN_MODEL, "logistic-optimum", "support-vectors", "neighbour-votes", "boosted-trees")
    reference = "dataperf_fast.boards.debugging.reference"
    reference_takes = ("model", "variant", "features", "labels")

    def evaluate(
        self, data: Path, submissions: Sequence[Path] | None, engine: Engine, options: Options
    ) -> Iterator[DebuggingResult]:
        """Score submissions task by task; without ``submissions`` the set-up's own submission folder is scored.

        With ``curve`` every point is computed, otherwise only as many as the score needs. ``options.model`` is
        one of ``models``, None the board's own.
        """
        model = self.make_model(options.model).name  # or say at once why not
        folder, setup = engine.read(files.open_setup, data)
        paths = list(submissions) if submissions is not None else [folder / setup.paths.submission_folder]
        tasks = {task.data_id: files.TaskFiles(folder, setup, task) for task in setup.tasks}
        orders, refused = _find(paths, list(tasks), engine, options)
        yield from self._scored(tasks, orders, refused, model, engine, options)

    def score(self, data: Any, submissions: Any, engine: Engine, options: Options) -> Iterator[DebuggingResult]:
        """The same of tasks and orders in memory: ``memory.py``."""
        from dataperf_fast.boards.debugging import memory

        model = self.make_model(options.model).name
        tasks = engine.read(memory.tasks_of, data)
        orders, refused = memory.orders_of(submissions, list(tasks))
        records = [self.invalid("", name, error, engine) for name, error in refused]
        yield from self._scored(tasks, orders, records, model, engine, options)

    def _scored(
        self, tasks: Mapping[str, files.Source], orders: Sequence[files.OrderFile], refused: list[Record],
        model: str, engine: Engine, options: Options,
    ) -> Iterator[DebuggingResult]:  # fmt: skip
        """Task by task, and the means."""
        if refused:
            yield DebuggingResult("", refused)
        scores: dict[str, list[Record]] = {}
        for data_id, source in tasks.items():
            of_task = [file for file in orders if file.data_id == data_id]
            if not of_task:
                continue
            engine.progress.begin(data_id)
            result = _evaluate_task(source, data_id, of_task, engine, options)
            for record in result.records:
                scores.setdefault(record.submission, []).append(record)
            yield result
        if scores:
            means = [BOARD.mean(of, len(tasks), engine) for of in scores.values() if len(of) == len(tasks) > 1]
            yield DebuggingResult("mean", means, model, over_tasks=[record for of in scores.values() for record in of])

    def recognizer(self, data: Path) -> Recognize:
        """What names of files say."""
        return files.recognizer(self.tasks(data), by_folder=True)

    def tasks(self, data: Path) -> list[str]:
        """The set-up's data ids."""
        return [task.data_id for task in files.open_setup(data)[1].tasks]

    def readings(self, data: Path, model: str | None, engine: Engine) -> list[Callable[[], object]]:
        """The tasks."""
        folder, setup = files.open_setup(data)
        return [
            partial(_read_task, files.TaskFiles(folder, setup, task), self.model_named(model)) for task in setup.tasks
        ]

    def ratio(self, details: Mapping[str, Any]) -> Fraction | None:
        """Of the inspections before the one that reaches the target, and the rows."""
        known = {"inspections", "rows"} <= details.keys()
        return Fraction(details["inspections"] - 1, details["rows"]) if known else None

    def inputs(self, data: Path) -> list[Path]:
        """The set-up's tasks: training and test vectors, and true labels."""
        folder, setup = files.open_setup(data)
        paths = [files.true_labels_path(folder, setup, task) for task in setup.tasks]
        for part in ("train", "test"):
            paths += [files.embedding_path(folder, setup, task, part) for task in setup.tasks]
        return paths

    def challenges(self, data: Path) -> list[Challenge]:
        """Training vectors with their noisy labels and validation vectors, for an order of inspection."""
        folder, setup = files.open_setup(data)
        return [
            Challenge(
                task.data_id,
                {f"{part}.parquet": files.embedding_path(folder, setup, task, part) for part in ("train", "val")},
                "order.txt",
                f"{task.data_id}_order.txt",
                {"rows": task.train_size},
            )
            for task in setup.tasks
        ]

    def reference_variants(self, model: str | None) -> tuple[str, ...]:
        """The net in both precisions, its script's first."""
        return PRECISIONS if self.model_named(model) == OWN_MODEL else PRECISIONS[:1]

    def synth(self, out: Path, scale: str, seed: int, own: Mapping[str, Any]) -> Iterator[str]:
        """Tasks, with how many of their labels are wrong."""
        from dataperf_fast.boards.debugging import synth

        counts = {name: value for name, value in own.items() if name != "noise"}
        for task in synth.write(out, replace(synth.SCALES[scale], **counts), seed, own.get("noise", "both")):
            noise = (task.train.labels != task.true_labels).mean()
            yield f"{task.data_id}: {len(task.true_labels)} training rows, {noise:.0%} of the labels wrong"


BOARD = Debugging()
