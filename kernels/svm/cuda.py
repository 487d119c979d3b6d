"""The fits of ``svc.py`` on a GPU, to the last bit.

A fit of ten seeds and six classes is 15 pairs and 750 held-out solves of some twenty rows: small, and all alike. A
launch has a thread for both kernels of two rows, the next one a thread for each solve, the last one a thread for each
sigmoid. All run the CPU's own functions, the solves in their thread's local memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numba import cuda

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.launch import gpu_kernel, launch
from dataperf_fast.kernels.svm import gram, platt, smo, svc

LARGEST = 64  # rows of a pair, for 22 KB of local memory a thread; larger ones are the CPU's
_THREADS = 64
_ELEMENTS = 128  # threads for a Gram matrix's
_SOLVE = -1  # in the place of a fold: the whole pair


def covers(problem: svc.Problem) -> bool:
    """Whether every pair is small enough."""
    return bool(problem.shuffles.shape[2] <= LARGEST)


def fit(problems: Sequence[svc.Problem]) -> list[svc.Svc]:
    """Fit problems that have equally many classes and seeds, all together."""
    fits, seeds, classes = len(problems), len(problems[0].shuffles), len(problems[0].starts) - 1
    pairs = list(combinations(range(classes), 2))
    rows, width = max(len(problem.order) for problem in problems), problems[0].features.shape[1]
    features = _stack([problem.features for problem in problems], (rows, width))
    starts = np.stack([problem.starts for problem in problems]).astype(np.int64)
    kernels = cuda.device_array((2, fits, rows, rows))
    gamma, starts_there = cuda.to_device(np.array([problem.gamma for problem in problems])), cuda.to_device(starts)
    by_element = -(-rows * rows // _ELEMENTS), fits
    launch(set_kernels, by_element, _ELEMENTS, cuda.to_device(features), starts_there, gamma, kernels)
    of_pair = [(0, _SOLVE), *((seed, fold) for seed in range(seeds) for fold in range(platt.FOLDS))]
    of_fit = [(i, j, pair, seed, fold) for pair, (i, j) in enumerate(pairs) for seed, fold in of_pair]
    # Of a thousand submissions a million lines: no tuples of Python's.
    tasks = np.empty((fits, len(of_fit), 6), np.int32)
    tasks[:, :, 0], tasks[:, :, 1:] = np.arange(fits)[:, None], of_fit
    coefficients = cuda.to_device(np.zeros((fits, len(pairs), rows)))
    rho, iterations = cuda.device_array((fits, len(pairs))), cuda.device_array((fits, len(pairs)), np.int64)
    decisions = cuda.to_device(np.zeros((fits, seeds, len(pairs), LARGEST)))
    shuffles = _stack([problem.shuffles for problem in problems], (seeds, len(pairs), LARGEST))
    size_of = np.stack([problem.size_of for problem in problems]).astype(np.int64)
    launch(
        solve_tasks, -(-fits * len(of_fit) // _THREADS), _THREADS, kernels, starts_there,
        *map(cuda.to_device, (shuffles, size_of, tasks.reshape(-1, 6))), coefficients, rho, iterations, decisions,
    )  # fmt: skip
    sigmoids = cuda.device_array((2, fits, seeds, len(pairs)))
    classes_of = cuda.to_device(np.array(pairs, np.int64))
    threads = fits * seeds * len(pairs)
    launch(fit_sigmoids, -(-threads // _THREADS), _THREADS, starts_there, classes_of, decisions, sigmoids)
    found = [array.copy_to_host() for array in (coefficients, rho, iterations)]
    a, b = sigmoids.copy_to_host()
    return [
        svc.Svc(
            problem.gamma, problem.order, problem.starts, found[0][at, :, : len(problem.order)], found[1][at],
            found[2][at], a[at], b[at],
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
def set_kernels(features, starts, gamma, kernels):
    """Set ``kernels (2, F, n, n)``, to train and to predict, between rows of ``features (F, n, d)``."""
    at, fit = cuda.grid(2)
    i, j = at // features.shape[1], at % features.shape[1]
    if j > i or i >= starts[fit, starts.shape[1] - 1]:
        return
    left, right = features[fit, i], features[fit, j]
    to_train, to_predict = gram.both(left, right, dot64(left, left), dot64(right, right), gamma[fit])
    kernels[0, fit, i, j] = kernels[0, fit, j, i] = to_train
    kernels[1, fit, i, j] = kernels[1, fit, j, i] = to_predict


@gpu_kernel
def solve_tasks(
    kernels, starts, shuffles, size_of, tasks, coefficients, rho, iterations, decisions
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
            kernels[0, fit], starts[fit], i, j, work, coefficients[fit, pair]
        )
    else:
        svc.svm_binary_svc_probability(
            kernels[0, fit], kernels[1, fit], starts[fit], i, j, shuffles[fit, seed, size_of[fit, pair]], fold, work,
            decisions[fit, seed, pair],
        )  # fmt: skip


@gpu_kernel
def fit_sigmoids(starts, classes_of, decisions, sigmoids):
    """Set ``sigmoids (2, F, S, P)``, A and B, to what fits the decisions ``(F, S, P, largest)`` of each pair."""
    at = cuda.grid(1)
    seeds, pairs = decisions.shape[1], decisions.shape[2]
    if at >= decisions.shape[0] * seeds * pairs:
        return
    fit, seed, pair = at // (seeds * pairs), at // pairs % seeds, at % pairs
    members, y = cuda.local.array(LARGEST, np.int64), cuda.local.array(LARGEST, np.int64)
    size = svc.gather(starts[fit], classes_of[pair, 0], classes_of[pair, 1], members, y)
    sigmoids[0, fit, seed, pair], sigmoids[1, fit, seed, pair] = platt.sigmoid_train(
        decisions[fit, seed, pair, :size], y[:size]
    )
