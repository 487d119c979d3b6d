"""Fast against reference, and backend against backend, on a user's own files: the parity ladder as a report.

The rungs of a retrain, lowest first: the loss on its training set, decision values, predictions, and the outcome that a
score is made of. Two numbers count as equal within the model's ``tolerance``; a prediction may differ only where its
own decision value is within it; outcomes and scores are equal or they are not.

The debugging board's net is compared with the reference's in float32, as its script runs it, and in float64. On large
noisy pools its training is chaotic and the two disagree: there the reference is no oracle, which is counted apart. A
difference is one only where both agree with each other and not with us: a prediction differs where its decision value
is also farther from the boundary than the two are from each other, an outcome where no such prediction is part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import groupby, islice
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast import boards
from dataperf_fast.boards import evaluation
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine, Outcomes, Progress
from dataperf_fast.engine.plan import Answers, FrozenModel, Plan, Pool
from dataperf_fast.files.errors import ArgumentError
from dataperf_fast.files.paths import StrPath
from dataperf_fast.files.records import Record
from dataperf_fast.parity.comparison import Ladder, Report, Rung, ScoreCheck

LADDER = 10  # retrains that are compared rung by rung where all scores are compared too


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
    data: StrPath,
    submissions: StrPath | Sequence[StrPath] | None = None,
    *,
    names: Sequence[str] | None = None,
    model: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
    own: Mapping[str, Any] | None = None,
) -> Report:
    """Compare backends on the same files. Nothing is taken from or put into the cache of finished retrains.

    Args:
        benchmark: the board's name.
        data: the official folder, or its set-up file.
        submissions: one path or several; None for those that come with ``data``.
        names: the backends, two or more, the first compared with each of the others; None for every one that is here;
            the report says which is ``left_out``.
        model: as ``evaluate`` takes it.
        sample: how many retrains to compare rung by rung, while the reference scores nothing in full; None compares
            every score, and ten retrains.
        seed: by which retrains are drawn.
        jobs: how many threads, and processes of the reference; None for one a core.
        progress: is told what is being done; None for nobody.
        own: options of the board, as ``evaluate`` takes them.

    Returns:
        What was compared, score by score and rung by rung.

    Raises:
        InputError: where nothing can be scored, for names that cannot be compared, and where the reference cannot run.

    Example:
        >>> from dataperf_fast import parity
        >>> parity.verify("vision", "made/vision", names=["cpu", "reference"], jobs=1).same
        True
    """
    started = clock.now()
    board, report = boards.load(benchmark), Report(benchmark)
    if names is None:
        fast = evaluation.backend_of(board, model, "auto", jobs)
        names = ["cpu", *(["cuda"] if fast.name == "cuda" else []), "reference"]
        report.left_out = {} if "cuda" in names else {"cuda": fast.reason.removeprefix("auto: ")}
    first, *others = _choose(board, model, names, jobs)
    evaluation.require_own(board, own or {})
    if others[-1].is_reference and board.reference:
        report.reference = backends.reference_pipeline(board.reference, others[-1]).departure

    def score(engine: Engine, variant: str = "") -> list[Record]:
        asked = engine.backend
        options = Options(model, own or {}, variant=variant)
        evaluated = evaluation.results(board, data, submissions, engine, options)
        records = [record for of_task in evaluated for record in of_task.records]
        if engine.backend is not asked:  # or the CPU would be compared with itself
            raise RuntimeError(f"{asked.name} failed on the way: nothing is compared with it")
        return records

    engine = _Recorder(first, progress)
    records = score(engine)
    bad = [record for record in records if record.score is None and record.status != "pending"]
    report.invalid = list(dict.fromkeys(record.error or record.status for record in bad))
    for other in others:
        names_of = first.name, other.name
        if sample is None or not other.is_reference:
            theirs = [score(Engine(other, None, progress), variant) for variant in _variants(board, model, other)]
            report.scores += _compare(records, theirs, names_of, board.ours_alone)
        else:  # what cannot be read is said whether scores are compared or not
            report.scores += [_checked(one, None, names_of, [], []) for one in records if one.score is None]
        report.ladders += climb(board, model, engine, other, sample or LADDER, seed)
    report.seconds = clock.now() - started
    return report


def _choose(board: Benchmark, model: str | None, names: Sequence[str], jobs: int | None) -> list[backends.Backend]:
    """The backends of those names, the reference last; at least two, and one of them fast."""
    chosen = [evaluation.backend_of(board, model, name, jobs) for name in names]
    chosen.sort(key=lambda backend: backend.is_reference)
    if len({backend.name for backend in chosen}) < max(2, len(chosen)) or chosen[0].is_reference:
        raise ArgumentError("backends", "holds", value=",".join(names), expected="two or more, one of them cpu or cuda")
    return chosen


def _variants(board: Benchmark, model: str | None, other: backends.Backend) -> tuple[str, ...]:
    """The ways to run a backend: the reference may have several."""
    return board.reference_variants(model) if other.is_reference else ("",)


def _compare(
    ours: list[Record], theirs: Sequence[list[Record]], names: tuple[str, str], but: Set[str] = frozenset()
) -> Iterator[ScoreCheck]:
    """Compare records with those of another backend, by each of its variants; what one of them lacks differs.

    All details are compared ``but`` those.
    """
    mine, *others = (_numbered(records) for records in (ours, *theirs))
    for place in dict.fromkeys(place for of in (mine, *others) for place in of):
        record, found = mine.get(place), [of[place] for of in others if place in of]
        if record is None or len(found) < len(others):
            scores = record.score if record else None, found[0].score if found else None
            yield ScoreCheck(place[0], place[1], names, scores, 0, ["record"])
            continue
        disagrees = list(dict.fromkeys(name for other in found[1:] for name in _unequal(found[0], other, but)))
        differs = [name for name in _unequal(record, found[0], but) if name not in disagrees]
        yield _checked(record, found[0].score, names, differs, disagrees)


def _checked(
    record: Record, other: float | None, names: tuple[str, str], differs: list[str], disagrees: list[str]
) -> ScoreCheck:
    return ScoreCheck(
        record.task, record.submission, names, (record.score, other), record.rechecked, differs, disagrees,
        record.status, record.error,
    )  # fmt: skip


def _numbered(records: list[Record]) -> dict[tuple[str, str, int], Record]:
    """Records by task, submission, and which of the two's it is: a name that was handed in twice has two."""
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for record in records:
        place = record.task, record.submission
        found[*place, seen[place]] = record
        seen[place] += 1
    return found


