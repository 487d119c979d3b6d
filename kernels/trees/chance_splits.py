"""The split that scikit-learn's stump takes where it hangs on how its sort leaves rows of equal value.

Feature after feature, in the order of its draws, the rows are sorted in place, each time from where the last sort left
them; the gain's sums go along them in that order. So nothing less than all of its sorts gives its split.
Source: ``node_split_best`` in scikit-learn 1.9, ``sklearn/tree/_splitter.pyx``; ``introsort_3way``,
``sklearn/utils/_sorting.pyx``; ``RegressionCriterion.update``, ``MSE.proxy_impurity_improvement``, ``_criterion.pyx``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.compiled import inner, kernel

SAME_VALUE = np.float32(1e-7)  # features no further apart are not split
ROW = 0x7FFFFFFF
NO_SPLIT = np.int32(-(2**31))  # flags a place in a sorted feature before which there can be no split
_SMALL = 15  # rows that are sorted by insertion


@kernel(error_model="numpy")
def split_as_scikit_learn(columns, residuals, seed):
    """The feature and threshold of ``columns (d, n)`` float32 for ``residuals (n,)``; a lone leaf ends at infinity."""
    width, count = columns.shape
    rows, values = np.arange(count, dtype=np.int32), np.empty(count, np.float32)
    line = np.empty(count, np.int32)
    features, constants, left, state = np.arange(width), 0, width, np.uint32(seed)
    total = 0.0
    for i in range(count):
        total += residuals[i]
    best, feature, threshold = -1.0, 0, np.inf
    while left > constants:
        state = next_random(state)
        at = constants + np.int64(state & np.uint32(ROW)) % (left - constants)
        drawn = features[at]
        for p in range(count):
            values[p] = columns[drawn, rows[p]]
        _sort(values, rows)
        if values[count - 1] <= values[0] + SAME_VALUE:
            features[at], features[constants] = features[constants], drawn
            constants += 1
            continue
        left -= 1
        features[at], features[left] = features[left], drawn
        for p in range(count):
            line[p] = rows[p] | (NO_SPLIT if p == 0 or values[p] <= values[p - 1] + SAME_VALUE else np.int32(0))
        _, gain, place = exact_gain(line, residuals, total, best)
        if gain > best:
            best, feature, threshold = gain, drawn, between(values[place - 1], values[place])
    return feature, threshold


@kernel
def between(low, high):
    """The threshold between two neighbouring values, float32."""
    threshold = np.float64(low) / 2.0 + np.float64(high) / 2.0
    return np.float64(low) if threshold == high else threshold


@inner
def next_random(state):
    """The state after ``state``, uint32, of the generator that features are drawn by: xorshift."""
    state = state if state != 0 else np.uint32(1)
    state ^= np.uint32(state << np.uint32(13))
    state ^= np.uint32(state >> np.uint32(17))
    return state ^ np.uint32(state << np.uint32(5))


@kernel
def exact_gain(line, residuals, total, limit):
    """How many splits gain ``limit`` or more, and the first of the largest gain: its sums added as scikit-learn does.

    It goes on from split to split, or starts from the end where that is nearer.
    """
    count = line.shape[0]
    near, highest, place = 0, -1.0, -1
    left, done = 0.0, 0
    for p in range(1, count):
        if line[p] < 0:
            continue
        if p - done <= count - p:
            for k in range(done, p):
                left += residuals[line[k] & ROW]
        else:
            left = total
            for k in range(count - 1, p - 1, -1):
                left -= residuals[line[k] & ROW]
        done = p
        right = total - left
        gain = left * left / p + right * right / (count - p)
        near += gain >= limit
        if gain > highest:
            highest, place = gain, p
    return near, highest, place


# Parts are taken from a stack: read back from numba's cache, a function that calls itself crashed.
@inner
def _sort(values, rows):
    """Sort ``values (n,)`` and ``rows`` with them, by introsort with three-way partitions: ties fall as they may."""
    depth = 0
    while values.shape[0] >> (depth // 2 + 1):
        depth += 2
    stack = np.empty((depth + 1, 3), np.int64)
    stack[0], waiting = (0, values.shape[0], depth), 1
    while waiting:
        waiting -= 1
        low, high, depth = stack[waiting]
        if high - low <= _SMALL:
            _insertion_sort(values, rows, low, high)
        elif depth <= 0:
            _heapsort(values[low:high], rows[low:high])
        else:
            less, more = _partition(values, rows, low, high)
            stack[waiting], stack[waiting + 1] = (low, less, depth - 1), (more, high, depth - 1)
            waiting += 2


@inner
def _insertion_sort(values, rows, low, high):
    for i in range(low + 1, high):
        value, row, j = values[i], rows[i], i
        while j > low and values[j - 1] > value:
            values[j], rows[j] = values[j - 1], rows[j - 1]
            j -= 1
        values[j], rows[j] = value, row


@inner
def _partition(values, rows, low, high):
    """Bring what is less than a pivot before it and what is more behind it; returns where its equals begin and end."""
    pivot = _median(values[low], values[low + (high - low) // 2], values[high - 1])
    i, less, more = low, low, high
    while i < more:
        if values[i] < pivot:
            _swap(values, rows, i, less)
            i += 1
            less += 1
        elif values[i] > pivot:
            more -= 1
            _swap(values, rows, i, more)
        else:
            i += 1
    return less, more


@inner
def _median(a, b, c):
    if a < b:
        return b if b < c else max(a, c)
    return b if b >= c else min(a, c)


@inner
def _swap(values, rows, i, j):
    values[i], values[j] = values[j], values[i]
    rows[i], rows[j] = rows[j], rows[i]


@inner
def _heapsort(values, rows):
    count = values.shape[0]
    for start in range((count - 2) // 2, -1, -1):
        _sift_down(values, rows, start, count)
    for end in range(count - 1, 0, -1):
        _swap(values, rows, 0, end)
        _sift_down(values, rows, 0, end)


@inner
def _sift_down(values, rows, root, end):
    while True:
        child = 2 * root + 1
        largest = root
        if child < end and values[largest] < values[child]:
            largest = child
        if child + 1 < end and values[largest] < values[child + 1]:
            largest = child + 1
        if largest == root:
            return
        _swap(values, rows, root, largest)
        root = largest
