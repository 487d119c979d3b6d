"""An order of inspection's way through a task: its label states, and how much of its curve is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dataperf_fast.boards.debugging import files
from dataperf_fast.engine.engine import Engine


@dataclass
class Inspection:
    """One submission's way through a task.

    ``states (s, n)`` are its different label states in order, the first as given; after i inspections the labels are
    ``states[state_of[i]]``. ``accuracies (<= s,)`` are filled in as states are trained.
    """

    file: files.OrderFile
    states: np.ndarray
    state_of: np.ndarray
    accuracies: list[float] = field(default_factory=list)
    rechecked: int = 0
    crossing: int | None = None  # inspections, 1 .. n
    seconds: float = 0.0

    @property
    def method(self) -> str:
        """The submission's."""
        return self.file.method

    @property
    def curve(self) -> np.ndarray:
        """Accuracy after 1, 2 .. inspections, as far as the states are trained."""
        known = np.searchsorted(self.state_of, len(self.accuracies))
        curve: np.ndarray = np.array(self.accuracies)[self.state_of[1:known]]
        return curve

    def note_crossing(self, target: float) -> None:
        """Set ``crossing`` if the known part of the curve reaches the target."""
        reached = np.flatnonzero(self.curve >= target)
        if len(reached):
            self.crossing = int(reached[0]) + 1


def label_states(task: files.Task, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different label states ``(s, n)`` on an order's way, and the state after 0 .. n inspections ``(n + 1,)``.

    Only an inspection that finds a wrong label makes a new state.
    """
    wrong = task.train.labels[order] != task.true_labels[order]
    state_of = np.concatenate([[0], np.cumsum(wrong)])
    fixed = order[wrong]
    states = np.repeat(task.train.labels[None, :], len(fixed) + 1, axis=0)
    # State i has the first i fixes: row fixed[i - 1] is true from state i on.
    behind = np.arange(len(fixed) + 1)[:, None] > np.arange(len(fixed))
    states[:, fixed] = np.where(behind, task.true_labels[fixed], states[:, fixed])
    return states, state_of


def next_states(way: Inspection, engine: Engine) -> int:
    """How many more states to train before looking for the crossing: all lanes' worth, growing with the work done."""
    lanes = engine.backend.lanes
    return max(lanes, len(way.accuracies) // 8 // lanes * lanes)


def hand_out(accuracies: np.ndarray, rechecked: np.ndarray, ways: list[Inspection], take: dict[int, int]) -> None:
    """Give each way its part of a plan's accuracies, ``take`` of them at most by the way's ``id``."""
    position = 0
    for way in ways:
        count = min(take[id(way)], len(way.states) - len(way.accuracies))
        part = slice(position, position + count)
        way.accuracies += accuracies[part].tolist()
        way.rechecked += int(rechecked[part].sum())
        position += count


def book_seconds(ways: list[Inspection], seconds: float) -> None:
    """Divide a task's time by the label states that each submission was the first to need."""
    seen: set[bytes] = set()
    shares = []
    for way in ways:
        states = {state.tobytes() for state in way.states[: len(way.accuracies)]}
        shares.append(len(states - seen) + 1)
        seen |= states
    for way, share in zip(ways, shares, strict=True):
        way.seconds = seconds * share / sum(shares)
