"""A matrix times a vector: dgemv and sgemv of OpenBLAS's Haswell kernels on one thread, as NumPy's ``@`` calls them.

``rows_times`` is X w, a dot product a row; ``add_columns_times`` is X' g, rows times a number, added up. Columns are
cut into blocks of 2048 (float64) or 4096 (float32), all but the last up to three, which are taken at the end. Rows go
in fours, then two and one are left; the fours are fused and those that are left over are not. Source: ``dgemv_t_4.c``,
``dgemv_n_4.c``, ``sgemv_t_4.c``, ``sgemv_n_4.c`` in OpenBLAS 0.3, ``kernel/x86_64/``, as NumPy's and SciPy's wheels
have them compiled.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from dataperf_fast.kernels.arithmetic.lanes import (
    LANES,
    LANES32,
    add,
    lane,
    load,
    load_wide,
    multiply,
    multiply_add,
    spread,
    store,
    total,
)
from dataperf_fast.kernels.arithmetic.scalars import fused
from dataperf_fast.kernels.compiled import inner, kernel

WIDEST = 2048  # up to here, and in whole fours, a row is one block
_WIDEST32 = 4096


def rows_times(rows: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Set ``out (n,)`` to ``rows (n, d)`` times ``weights (d,)``, in float32, or in float64, which rows need not be."""
    (rows_times32 if out.dtype == np.float32 else rows_times64)(rows, weights, out)


@overload(rows_times)
def _rows_times(rows, weights, out):
    if out.dtype == types.float32:

        def float32s(rows, weights, out):
            return rows_times32(rows, weights, out)

        return float32s

    def float64s(rows, weights, out):
        return rows_times64(rows, weights, out)

    return float64s


def add_columns_times(rows: np.ndarray, slopes: np.ndarray, out: np.ndarray) -> None:
    """Add ``rows (n, d)`` transposed times ``slopes (n,)`` to ``out (d,)``, in the dtypes of ``rows_times``."""
    (add_columns_times32 if out.dtype == np.float32 else add_columns_times64)(rows, slopes, out)


@overload(add_columns_times)
def _add_columns_times(rows, slopes, out):
    if out.dtype == types.float32:

        def float32s(rows, slopes, out):
            return add_columns_times32(rows, slopes, out)

        return float32s

    def float64s(rows, slopes, out):
        return add_columns_times64(rows, slopes, out)

    return float64s


@kernel(error_model="numpy")
def rows_times64(rows, weights, out):
    """``rows_times`` of float64."""
    count, width = rows.shape
    out[:] = 0.0
    fours, four = count - count % 4, np.empty(4)
    for start in range(0, width - width % LANES, WIDEST):
        stop = min(start + WIDEST, width - width % LANES)
        for i in range(0, fours, 4):
            four_rows_times((rows[i], rows[i + 1], rows[i + 2], rows[i + 3]), weights, start, stop, four)
            for r in range(4):
                out[i + r] += four[r]
        _last_rows_times(rows, weights, fours, start, stop, out)
    _add_last_columns(rows, weights, width - width % LANES, out)


@inner
def four_rows_times(rows, weights, start, stop, out):
    """Set ``out (4,)`` to four rows' products with ``weights``, columns ``start .. stop``, whole fours."""
    a, b, c, d = rows
    p = q = r = s = spread(0.0)
    for k in range(start, stop, LANES):
        w = load(weights, k)
        p, q = multiply_add(load_wide(a, k), w, p), multiply_add(load_wide(b, k), w, q)
        r, s = multiply_add(load_wide(c, k), w, r), multiply_add(load_wide(d, k), w, s)
    out[0], out[1], out[2], out[3] = total(p), total(q), total(r), total(s)


@inner
def _last_rows_times(rows, weights, first, start, stop, out):
    """Two rows in sums of two lanes; then one, in sums of four; unfused."""
    count = rows.shape[0]
    if count - first >= 2:
        for i in range(first, first + 2):
            out[i] += _in_two_lanes(rows[i], weights, start, stop)
    if count % 2:
        out[count - 1] += _in_four_lanes(rows[count - 1], weights, start, stop)


@inner
def _in_two_lanes(row, weights, start, stop):
    a = b = 0.0
    for k in range(start, stop, 2):
        a += row[k] * weights[k]
        b += row[k + 1] * weights[k + 1]
    return a + b


@inner
def _in_four_lanes(row, weights, start, stop):
    a = b = c = d = 0.0
    for k in range(start, stop, 4):
        a += row[k] * weights[k]
        b += row[k + 1] * weights[k + 1]
        c += row[k + 2] * weights[k + 2]
        d += row[k + 3] * weights[k + 3]
    return (a + c) + (b + d)


@inner
def _add_last_columns(rows, weights, first, out):
    """The up to three last columns, of all rows."""
    for i in range(out.shape[0] if first < rows.shape[1] else 0):
        out[i] = _with_last_columns(rows[i], weights, first, out[i])


