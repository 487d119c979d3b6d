"""Vision: which images to train a concept's classifier on, out of a pool of hundreds of thousands.

Logistic regression is trained on a submission's images, once a concept, and scored on the concept's test set. The score
is F1, as in the paper's table; accuracy, recall, precision and average precision stand beside it. Higher is better.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dataperf_fast.boards.board import Benchmark, Challenge
from dataperf_fast.boards.options import Options, sizes
from dataperf_fast.boards.vision import files, training_sets
from dataperf_fast.boards.vision.embeddings import read_embeddings
from dataperf_fast.boards.vision.published import PUBLISHED
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import HandedIn, Recognize
from dataperf_fast.files.names import forms, spelled
from dataperf_fast.files.records import Record, decimal
from dataperf_fast.models.logistic_regression import LogisticRegression

METRICS = ("accuracy", "recall", "precision", "f1", "average_precision")
COUNTS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
_Key = tuple[str, str]  # submission, task


@dataclass
class VisionResult:
    """A scored concept, or at the end the means; the official files, one a submission, are written with the last."""

    task: str
    records: list[Record]
    scores: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # submission -> task -> metric

    def write(self, folder: Path) -> list[Path]:
        """Write ``{submission}/result_UTC-{time}.json``, if anything was scored."""
        now = datetime.now(UTC)
        return [files.write_result(folder / name, tasks, now) for name, tasks in self.scores.items()]


@dataclass(frozen=True)
class Pooled:
    """The vectors of all images that some submission names: ``features (n, d)`` float32."""

    row_of: dict[str, int]
    features: np.ndarray


def _find(
    root: Path, setup: files.VisionSetup, paths: Sequence[Path] | None, engine: Engine, options: Options
) -> tuple[list[HandedIn], list[Record]]:
    """List submissions, and the records of what is none."""
    if paths is None:
        named = {task: root / of_task.train for task, of_task in setup.tasks.items()}
        folder = next(iter(named.values())).parent
        return [HandedIn(folder.resolve().name, folder, named)], []
    tasks = list(setup.tasks)
    expected = f"files named {{task}}.csv, tasks {', '.join(tasks)}"
    return BOARD.find_submissions(paths, training_sets.recognizer(tasks), expected, options, engine)


class Source:
    """Where the pool, the test sets and the training sets are: here in files; ``memory.py`` has the other."""

    def __init__(self, root: Path, setup: files.VisionSetup):
        self._root, self._setup = root, setup
        self.tasks = list(setup.tasks)
        self.pool = root / setup.emb_file

    def embeddings(self, ids: Iterable[str], threads: int) -> tuple[dict[str, int], np.ndarray]:
        """The vectors of ``ids``, as ``read_embeddings`` has them."""
        return read_embeddings(self.pool, ids, self._setup.dim, threads)

    def test_set(self, task: str) -> files.TestSet:
        """A task's test set."""
        return files.read_test_set(self._root / self._setup.tasks[task].test, self._setup.dim)

    def training_set(self, submission: HandedIn, task: str) -> tuple[Path, files.TrainingSet]:
        """What is submitted for a task, and the file that it is in."""
        return training_sets.read(submission, task)


def _read_training_sets(
    source: Source, found: Sequence[HandedIn], engine: Engine
) -> tuple[dict[_Key, tuple[Path, files.TrainingSet]], dict[_Key, Record]]:
    sets: dict[_Key, tuple[Path, files.TrainingSet]] = {}
    invalid: dict[_Key, Record] = {}
    for submission in found:
        for task in source.tasks:
            try:
                sets[submission.name, task] = engine.read(source.training_set, submission, task)
            except InputError as error:
                invalid[submission.name, task] = BOARD.invalid(task, submission.name, error, engine)
    return sets, invalid


def _read_pool(
    source: Source,
    sets: dict[_Key, tuple[Path, files.TrainingSet]],
    invalid: dict[_Key, Record],
    engine: Engine,
) -> Pooled:
    """Read the vectors of all images named; training sets with an image that the pool lacks become invalid."""
    wanted = dict.fromkeys(name for _, chosen in sets.values() for name in chosen.ids)
    odd = {name: forms(name) for name in wanted if not name.isascii()}
    wanted |= dict.fromkeys(form for of in odd.values() for form in sorted(of))
    row_of, features = engine.read(source.embeddings, wanted, engine.backend.threads)
    spelling = dict(zip(odd, spelled(list(odd), row_of), strict=True))
    row_of |= {name: row_of[there] for name, there in spelling.items() if there in row_of}
    for (submission, task), (file, chosen) in list(sets.items()):
        for name, place in zip(chosen.ids, chosen.places, strict=True):
            there = spelling.get(name, name)
            if name not in row_of or (there != name and there in chosen.ids):  # or two ids would be one image
                error = InputError(file, "names an unknown image", place, name, f"an ImageID of {source.pool.name}")
                invalid[submission, task] = BOARD.invalid(task, submission, error, engine)
                del sets[submission, task]
                break
    return Pooled(row_of, features)


