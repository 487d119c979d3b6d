"""What every board has in common, a third party's among them, and what a caller may choose."""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from dataperf_fast.boards.options import Option, Options
from dataperf_fast.boards.secrets import Secret, files_but
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import machine
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.files import handed_in
from dataperf_fast.files.errors import ArgumentError, InputError, install
from dataperf_fast.files.handed_in import HandedIn, Recognize
from dataperf_fast.files.records import OURS, Record, decimal
from dataperf_fast.models import table


class Scored(Protocol):
    """A score with its details: ``files.records.Record`` and the store's ``Score``."""

    @property
    def score(self) -> float | None:
        """The score, if there is one."""
        ...

    @property
    def details(self) -> Mapping[str, Any]:
        """What else the board says."""
        ...


class Result(Protocol):
    """What a board yields, task by task: its records, and what it can write of them.

    Attributes:
        records: the records.

    Example:
        >>> from dataperf_fast import boards
        >>> from dataperf_fast.boards.options import Options
        >>> from dataperf_fast.engine import backend as backends
        >>> from dataperf_fast.engine.engine import Engine
        >>> vision, engine = boards.load("vision"), Engine(backends.choose("cpu"))
        >>> results = list(vision.evaluate(Path("made/vision"), None, engine, Options()))
        >>> [record.task for record in results[0].records], results[-1].write(Path("results"))[0].suffix
        (['Cupcake'], '.json')
    """

    records: list[Record]

    def write(self, folder: Path) -> list[Path]:
        """Write the board's official files; returns them."""
        ...


