"""The solves of ``svc.py`` on a GPU, a thread each, to the last bit.

A fit of ten seeds and six classes is 15 pairs and 750 held-out solves of some twenty rows: small, and all alike. Each
runs the CPU's own functions in its thread's local memory, on the Gram matrices that the CPU made, since those must be
libsvm's to the last bit; of the solver's arithmetic nothing but sums, products and quotients is left, which round alike
everywhere (``arithmetic/rounding.py``). The sigmoids need exponentials, which do not: they are fitted on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numba import cuda

from dataperf_fast.kernels.launch import gpu_kernel, launch
from dataperf_fast.kernels.svm import platt, smo, svc

LARGEST = 64  # rows of a pair, for 22 KB of local memory a thread; larger ones are the CPU's
_THREADS = 64
_SOLVE = -1  # in the place of a fold: the whole pair


def covers(problem: svc.Problem) -> bool:
    """Whether every pair is small enough."""
    return bool(problem.shuffles.shape[2] <= LARGEST)


def solve(problems: Sequence[svc.Problem]) -> list[svc.Solved]:
    """Solve problems that have equally many classes and seeds, all in one launch."""
    fits, seeds, classes = len(problems), len(problems[0].shuffles), len(problems[0].starts) - 1
    pairs = classes * (classes - 1) // 2
    rows = max(len(problem.order) for problem in problems)
    tasks = np.array([
        (fit, i, j, pair, seed, fold)
        for fit in range(fits)
        for pair, (i, j) in enumerate(combinations(range(classes), 2))
        for seed, fold in [(0, _SOLVE), *((seed, fold) for seed in range(seeds) for fold in range(platt.FOLDS))]
    ], np.int32)  # fmt: skip
    coefficients = cuda.to_device(np.zeros((fits, pairs, rows)))
    rho, iterations = cuda.device_array((fits, pairs)), cuda.device_array((fits, pairs), np.int64)
    decisions = cuda.to_device(np.zeros((fits, seeds, pairs, LARGEST)))
    given = (
        _stack([problem.training for problem in problems], (rows, rows)),
        _stack([problem.predicting for problem in problems], (rows, rows)),
        np.stack([problem.starts for problem in problems]).astype(np.int64),
        _stack([problem.shuffles for problem in problems], (seeds, pairs, LARGEST)),
        np.stack([problem.size_of for problem in problems]).astype(np.int64),
        tasks,
    )
    launch(
        solve_tasks, -(-len(tasks) // _THREADS), _THREADS, *map(cuda.to_device, given),
        coefficients, rho, iterations, decisions,
    )  # fmt: skip
    found = [array.copy_to_host() for array in (coefficients, rho, iterations, decisions)]
    return [
        svc.Solved(
            found[0][at, :, : len(problem.order)], found[1][at], found[2][at],
            found[3][at, :, :, : problem.shuffles.shape[2]],
        )
        for at, problem in enumerate(problems)
    ]  # fmt: skip


def _stack(arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Arrays of several shapes in one, each at the beginning of its part."""
    stacked = np.zeros((len(arrays), *shape), arrays[0].dtype)
    for at, array in enumerate(arrays):
        stacked[at][tuple(slice(length) for length in array.shape)] = array
    return stacked


@gpu_kernel
def solve_tasks(
    training, predicting, starts, shuffles, size_of, tasks, coefficients, rho, iterations, decisions
):  # fmt: skip
    """A solve a thread: a whole pair, or one of its folds without the rows that are held out."""
    at = cuda.grid(1)
    if at >= tasks.shape[0]:
        return
    work = svc.Work(
        cuda.local.array(LARGEST, np.int64), cuda.local.array(LARGEST, np.int64),
        cuda.local.array(LARGEST, np.int64), cuda.local.array(LARGEST, np.int64),
        cuda.local.array(LARGEST, np.float64), cuda.local.array((LARGEST, LARGEST), np.float32),
        smo.Room(
            cuda.local.array(LARGEST, np.int64), cuda.local.array(LARGEST, np.int64),
            cuda.local.array(LARGEST, np.float64), cuda.local.array(LARGEST, np.float64),
        ),
    )  # fmt: skip
    fit, i, j, pair = tasks[at, 0], tasks[at, 1], tasks[at, 2], tasks[at, 3]
    seed, fold = tasks[at, 4], tasks[at, 5]
    if fold == _SOLVE:
        rho[fit, pair], iterations[fit, pair] = svc.solve_pair(
            training[fit], starts[fit], i, j, work, coefficients[fit, pair]
        )
    else:
        svc.svm_binary_svc_probability(
            training[fit], predicting[fit], starts[fit], i, j, shuffles[fit, seed, size_of[fit, pair]], fold, work,
            decisions[fit, seed, pair],
        )  # fmt: skip
