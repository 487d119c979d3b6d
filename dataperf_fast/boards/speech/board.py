"""Speech: which 25 or 60 clips to train a keyword spotter on.

The frozen model is trained on a submission's clips once for each of ten seeds; the score is the macro F1 over all
evaluation clips, averaged over the seeds. Higher is better.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dataperf_fast.boards.board import Benchmark, Challenge
from dataperf_fast.boards.options import Options
from dataperf_fast.boards.speech import files
from dataperf_fast.boards.speech.published import PUBLISHED
from dataperf_fast.boards.speech.selection import Selection
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files.errors import InputError, shown
from dataperf_fast.files.handed_in import Recognize
from dataperf_fast.files.paths import write_text
from dataperf_fast.files.records import Record
from dataperf_fast.models.voting import Voting

_LANGUAGES = {"en": "English", "id": "Indonesian", "pt": "Portuguese"}
SEEDS = np.array([5, 69, 98, 70, 95, 64, 37, 11, 4, 32])


@dataclass
class SpeechResult:
    """A scored board (language and size) and its records."""

    task: str
    records: list[Record]

    def write(self, folder: Path) -> list[Path]:
        """Write ``{task}_scores.json``, score and scores by seed of every submission, if anything was scored."""
        scored = [record for record in self.records if record.status == "ok"]
        if not scored:
            return []
        path = folder / f"{self.task}_scores.json"
        scores = {r.submission: {"score": r.score, "scores": r.details["scores"]} for r in scored}
        write_text(path, json.dumps(scores, indent=1) + "\n")
        return [path]


class Language:
    """One language's folder: the allowed set and the evaluation clips. Classes: nontarget 0, then the words, sorted."""

    def __init__(self, folder: Path):
        self.folder = folder
        path, self.allowed = self.listed("allowed_training_set", "the speech board's allowed training set")
        self.allowed_ids = files.allowed_ids(self.allowed)
        self.class_of = files.class_numbers(path, self.allowed.targets)

    def listed(self, name: str, what: str) -> tuple[Path, Selection]:
        """One of the two official sets, ``allowed_training_set`` or ``eval``, and where it is."""
        path = self.folder / f"{name}.yaml"
        return path, files.read_official(path, what)

    def clips(self, part: str, selections: Iterable[Selection], dimension: int | None, threads: int) -> files.Clips:
        """The clips of ``part``, ``train_embeddings`` or ``eval_embeddings``, that any of the selections lists."""
        return files.read_clips(self.folder / part, files.wanted_clips(selections), dimension, threads)

    @cached_property
    def evaluation(self) -> Selection:
        """What ``eval.yaml`` lists; its words must be the allowed set's."""
        path, listed = self.listed("eval", "the speech board's evaluation set")
        for word in listed.targets:
            if word not in self.class_of:
                words = ", ".join(self.class_of)
                raise InputError(path, "holds", "targets", word, f"a target of the allowed set: {words}")
        if not any(listed.targets.values()) and not listed.nontargets:
            raise InputError(path, "lists no clip")
        return listed

    def read_training(self, selections: Iterable[Selection], threads: int) -> files.Clips:
        """Read the clips that any of the selections lists."""
        return self.clips("train_embeddings", selections, None, threads)

    def read_evaluation(self, dimension: int | None, threads: int) -> tuple[np.ndarray, np.ndarray]:
        """The evaluation clips' vectors ``(m, d)`` float32, any ``d`` if None, and classes ``(m,)`` uint8."""
        clips = self.clips("eval_embeddings", [self.evaluation], dimension, threads)
        classes = np.zeros(len(clips.features), np.uint8)
        for word, ids in self.evaluation.targets.items():
            classes[[clips.row_of[clip] for clip in ids]] = self.class_of[word]
        return clips.features, classes


