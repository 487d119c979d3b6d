"""The vote of a support vector classifier and a logistic regression, over many evaluation rows and seeds, in float32.

    class = argmax_c  P_svc(c) + P_logistic(c)

For a block of rows at a time: kernel values from dot products, pairwise decisions, and for every seed sigmoids,
coupling (``svm/coupling.py`` has the formula) and the vote. A block's rows lie side by side: every loop vectorizes.

float32 may err where two classes are close, or near the coupling's early stop: whichever rounding it takes, one more
round can move a probability by 1e-3. So every place where the coupling might stop is voted on, and a row is doubted
unless all of them agree, each by more than the error bound. Doubted rows are for the caller to settle in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.svm.coupling import STOP
from dataperf_fast.kernels.votes.exponential import exponentiate
from dataperf_fast.kernels.watched import watched

LANES = 64  # rows a block: 6 x 6 x 64 pairwise numbers are 9 KB, in the first cache
ROUNDING = np.float32(2.0**-24)
# Measured, at most 4.0 on five kernels of BLAS (7.3 were a product one chain of sums), 0.04 and 0.13; docs/parity.md. A
# decision value's error over ``rounding (1 + gamma (|x|^2 + |z|^2))`` and the coefficients' length, or, where there are
# hundreds of them, their absolute sum and the root of their number; and a coupled probability's over the pairwise ones'
# bound.
DECISION_ERROR = np.float32(8.0)
SUM_ERROR = np.float32(0.25)
COUPLING_ERROR = np.float32(8.0)
LOGIT_ERROR = 8.0  # over rounding |x| |w|, in a probability

_ZERO, _ONE, _TWO, _HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
_CLIP = np.float32(1e-7)
_FOUR, _FAR = np.float32(4), np.float32(-1e30)


class Voter(NamedTuple):
    """A fitted pair of models, in float32, of k classes, P pairs, S seeds and n training rows sorted by class.

    ``columns (n,)``: the line of ``products`` that belongs to each training row; ``squares (n,)``: squared lengths;
    ``logit_error``: how far a probability of the logistic regression may be off; the rest as in ``svc.Svc``.
    """

    columns: np.ndarray
    squares: np.ndarray
    logit_error: np.float32
    gamma: np.float32
    starts: np.ndarray
    coefficients: np.ndarray
    rho: np.ndarray
    a: np.ndarray
    b: np.ndarray


@watched("float32 votes")
@kernel(error_model="numpy", fastmath={"contract"})
def vote(voter, products, row_squares, logits, begin, end, answers, doubts):
    """Vote on evaluation rows ``begin .. end`` of m; all real numbers float32.

    ``products (N, m)``: dot products of pool rows with evaluation rows; ``row_squares (m,)``: their squared lengths;
    ``logits (k, end - begin)`` of the logistic regression. Writes ``answers (S, m)``, the class, and ``doubts (m,)``,
    1 where a rounding error could have changed one of the row's answers, else 0; both uint8.
    """
    columns, squares, starts, coefficients, rho = (
        voter.columns, voter.squares, voter.starts, voter.coefficients, voter.rho,
    )  # fmt: skip
    gamma, a, b = voter.gamma, voter.a, voter.b
    classes, rows, pairs = starts.shape[0] - 1, columns.shape[0], rho.shape[0]
    values = np.empty((rows, LANES), np.float32)
    decisions = np.empty((pairs, LANES), np.float32)
    shares = np.empty((classes, LANES), np.float32)
    r = np.empty((pairs, LANES), np.float32)
    exponents = np.empty(max(rows, pairs) * LANES, np.int32)
    powers = exponents.view(np.float32)
    steep = steepness(coefficients, a)
    for low in range(begin, end, LANES):
        width = min(LANES, end - low)
        longest = _kernel_values(products, columns, squares, row_squares, gamma, low, width, values, exponents, powers)
        _decide(values, starts, coefficients, rho, decisions)
        _share(logits, low - begin, width, shares, exponents, powers)
        error = ROUNDING * (_ONE + gamma * longest)
        for w in range(width):
            doubts[low + w] = 0
        for seed in range(a.shape[0]):
            _sigmoids(decisions, a[seed], b[seed], r, exponents, powers)
            pairwise = steep[seed] * error + _FOUR * ROUNDING
            _couple_and_vote(r, shares, pairwise, voter.logit_error, low, width, answers[seed], doubts)


@kernel
def steepness(coefficients, a):
    """What an error of kernel values can become in a pairwise probability: |A| / 4 times the decision's, a seed."""
    out = np.zeros(a.shape[0], np.float32)
    for pair in range(a.shape[1]):
        squares = sums = count = _ZERO
        for t in range(coefficients.shape[1]):
            squares += coefficients[pair, t] * coefficients[pair, t]
            sums += abs(coefficients[pair, t])
            count += np.float32(coefficients[pair, t] != 0)
        decision = max(DECISION_ERROR * np.sqrt(squares), SUM_ERROR * sums * np.sqrt(count))
        for seed in range(a.shape[0]):
            out[seed] = max(out[seed], abs(a[seed, pair]) / _FOUR * decision)
    return out


