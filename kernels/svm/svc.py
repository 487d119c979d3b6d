"""The support vector classifier of libsvm with probabilities, for many seeds at once: one solve a pair serves them all.

Only the five-fold split behind each pair's sigmoid depends on the seed. Every number, to the last bit, is what
``sklearn.svm.SVC(kernel="rbf", gamma="scale", C=1, probability=True)`` has.
Source: ``svm_train``, ``svm_train_one``, ``svm_binary_svc_probability``, ``svm_predict_values`` and
``svm_predict_probability`` in scikit-learn 1.9, ``sklearn/svm/src/libsvm/svm.cpp``.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.svm import coupling, gram, platt, smo
from dataperf_fast.kernels.watched import watched


class Svc(NamedTuple):
    """A fitted classifier of k classes, P = k (k - 1) / 2 pairs (0, 1), (0, 2) .. and S seeds.

    ``order (n,)``: the training rows sorted by class; ``starts (k + 1,)``: where each class begins in it.
    ``coefficients (P, n)``: y alpha of each row in that order, 0 outside the pair; ``rho (P,)``; ``iterations (P,)``;
    ``a`` and ``b (S, P)``: the sigmoids.
    """

    gamma: float
    order: np.ndarray
    starts: np.ndarray
    coefficients: np.ndarray
    rho: np.ndarray
    iterations: np.ndarray
    a: np.ndarray
    b: np.ndarray


class Problem(NamedTuple):
    """What a fit is made of: its rows, and each seed's shuffle of each pair's.

    ``features (n, d)`` float64, sorted by class; ``shuffles (S, sizes, largest)`` int64, for each size that a pair has;
    ``size_of (P,)``: which of them is a pair's.
    """

    gamma: float
    order: np.ndarray
    starts: np.ndarray
    features: np.ndarray
    shuffles: np.ndarray
    size_of: np.ndarray


class Solved(NamedTuple):
    """``coefficients``, ``rho`` and ``iterations`` as ``Svc`` has them; ``decisions (S, P, largest)``, held out."""

    coefficients: np.ndarray
    rho: np.ndarray
    iterations: np.ndarray
    decisions: np.ndarray


class Work(NamedTuple):
    """What solving a pair writes to; ``new_work`` has the shapes."""

    members: np.ndarray
    y: np.ndarray
    inner: np.ndarray
    signs: np.ndarray
    alpha: np.ndarray
    q: np.ndarray
    room: smo.Room


@watched("support vectors and sigmoids")
def fit(features: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> Svc:
    """Fit ``features (n, d)`` with ``labels (n,)`` in 0 .. k - 1, each present, for every seed of ``seeds (S,)``."""
    problem = prepare(features, labels, seeds)
    return finish(problem, solve(problem))


def solve(problem: Problem) -> Solved:
    """Solve every pair, and hold every fold out."""
    kernels = gram.gram(problem.features, problem.gamma)
    return Solved(*_solve(problem.starts, *kernels, problem.shuffles, problem.size_of))


def prepare(features: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> Problem:
    """Everything that is known before the first solve; arguments as ``fit`` has them."""
    counts = np.bincount(labels)
    if len(counts) < 2 or not counts.all():
        raise ValueError(f"labels must hold each of 0 .. k - 1, at least two; their counts are {counts.tolist()}")
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)])
    gamma = gram.scale_gamma(features)
    ordered = np.ascontiguousarray(features[order], dtype=np.float64)
    sizes, size_of = np.unique(
        [counts[i] + counts[j] for i, j in combinations(range(len(counts)), 2)], return_inverse=True
    )
    shuffles = np.zeros((len(seeds), len(sizes), sizes[-1]), np.int64)
    for number, seed in enumerate(seeds):
        for which, size in enumerate(sizes):
            shuffles[number, which, :size] = platt.shuffled(int(seed), int(size))
    return Problem(gamma, order, starts, ordered, shuffles, size_of)


def finish(problem: Problem, solved: Solved) -> Svc:
    """Fit the sigmoids to the held-out decisions."""
    sigmoids = _sigmoids(problem.starts, solved.decisions)
    return Svc(problem.gamma, problem.order, problem.starts, *solved[:3], *sigmoids)


@kernel
def _solve(starts, training, predicting, shuffles, size_of):
    """Every pair's solution, and every row's decision value by a machine that was trained without its fold."""
    classes, rows, seeds = starts.shape[0] - 1, training.shape[0], shuffles.shape[0]
    pairs = classes * (classes - 1) // 2
    coefficients = np.zeros((pairs, rows))
    rho = np.empty(pairs)
    iterations = np.empty(pairs, np.int64)
    decisions = np.zeros((seeds, pairs, shuffles.shape[2]))
    work = new_work(shuffles.shape[2])
    pair = 0
    for i in range(classes):
        for j in range(i + 1, classes):
            rho[pair], iterations[pair] = solve_pair(training, starts, i, j, work, coefficients[pair])
            for seed in range(seeds):
                for fold in range(platt.FOLDS):
                    svm_binary_svc_probability(
                        training, predicting, starts, i, j, shuffles[seed, size_of[pair]], fold, work,
                        decisions[seed, pair],
                    )  # fmt: skip
            pair += 1
    return coefficients, rho, iterations, decisions


@kernel
def new_work(size):
    """Work for pairs of up to ``size`` rows."""
    whole = np.empty((4, size), np.int64)
    return Work(
        whole[0], whole[1], whole[2], whole[3], np.empty(size), np.empty((size, size), np.float32), smo.new_room(size)
    )


@kernel
def _sigmoids(starts, decisions):
    classes = starts.shape[0] - 1
    seeds, pairs, largest = decisions.shape
    a = np.empty((seeds, pairs))
    b = np.empty((seeds, pairs))
    members, y = np.empty(largest, np.int64), np.empty(largest, np.int64)
    pair = 0
    for i in range(classes):
        for j in range(i + 1, classes):
            size = gather(starts, i, j, members, y)
            for seed in range(seeds):
                a[seed, pair], b[seed, pair] = platt.sigmoid_train(decisions[seed, pair, :size], y[:size])
            pair += 1
    return a, b


# From here to ``svm_binary_svc_probability`` the same functions run on a GPU, a problem a thread (``cuda.py``).


@kernel
def gather(starts, i, j, members, y):
    """List the rows of classes i and j, +1 and -1; returns how many there are."""
    first = starts[i + 1] - starts[i]
    size = first + starts[j + 1] - starts[j]
    for k in range(size):
        members[k] = starts[i] + k if k < first else starts[j] + k - first
        y[k] = 1 if k < first else -1
    return size


@kernel
def solve_pair(training, starts, i, j, work, coefficients):
    """Write the pair's ``coefficients (n,)``; returns rho and the number of iterations."""
    size = gather(starts, i, j, work.members, work.y)
    rho, iterations = svm_train_one(training, work.members[:size], work.y[:size], work)
    for k in range(size):
        coefficients[work.members[k]] = work.alpha[k] * work.y[k]
    return rho, iterations