def training_set(selection: Selection, clips: files.Clips, class_of: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``(n,)`` int32 and classes ``(n,)`` uint8 of a submission, in the reference's order, which lbfgs depends on.

    Words as the submission has them, each in its file's order; then nontargets, grouped by word of first appearance.
    """
    rows: list[int] = []
    classes: list[int] = []
    for word, ids in selection.targets.items():
        rows += sorted(clips.row_of[clip] for clip in ids)
        classes += [class_of[word]] * len(ids)
    for ids in files.by_word(selection.nontargets).values():
        rows += [clips.row_of[clip] for clip in ids]
        classes += [0] * len(ids)
    return np.array(rows, np.int32), np.array(classes, np.uint8)


def _find(
    paths: Sequence[Path], languages: Collection[str], engine: Engine, options: Options
) -> tuple[list[files.SelectionFile], list[Record]]:
    """The selections, and the records of what is none, those of a language that the data lacks among them."""
    found, refused = BOARD.find_submissions(
        paths, files.recognize, files.NAMED, options, engine, files.LANGUAGE_FOLDER.fullmatch
    )
    usable: list[files.SelectionFile] = []
    for one in found:
        for (language, size), path in one.files.items():
            file = files.SelectionFile(language, size, one.name, path)
            if (error := one.doubtful.get((language, size))) is None and language not in languages:
                expected = f"{' or '.join(languages)}, which the data holds"
                error = InputError(path, "is for language", "", language, expected)
            if error is None:
                usable.append(file)
            else:
                refused.append(_invalid(file, error, engine))
    return usable, refused


def _warn_of_sizes(usable: Sequence[files.SelectionFile]) -> None:
    for size in sorted({file.size for file in usable} - set(files.BOARD_SIZES)):
        larger = [board for board in files.BOARD_SIZES if board > size]
        fate = f"a picture compares it on that of {larger[0]}" if larger else "none takes so many"
        first = next(file.path for file in usable if file.size == size)
        warnings.warn(f"{shown(first)}: there is no board of {size} clips: {fate}", stacklevel=2)


def _evaluate_language(
    opened: Callable[[], Language], found: list[files.SelectionFile], engine: Engine, options: Options
) -> list[Record]:
    """Score a language's submissions; what is wrong with its own files is said for all that are valid so far."""
    selections: dict[files.SelectionFile, Selection] = {}
    records = []
    try:
        board = engine.read(opened)
        for file in found:
            try:
                selections[file] = engine.read(files.read_submission, file, board.allowed, board.allowed_ids)
            except InputError as error:
                records.append(_invalid(file, error, engine))
            else:
                _warn_of_missing_words(file, selections[file], board)
        if not selections:
            return records
        clips, refused = engine.read(_read_training, board, selections, engine)
        records += refused
        if clips is None:
            return records
        evaluation = engine.read(board.read_evaluation, clips.features.shape[1], engine.backend.threads)
    except InputError as error:
        return records + [_invalid(file, error, engine) for file in selections or found]
    if not options.train:
        return records + [BOARD.pending(file.task, file.name, engine) for file in selections]
    sets = {file: training_set(selection, clips, board.class_of) for file, selection in selections.items()}
    return records + score_submissions(Pool(clips.features, *evaluation), sets, engine)


def _read_training(
    board: Language, selections: dict[files.SelectionFile, Selection], engine: Engine
) -> tuple[files.Clips | None, list[Record]]:
    """Read the clips of all submissions; those whose clips cannot be read are taken out, each with a record."""
    threads = engine.backend.threads
    try:
        return board.read_training(selections.values(), threads), []
    except InputError:
        refused = []
        for file, selection in list(selections.items()):
            try:
                board.read_training([selection], threads)
            except InputError as error:
                refused.append(_invalid(file, error, engine))
                del selections[file]
        return (board.read_training(selections.values(), threads) if selections else None), refused


def _warn_of_missing_words(file: files.SelectionFile, selection: Selection, board: Language) -> None:
    missing = [word for word in board.class_of if not selection.targets.get(word)]
    missing += [] if selection.nontargets else ["nontargets"]
    if missing:
        warnings.warn(
            f"{shown(file.path)}: has no clip of {', '.join(missing)}, which is then never predicted", stacklevel=2
        )


def score_submissions(
    pool: Pool, sets: dict[files.SelectionFile, tuple[np.ndarray, np.ndarray]], engine: Engine
) -> list[Record]:
    """Score training sets (rows of the pool, classes) that share a pool: ten retrains each, all in one plan."""
    if engine.backend.is_reference:
        return _score_by_reference(pool, sets, engine)
    started = clock.now()
    rows = [part for part, _ in sets.values() for _ in SEEDS]
    labels = [part for _, part in sets.values() for _ in SEEDS]
    outcomes = engine.run(Plan(pool, Voting(), labels, rows, np.tile(SEEDS, len(sets))))
    seconds = (clock.now() - started) / len(sets)
    records = []
    for number, (file, (of_file, _)) in enumerate(sets.items()):
        part = outcomes.values[number * len(SEEDS) : (number + 1) * len(SEEDS)]
        record = _record(file, part["f1"], len(of_file), seconds, engine)
        record.details["settled_rows"] = int(part["settled"][0])
        record.rechecked = int((part["settled"] > 0).sum())
        records.append(record)
    return records


def _score_by_reference(
    pool: Pool, sets: dict[files.SelectionFile, tuple[np.ndarray, np.ndarray]], engine: Engine
) -> list[Record]:
    """The same by scikit-learn's VotingClassifier, a fit a seed."""
    pipeline = backends.reference_pipeline(BOARD.reference, engine.backend)
    engine.progress.planned(len(sets) * len(SEEDS))
    fits = ((pool.features[rows], labels, int(seed)) for rows, labels in sets.values() for seed in SEEDS)
    scored = pipeline.each("score", fits, (pool.evaluation_features, pool.evaluation_labels))
    records = []
    for file, (rows, _) in sets.items():
        started = clock.now()
        scores = []
        for score in islice(scored, len(SEEDS)):
            scores.append(score)
            engine.progress.done(1)
        records.append(_record(file, np.array(scores), len(rows), clock.now() - started, engine))
    return records


def _record(file: files.SelectionFile, scores: np.ndarray, clips: int, seconds: float, engine: Engine) -> Record:
    details: dict[str, Any] = {
        "clips": clips,
        "limit": file.size,
        "spread": float(np.std(scores)),
        "scores": {str(seed): float(score) for seed, score in zip(SEEDS, scores, strict=True)},
    }
    return BOARD.record(
        file.task, file.name, float(np.mean(scores)), engine,
        details=details, retrains=len(SEEDS), distinct=len(SEEDS), seconds=seconds,
    )  # fmt: skip


def _invalid(file: files.SelectionFile, error: InputError, engine: Engine) -> Record:
    return BOARD.invalid(file.task, file.name, error, engine)


class Speech(Benchmark):
    """The board: training sets by language and size, each ranked by itself."""

    name, metric, higher_is_better = "speech", "macro_f1", True
    metric_means: ClassVar = {
        "macro_f1": "the F1 of each word and of all other clips, from 0 to 1, averaged over these and over ten seeds, "
        "of the model that is trained on a submission's clips",
    }
    columns: ClassVar = {"clips": "clips", "spread": "spread"}
    instructions = """
`allowed_training_set.yaml` lists the clips that may be chosen, of each target word and of others (`nontargets`);
`train_embeddings/{word}.parquet` has their vectors (columns `clip_id`, `mswc_embedding_vector`). Hand in a selection
as JSON, `{"targets": {word: [clip ids]}, "nontargets": [clip ids]}`, of at most as many clips in all as the task's
name says. A fixed model is trained on it.
"""
    published = PUBLISHED
    ranks_tasks = True
    models = ("voting",)
    ours_alone = frozenset({"settled_rows"})
    reference = "dataperf_fast.boards.speech.reference"
    reference_takes = ("features", "labels", "seed")

    def evaluate(
        self, data: Path, submissions: Sequence[Path] | None, engine: Engine, options: Options
    ) -> Iterator[SpeechResult]:
        """Score submissions, all of a language's in one plan; without ``submissions`` those in ``data``."""
        folders = files.find_languages(data)
        usable, refused = _find([data] if submissions is None else submissions, folders, engine, options)
        languages = {language: partial(Language, folder) for language, folder in folders.items()}
        yield from self._scored(languages, usable, refused, engine, options)

    def score(self, data: Any, submissions: Any, engine: Engine, options: Options) -> Iterator[SpeechResult]:
        """The same of languages and selections in memory: ``memory.py``."""
        from dataperf_fast.boards.speech import memory

        languages = memory.languages_of(data)
        usable, refused = memory.selections_of(submissions, languages)
        records = [self.invalid("", name, error, engine) for name, error in refused]
        yield from self._scored(languages, usable, records, engine, options)

    def _scored(
        self, languages: Mapping[str, Callable[[], Language]], usable: Sequence[files.SelectionFile],
        refused: list[Record], engine: Engine, options: Options,
    ) -> Iterator[SpeechResult]:  # fmt: skip
        """Language by language."""
        _warn_of_sizes(usable)
        if refused:
            yield SpeechResult("", refused)
        for language, opened in languages.items():
            of_language = [file for file in usable if file.language == language]
            if of_language:
                engine.progress.begin(language)
                records = _evaluate_language(opened, of_language, engine, options)
                for task in dict.fromkeys(file.task for file in of_language):
                    yield SpeechResult(task, [record for record in records if record.task == task])

    def recognizer(self, data: Path) -> Recognize:
        """What names of files say."""
        return files.recognize

    def tasks(self, data: Path) -> list[str]:
        """Language and size of each board."""
        return [f"{language}_{size}" for language in files.find_languages(data) for size in files.BOARD_SIZES]

    def readings(self, data: Path, model: str | None, engine: Engine) -> list[Callable[[], object]]:
        """The languages' allowed sets and evaluation clips."""
        threads = engine.backend.threads
        return [
            partial(lambda folder: Language(folder).read_evaluation(None, threads), folder)
            for folder in files.find_languages(data).values()
        ]

    def title_of(self, task: str) -> str:
        """Such as "English, up to 25 clips"."""
        language, _, size = task.partition("_")
        return f"{_LANGUAGES[language]}, up to {size} clips" if language in _LANGUAGES else task

    def inputs(self, data: Path) -> list[Path]:
        """The languages' folders."""
        return list(files.find_languages(data).values())

    def challenges(self, data: Path) -> list[Challenge]:
        """The allowed training clips, for a selection of as many as the board allows."""
        return [
            Challenge(
                f"{language}_{size}",
                {name: folder / name for name in ("allowed_training_set.yaml", "train_embeddings")},
                "train.json",
                f"{language}_{size}_train.json",
                {"clips": size},
            )
            for language, folder in files.find_languages(data).items()
            for size in files.BOARD_SIZES
        ]


BOARD = Speech()
