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
from dataperf_fast.kernels.net import decisions, training


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
    of_test = answer(parameters, torch.tensor(task.test.features, device=device)).cpu().numpy()
    return _of_logits(task, order, states, state_of, answer(parameters, features).cpu().numpy(), of_test)


def _of_logits(
    task: Task, order: np.ndarray, states: np.ndarray, state_of: np.ndarray, of_rows: np.ndarray, of_test: np.ndarray
) -> Answer:
    """The curve by the logits of each state's net."""
    scores = decisions.score(of_rows, states, of_test, task.test.labels, np.zeros(len(states)))
    curve = scores.accuracy[state_of[1:]]
    crossing = int(np.flatnonzero(curve >= board.TARGET_SHARE * scores.accuracy[-1])[0]) + 1
    return Answer((crossing - 1) / len(order), curve.tolist(), len(states))


def batched_jax(task: Task, order: np.ndarray, threads: int) -> Answer:
    """The same batch by JAX, on its default device, a compiled function a step."""
    import jax
    from jax import numpy as jnp

    states, state_of = board.label_states(task, order)
    begun = training.initial_weights(task.train.features.shape[1])
    rows = len(task.train.features)
    starts = [(start, min(start + 64, rows)) for _ in range(20) for start in range(0, rows, 64)]
    features, labels = jnp.asarray(task.train.features), jnp.asarray(states, jnp.float32)

    def logits_of(weights, given):
        hidden, hidden_bias, output, output_bias = weights
        return (given @ hidden.T + hidden_bias) @ output + output_bias[0]

    def loss_of(weights, given, y):
        z = logits_of(weights, given)
        return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    slopes_of = jax.vmap(jax.grad(loss_of), in_axes=(0, None, 0))

    @jax.jit
    def take(weights, first, second, step, given, y):
        slopes = slopes_of(weights, given, y)
        first = [m + 0.1 * (g - m) for m, g in zip(first, slopes, strict=True)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, slopes, strict=True)]
        scale = jnp.sqrt(1 - 0.999**step)
        weights = [
            w * (1 - 0.01 * 0.9) - 0.01 / (1 - 0.9**step) * m / (jnp.sqrt(v) / scale + 1e-8)
            for w, m, v in zip(weights, first, second, strict=True)
        ]
        return weights, first, second

    weights = [jnp.broadcast_to(jnp.asarray(of), (len(states), *of.shape)) for of in begun]
    first = second = [jnp.zeros_like(of) for of in weights]
    for step, (start, stop) in enumerate(starts, 1):
        weights, first, second = take(
            weights, first, second, jnp.float32(step), features[start:stop], labels[:, start:stop]
        )
    answer = jax.jit(jax.vmap(logits_of, in_axes=(0, None)))
    of_rows, of_test = (np.asarray(answer(weights, jnp.asarray(of.features))) for of in (task.train, task.test))
    return _of_logits(task, order, states, state_of, of_rows, of_test)


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
