"""The vote of ``soft_vote.py`` on a GPU, in float64: a thread takes an evaluation row through a fit's every seed.

The card for which this is made has half as many float64 units as float32, so the exact path's own functions
(``platt.sigmoid_predict``, ``coupling.multiclass_probability``) can take every row. What is left to doubt is what the
logistic regression's float32 may do, and a stop of the coupling that is nearly a tie. Doubted rows are for the caller,
as there.

Answers stay on the device; counts for the F1 are whole numbers, so that threads may add to them in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.launch import gpu_kernel, launch, on_host
from dataperf_fast.kernels.svm import coupling, platt
from dataperf_fast.kernels.votes import soft_vote

PANEL = 256  # rows of a product at a time, always: its rounding does not depend on the batch
CLASSES = 256  # a class is a byte
MOST = 15  # classes of a fit: a thread of 16 has 7 KB of its own, one of 64 has 84
_THREADS = 128
_ROUNDING = 2.0**-53
_LEAST = 1e-10  # of what a coupled probability is taken to be off by


class Ballot(NamedTuple):
    """A fitted pair of models for the device, of k classes, P pairs, S seeds and n training rows sorted by class.

    ``features (n, d)`` in that order and ``weights (k, d)``, ``intercepts (k,)`` of the logistic regression, whose
    probabilities may be off by ``logit_error``; the rest as in ``svc.Svc``.
    """

    features: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray
    logit_error: float
    gamma: float
    starts: np.ndarray
    coefficients: np.ndarray
    rho: np.ndarray
    a: np.ndarray
    b: np.ndarray


def vote(ballots: Sequence[Ballot], evaluation: Any, row_squares: Any, xp: Any) -> tuple[Any, Any]:
    """Vote on ``evaluation (m, d)`` with squared lengths ``row_squares (m,)``, float64 on the device.

    The ballots have equally many classes and seeds. Returns ``answers (F, S, m)``, positions of classes, and
    ``doubts (F, m)``, 1 where an answer of the row is not certain, both uint8 on the device; ``xp`` is CuPy.
    """
    fits, rows = len(ballots), len(evaluation)
    seeds, classes = len(ballots[0].a), len(ballots[0].starts) - 1
    widest = max(len(ballot.features) for ballot in ballots)
    columns, squares = np.zeros((fits, widest), np.int64), np.zeros((fits, widest))
    coefficients = np.zeros((fits, len(ballots[0].rho), widest))
    known: dict[bytes, int] = {}  # vectors -> line of the products: fits share rows
    vectors: list[np.ndarray] = []
    slack, longest = np.empty((fits, seeds)), float(row_squares.max())
    for fit, ballot in enumerate(ballots):
        size = len(ballot.features)
        for at, vector in enumerate(ballot.features):
            columns[fit, at] = known.setdefault(vector.tobytes(), len(known))
            if columns[fit, at] == len(vectors):
                vectors.append(vector)
        squares[fit, :size] = np.einsum("ij,ij->i", ballot.features, ballot.features)
        coefficients[fit, :, :size] = ballot.coefficients
        slack[fit] = _slack(ballot, longest + squares[fit].max())
    products = _products(np.stack(vectors), evaluation, xp)
    logits = _products(np.concatenate([ballot.weights for ballot in ballots]), evaluation, xp)
    answers, doubts = xp.empty((fits, seeds, rows), np.uint8), xp.empty((fits, rows), np.uint8)
    scalars = np.array([(ballot.gamma, ballot.logit_error) for ballot in ballots])
    given = (
        columns, squares, np.stack([ballot.starts for ballot in ballots]).astype(np.int64), coefficients,
        *(np.stack([getattr(ballot, name) for ballot in ballots]).astype(np.float64)
          for name in ("intercepts", "rho", "a", "b")),
        scalars, slack,
    )  # fmt: skip
    grid = (-(-rows // _THREADS), fits)
    launch(_kernel(classes), grid, _THREADS, products, row_squares, logits, *map(xp.asarray, given), answers, doubts)
    return answers, doubts


def _slack(ballot: Ballot, longest: float) -> np.ndarray:
    """How far a coupled probability may be off, for each seed, as ``soft_vote.vote`` reckons it, in float64."""
    steepness = soft_vote.steepness(ballot.coefficients.astype(np.float32), ballot.a.astype(np.float32))
    pairwise = steepness * _ROUNDING * (1 + ballot.gamma * longest) + 4 * _ROUNDING
    slack: np.ndarray = np.maximum(_LEAST, soft_vote.COUPLING_ERROR * pairwise)
    return slack


def _products(vectors: np.ndarray, evaluation: Any, xp: Any) -> Any:
    """Dot products ``(v, m)`` of ``vectors (v, d)`` with the evaluation rows."""
    out = xp.empty((-(-len(vectors) // PANEL) * PANEL, len(evaluation)))
    for start in range(0, len(vectors), PANEL):
        panel = np.zeros((PANEL, vectors.shape[1]))
        panel[: len(vectors) - start] = vectors[start : start + PANEL]
        out[start : start + PANEL] = xp.asarray(panel) @ evaluation.T
    return out


def count(answers: Any, class_of: np.ndarray, truth: Any, scored: Any, xp: Any) -> np.ndarray:
    """Right, true and predicted rows of each class, ``(F, S, 3, 256)``, for ``f1.from_counts``.

    ``answers (F, S, m)``, ``truth (m,)`` and ``scored (F, m)`` uint8 on the device; ``class_of (F, k)`` uint8: the
    class at each position.
    """
    fits, seeds, _ = answers.shape
    counts = xp.zeros((fits, seeds, 3, CLASSES), np.int32)
    launch(count_answers, (seeds, fits), _THREADS, answers, xp.asarray(class_of), truth, scored, counts)
    return on_host(counts)


@gpu_kernel
def count_answers(answers, class_of, truth, scored, counts):
    """Count one seed of one fit a block."""
    seed, fit = cuda.blockIdx.x, cuda.blockIdx.y
    own = cuda.shared.array((3, CLASSES), np.int32)
    for at in range(cuda.threadIdx.x, 3 * CLASSES, cuda.blockDim.x):
        own[at // CLASSES, at % CLASSES] = 0
    cuda.syncthreads()
    for row in range(cuda.threadIdx.x, truth.shape[0], cuda.blockDim.x):
        if scored[fit, row]:
            answer = class_of[fit, answers[fit, seed, row]]
            cuda.atomic.add(own, (1, truth[row]), 1)
            cuda.atomic.add(own, (2, answer), 1)
            if answer == truth[row]:
                cuda.atomic.add(own, (0, answer), 1)
    cuda.syncthreads()
    for at in range(cuda.threadIdx.x, 3 * CLASSES, cuda.blockDim.x):
        counts[fit, seed, at // CLASSES, at % CLASSES] = own[at // CLASSES, at % CLASSES]


@lru_cache
def _kernel(classes: int) -> Any:
    """The kernel for fits of that many classes."""
    return gpu_kernel(body(classes))


def body(classes: int) -> Any:
    """The kernel's Python function; a thread's matrices are in local memory."""
    pairs = classes * (classes - 1) // 2

    def vote_rows(
        products, row_squares, logits, columns, squares, starts, coefficients, intercepts, rho, a, b, scalars, slack,
        answers, doubts,
    ):  # fmt: skip
        row, fit = cuda.grid(2)
        if row >= row_squares.shape[0]:
            return
        r, q = cuda.local.array((classes, classes), np.float64), cuda.local.array((classes, classes), np.float64)
        p, qp = cuda.local.array(classes, np.float64), cuda.local.array(classes, np.float64)
        shares, decisions = cuda.local.array(classes, np.float64), cuda.local.array(pairs, np.float64)
        gamma, logit_error = scalars[fit, 0], scalars[fit, 1]
        _decide(
            products, row, row_squares[row], columns[fit], squares[fit], starts[fit], coefficients[fit], rho[fit],
            gamma, decisions,
        )  # fmt: skip
        _share(logits, row, fit * classes, intercepts[fit], shares)
        doubt = 0
        for seed in range(a.shape[1]):
            pair = 0
            for i in range(classes):
                for j in range(i + 1, classes):
                    r[i, j] = platt.sigmoid_predict(decisions[pair], a[fit, seed, pair], b[fit, seed, pair])
                    r[j, i] = 1 - r[i, j]
                    pair += 1
            nearest = coupling.multiclass_probability(r, p, q, qp)
            best, margin = _leader(p, shares)
            answers[fit, seed, row] = best
            if not (nearest > slack[fit, seed] and margin >= 2 * (slack[fit, seed] + logit_error)):
                doubt = 1
        doubts[fit, row] = doubt

    return vote_rows


@kernel
def _decide(products, row, square, columns, squares, starts, coefficients, rho, gamma, decisions):
    """Set ``decisions (P,)``; every kernel value goes to the k - 1 pairs of its class."""
    classes = starts.shape[0] - 1
    for pair in range(rho.shape[0]):
        decisions[pair] = -rho[pair]
    for c in range(classes):
        for t in range(starts[c], starts[c + 1]):
            value = math.exp(-gamma * max(0.0, square + squares[t] - 2.0 * products[columns[t], row]))
            for other in range(classes):
                if other != c:
                    i, j = min(c, other), max(c, other)
                    pair = i * (2 * classes - i - 1) // 2 + j - i - 1
                    decisions[pair] += coefficients[pair, t] * value


@kernel
def _share(logits, row, first, intercepts, shares):
    """Set ``shares (k,)`` to the logistic regression's probabilities."""
    highest = -math.inf
    for c in range(shares.shape[0]):
        shares[c] = logits[first + c, row] + intercepts[c]
        highest = max(highest, shares[c])
    total = 0.0
    for c in range(shares.shape[0]):
        shares[c] = math.exp(shares[c] - highest)
        total += shares[c]
    for c in range(shares.shape[0]):
        shares[c] /= total


@kernel
def _leader(p, shares):
    """The class with the most votes, the lowest of equals, and its lead over the next."""
    best, second = 0, -math.inf
    for c in range(1, p.shape[0]):
        if p[c] + shares[c] > p[best] + shares[best]:
            second = max(second, p[best] + shares[best])
            best = c
        else:
            second = max(second, p[c] + shares[c])
    return best, p[best] + shares[best] - second