def _unequal(one: Record, other: Record, but: Set[str]) -> list[str]:
    """The names of what two records do not have in common."""
    found = [name for name in ("status", "score", "error") if getattr(one, name) != getattr(other, name)]
    keys = dict.fromkeys([*one.details, *other.details])
    missing = object()
    return found + [
        key for key in keys if key not in but and one.details.get(key, missing) != other.details.get(key, missing)
    ]


def climb(
    board: Benchmark, model: str | None, engine: _Recorder, other: backends.Backend, sample: int, seed: int
) -> list[Ladder]:
    """Compare a sample of the different retrains that the engine ran with another backend's, model by model."""
    distinct = {key: (plan, at, outcomes) for plan, outcomes in engine.ran for at, key in enumerate(outcomes.identity)}
    places = list(distinct.values())
    ladders: dict[str, Ladder] = {}
    for plan, at, outcomes in places:
        name = plan.model.name
        ladder = ladders.setdefault(name, _new_ladder(plan.model, (engine.backend.name, other.name)))
        ladder.retrains += 1
        ladder.rechecked += int(outcomes.rechecked[at])
    drawn = [places[at] for at in np.sort(np.random.default_rng(seed).permutation(len(places))[:sample])]
    engine.progress.begin("retrains, rung by rung")
    engine.progress.planned(len(drawn))
    for _, of_pool in groupby(drawn, lambda place: id(place[0].pool)):
        retrains = list(of_pool)
        answers = _answers(board, model, other, [place[:2] for place in retrains])
        for (plan, at, outcomes), theirs in zip(retrains, answers, strict=True):
            _check(engine, plan, at, outcomes.values[at], theirs, ladders[plan.model.name])
            engine.progress.done(1)
    return list(ladders.values())


def _new_ladder(model: FrozenModel, names: tuple[str, str]) -> Ladder:
    near = [Rung(name, tolerance=model.tolerance) for name in ("loss on the training set", "decision values")]
    return Ladder(model.name, names, 0, 0, 0, [*near, Rung("predictions"), Rung("outcome")])


class _Answered(NamedTuple):
    """What a retrain answers to its training set and to the evaluation set."""

    training: Answers
    evaluation: Answers


