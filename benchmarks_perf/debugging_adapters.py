"""The debugging board's peers, one contract: (task, order, threads) -> the score and the part of the curve it has."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks_perf import defined, timing
from dataperf_fast.boards.debugging import board
from dataperf_fast.boards.debugging.files import OrderFile, Task
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.kernels.net import decisions


class Answer(NamedTuple):
    """``score`` and ``curve``, accuracies after 1, 2 .. inspections; ``distinct`` training sets, 0 where not said.

    ``seconds`` are the peer's own, where it looked at the clock.
    """

    score: float
    curve: list[float]
    distinct: int = 0
    rechecked: int = 0
    seconds: timing.Seconds | None = None


def reference(task: Task, order: np.ndarray, threads: int) -> Answer:
    """The plain PyTorch loop: one fit after every inspection, in one process of one thread."""
    accuracies, seconds = defined.reference("debugging", "score", _fits(task, order), *_shared(task))
    return _answer(accuracies, seconds)


def over_processes(task: Task, order: np.ndarray, threads: int) -> Answer:
    """The same loop's fits in as many processes, each with one thread."""
    processes = defined.processes("debugging", threads)
    return _answer(list(processes.each("score", _fits(task, order), _shared(task))))


def _fits(task: Task, order: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """The cleaned set, and the labels after 1, 2 .. inspections."""
    states = [task.true_labels]
    for inspections in range(1, len(order) + 1):
        fixed = task.train.labels.copy()
        fixed[order[:inspections]] = task.true_labels[order[:inspections]]
        states.append(fixed)
    return [("linear-net", "float32", labels) for labels in states]


def _shared(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return task.train.features, task.test.features, task.test.labels


def _answer(accuracies: list[float], seconds: timing.Seconds | None = None) -> Answer:
    cleaned, *curve = accuracies
    crossing = next(at for at, accuracy in enumerate(curve, 1) if accuracy >= board.TARGET_SHARE * cleaned)
    return Answer((crossing - 1) / len(curve), curve, seconds=seconds)


def batched_pytorch(task: Task, order: np.ndarray, threads: int, device: str = "cpu") -> Answer:
    """What batching alone gives: every different training set a net of one ``torch.func`` batch, AdamW written out."""
    import torch

    from dataperf_fast.boards.debugging import reference as pipeline

    torch.set_num_threads(threads)
    states, state_of = board.label_states(task, order)
    features, labels = torch.tensor(task.train.features, device=device), torch.tensor(states, device=device).float()
    seed = pipeline.LogisticClassifier().model.to(device)
    parameters = {name: value.detach().expand(len(states), *value.shape).clone() for name, value in
                  seed.named_parameters()}  # fmt: skip
    moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in parameters.items()}

    def logits_of(weights, rows):
        return torch.func.functional_call(seed, weights, (rows,)).reshape(-1)

    def loss_of(weights, rows, y):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits_of(weights, rows), y)

    slopes_of = torch.func.vmap(torch.func.grad(loss_of), in_dims=(0, None, 0))
    step = 0
    for _ in range(20):
        for start in range(0, len(features), 64):
            step += 1
            slopes = slopes_of(parameters, features[start : start + 64], labels[:, start : start + 64])
            for name, value in parameters.items():
                first, second = moments[name]
                first.lerp_(slopes[name], 0.1)
                second.mul_(0.999).addcmul_(slopes[name], slopes[name], value=0.001)
                spread = second.sqrt().div_((1 - 0.999**step) ** 0.5).add_(1e-8)
                value.mul_(1 - 0.01 * 0.9).addcdiv_(first, spread, value=-0.01 / (1 - 0.9**step))
    answer = torch.func.vmap(logits_of, in_dims=(0, None))
    scores = decisions.score(
        answer(parameters, features).cpu().numpy(), states,
        answer(parameters, torch.tensor(task.test.features, device=device)).cpu().numpy(), task.test.labels,
        np.zeros(len(states)),
    )  # fmt: skip
    curve = scores.accuracy[state_of[1:]]
    crossing = int(np.flatnonzero(curve >= board.TARGET_SHARE * scores.accuracy[-1])[0]) + 1
    return Answer((crossing - 1) / len(order), curve.tolist(), len(states))


def fast_curve(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Our whole curve, nothing cached."""
    return _fast(task, order, threads, curve=True)


def fast_score(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Our score and no more of the curve than it needs, nothing cached."""
    return _fast(task, order, threads, curve=False)


def null(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Does nothing: what the harness itself costs."""
    return Answer(0.0, [])


def _fast(task: Task, order: np.ndarray, threads: int, curve: bool) -> Answer:
    file = OrderFile(task.data_id, "timed", Path("timed.txt"))
    result = board.score_task(task, {file: order}, Engine(backends.choose("cpu", threads)), curve)
    record = result.records[0]
    assert record.score is not None
    return Answer(record.score, result.curves["timed"].tolist(), record.distinct, record.rechecked)