@inner(fastmath={"contract"})
def _kernel_values(products, columns, squares, row_squares, gamma, low, width, values, exponents, powers):
    """exp(-gamma |x - z|^2) of a block's rows with every training row; returns the largest |x|^2 + |z|^2."""
    longest = _ZERO
    for w in range(width):
        longest = max(longest, row_squares[low + w])
    most = _ZERO
    for t in range(columns.shape[0]):
        most = max(most, squares[t])
        column = columns[t]
        for w in range(width):
            distance = row_squares[low + w] + squares[t] - _TWO * products[column, low + w]
            values[t, w] = -gamma * (distance if distance > _ZERO else _ZERO)
        for w in range(width, LANES):
            values[t, w] = _ZERO
    exponentiate(values.reshape(-1), exponents, powers)
    return longest + most


@inner(fastmath={"contract"})
def _decide(values, starts, coefficients, rho, decisions):
    classes = starts.shape[0] - 1
    pair = 0
    for i in range(classes):
        for j in range(i + 1, classes):
            for w in range(LANES):
                decisions[pair, w] = -rho[pair]
            for c in (i, j):
                for t in range(starts[c], starts[c + 1]):
                    for w in range(LANES):
                        decisions[pair, w] += coefficients[pair, t] * values[t, w]
            pair += 1


@inner(fastmath={"contract"})
def _share(logits, low, width, shares, exponents, powers):
    """The logistic regression's probabilities: softmax of a block's logits."""
    classes = shares.shape[0]
    for c in range(classes):
        for w in range(width):
            shares[c, w] = logits[c, low + w]
        for w in range(width, LANES):
            shares[c, w] = _ZERO
    for w in range(LANES):
        highest = shares[0, w]
        for c in range(1, classes):
            highest = max(highest, shares[c, w])
        for c in range(classes):
            shares[c, w] -= highest
    exponentiate(shares.reshape(-1), exponents, powers)
    for w in range(LANES):
        total = _ZERO
        for c in range(classes):
            total += shares[c, w]
        for c in range(classes):
            shares[c, w] /= total


@inner(fastmath={"contract"})
def _sigmoids(decisions, a, b, r, exponents, powers):
    """``r (P, LANES)``: the probability of each pair's first class, clipped to [1e-7, 1 - 1e-7]."""
    for pair in range(decisions.shape[0]):
        for w in range(LANES):
            r[pair, w] = decisions[pair, w] * a[pair] + b[pair]
    flat = r.reshape(-1)
    exponentiate(flat, exponents, powers)
    for w in range(flat.shape[0]):
        p = _ONE / (_ONE + flat[w])
        p = p if p > _CLIP else _CLIP
        flat[w] = p if p < _ONE - _CLIP else _ONE - _CLIP


