"""The manifest: what a contest scores, where its submissions lie, what an algorithm may use. One YAML file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dataperf_fast import boards
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.contest import databases, rules
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.setup_file import place, read_setup
from dataperf_fast.sandbox import Limits

WHAT = "an organizer's manifest"

_LONGEST_NAME = 200  # characters


def _name(given: str) -> str:
    if len(given) > _LONGEST_NAME or "/" in given or not all(character >= " " for character in given):
        raise ValueError(f"a name: at most {_LONGEST_NAME} characters, no slash, no line end")
    return given


Text = Annotated[str, Field(coerce_numbers_to_str=True)]  # a year, or a team that is called by a number
Name = Annotated[Text, AfterValidator(_name), Field(min_length=1)]
Count = Annotated[int, Field(gt=0, strict=True)]
Location = tuple[int | str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TaskSet(_Part):
    """A folder of tasks in the board's official format; ``hidden`` ones make the posted score."""

    name: Name
    data: Path
    hidden: bool = True


class AlgorithmLimits(_Part):
    """What an algorithm may use a task; see ``sandbox.Limits``."""

    seconds: Annotated[float, Field(gt=0, le=30 * 86_400)] = 3600.0
    memory_mib: Count = 4096
    processes: Count = 64
    output_mib: Count = 64
    log_kib: Count = 1024

    def limits(self) -> Limits:
        """The same in bytes."""
        return Limits(self.seconds, self.memory_mib << 20, self.processes, self.output_mib << 20, self.log_kib << 10)


class ContestBoard(_Part):
    """A board of the contest.

    ``submissions`` and ``algorithms`` are folders that hold one folder a participant: of official files, or of an
    ``algorithm.yaml`` that says what is run on each task. ``several``: a participant may have a folder each for several
    submissions, of which ``counts`` says which ones are ranked. ``baselines`` names those among them that are none;
    ``dynabench`` gives participants' model ids on that platform. Pages show so many ``digits`` after the point, and
    what is ``published`` in the paper. ``demands`` are what a server wants to be told of a method.
    """

    board: str
    title: str = ""
    model: str | None = None
    tasks: Annotated[list[TaskSet], Field(min_length=1)]
    submissions: list[Path] = []
    several: bool = False
    counts: rules.Counting = "all"
    algorithms: list[Path] = []
    baselines: list[Text] = []
    curves: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    limits: AlgorithmLimits = AlgorithmLimits()
    mounts: list[Path] = []
    largest_submission_mib: Count = 64
    digits: Annotated[int, Field(ge=1, le=15, strict=True)] | None = None
    published: bool = True
    dynabench: dict[Text, Annotated[int, Field(strict=True)]] = {}
    demands: list[rules.Field_] = ["method"]

    @property
    def names_of_sets(self) -> tuple[str, ...]:
        """What folders of a submission may be named after, to hold files for one of them alone."""
        return tuple(tasks.name for tasks in self.tasks)


class Manifest(_Part):
    """The whole contest. ``store`` is a SQLAlchemy URL, and may hold more of its seasons, and other contests.

    ``work`` keeps the answers of algorithms, and what a ``server`` makes.
    """

    contest: Name
    season: Annotated[Text, AfterValidator(_name)] = ""
    store: str = "sqlite:///store.sqlite"
    work: Path = Path("work")
    boards: Annotated[list[ContestBoard], Field(min_length=1)]
    server: rules.Serving = rules.Serving()


@dataclass(frozen=True)
class Contest:
    """A manifest, read and checked, with its paths made absolute."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The contest's."""
        return self.manifest.contest

    @property
    def title(self) -> str:
        """What pages are called: the contest and its season."""
        return ", ".join(filter(None, (self.name, self.season)))

    @property
    def season(self) -> str:
        """The season that is on."""
        return self.manifest.season

    @property
    def store(self) -> str:
        """The store's URL; a relative SQLite file lies beside the manifest."""
        return databases.resolved(self.manifest.store, self.path.parent)

    @property
    def store_named(self) -> str:
        """What errors call the store: where the manifest says so, if it does, and what, less a password."""
        said = "store" in self.manifest.model_fields_set
        where = place(self.path, ("store",)) if said else "store (default)"
        return f"{self.path}: {where} {databases.shown(self.manifest.store)!r}"

    def part_of(self, board: str, model: str) -> ContestBoard | None:
        """A board by its names; its own model has none."""
        parts = self.manifest.boards
        return next((part for part in parts if (part.board, part.model or "") == (board, model)), None)

    @property
    def work(self) -> Path:
        """The folder of algorithms' answers."""
        return self.path.parent / self.manifest.work