@inner
def _with_last_columns(row, weights, k, so_far):
    """The first product is fused onto the second and the last onto their sum, or where there is one onto ``so_far``."""
    left, a = row.shape[0] - k, np.float64(row[k])
    if left == 1:
        return fused(a, weights[k], so_far)
    part = fused(a, weights[k], row[k + 1] * weights[k + 1])
    if left == 3:
        part = fused(np.float64(row[k + 2]), weights[k + 2], part)
    return so_far + part


@kernel(error_model="numpy")
def row_times(row, weights, at, count):
    """What ``rows_times`` sets ``out[at]`` to, of ``count`` rows the one at ``at``: for a thread a row."""
    whole, found = row.shape[0] - row.shape[0] % LANES, 0.0
    for start in range(0, whole, WIDEST):
        stop = min(start + WIDEST, whole)
        if at < count - count % 4:
            lanes = spread(0.0)
            for k in range(start, stop, LANES):
                lanes = multiply_add(load_wide(row, k), load(weights, k), lanes)
            found += total(lanes)
        elif count % 4 >= 2 and at < count - count % 2:
            found += _in_two_lanes(row, weights, start, stop)
        else:
            found += _in_four_lanes(row, weights, start, stop)
    return _with_last_columns(row, weights, whole, found) if whole < row.shape[0] else found


@kernel(error_model="numpy")
def add_columns_times64(rows, slopes, out):
    """``add_columns_times`` of float64."""
    count, width = rows.shape
    fours, whole = count - count % 4, width - width % LANES
    for i in range(0, fours, 4):
        add_four_rows((rows[i], rows[i + 1], rows[i + 2], rows[i + 3]), slopes, i, whole, out)
    i = fours
    if count - i >= 2:
        for k in range(whole):
            out[k] += rows[i, k] * slopes[i] + rows[i + 1, k] * slopes[i + 1]
        i += 2
    if count > i:
        for k in range(whole):
            out[k] += rows[i, k] * slopes[i]
    for k in range(whole, width):
        part, i = 0.0, 0
        while 2 <= width <= 3 and i < fours:
            part += rows[i, k] * slopes[i] + rows[i + 1, k] * slopes[i + 1]
            i += 2
        while i < count:
            part += rows[i, k] * slopes[i]
            i += 1
        out[k] += part


@kernel(error_model="numpy")
def column_times(rows, places, slopes, k):
    """What ``add_columns_times`` makes of ``out[k]``, 0, with ``rows[places]``; of four columns or more."""
    count, found, i = places.shape[0], 0.0, 0
    if k >= rows.shape[1] - rows.shape[1] % LANES:
        for i in range(count):
            found += rows[places[i], k] * slopes[i]
        return found
    for i in range(0, count - count % 4, 4):
        a, b = np.float64(rows[places[i], k]), np.float64(rows[places[i + 1], k])
        c, d = np.float64(rows[places[i + 2], k]), np.float64(rows[places[i + 3], k])
        found += fused(c, slopes[i + 2], a * slopes[i]) + fused(d, slopes[i + 3], b * slopes[i + 1])
    i = count - count % 4
    if count % 4 >= 2:
        found += rows[places[i], k] * slopes[i] + rows[places[i + 1], k] * slopes[i + 1]
        i += 2
    return found + rows[places[i], k] * slopes[i] if count > i else found


@inner
def add_four_rows(rows, slopes, at, stop, out):
    """Add four rows, each times its slope from ``slopes[at]`` on, to ``out``, columns below ``stop``, whole fours."""
    a, b, c, d = rows
    g, h = spread(slopes[at]), spread(slopes[at + 1])
    i, j = spread(slopes[at + 2]), spread(slopes[at + 3])
    for k in range(0, stop, LANES):
        even = multiply_add(load_wide(c, k), i, multiply(load_wide(a, k), g))
        odd = multiply_add(load_wide(d, k), j, multiply(load_wide(b, k), h))
        store(out, k, add(load(out, k), add(even, odd)))


@inner
def eight_rows_times(rows, weights, out):
    """``four_rows_times`` of twice four rows, all columns: as fast alone, and for what takes eight back at a time."""
    a, b, c, d, e, f, g, h = rows
    p = q = r = s = t = u = v = w = spread(0.0)
    for k in range(0, weights.shape[0], LANES):
        weight = load(weights, k)
        p, q = multiply_add(load_wide(a, k), weight, p), multiply_add(load_wide(b, k), weight, q)
        r, s = multiply_add(load_wide(c, k), weight, r), multiply_add(load_wide(d, k), weight, s)
        t, u = multiply_add(load_wide(e, k), weight, t), multiply_add(load_wide(f, k), weight, u)
        v, w = multiply_add(load_wide(g, k), weight, v), multiply_add(load_wide(h, k), weight, w)
    out[0], out[1], out[2], out[3] = total(p), total(q), total(r), total(s)
    out[4], out[5], out[6], out[7] = total(t), total(u), total(v), total(w)