@inner(fastmath={"contract"})
def _couple_and_vote(r, shares, pairwise_error, logit_error, low, width, answers, doubts):
    """Couple a block's pairwise probabilities ``r (P, LANES)``, and vote wherever the coupling may stop."""
    classes = shares.shape[0]
    q = np.empty((classes, classes, LANES), np.float32)
    p = np.empty((classes, LANES), np.float32)
    qp = np.empty((classes, LANES), np.float32)
    # One array each: the rows of one matrix, unpacked, would have unknown strides and nothing would vectorize.
    pqp = np.empty(LANES, np.float32)
    error = np.empty(LANES, np.float32)
    margin = np.empty(LANES, np.float32)
    first = np.empty(LANES, np.float32)
    scale = np.empty(LANES, np.float32)
    step = np.empty(LANES, np.float32)
    best = np.empty(LANES, np.int32)
    state = np.zeros(LANES, np.int32)  # 0 before the first possible stop, 1 after it, 2 after the first certain one
    answer = np.zeros(LANES, np.int32)
    doubt = np.zeros(LANES, np.int32)
    stop = np.float32(STOP / classes)
    slack = COUPLING_ERROR * pairwise_error
    needed = _TWO * (slack + logit_error)
    _start(r, q, p)
    for _ in range(max(100, classes)):
        _residual(q, p, qp, pqp, error)
        _leader(p, shares, best, first, margin)
        left = 0
        for w in range(LANES):  # without branches, so that it vectorizes
            may_stop = (state[w] < 2) & (error[w] < stop + slack)
            clear = margin[w] >= needed  # False where something is not a number
            wrong = (clear == False) | ((state[w] == 1) & (best[w] != answer[w]))  # noqa: E712 `not` would branch
            doubt[w] |= np.int32(may_stop & wrong)
            answer[w] = best[w] if may_stop else answer[w]
            reached = np.int32(2) if (error[w] < stop - slack) | (doubt[w] == 1) else np.int32(1)
            state[w] = reached if may_stop else state[w]
        for w in range(LANES):
            left += state[w] < 2
        if left == 0:
            break
        _sweep(q, p, qp, pqp, scale, step)
    for w in range(width):
        answers[low + w] = answer[w]
        if doubt[w] or state[w] < 2:
            doubts[low + w] = 1


@inner(fastmath={"contract"})
def _start(r, q, p):
    classes = p.shape[0]
    for t in range(classes):
        for w in range(LANES):
            q[t, t, w] = _ZERO
            p[t, w] = _ONE / np.float32(classes)
    pair = 0
    for t in range(classes):
        for j in range(t + 1, classes):
            for w in range(LANES):
                forth = r[pair, w]
                back = _ONE - forth
                q[t, t, w] += back * back
                q[j, j, w] += forth * forth
                q[t, j, w] = -forth * back
                q[j, t, w] = -forth * back
            pair += 1


@inner(fastmath={"contract"})
def _residual(q, p, qp, pqp, error):
    """Qp, p'Qp, and the largest of their differences, for every row."""
    classes = p.shape[0]
    for w in range(LANES):
        pqp[w] = _ZERO
        error[w] = _ZERO
    for t in range(classes):
        for w in range(LANES):
            qp[t, w] = q[t, 0, w] * p[0, w]
        for j in range(1, classes):
            for w in range(LANES):
                qp[t, w] += q[t, j, w] * p[j, w]
        for w in range(LANES):
            pqp[w] += p[t, w] * qp[t, w]
    for t in range(classes):
        for w in range(LANES):
            difference = abs(qp[t, w] - pqp[w])
            error[w] = error[w] if difference <= error[w] else difference  # what is not a number never stops


@inner(fastmath={"contract"})
def _leader(p, shares, best, first, margin):
    """The class with the most votes, the lowest of equals, and its lead over the next; ``first`` is scratch."""
    for w in range(LANES):
        first[w] = p[0, w] + shares[0, w]
        margin[w] = _FAR  # the second's votes, until the end
        best[w] = 0
    for c in range(1, p.shape[0]):
        for w in range(LANES):
            votes = p[c, w] + shares[c, w]
            ahead = votes > first[w]
            loser = first[w] if ahead else votes
            margin[w] = loser if loser > margin[w] else margin[w]
            first[w] = votes if ahead else first[w]
            best[w] = c if ahead else best[w]
    for w in range(LANES):
        margin[w] = first[w] - margin[w]


@inner(fastmath={"contract"})
def _sweep(q, p, qp, pqp, scale, step):
    """One round of coordinate descent. Dividing all of p and Qp after each coordinate is left to one common factor."""
    classes = p.shape[0]
    for w in range(LANES):
        scale[w] = _ONE
    for t in range(classes):
        for w in range(LANES):
            mine = scale[w] * qp[t, w]
            diff = (pqp[w] - mine) / q[t, t, w]
            shrink = _ONE / (_ONE + diff)
            pqp[w] = (pqp[w] + diff * (diff * q[t, t, w] + _TWO * mine)) * shrink * shrink
            step[w] = diff / scale[w]
            p[t, w] += step[w]
            scale[w] *= shrink
        for j in range(t + 1, classes):  # the earlier ones are not looked at again in this round
            for w in range(LANES):
                qp[j, w] += step[w] * q[t, j, w]
    for t in range(classes):
        for w in range(LANES):
            p[t, w] *= scale[w]