def _evaluate_task(
    task: str,
    source: Source,
    sets: dict[str, tuple[Path, files.TrainingSet]],
    pooled: Pooled,
    engine: Engine,
    options: Options,
) -> list[Record]:
    try:
        test = engine.read(source.test_set, task)
    except InputError as error:
        return [BOARD.invalid(task, name, error, engine) for name in sets]
    if not options.train:
        return [BOARD.pending(task, name, engine) for name in sets]
    pool = Pool(pooled.features, test.features, test.labels)
    chosen = {
        name: (np.array([pooled.row_of[image] for image in of.ids], np.int32), of.labels)
        for name, (_, of) in sets.items()
    }
    if engine.backend.is_reference:
        return _score_by_reference(task, pool, chosen, engine)
    return score_task(task, pool, chosen, engine)


def score_task(task: str, pool: Pool, sets: dict[str, tuple[np.ndarray, np.ndarray]], engine: Engine) -> list[Record]:
    """Score training sets (rows of the pool, labels) by submission: one retrain each, all in one plan."""
    started = clock.now()
    rows, labels = [part for part, _ in sets.values()], [part for _, part in sets.values()]
    outcomes = engine.run(Plan(pool, LogisticRegression(), labels, rows))
    seconds = (clock.now() - started) / len(sets)
    return [
        _record(task, name, _found(outcome, len(pool.evaluation_labels)), len(part), seconds, engine)
        for (name, (part, _)), outcome in zip(sets.items(), outcomes.values, strict=True)
    ]


def figures(of: Mapping[str, Any]) -> dict[str, Fraction]:
    """The board's metrics, exactly, from a retrain's counts and its average precision; a share of none is 0."""
    right, claimed_wrongly, missed, passed_over = (of[name] for name in COUNTS)
    wrong = claimed_wrongly + missed
    return {
        "accuracy": Fraction(right + passed_over, right + passed_over + wrong),
        "recall": Fraction(right, max(1, right + missed)),
        "precision": Fraction(right, max(1, right + claimed_wrongly)),
        "f1": Fraction(2 * right, max(1, 2 * right + wrong)),
        "average_precision": decimal(of["average_precision"]),
    }


def _found(outcome: np.void, rows: int) -> dict[str, float]:
    """The metrics and the counts of a retrain on ``rows`` test images."""
    counts = {name: int(outcome[name]) for name in COUNTS[:3]}
    counts["true_negatives"] = rows - sum(counts.values())
    exact = figures(counts | {"average_precision": float(outcome["average_precision"])})
    return {metric: float(value) for metric, value in exact.items()} | counts


def _score_by_reference(
    task: str, pool: Pool, sets: dict[str, tuple[np.ndarray, np.ndarray]], engine: Engine
) -> list[Record]:
    """The same by plain scikit-learn."""
    pipeline = backends.reference_pipeline(BOARD.reference, engine.backend)
    engine.progress.planned(len(sets))
    fits = ((pool.features[rows], labels) for rows, labels in sets.values())
    scored = pipeline.each("evaluate", fits, (pool.evaluation_features, pool.evaluation_labels))
    records = []
    started = clock.now()
    for (name, (rows, _)), found in zip(sets.items(), scored, strict=True):
        records.append(_record(task, name, found, len(rows), clock.now() - started, engine))
        started = clock.now()
        engine.progress.done(1)
    return records


def _record(task: str, name: str, found: dict[str, float], images: int, seconds: float, engine: Engine) -> Record:
    return BOARD.record(
        task, name, found["f1"], engine,
        details={**found, "images": images}, retrains=1, distinct=1, seconds=seconds,
    )  # fmt: skip


def _mean(records: list[Record], tasks: int, engine: Engine) -> Record:
    mean = BOARD.mean(records, tasks, engine)
    if mean.status == "ok":
        exact = [figures(record.details) for record in records]
        mean.details |= {metric: float(statistics.mean(of[metric] for of in exact)) for metric in METRICS}
    return mean