@inner
def add_eight_rows(rows, slopes, at, out):
    """``add_four_rows`` of twice four rows, all columns: ``out`` is loaded and stored once."""
    a, b, c, d, e, f, g, h = rows
    p, q, r, s = spread(slopes[at]), spread(slopes[at + 1]), spread(slopes[at + 2]), spread(slopes[at + 3])
    t, u, v, w = spread(slopes[at + 4]), spread(slopes[at + 5]), spread(slopes[at + 6]), spread(slopes[at + 7])
    for k in range(0, out.shape[0], LANES):
        even = multiply_add(load_wide(c, k), r, multiply(load_wide(a, k), p))
        odd = multiply_add(load_wide(d, k), s, multiply(load_wide(b, k), q))
        so_far = add(load(out, k), add(even, odd))
        even = multiply_add(load_wide(g, k), v, multiply(load_wide(e, k), t))
        odd = multiply_add(load_wide(h, k), w, multiply(load_wide(f, k), u))
        store(out, k, add(so_far, add(even, odd)))


@kernel(error_model="numpy")
def rows_times32(rows, weights, out):
    """``rows_times`` of float32."""
    count, width = rows.shape
    out[:] = np.float32(0)
    whole = width - width % 4
    for start in range(0, whole, _WIDEST32):
        stop = min(start + _WIDEST32, whole)
        for i in range(count):
            if i < count - count % 4:
                out[i] += _fused_row32(rows[i], weights, start, stop)
            else:
                two = 1 if count % 4 >= 2 and i < count - count % 2 else 2
                out[i] += _unfused_row32(rows[i], weights, start, stop, two)
    for i in range(count if width > whole else 0):
        part = np.float32(rows[i, whole] * weights[whole])
        for k in range(whole + 1, width):
            part += np.float32(rows[i, k] * weights[k])
        out[i] += part


@inner
def _fused_row32(row, weights, start, stop):
    """Eight fused lanes, where the length is odd in fours a four first in the lower ones."""
    first = np.zeros(LANES32, np.float32)
    if (stop - start) % LANES32:
        for k in range(4):
            first[k] = fused(row[start + k], weights[start + k], first[k])
        start += 4
    lanes = load(first, 0)
    for k in range(start, stop, LANES32):
        lanes = multiply_add(load(row, k), load(weights, k), lanes)
    p, q = lane(lanes, 0) + lane(lanes, 4), lane(lanes, 1) + lane(lanes, 5)
    r, s = lane(lanes, 2) + lane(lanes, 6), lane(lanes, 3) + lane(lanes, 7)
    return (p + q) + (r + s)


@inner
def _unfused_row32(row, weights, start, stop, registers):
    """Four unfused lanes, in one register or in two in turn, of which the first has the odd four too."""
    sums = np.zeros((2, 4), np.float32)
    odd = (stop - start) // 4 % 2
    for four in range((stop - start) // 4):
        to = (four - odd) % 2 if registers == 2 and four >= odd else 0
        for k in range(4):
            at = start + 4 * four + k
            sums[to, k] += np.float32(row[at] * weights[at])
    p, q, r, s = sums[1] + sums[0]
    return (p + q) + (r + s)


@kernel(error_model="numpy")
def add_columns_times32(rows, slopes, out):
    """``add_columns_times`` of float32."""
    count, width = rows.shape
    whole = width - width % 4
    for start in range(0, whole, _WIDEST32):
        stop = min(start + _WIDEST32, whole)
        i = 0
        while count - i >= 4:
            group = 8 if count - i >= 8 else 4
            _add_group32(rows, slopes, i, group, start, stop, out)
            i += group
        for row in range(i, count):
            for k in range(start, stop):
                out[k] += np.float32(rows[row, k] * slopes[row])
    for k in range(whole, width):
        part, i = np.float32(0), 0
        while 2 <= width <= 3 and count - i >= 4:
            for row in (i, i + 2):
                part += np.float32(rows[row, k] * slopes[row]) + np.float32(rows[row + 1, k] * slopes[row + 1])
            i += 4
        for row in range(i, count):
            part += np.float32(rows[row, k] * slopes[row])
        out[k] += part


@inner
def _add_group32(rows, slopes, first, group, start, stop, out):
    """Four or eight rows in one fused chain; in the columns that an odd four or eight leads with, in two."""
    two = start + (stop - start) % 16
    for k in range(start, two):
        even = odd = np.float32(0)
        for row in range(first, first + group, 2):
            even = fused(rows[row, k], slopes[row], even)
            odd = fused(rows[row + 1, k], slopes[row + 1], odd)
        out[k] += even + odd
    for k in range(two, stop, LANES32):
        lanes = spread(np.float32(0))
        for row in range(first, first + group):
            lanes = multiply_add(load(rows[row], k), spread(slopes[row]), lanes)
        store(out, k, add(load(out, k), lanes))
