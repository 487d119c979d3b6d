"""Fast against reference, and backend against backend, on a user's own files: the parity ladder as a report.

The rungs of a retrain, lowest first: the loss on its training set, decision values, predictions, and the outcome that a
score is made of. Two numbers count as equal within the model's ``TOLERANCE``; a prediction may differ only where its
own decision value is within it; outcomes and scores are equal or they are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast import backend as backends
from dataperf_fast import benchmarks
from dataperf_fast.benchmarks.common import Options
from dataperf_fast.engine import Engine, Outcomes, Progress
from dataperf_fast.formats.errors import InputError
from dataperf_fast.plan import Answers, Plan, Pool
from dataperf_fast.results import Record

LADDER = 10  # retrains that are compared rung by rung where all scores are compared too
# How far decision values may be apart, as a part of their root mean square. The reference itself rounds: PyTorch's net
# and the logistic regression of ``voting`` are float32, and its own optima end where their tolerances let them.
# docs/parity.md has what was measured.
TOLERANCE = {
    "linear-net": 5e-4,
    "logistic-optimum": 1e-7,
    "svc": 1e-5,
    "voting": 1e-6,
    "logistic": 1e-12,
    "rf": 1e-12,
    "knn": 0.0,
    "knn-votes": 1e-12,
    "xgb": 0.0,
}
_OWN_WORDS = {"settled_rows"}  # details of ours that the reference has no counterpart of


@dataclass
class Rung:
    """One rung over all retrains that were compared: how many numbers, how many differ, and the largest difference.

    ``largest`` and ``tolerance`` are parts of the decision values' root mean square; None where only equality counts.
    """

    name: str
    compared: int = 0
    differing: int = 0
    largest: float | None = None
    tolerance: float | None = None
    excused: int = 0  # predictions that differ where the decision value is within the tolerance

    def add(self, difference: float) -> None:
        """Take in a difference of two numbers; what is not a number differs."""
        self.compared += 1
        self.largest = float("inf") if np.isnan(difference) else max(self.largest or 0.0, difference)
        self.differing += not difference <= (self.tolerance or 0.0)


@dataclass
class Ladder:
    """The rungs of a model; ``smallest_margin`` is the least distance of an evaluation row from another class."""

    model: str
    backends: tuple[str, str]
    checked: int
    retrains: int
    rechecked: int
    rungs: list[Rung]
    smallest_margin: float = float("inf")


@dataclass
class ScoreCheck:
    """A published score by two backends; ``differs`` names what of the record is not equal."""

    task: str
    submission: str
    backends: tuple[str, str]
    scores: tuple[float | None, float | None]
    rechecked: int
    differs: list[str]


@dataclass
class Report:
    """What was compared. ``same`` is the verdict."""

    benchmark: str
    scores: list[ScoreCheck] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        rungs = [rung for ladder in self.ladders for rung in ladder.rungs]
        return not any(check.differs for check in self.scores) and not any(rung.differing for rung in rungs)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON; infinities become None."""
        found = asdict(self) | {"same": self.same}
        for ladder in found["ladders"]:
            for numbers in (ladder, *ladder["rungs"]):
                for name, value in numbers.items():
                    if isinstance(value, float) and not np.isfinite(value):
                        numbers[name] = None
        return found


class _Recorder(Engine):
    """An engine that remembers the plans it ran, and how many retrains were rechecked."""

    def __init__(self, backend: backends.Backend, progress: Progress | None):
        super().__init__(backend, None, progress)
        self.ran: list[tuple[Plan, Outcomes]] = []

    def run(self, plan: Plan, matters: Callable[[np.ndarray], np.ndarray] | None = None) -> Outcomes:
        outcomes = super().run(plan, matters)
        self.ran.append((plan, outcomes))
        return outcomes


