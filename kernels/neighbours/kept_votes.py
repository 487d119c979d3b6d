"""The votes of each evaluation row's k nearest training rows, kept up to date while labels change.

A changed label reaches the evaluation rows that have its row among their k nearest and no other: on average k m / n of
m, found in the table of neighbours turned round.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.compiled import kernel


def voters(neighbours: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn ``neighbours (m, k)`` round: the evaluation rows in whose vote training row i has a seat.

    Returns their bounds ``(rows + 1,)`` in the list ``(m k,)`` of evaluation rows.
    """
    seats = neighbours.ravel()
    bounds = np.concatenate([[0], np.cumsum(np.bincount(seats, minlength=rows))])
    return bounds, np.argsort(seats, kind="stable") // neighbours.shape[1]


@kernel
def correct(neighbours, bounds, reached, labels, truth, counts):
    """Set ``counts (r,)`` to how many evaluation rows are classified as ``truth (m,)``, for each of ``labels (r, n)``.

    Labels are 0 and 1; of equal votes 0 wins. The work follows what changes from one row of ``labels`` to the next.
    """
    seats = neighbours.shape[1]
    votes = np.zeros(neighbours.shape[0], np.int64)
    right = 0
    for row in range(neighbours.shape[0]):
        for seat in range(seats):
            votes[row] += labels[0, neighbours[row, seat]]
        right += (2 * votes[row] > seats) == truth[row]
    counts[0] = right
    for state in range(1, labels.shape[0]):
        before, now = labels[state - 1], labels[state]
        for i in range(now.shape[0]):
            if now[i] == before[i]:
                continue
            for at in range(bounds[i], bounds[i + 1]):
                row = reached[at]
                right -= (2 * votes[row] > seats) == truth[row]
                votes[row] += 1 if now[i] else -1
                right += (2 * votes[row] > seats) == truth[row]
        counts[state] = right
