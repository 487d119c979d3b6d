"""The vote of the k nearest rows, by squared distance ``x.x - 2 x.y + y.y``.

Which of two rows is nearer may hang on rounding, or on nothing at all where they are equally near; an answer counts as
certain only if every choice among the rows at the edge of the neighbourhood gives the same vote.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_UNIT = 2.0**-53
_TILE = 256  # evaluation rows at a time: their products with 3,000 rows are 6 MB


def vote(
    features: np.ndarray, labels: np.ndarray, classes: int, evaluation: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Classify ``evaluation (m, d)`` by ``features (n, d)``, both float64, and ``labels (n,)`` in 0 .. classes - 1.

    Returns the answers ``(m,)``, of equal votes the lowest class, and whether each is certain ``(m,)`` bool. n is at
    least ``neighbours``.
    """
    answers, certain = np.empty(len(evaluation), np.int64), np.empty(len(evaluation), np.bool_)
    squares = np.einsum("ij,ij->i", features, features)
    own = np.einsum("ij,ij->i", evaluation, evaluation)
    # d products and a few sums, each rounded, by us and by whoever is compared with us.
    unsure = 4 * (features.shape[1] + 4) * _UNIT * (own + squares.max())
    for start in range(0, len(evaluation), _TILE):
        tile = slice(start, start + _TILE)
        products = evaluation[tile] @ features.T
        _vote(products, squares, own[tile], unsure[tile], labels, classes, neighbours, answers[tile], certain[tile])
    return answers, certain


@njit(nogil=True, cache=True)
def _vote(products, squares, own, unsure, labels, classes, neighbours, answers, certain):
    nearest = np.empty(neighbours)
    inside, edge = np.empty(classes, np.int64), np.empty(classes, np.int64)
    for row in range(products.shape[0]):
        nearest[:] = np.inf
        for i in range(squares.shape[0]):
            distance = squares[i] - 2.0 * products[row, i]
            if distance < nearest[neighbours - 1]:
                at = neighbours - 1
                while at > 0 and nearest[at - 1] > distance:
                    nearest[at] = nearest[at - 1]
                    at -= 1
                nearest[at] = distance
        reach = nearest[neighbours - 1]
        inside[:] = 0
        edge[:] = 0
        for i in range(squares.shape[0]):
            distance = squares[i] - 2.0 * products[row, i]
            if distance < reach - unsure[row]:
                inside[labels[i]] += 1
            elif distance <= reach + unsure[row]:
                edge[labels[i]] += 1
        answers[row], certain[row] = _winner(inside, edge, neighbours - inside.sum())


@njit(nogil=True, cache=True)
def _winner(inside, edge, seats):
    """The class with the most votes when ``seats`` more come from the edge, and whether that is so whoever they are."""
    best = 0
    for c in range(1, inside.shape[0]):
        if inside[c] + min(edge[c], seats) > inside[best] + min(edge[best], seats):
            best = c
    others = edge.sum() - edge[best]
    least = inside[best] + max(0, seats - others)  # where the edge gives it as few as it can
    for c in range(inside.shape[0]):
        if c != best:
            most = inside[c] + min(edge[c], seats)
            if most > least or (most == least and c < best):
                return best, edge[best] == seats and others == 0
    return best, True
