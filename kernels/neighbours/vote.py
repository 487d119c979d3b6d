"""The vote of the k nearest rows, by squared distance ``x.x - 2 x.y + y.y``.

Which of two rows is nearer may hang on rounding, or on nothing at all where they are equally near; an answer counts as
certain only if every choice among the rows at the edge of the neighbourhood gives the same vote. The others are settled
as scikit-learn does: distances a chunk of rows at a time, and of equals those that its heap keeps.
Source: ``EuclideanArgKmin`` in scikit-learn 1.9, ``sklearn/metrics/_pairwise_distances_reduction/_argkmin.pyx.tp``;
``heap_push``, ``sklearn/utils/_heap.pyx``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.matrix_product import multiply_matrices64, panels
from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.neighbours import knn
from dataperf_fast.kernels.watched import watched

_UNIT = 2.0**-53
_CHUNK = 256  # rows and training rows that scikit-learn multiplies at once
_NARROW = 15  # up to here it looks for neighbours in a tree, unless they are half of all rows
_TILE = 256  # evaluation rows at a time: their products with 3,000 rows are 6 MB


@watched("votes of neighbours")
def vote(
    features: np.ndarray, labels: np.ndarray, classes: int, evaluation: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Classify ``evaluation (m, d)`` by ``features (n, d)``, both float64, and ``labels (n,)`` in 0 .. classes - 1.

    Returns the answers ``(m,)``, of equal votes the lowest class, and whether each is certain ``(m,)`` bool. n is at
    least ``neighbours``.
    """
    answers, certain = np.empty(len(evaluation), np.int64), np.empty(len(evaluation), np.bool_)
    squares = np.einsum("ij,ij->i", features, features)  # fast tier: ``unsure`` covers any order of sums
    own = np.einsum("ij,ij->i", evaluation, evaluation)
    unsure = rounding(features.shape[1]) * (own + squares.max())
    for start in range(0, len(evaluation), _TILE):
        tile = slice(start, start + _TILE)
        products = evaluation[tile] @ features.T
        _vote(products, squares, unsure[tile], labels, classes, neighbours, answers[tile], certain[tile])
    return answers, certain


def rounding(width: int) -> float:
    """What a distance may be off by, of the sum of both squared lengths, by us and by whoever is compared with us."""
    return 4 * (width + 4) * _UNIT  # d products and a few sums, each rounded


def settle(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    evaluation: np.ndarray,
    neighbours: int,
    doubtful: np.ndarray,
) -> np.ndarray:
    """The answers ``(a,)`` for the rows ``doubtful (a,)`` of ``evaluation``; otherwise as ``vote``.

    A tree's rule for equally near rows follows from how it was built: there the first rows count, by the distance from
    the difference vector.
    """
    if features.shape[1] <= _NARROW and neighbours < len(features) // 2:
        nearest = knn.nearest(features, evaluation[doubtful], neighbours)
    else:
        # A row's sums hang on whether it is the last of an odd number of rows: it is so here where it is so there.
        alone = len(evaluation) % 2 == 1
        asked = np.append(doubtful, doubtful[-1:]) if len(doubtful) % 2 else doubtful
        nearest = np.empty((len(asked), neighbours), np.int64)
        for start in range(0, len(asked), _CHUNK):
            _search(
                features,
                np.ascontiguousarray(evaluation[asked[start : start + _CHUNK]]),
                nearest[start : start + _CHUNK],
            )
        nearest = nearest[: len(doubtful)]
        if alone and doubtful[-1] == len(evaluation) - 1:
            _search(features, np.ascontiguousarray(evaluation[-1:]), nearest[-1:])
    votes = (labels[nearest][:, :, None] == np.arange(classes)).sum(axis=1)
    answers: np.ndarray = votes.argmax(axis=1)
    return answers


def _search(features: np.ndarray, rows: np.ndarray, nearest: np.ndarray) -> None:
    """Set ``nearest (r, k)`` to the training rows that are kept for each of ``rows (r, d)``, a chunk's at most."""
    distances = np.full(nearest.shape, np.inf)
    for start in range(0, len(features), _CHUNK):
        chunk = np.ascontiguousarray(features[start : start + _CHUNK])
        _keep_nearest(chunk, panels(chunk.T), rows, start, distances, nearest)


@kernel
def _keep_nearest(chunk, columns, rows, first, distances, nearest):
    products = np.empty((rows.shape[0], columns.shape[0] * columns.shape[2]))
    multiply_matrices64(rows, columns, chunk.shape[0], products)
    squares = np.empty(chunk.shape[0])
    for j in range(chunk.shape[0]):
        squares[j] = dot64(chunk[j], chunk[j])
    for i in range(rows.shape[0]):
        own = dot64(rows[i], rows[i])
        for j in range(chunk.shape[0]):
            distance = max(0.0, (own + -2.0 * products[i, j]) + squares[j])
            if distance < distances[i, 0]:
                _replace_farthest(distances[i], nearest[i], distance, first + j)


@kernel
def _replace_farthest(distances, rows, distance, row):
    """Put a row in the place of the farthest of a heap: ``distances (k,)``, none before one that is farther."""
    at, size = 0, distances.shape[0]
    while True:
        child = 2 * at + 1
        if child + 1 < size and distances[child + 1] > distances[child]:
            child += 1
        if child >= size or distances[child] <= distance:
            break
        distances[at], rows[at] = distances[child], rows[child]
        at = child
    distances[at], rows[at] = distance, row


@kernel
def _vote(products, squares, unsure, labels, classes, neighbours, answers, certain):
    nearest = np.empty(neighbours)
    inside, edge = np.empty(classes, np.int64), np.empty(classes, np.int64)
    for row in range(products.shape[0]):
        answers[row], certain[row] = vote_row(products[row], squares, unsure[row], labels, nearest, inside, edge)


@kernel
def vote_row(products, squares, unsure, labels, nearest, inside, edge):
    """The answer for one row, by its ``products (n,)``, and whether it is certain.

    ``nearest (k,)`` and ``inside`` and ``edge (classes,)`` are room.
    """
    last = nearest.shape[0] - 1
    for k in range(last + 1):
        nearest[k] = np.inf
    for i in range(squares.shape[0]):
        distance = squares[i] - 2.0 * products[i]
        if distance < nearest[last]:
            at = last
            while at > 0 and nearest[at - 1] > distance:
                nearest[at] = nearest[at - 1]
                at -= 1
            nearest[at] = distance
    reach, seats = nearest[last], last + 1
    for c in range(inside.shape[0]):
        inside[c] = edge[c] = 0
    for i in range(squares.shape[0]):
        distance = squares[i] - 2.0 * products[i]
        if distance < reach - unsure:
            inside[labels[i]] += 1
            seats -= 1
        elif distance <= reach + unsure:
            edge[labels[i]] += 1
    return _winner(inside, edge, seats)


@kernel
def _winner(inside, edge, seats):
    """The class with the most votes when ``seats`` more come from the edge, and whether that is so whoever they are."""
    best = 0
    for c in range(1, inside.shape[0]):
        if inside[c] + min(edge[c], seats) > inside[best] + min(edge[best], seats):
            best = c
    others = -edge[best]
    for c in range(edge.shape[0]):
        others += edge[c]
    least = inside[best] + max(0, seats - others)  # where the edge gives it as few as it can
    for c in range(inside.shape[0]):
        if c != best:
            most = inside[c] + min(edge[c], seats)
            if most > least or (most == least and c < best):
                return best, edge[best] == seats and others == 0
    return best, True