def read(path: Path, there: bool = True) -> Contest:
    """Read a manifest and check what it names; raises ``InputError`` with the line of the first thing that is wrong.

    Data and folders need not be ``there`` for what is done with the store alone.
    """
    manifest = read_setup(path, Manifest, WHAT)
    if databases.stays_in_memory(manifest.store):
        raise _wrong(path, ("store",), "is forgotten when a command ends:", manifest.store, "sqlite:///store.sqlite")
    seen = set()
    for number, part in enumerate(manifest.boards):
        _check_board(path, ("boards", number), part, there)
        place_of = part.board, boards.load(part.board).model_named(part.model)
        if place_of in seen:
            raise _wrong(path, ("boards", number), "is there twice:", f"{part.board}, {part.model}", "each once")
        seen.add(place_of)
    return Contest(path.absolute(), manifest)


def require_elsewhere(contest: Contest, out: Path) -> None:
    """Raise ``InputError`` for what would be written among participants' files, or data, and be taken for them."""
    for part in contest.manifest.boards:
        for folder in (*part.submissions, *part.algorithms, *(tasks.data for tasks in part.tasks)):
            if (real := folder.resolve()) in (out.resolve(), *out.resolve().parents) and real != contest.path.parent:
                raise InputError(out, f"lies in {folder}, which the manifest names", expected="another place")


def _check_board(path: Path, at: Location, part: ContestBoard, there: bool) -> None:
    """Make a board's paths absolute, and raise ``InputError`` where it or what it names cannot be used."""
    try:
        board = boards.load(part.board)
    except InputError as error:
        raise _wrong(path, (*at, "board"), "is", part.board, " or ".join(boards.names())) from error
    try:
        board.model_named(part.model)
    except InputError as error:
        several = len(board.models) > 1
        expected = " or ".join(board.short_models) if several else "no model: the board has its own"
        raise _wrong(path, (*at, "model"), "is", part.model, expected) from error
    if not part.submissions and not part.algorithms:
        raise _wrong(path, at, "has nothing to score", expected="submissions or algorithms, folders of folders")
    _check_tasks(path, at, part, board, there)
    for field in ("submissions", "algorithms", "mounts"):
        paths = [path.absolute().parent / given for given in getattr(part, field)]
        for number, given in enumerate(paths):
            if there and not os.path.isdir(given):  # False, too, where no file can have such a name
                raise _wrong(path, (*at, field, number), "is", str(given), "a folder")
        setattr(part, field, paths)
    if there and part.algorithms and not any(board.challenges(task.data) for task in part.tasks):
        raise _wrong(path, (*at, "algorithms"), f"are not taken by {part.board}", expected="submissions")


def _check_tasks(path: Path, at: Location, part: ContestBoard, board: Benchmark, there: bool) -> None:
    names: set[str] = set()
    for number, task in enumerate(part.tasks):
        if task.name in names:
            raise _wrong(path, (*at, "tasks", number, "name"), "is named twice:", task.name, "each set of tasks once")
        names.add(task.name)
        task.data = path.absolute().parent / task.data
        try:
            if there:
                board.tasks(task.data)
        except InputError as error:
            raise _wrong(path, (*at, "tasks", number, "data"), f"cannot be used: {error.line}") from error
        except OSError as error:
            raise _wrong(path, (*at, "tasks", number, "data"), f"cannot be used ({error.strerror})") from error


def _wrong(path: Path, at: Location, problem: str, value: object = None, expected: str = "") -> InputError:
    return InputError(path, problem, place(path, at), value, expected)