@kernel
def svm_train_one(training, members, y, work):
    """Solve for the rows ``members (n,)`` with signs ``y (n,)``; the solution is ``work.alpha``."""
    size = members.shape[0]
    for i in range(size):
        for j in range(size):
            work.q[i, j] = y[i] * y[j] * training[members[i], members[j]]
    return smo.solve_c_svc(work.q, y, work.alpha, work.room)


@kernel
def svm_binary_svc_probability(training, predicting, starts, i, j, shuffle, fold, work, decisions):
    """Set ``decisions (n,)`` of a fold of the pair's rows to their decision values by a machine trained on the rest."""
    members, y, inner, signs = work.members, work.y, work.inner, work.signs
    size = gather(starts, i, j, members, y)
    begin, end = fold * size // platt.FOLDS, (fold + 1) * size // platt.FOLDS
    if begin == end:
        return
    # A machine of its own: its classes are sorted, so that the pair's second, -1, comes first and is its +1.
    count = 0
    for sign in (-1, 1):
        for k in range(size):
            if (k < begin or k >= end) and y[shuffle[k]] == sign:
                inner[count] = members[shuffle[k]]
                signs[count] = -sign
                count += 1
    if count == 0 or signs[0] == signs[count - 1]:
        for k in range(begin, end):
            decisions[shuffle[k]] = 0.0 if count == 0 else -signs[0]
        return
    rho, _ = svm_train_one(training, inner[:count], signs[:count], work)
    for k in range(begin, end):
        total = 0.0
        for t in range(count):
            total += work.alpha[t] * signs[t] * predicting[members[shuffle[k]], inner[t]]
        decisions[shuffle[k]] = -(total - rho)


@kernel
def svm_predict_probability(features, gamma, starts, coefficients, rho, a, b, rows, out):
    """Set ``out (r, S, k)`` to the class probabilities of ``rows (r, d)`` for every seed.

    ``features (n, d)`` are the training rows sorted by class (``Svc.order``), float64 like ``rows``.
    """
    classes = starts.shape[0] - 1
    values = np.empty(features.shape[0])
    decisions = np.empty(rho.shape[0])
    pairwise, q = np.empty((classes, classes)), np.empty((classes, classes))
    qp = np.empty(classes)
    for row in range(rows.shape[0]):
        gram.cross(rows[row], features, gamma, values)
        pair = 0
        for i in range(classes):
            for j in range(i + 1, classes):
                total = 0.0
                for t in range(starts[i], starts[i + 1]):
                    total += coefficients[pair, t] * values[t]
                for t in range(starts[j], starts[j + 1]):
                    total += coefficients[pair, t] * values[t]
                decisions[pair] = total - rho[pair]
                pair += 1
        for seed in range(a.shape[0]):
            pair = 0
            for i in range(classes):
                for j in range(i + 1, classes):
                    pairwise[i, j] = platt.sigmoid_predict(decisions[pair], a[seed, pair], b[seed, pair])
                    pairwise[j, i] = 1 - pairwise[i, j]
                    pair += 1
            coupling.multiclass_probability(pairwise, out[row, seed], q, qp)


@watched("float64 votes of rows in doubt")
def predict_proba(svc: Svc, features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Class probabilities ``(S, r, k)`` of ``rows (r, d)``; ``features (n, d)`` are what ``svc`` was fitted to."""
    out = np.empty((len(rows), len(svc.a), len(svc.starts) - 1))
    ordered = np.ascontiguousarray(features[svc.order], dtype=np.float64)
    rows = np.require(rows, np.float64, ["C", "W"])
    svm_predict_probability(ordered, svc.gamma, svc.starts, svc.coefficients, svc.rho, svc.a, svc.b, rows, out)
    return out.transpose(1, 0, 2)
