"""Class probabilities p from pairwise ones, ``r_ij ~ P(i | i or j)``, so that ``sum (r_ji p_i - r_ij p_j)^2`` is least.

Coordinate descent on p' Q p over the simplex, ``Q_tt = sum_j r_jt^2``, ``Q_tj = -r_jt r_tj``, from p = 1/k, until no
``|(Qp)_t - p'Qp|`` reaches 0.005/k or max(100, k) rounds are done. The early stop is part of the answer.
Source: Wu, Lin, Weng (2004), method 2; ``multiclass_probability`` in scikit-learn 1.9, libsvm's ``svm.cpp``.
"""

from __future__ import annotations

from dataperf_fast.kernels.compiled import kernel

STOP = 0.005


@kernel
def multiclass_probability(r, p, q, qp):
    """Set ``p (k,)`` from ``r (k, k)``, float64; the diagonal of r is not read.

    ``q (k, k)`` and ``qp (k,)`` are scratch. Returns how near the test of the stop came to its other outcome.
    """
    classes = p.shape[0]
    nearest = 1.0
    _quadratic_form(r, q)
    for t in range(classes):
        p[t] = 1.0 / classes
    for _ in range(max(100, classes)):
        pqp = 0.0
        for t in range(classes):
            qp[t] = 0.0
            for j in range(classes):
                qp[t] += q[t, j] * p[j]
            pqp += p[t] * qp[t]
        error = 0.0
        for t in range(classes):
            error = max(error, abs(qp[t] - pqp))
        nearest = min(nearest, abs(error - STOP / classes))
        if error < STOP / classes:
            break
        for t in range(classes):
            diff = (-qp[t] + pqp) / q[t, t]
            p[t] += diff
            pqp = (pqp + diff * (diff * q[t, t] + 2 * qp[t])) / (1 + diff) / (1 + diff)
            for j in range(classes):
                qp[j] = (qp[j] + diff * q[t, j]) / (1 + diff)
                p[j] /= 1 + diff
    return nearest


@kernel
def _quadratic_form(r, q):
    for t in range(q.shape[0]):
        q[t, t] = 0.0
        for j in range(q.shape[0]):
            if j != t:
                q[t, t] += r[j, t] * r[j, t]
                q[t, j] = -r[j, t] * r[t, j]
