"""The optimum of ``dual.py`` for many label states side by side, by an array library, CuPy's on a GPU.

The same equations in the same unknowns, Newton's method and damping, in the fast tier: a solution is known by the
equations' error, not by its path. A step of S states of n rows factors S matrices, 2/3 n^3 operations each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dataperf_fast.kernels.launch import on_host
from dataperf_fast.kernels.logistic.dual import HALVINGS, STEPS, TOLERANCE, C, start


def bytes_per_state(rows: int) -> int:
    """Memory that a state takes: its matrix, its factors, and what factoring copies."""
    return 32 * rows * (rows + 8)


def solve(gram: Any, signs: np.ndarray, xp: Any) -> tuple[Any, Any, np.ndarray]:
    """Solve for ``signs (S, n)`` of +-1, both in each line, from the cold start, with ``gram (n, n)`` on the device.

    Returns m ``(S, n)`` and b ``(S,)`` on the device, and the largest error of each one's equations, ``(S,)``.
    """
    states, begun = len(signs), np.stack([start(line) for line in signs])
    signs, dual, bias = xp.asarray(signs), xp.asarray(begun[:, :-1]), xp.asarray(begun[:, -1])
    residual = _residual(gram, signs, dual, bias, xp)
    length, going = xp.sqrt((residual**2).sum(axis=1)), np.ones(states, np.bool_)
    for _ in range(STEPS):
        error = on_host(abs(residual).max(axis=1))
        going &= error > TOLERANCE
        if not going.any():
            break
        which = xp.asarray(np.flatnonzero(going))
        change, intercept = _direction(gram, signs[which], dual[which], residual[which], xp)
        room = xp.where(change < 0, dual[which], 1 - dual[which])
        share = xp.minimum(1.0, (0.9 * room / xp.maximum(abs(change), 1e-300)).min(axis=1))
        moved = xp.zeros(len(which), np.bool_)
        for _ in range(HALVINGS):
            there = dual[which] + share[:, None] * change, bias[which] + share * intercept
            tried = _residual(gram, signs[which], *there, xp)
            reached = xp.sqrt((tried**2).sum(axis=1))
            better = ~moved & (reached <= (1 - 0.01 * share) * length[which])
            at = which[better]
            dual[at], bias[at], residual[at], length[at] = (of[better] for of in (*there, tried, reached))
            moved |= better
            if bool(moved.all()):
                break
            share = xp.where(moved, share, share * 0.5)
        going[on_host(which)[~on_host(moved)]] = False
    return dual, bias, on_host(abs(residual).max(axis=1))


def _residual(gram: Any, signs: Any, dual: Any, bias: Any, xp: Any) -> Any:
    """The equations' errors ``(S, n + 1)``."""
    weighted = C * signs * dual
    errors = weighted @ gram + bias[:, None] - signs * xp.log((1.0 - dual) / dual)
    return xp.concatenate([errors, weighted.sum(axis=1)[:, None]], axis=1)


def _direction(gram: Any, signs: Any, dual: Any, residual: Any, xp: Any) -> tuple[Any, Any]:
    """Newton's step: of m ``(S, n)`` and of b ``(S,)``."""
    rows = dual.shape[1]
    matrix = xp.repeat(gram[None], len(dual), axis=0)
    matrix[:, xp.arange(rows), xp.arange(rows)] += 1.0 / (C * dual * (1.0 - dual))
    sides = xp.linalg.solve(matrix, xp.stack([residual[:, :-1], xp.ones_like(dual)], axis=2))
    intercept = (residual[:, -1] - sides[:, :, 0].sum(axis=1)) / sides[:, :, 1].sum(axis=1)
    return -(sides[:, :, 0] + intercept[:, None] * sides[:, :, 1]) * signs / C, intercept