@dataclass(frozen=True)
class Challenge:
    """What an algorithm is given of a task, and what it must leave: the Closed Division's and the containers' terms.

    Attributes:
        task: the task's name.
        files: what it may read, by the name that it reads them under.
        answer: the file that it must write.
        submitted: the name that the answer takes in a submission's folder.
        about: the rest that it is told, a size limit for instance.

    Example:
        >>> from pathlib import Path
        >>> from dataperf_fast.boards.board import Challenge
        >>> Challenge("test", {"pool.npz": Path("data/pool.npz")}, "images.npz", "images.npz", {"images": 200}).answer
        'images.npz'
    """

    task: str
    files: Mapping[str, Path]
    answer: str
    submitted: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What is published of a method.

    Attributes:
        name: the method's, as it is shown.
        scores: its scores by task, on the data that it was published with.

    Example:
        >>> from dataperf_fast.boards.board import Published
        >>> Published("k-means", {"Hawk": 0.741}).scores["Hawk"]
        0.741
    """

    name: str
    scores: Mapping[str, float]


class Benchmark(ABC):
    """A board: how official files become scores. Found by its name among the entry points ``dataperf_fast.benchmarks``.

    A board has ``name``, ``metric``, ``higher_is_better``, ``tasks`` and ``evaluate``; all else has a default.
    docs/add_a_board.md has a whole one.

    Attributes:
        name: what it is called.
        metric: what its score is called.
        metric_means: what each of its metrics means, by its name in records: a phrase for pages, without a full stop.
        higher_is_better: which of two scores is the better one.
        models: names of its models, its own first: of ``models/table.py``, or what ``version`` and ``decided_by`` know.
        options: those of scoring that it has of its own, which ``Options.own`` holds.
        synth_options: those of ``synth``, beside a scale and a seed.
        demo_methods: of the baselines those that the demo scores; None: the default ones.
        ranks_tasks: each task has a leaderboard of its own, and a submission need not enter all (speech's six boards);
            otherwise a submission is ranked by its mean over the tasks.
        private: an error of ours may quote what nobody is to see.
        reference: the module of the published pipeline, which ``--backend reference`` runs.
        reference_takes: what the reference's ``answer`` takes before the rows to answer, of model, variant, features,
            labels and seed.
        ours_alone: details that the reference's records have none of.
        columns: details that a table shows, and their headers.
        instructions: what participants are told of the files that they get and hand in, in Markdown.
        curve_labels: of a score's curve, what goes up and what goes across.
        published: what is published, by the baselines' names where they are ours too.

    Example:
        >>> from pathlib import Path
        >>> from types import SimpleNamespace
        >>> from dataperf_fast.boards.board import Benchmark
        >>> from dataperf_fast.boards.options import Options
        >>> from dataperf_fast.engine import backend as backends
        >>> from dataperf_fast.engine.engine import Engine
        >>> class Words(Benchmark):
        ...     name, metric, higher_is_better = "words", "count", True
        ...
        ...     def tasks(self, data):
        ...         return ["text"]
        ...
        ...     def evaluate(self, data, submissions, engine, options):
        ...         counts = {path.stem: len(path.read_text().split()) for path in submissions}
        ...         records = [self.record("text", name, float(of), engine) for name, of in counts.items()]
        ...         yield SimpleNamespace(records=records, write=lambda folder: [])
        >>> _ = Path("note.txt").write_text("three words long")
        >>> [result] = Words().evaluate(Path(), [Path("note.txt")], Engine(backends.choose("cpu")), Options())
        >>> result.records[0].submission, result.records[0].score
        ('note', 3.0)
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    metric_means: ClassVar[Mapping[str, str]] = {}
    models: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[Option, ...]] = ()
    synth_options: ClassVar[tuple[Option, ...]] = ()
    demo_methods: ClassVar[tuple[str, ...] | None] = None
    ranks_tasks: ClassVar[bool] = False
    private: ClassVar[bool] = False
    reference: ClassVar[str] = ""
    reference_takes: ClassVar[tuple[str, ...]] = ("features", "labels")
    ours_alone: ClassVar[frozenset[str]] = frozenset()
    columns: ClassVar[Mapping[str, str]] = {}
    instructions: ClassVar[str] = ""
    curve_labels: ClassVar[tuple[str, str]] = ("", "")
    published: ClassVar[Mapping[str, Published]] = {}

    @abstractmethod
    def evaluate(
        self, data: Path, submissions: Sequence[Path] | None, engine: Engine, options: Options
    ) -> Iterator[Result]:
        """Score submissions, those that come with ``data`` if None; a broken one becomes an invalid record.

        Raises ``InputError`` where nothing can be scored.
        """

    def score(self, data: Any, submissions: Any, engine: Engine, options: Options) -> Iterator[Result]:
        """Score what is in memory as ``evaluate`` scores the same in files; ``data`` is as the board says.

        ``submissions`` is a mapping from names to mappings from tasks. Raises ``InputError`` where nothing can be
        scored, and for a board that takes files alone, as this default says it does.
        """
        raise InputError("score", f"has no meaning for {self.name}, which takes files", expected="evaluate")

    @abstractmethod
    def tasks(self, data: Path) -> list[str]:
        """The names of the tasks in ``data``, in order. Raises ``InputError`` where it holds none."""

    @property
    def short_models(self) -> list[str]:
        """What ``--model`` takes, in short."""
        return [table.short(name) for name in self.models]

    def model_named(self, given: str | None) -> str:
        """Which of ``models`` is meant by a name, or a short one; None means the board's own.

        Raises ``InputError`` where none is.
        """
        name = next(iter(self.models), "") if given is None else table.in_full(given, self.models)
        if name is None:
            raise ArgumentError("model", "is", value=given, expected=" or ".join(self.short_models))
        return name

    def make_model(self, given: str | None) -> FrozenModel:
        """One of the board's models in ``models/table.py``; raises ``InputError`` also where its library is missing."""
        name = self.model_named(given)
        try:
            return table.MODELS[name]()
        except ModuleNotFoundError as error:
            extra = table.short(name)
            raise ArgumentError("model", f"{extra} needs the package {error.name}", expected=install(extra)) from error

    def version(self, model: str | None) -> str:
        """Changes whenever the same files could get another score; where a library decides, with it and the machine."""
        name = self.model_named(model)
        return f"{name} {self.make_model(name).version}" if name in table.MODELS else "1"

    def decided_by(self, model: str | None, backend: Backend) -> str:
        """What decides scores by ``model``, for their records: our arithmetic, or libraries and the machine."""
        if backend.is_reference and self.reference:
            return backends.reference_made_with(self.reference, backend, self.model_named(model))
        name = self.model_named(model)
        return self.make_model(name).decided_by if name in table.MODELS else OURS

    def version_on(self, model: str | None, backend: Backend) -> str:
        """What a store keeps scores apart by: our ``version``, or that of the reference on this machine."""
        version = self.version(model)
        if not backend.is_reference:
            return version
        return f"{version}, reference {machine.digest(self.decided_by(model, backend))}"

    def recognizer(self, data: Path) -> Recognize | None:
        """Which files are a submission's to the tasks in ``data``, by their names; None: the board does not say."""
        return None

    def inputs(self, data: Path) -> list[Path]:
        """The files and folders that scores depend on."""
        return [data]

    def challenges(self, data: Path) -> list[Challenge]:
        """What algorithms are given of each task; nothing where the board takes none."""
        return []

    def secrets(self, data: Path) -> list[Secret]:
        """What no participant may see: ``secrets.find``, and the files that scores depend on and no challenge gives."""
        shown = {path for challenge in self.challenges(data) for path in challenge.files.values()}
        room = self.in_room("secrets")
        if room is not None:
            found: list[Secret] = room.find(data)
            shown.update(path for secret in found for path in (*secret.files, *secret.whole))
        else:
            found = []
        return [*found, Secret("what scores depend on", list(files_but(self.inputs(data), shown)))]

    def says_nothing(self, data: Path, model: str | None, engine: Engine) -> dict[str, str]:
        """Tasks on which every submission gets the same score, or nothing is chosen, and why: ``silent.find``."""
        room = self.in_room("silent")
        found: dict[str, str] = {} if room is None else room.find(data, model, engine)
        return found

    def readings(self, data: Path, model: str | None, engine: Engine) -> list[Callable[[], object]]:
        """What scoring reads of ``data`` whoever submits, a call a piece; what is broken raises ``InputError``."""
        return []

    def reference_variants(self, model: str | None) -> tuple[str, ...]:
        """The ways to run the reference that ``verify`` compares with, its own first: the precisions of a net's."""
        return ("",)

    def without_cuda(self, model: str | None) -> str:
        """What of the board has no CUDA path, by name; nothing if it has one."""
        trained = table.MODELS.get(self.model_named(model))
        if trained is not None and trained.on_cuda:
            return ""
        return f"{self.name} by {model}" if model else self.name

    def in_room(self, file: str) -> Any:
        """A module in the board's room by its name, None where there is none; a board that is one file has none."""
        package = type(self).__module__.rpartition(".")[0]
        return import_module(f"{package}.{file}") if package and find_spec(f"{package}.{file}") else None

    def write_baselines(
        self, data: Path, out: Path, methods: Sequence[str] | None, seed: int, engine: Engine
    ) -> list[Path]:
        """Write submissions by what the board is compared with: ``baselines.write``."""
        if (room := self.in_room("baselines")) is None:
            raise InputError("baselines", f"are not had by {self.name}", expected="a board of which the paper has some")
        written: list[Path] = room.write(data, out, methods, seed, engine)
        return written

    def synth(self, out: Path, scale: str, seed: int, own: Mapping[str, Any]) -> Iterator[str]:
        """Write made-up data in the official formats, and yield a line about each task: ``synth.write``.

        ``scale`` is one of ``synth.SCALES``, small or paper, and ``own`` says what is other.
        """
        if (room := self.in_room("synth")) is None:
            raise InputError("synth", f"has no made-up data for {self.name}")
        yield from map(str, room.write(out, replace(room.SCALES[scale], **own), seed))

    def write_demo(self, folder: Path) -> None:
        """Write the demo's data: ``demo.write``; without it small made-up data."""
        if (room := self.in_room("demo")) is not None:
            room.write(folder)
        else:
            for _ in self.synth(folder, "small", 0, {}):
                pass

    def draw(self, folder: Path, result: Any) -> list[Path]:
        """Draw a result's pictures, and return their files: ``picture.draw``."""
        room = self.in_room("picture")
        drawn: list[Path] = [] if room is None else room.draw(folder, result)
        return drawn

    def title_of(self, task: str) -> str:
        """What a page calls a task that is ranked by itself."""
        return task

    def beside(self, task: str, details: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """What a leaderboard says beside each entry of a task, given the details of a score of each."""
        return [{} for _ in details]

    def ratio(self, details: Mapping[str, Any]) -> Fraction | None:
        """A score as the ratio of the counts in its details; None where it is no such ratio, or they are not there."""
        return None

    def exact(self, scored: Sequence[Scored]) -> list[Fraction | None]:
        """What ranks and means of these scores go by; None where there is no score, or one that is not finite.

        Their ratios. Where one has none, as in an old store, the shortest decimals of all, for no decimal is a third.
        """
        known = [one.score if one.score is not None and math.isfinite(one.score) else None for one in scored]
        ratios = [None if score is None else self.ratio(one.details) for one, score in zip(scored, known, strict=True)]
        if ratios.count(None) == known.count(None):
            return ratios
        return [None if score is None else decimal(score) for score in known]

    def find_submissions(
        self,
        paths: Sequence[Path],
        recognize: Recognize,
        expected: str,
        options: Options,
        engine: Engine,
        but: Callable[[str], object] = lambda name: False,
    ) -> tuple[list[HandedIn], list[Record]]:
        """``handed_in.find``, with a record for each of those that are refused."""
        found, refused = handed_in.find(paths, recognize, expected, options.by_folder, but, options.tasks)
        return found, [self.invalid("", name, error, engine) for name, error in refused]

    def record(
        self, task: str, submission: str, score: float, engine: Engine, model: str | None = None, **values: Any
    ) -> Record:
        """A scored submission's record, of one of the board's models."""
        return Record(
            self.name, task, submission, "ok", self.metric, score, self.higher_is_better,
            backend=engine.backend.name, arithmetic=self.decided_by(model, engine.backend), **values,
        )  # fmt: skip

    def invalid(self, task: str, submission: str, error: InputError, engine: Engine) -> Record:
        """The record of a submission that cannot be scored."""
        return Record(
            self.name, task, submission, "invalid", self.metric, None, self.higher_is_better,
            backend=engine.backend.name, error=error.line,
        )  # fmt: skip

    def pending(self, task: str, submission: str, engine: Engine, **values: Any) -> Record:
        """The record of a submission that could have a score, and has none yet."""
        return Record(
            self.name, task, submission, "pending", self.metric, None, self.higher_is_better,
            backend=engine.backend.name, **values,
        )  # fmt: skip

    def mean(self, records: Sequence[Record], tasks: int, engine: Engine) -> Record:
        """A submission's average over the board's tasks, rounded once; invalid unless every one of them was scored."""
        name = records[0].submission
        scores = [score for score in self.exact(records) if score is not None]
        mean = Record(
            self.name, "mean", name, "ok", self.metric, None, self.higher_is_better,
            {"tasks": len(scores)}, engine.backend.name,
        )  # fmt: skip
        decided_by = dict.fromkeys(record.arithmetic for record in records if record.score is not None)
        mean.arithmetic = "; ".join(decided_by) or mean.arithmetic
        if len(scores) == tasks:
            mean.score = float(statistics.mean(scores))
        elif [record.status for record in records] == ["pending"] * tasks:
            mean.status = "pending"
        else:
            mean.details["derived"] = True  # no fault of its own: each task's is said in its record
            mean.status, mean.error = "invalid", f"{name}: only {len(scores)} of {tasks} tasks were scored"
        mean.retrains, mean.distinct = sum(r.retrains for r in records), sum(r.distinct for r in records)
        mean.rechecked, mean.seconds = sum(r.rechecked for r in records), sum(r.seconds for r in records)
        return mean
