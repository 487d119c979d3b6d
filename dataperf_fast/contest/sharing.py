"""Folders of participants that several boards share: what in them is for which board."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.contest.manifest import Contest, ContestBoard
from dataperf_fast.contest.submissions import Submission
from dataperf_fast.files import handed_in
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import Recognize


class Sharing:
    """Who shares with whom; what names of files say on each set of tasks is read when first asked for."""

    def __init__(self, contest: Contest) -> None:
        self._parts = contest.manifest.boards
        self._recognizers = functools.cache(self._read)

    def _read(self, number: int) -> list[Recognize | None]:
        part = self._parts[number]
        return [boards.load(part.board).recognizer(tasks.data) for tasks in part.tasks]

    def is_anothers(self, part: ContestBoard, one: Submission) -> bool:
        """Whether a submission in a folder that several boards share is one to another of them, and none to this."""
        sharing = {
            number: any(recognize is None or handed_in.holds(one.path, recognize) for recognize in of_board)
            for number, of in enumerate(self._parts)
            if len(self._parts) > 1 and any(folder in one.path.parents for folder in of.submissions)
            for of_board in (self._recognizers(number),)
        }
        mine = [holds for number, holds in sharing.items() if self._parts[number] is part]
        return not any(mine) and any(sharing.values())

    def of_others(self, part: ContestBoard) -> Callable[[Path], bool]:
        """Tells of a submission's file whether another board that shares a folder takes it, and this one does not.

        What no board takes may be in an error of any, and is everybody's.
        """
        own = [number for number, of in enumerate(self._parts) if of is part]
        others = [
            number for number, of in enumerate(self._parts)
            if of is not part and set(of.submissions) & set(part.submissions)
        ]  # fmt: skip
        if not others:
            return lambda file: False
        return lambda file: self._takes(others, file, False) and not self._takes(own, file, True)

    def _takes(self, numbers: list[int], file: Path, unknown: bool) -> bool:
        """Whether one of some boards has a use for a file; ``unknown`` where it does not say, or finds fault."""
        for recognize in (recognize for number in numbers for recognize in self._recognizers(number)):
            try:
                if unknown if recognize is None else recognize(file) is not None:
                    return True
            except InputError:
                if unknown:
                    return True
        return False