class Vision(Benchmark):
    """The board: a training set a concept, ranked by the mean over the concepts."""

    name, metric, higher_is_better = "vision", "f1", True
    metric_means: ClassVar = {
        "f1": "the harmonic mean of precision and recall, from 0 to 1, on the concept's test images, of the model that "
        "is trained on a submission's images",
    }
    synth_options = sizes("concepts", "pool", "train", "test")
    columns: ClassVar = {
        "images": "images",
        "accuracy": "accuracy",
        "recall": "recall",
        "precision": "precision",
        "average_precision": "average precision",
    }
    instructions = """
`embeddings.parquet` (columns `ImageID`, `embedding`) is a pool of images without labels, `examples.csv` names some
that show the concept. Hand in a training set of images of the pool: a csv with the columns `ImageID,Confidence`, each
image once, 1 where it shows the concept and 0 where not, some of both; or JSON, `{ImageID: 0 or 1}`. A fixed model is
trained on it.
"""
    published = PUBLISHED
    models = ("logistic-regression",)
    reference = "dataperf_fast.boards.vision.reference"

    def evaluate(
        self, data: Path, submissions: Sequence[Path] | None, engine: Engine, options: Options
    ) -> Iterator[VisionResult]:
        """Score submissions concept by concept; without ``submissions`` the training sets that the set-up names."""
        root, setup = engine.read(files.open_setup, data)
        found, refused = _find(root, setup, submissions, engine, options)
        yield from self._scored(Source(root, setup), found, refused, engine, options)

    def score(self, data: Any, submissions: Any, engine: Engine, options: Options) -> Iterator[VisionResult]:
        """The same of a pool, test sets and training sets in memory: ``memory.py``."""
        from dataperf_fast.boards.vision import memory

        source = memory.SourceInMemory(data)
        found, refused = memory.training_sets_of(submissions, source.tasks)
        records = [self.invalid("", name, error, engine) for name, error in refused]
        yield from self._scored(source, found, records, engine, options)

    def _scored(
        self, source: Source, found: Sequence[HandedIn], refused: list[Record], engine: Engine, options: Options
    ) -> Iterator[VisionResult]:
        """Concept by concept, and the means."""
        if refused:
            yield VisionResult("", refused)
        engine.progress.begin("reading images")
        sets, invalid = _read_training_sets(source, found, engine)
        pooled = _read_pool(source, sets, invalid, engine)
        records: dict[str, list[Record]] = {submission.name: [] for submission in found}
        scores: dict[str, dict[str, dict[str, float]]] = {}
        for task in source.tasks:
            engine.progress.begin(task)
            of_task = {name: chosen for (name, of), chosen in sets.items() if of == task}
            result = VisionResult(task, [record for (_, of), record in invalid.items() if of == task])
            if of_task:
                result.records += _evaluate_task(task, source, of_task, pooled, engine, options)
            for record in result.records:
                records[record.submission].append(record)
                if record.status == "ok":
                    scores.setdefault(record.submission, {})[task] = {
                        metric: record.details[metric] for metric in METRICS
                    }
            yield result
        several = len(source.tasks) > 1
        means = [_mean(of, len(source.tasks), engine) for of in records.values()] if several else []
        yield VisionResult("mean", means, scores)

    def recognizer(self, data: Path) -> Recognize:
        """What names of files say."""
        return training_sets.recognizer(self.tasks(data))

    def tasks(self, data: Path) -> list[str]:
        """The set-up's concepts."""
        return list(files.open_setup(data)[1].tasks)

    def readings(self, data: Path, model: str | None, engine: Engine) -> list[Callable[[], object]]:
        """The pool, less its vectors, and the test sets."""
        root, setup = files.open_setup(data)
        tests = [partial(files.read_test_set, root / task.test, setup.dim) for task in setup.tasks.values()]
        return [partial(read_embeddings, root / setup.emb_file, (), setup.dim), *tests]

    def ratio(self, details: Mapping[str, Any]) -> Fraction | None:
        """F1 of the counts."""
        return figures(details)["f1"] if set(COUNTS) <= details.keys() else None

    def inputs(self, data: Path) -> list[Path]:
        """The pool and the test sets."""
        root, setup = files.open_setup(data)
        return [root / setup.emb_file, *(root / task.test for task in setup.tasks.values())]

    def challenges(self, data: Path) -> list[Challenge]:
        """The pool and a concept's example images, for a training set."""
        root, setup = files.open_setup(data)
        return [
            Challenge(
                task,
                {"embeddings.parquet": root / setup.emb_file, "examples.csv": files.examples_path(root, task)},
                "train.csv",
                f"{task}.csv",
            )
            for task in setup.tasks
        ]


BOARD = Vision()