def verify(
    benchmark: str,
    data: str | Path,
    submissions: Sequence[Path] | None = None,
    *,
    names: Sequence[str] | None = None,
    model: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare backends ``names``, the first with each of the others; by default every one that is here.

    Without ``sample`` every score is compared, and some retrains rung by rung. With it, scores of fast backends and so
    many retrains, drawn by ``seed``, are compared, and the reference scores nothing in full. Nothing is taken from or
    put into the cache of finished retrains.
    """
    started = time.perf_counter()
    first, *others = _choose(benchmark, model, names, jobs)
    board, options = benchmarks.load(benchmark), Options(curve=False, model=model)

    def score(engine: Engine) -> list[Record]:
        return [
            record for result in board.evaluate(Path(data), submissions, engine, options) for record in result.records
        ]

    engine = _Recorder(first, progress)
    records = score(engine)
    report = Report(benchmark)
    bad = [record for record in records if record.status not in ("ok", "pending")]
    report.invalid = list(dict.fromkeys(record.error or record.status for record in bad))
    for other in others:
        names_of = first.name, other.name
        if sample is None or not other.is_reference:
            report.scores += list(_compare(records, score(Engine(other, None, progress)), names_of))
        report.ladders += climb(benchmark, model, engine, other, sample or LADDER, seed)
    report.seconds = time.perf_counter() - started
    return report


def _choose(benchmark: str, model: str | None, names: Sequence[str] | None, jobs: int | None) -> list[backends.Backend]:
    """The backends of those names, the reference last; at least two, and one of them fast."""
    lacking = benchmarks.load(benchmark).without_cuda(model)
    if names is None:
        fast = backends.choose("auto", jobs, lacking)
        names = ["cpu", "cuda", "reference"] if fast.name == "cuda" else ["cpu", "reference"]
    chosen = [backends.choose(name, jobs, lacking) for name in names]
    if any(backend.is_reference for backend in chosen):
        backends.reference_pipeline(benchmark)  # or say at once what is not installed
    chosen.sort(key=lambda backend: backend.is_reference)
    if len({backend.name for backend in chosen}) < max(2, len(chosen)) or chosen[0].is_reference:
        raise InputError("--backends", "holds", value=",".join(names), expected="two or more, one of them cpu or cuda")
    return chosen


def _compare(ours: list[Record], theirs: list[Record], names: tuple[str, str]) -> Iterator[ScoreCheck]:
    others = {(record.task, record.submission): record for record in theirs}
    for record in ours:
        other = others.get((record.task, record.submission))
        if other is None:
            yield ScoreCheck(record.task, record.submission, names, (record.score, None), 0, ["record"])
            continue
        differs = [name for name in ("status", "score", "error") if getattr(record, name) != getattr(other, name)]
        keys = dict.fromkeys([*record.details, *other.details])
        differs += [key for key in keys if key not in _OWN_WORDS and record.details.get(key) != other.details.get(key)]
        scores = record.score, other.score
        yield ScoreCheck(record.task, record.submission, names, scores, record.rechecked, differs)


def climb(
    benchmark: str, model: str | None, engine: _Recorder, other: backends.Backend, sample: int, seed: int
) -> list[Ladder]:
    """Compare a sample of the different retrains that the engine ran with another backend's, model by model."""
    distinct = {key: (plan, at, outcomes) for plan, outcomes in engine.ran for at, key in enumerate(outcomes.identity)}
    places = list(distinct.values())
    ladders: dict[str, Ladder] = {}
    for plan, at, outcomes in places:
        name = plan.model.name
        ladder = ladders.setdefault(name, _new_ladder(name, (engine.backend.name, other.name)))
        ladder.retrains += 1
        ladder.rechecked += int(outcomes.rechecked[at])
    drawn = np.random.default_rng(seed).permutation(len(places))[:sample]
    engine.progress.begin("retrains, rung by rung")
    engine.progress.planned(len(drawn))
    for number in np.sort(drawn):
        plan, at, outcomes = places[number]
        answer = partial(_answer, benchmark, model, other, plan, at)
        _check(engine, plan, at, outcomes.values[at], answer, ladders[plan.model.name])
        engine.progress.done(1)
    return list(ladders.values())


def _new_ladder(model: str, names: tuple[str, str]) -> Ladder:
    tolerance = TOLERANCE[model]
    rungs = [
        Rung("loss on the training set", tolerance=tolerance),
        Rung("decision values", tolerance=tolerance),
        Rung("predictions"),
        Rung("outcome"),
    ]
    return Ladder(model, names, 0, 0, 0, rungs)


def _check(
    engine: Engine, plan: Plan, at: int, outcome: np.void, other: Callable[[np.ndarray], Answers], ladder: Ladder
) -> None:
    """Train one retrain, and compare with what ``other`` answers to its training set and to the evaluation set."""
    rows, labels, seed = plan.rows_of(at), plan.labels[at], plan.seed_of(at)
    features, truth = plan.pool.features[rows], plan.pool.evaluation_labels
    loss, values, predictions, outcomes = ladder.rungs
    ladder.checked += 1
    own = Pool(features, features, labels)
    trained = plan.model.bind(own, engine.backend).answer(own.every_row, labels, seed)
    loss.add(abs(_loss(trained, labels) - _loss(other(features), labels)))
    ours, theirs = engine.trainer(plan).answer(rows, labels, seed), other(plan.pool.evaluation_features)
    near = np.zeros(len(truth), np.bool_)
    if ours.decisions is not None and theirs.decisions is not None:
        scale = float(np.sqrt((theirs.decisions**2).mean())) or 1.0
        apart = np.abs(ours.decisions - theirs.decisions)
        values.add(float(apart.max()) / scale)
        margins = np.abs(ours.decisions)
        if ours.decisions.ndim == 2:
            second, first = np.sort(ours.decisions, axis=1)[:, -2:].T
            margins = first - second
        near = margins <= TOLERANCE[plan.model.name] * scale
        ladder.smallest_margin = min(ladder.smallest_margin, float(margins.min()))
    flipped = ours.classes != theirs.classes
    predictions.compared += len(truth)
    predictions.differing += int((flipped & ~near).sum())
    predictions.excused += int((flipped & near).sum())
    outcomes.compared += 1
    outcomes.differing += _outcome(plan, outcome) != _outcome_of(plan.model.name, theirs.classes, truth)


def _answer(
    benchmark: str, model: str | None, backend: backends.Backend, plan: Plan, at: int, queries: np.ndarray
) -> Answers:
    """What a backend answers to ``queries (q, d)`` when it trains the plan's retrain ``at`` from nothing."""
    labels, seed = plan.labels[at], plan.seed_of(at)
    features = plan.pool.features[plan.rows_of(at)]
    if not backend.is_reference:
        pool = Pool(features, queries, np.zeros(len(queries), plan.pool.evaluation_labels.dtype))
        return plan.model.bind(pool, backend).answer(pool.every_row, labels, seed)
    pipeline = backends.reference_pipeline(benchmark)
    if benchmark == "speech":
        return Answers(*pipeline.answer(features, labels, queries, seed))
    if benchmark == "vision":
        return Answers(*pipeline.answer(features, labels, queries))
    if benchmark == "acquisition":
        return Answers(*pipeline.answer(model or "lr", features, labels, queries))
    return Answers(*pipeline.answer(model or "linear-net", features, labels, queries, backend.threads))


def _loss(answers: Answers, labels: np.ndarray) -> float:
    """The mean logistic loss of decision values or probabilities; the share of errors where there are none."""
    decisions = answers.decisions
    if decisions is None:
        return float((answers.classes != labels).mean())
    classes, positions = np.unique(labels, return_inverse=True)
    if decisions.ndim == 2:
        return float(-np.log(decisions[np.arange(len(labels)), positions]).mean())
    return float(np.logaddexp(0.0, np.where(positions == len(classes) - 1, -decisions, decisions)).mean())


def _outcome(plan: Plan, outcome: np.void) -> float:
    """What of ours the score is made of."""
    if "f1" in (outcome.dtype.names or ()):
        return float(outcome["f1"])
    model: Any = plan.model
    return float(model.accuracy(np.array([outcome]), len(plan.pool.evaluation_labels))[0])


def _outcome_of(model: str, classes: np.ndarray, truth: np.ndarray) -> float:
    """The same by scikit-learn, from the reference's predictions."""
    from sklearn.metrics import accuracy_score, f1_score

    if model == "voting":
        return float(f1_score(truth, classes, average="macro"))
    accuracy = float(accuracy_score(truth, classes))
    return float(np.round(accuracy, 2)) if model == "linear-net" else accuracy