def _check(engine: Engine, plan: Plan, at: int, outcome: np.void, theirs: Sequence[_Answered], ladder: Ladder) -> None:
    """Train one retrain, and compare with the other backend's answers, by each of its variants."""
    rows, labels, seed = plan.rows_of(at), plan.labels[at], plan.seed_of(at)
    features, truth = plan.pool.features[rows], plan.pool.evaluation_labels
    loss, values, predictions, outcomes = ladder.rungs
    ladder.checked += 1
    own = Pool(features, features, labels)
    trained = plan.model.bind(own, engine.backend).answer(own.every_row, labels, seed)
    given = [of.training for of in theirs]
    losses = [_loss(of, labels) for of in given]
    loss.add([abs(_loss(trained, labels) - of) for of in losses], max(abs(losses[0] - losses[-1]), _spread(given)))
    ours, answers = engine.trainer(plan).answer(rows, labels, seed), [of.evaluation for of in theirs]
    near, blurred = np.zeros((2, len(truth)), np.bool_)
    if ours.decisions is not None and answers[0].decisions is not None:
        scale, spread = _scale(answers[0].decisions), _spread(answers)
        values.add([_apart(ours, of) / scale for of in answers], spread)
        margins = np.abs(ours.decisions)
        if ours.decisions.ndim == 2:
            second, best = np.sort(ours.decisions, axis=1)[:, -2:].T
            margins = best - second
        near, blurred = margins <= plan.model.tolerance * scale, margins <= spread * scale
        ladder.smallest_margin = min(ladder.smallest_margin, float(margins.min()))
    flipped = ours.classes != answers[0].classes
    disagreeing = (answers[0].classes != answers[-1].classes) | (flipped & blurred & ~near)
    predictions.compared += len(truth)
    predictions.disagreeing += int(disagreeing.sum())
    predictions.excused += int((flipped & ~disagreeing & near).sum())
    predictions.differing += int((flipped & ~disagreeing & ~near).sum())
    found = [_metric(plan.model.metric, truth, of.classes) for of in answers]
    outcomes.compared += 1
    if _outcome(plan, outcome) != found[0] or found[0] != found[-1]:
        apart = found[0] != found[-1] or bool((flipped & disagreeing).any())
        outcomes.disagreeing += apart
        outcomes.differing += not apart


def _spread(answers: Sequence[Answers]) -> float:
    """How far the decision values of a reference's precisions are apart, as a part of their root mean square."""
    first = answers[0].decisions
    return 0.0 if first is None or len(answers) == 1 else _apart(answers[0], answers[-1]) / _scale(first)


def _scale(decisions: np.ndarray) -> float:
    return float(np.sqrt((decisions**2).mean())) or 1.0


def _apart(one: Answers, other: Answers) -> float:
    """The largest difference of decision values."""
    assert one.decisions is not None
    assert other.decisions is not None
    return float(np.abs(one.decisions - other.decisions).max())


def _answers(
    board: Benchmark, model: str | None, backend: backends.Backend, retrains: list[tuple[Plan, int]]
) -> Iterator[list[_Answered]]:
    """What a backend answers when it trains retrains of one pool from nothing: of each, by its variants."""
    plans = [plan for plan, _ in retrains]
    training = [plan.pool.features[plan.rows_of(at)] for plan, at in retrains]
    labels, seeds = [plan.labels[at] for plan, at in retrains], [plan.seed_of(at) for plan, at in retrains]
    evaluation = plans[0].pool.evaluation_features
    if not backend.is_reference:
        for plan, features, given, seed in zip(plans, training, labels, seeds, strict=True):
            pools = [Pool(features, queries, np.zeros(len(queries), given.dtype)) for queries in (features, evaluation)]
            yield [_Answered(*(plan.model.bind(of, backend).answer(of.every_row, given, seed) for of in pools))]
        return
    pipeline = backends.reference_pipeline(board.reference, backend)
    variants = _variants(board, model, backend)
    calls = [
        _taken(board, model, variant, *retrain)
        for retrain in zip(training, labels, seeds, strict=True)
        for variant in variants
    ]
    each = [features for features in training for _ in variants]
    of_training = pipeline.each("answer", [(*call, of) for call, of in zip(calls, each, strict=True)])
    of_evaluation = pipeline.each("answer", calls, (evaluation,))
    for _ in retrains:
        pairs = islice(zip(of_training, of_evaluation, strict=True), len(variants))
        yield [_Answered(Answers(*one), Answers(*other)) for one, other in pairs]


def _taken(
    board: Benchmark, model: str | None, variant: str, features: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[Any, ...]:
    """The arguments of the reference's ``answer``, but for what is asked."""
    given: dict[str, Any] = {"model": board.model_named(model), "variant": variant, "features": features}
    given |= {"labels": labels, "seed": seed}
    return tuple(given[name] for name in board.reference_takes)


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
    if plan.model.metric == "macro_f1":
        return float(outcome["f1"])
    return float(plan.model.accuracy(np.array([outcome]), len(plan.pool.evaluation_labels))[0])


def _metric(name: str, truth: np.ndarray, classes: np.ndarray) -> float:
    """What a model's outcome is, by scikit-learn, from the reference's predictions."""
    from sklearn.metrics import accuracy_score, f1_score

    if name == "macro_f1":
        return float(f1_score(truth, classes, average="macro"))
    accuracy = float(accuracy_score(truth, classes))
    return float(np.round(accuracy, 2)) if name == "rounded_accuracy" else accuracy
