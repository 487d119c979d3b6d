"""How far this net amplifies rounding: first derivatives of its training, carried along with a float32 run.

A perturbation d of the state obeys the linearized step, with h = dw2 s + w2 ds and q = sqrt(V) + eps':

    dz = X du + dc      dg = p (1 - p) dz / len(batch)      ds = X' dg      dslope = W1 ds + dW1 s + ..
    dM += h / beta1^t      dV += 2 (w2 s) h / beta2^t      dW -= size (dM - (M / q) dV / (2 sqrt V)) / q

All of it would cost as much as the run itself, and twice the memory. But units differ by little more than their w2, so
one of 32 stands for its neighbours in the order of the initial w2, and its part of du counts for as many. Of four
blocks of 32 columns, in the order of their size, the largest stands for the four, and of two rows of a batch that are
not saturated one. At
every step each weight is moved by half a unit in the last place up or down, and so is s: that is what holding them in
float32 does. What has become of all that at the end is the estimate of the logits' error. Sampling makes it larger, in
the median tenfold, since what is random in a sample counts for more than its share.

It is linear in what was put in, and so a sum of random signs that can by chance be near zero while the true error is
not. Two independent sets of signs make that chance a square; ``training.tolerance`` has what is left to it.
docs/parity.md has what was measured.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.lanes import multiply_add
from dataperf_fast.kernels.arithmetic.wide_lanes import FEW, few, load, spread, store, total, zeros
from dataperf_fast.kernels.compiled import inlined, inner
from dataperf_fast.kernels.net.products import clear, copy, scale

SETS = 2
UNITS = 4
BLOCKS_APART = 4
WIDTH = 32  # of a block
_TINY = 1e-20  # where V is 0, so is dV
_SATURATED = 1e-10  # p (1 - p)
_FEW = 24  # rows
# A part of the batch's root-mean-square logit, and a change of a logit from which on no derivative tells what comes.
_LOST = 0.05


class Sample(NamedTuple):
    """What stands for the whole net: units ``(4,)``, and the first columns of c blocks ``blocks (c,)``.

    ``whole`` is what a sum over the blocks stands for; ``signs (2, 2 w)`` are 2^-24 or its negative, w = 32 c.
    """

    units: np.ndarray
    blocks: np.ndarray
    whole: float
    signs: np.ndarray


def draw_sample(output: np.ndarray, features: np.ndarray) -> Sample:
    """Choose by the initial w2 ``output (128,)`` and ``features (n, d)`` float32, d a multiple of 32."""
    apart = len(output) // UNITS
    units = np.sort(np.argsort(output)[apart // 2 :: apart])
    sizes = np.sqrt((features * features).sum(axis=0)).reshape(-1, WIDTH).sum(axis=1)
    chosen = np.sort(np.argsort(-sizes, kind="stable")[::BLOCKS_APART])
    share = float(sizes[chosen].sum() / sizes.sum()) if sizes.any() else 1.0
    signs = np.random.RandomState(0).randint(0, 2, (SETS, 2 * WIDTH * len(chosen))) * 2 - 1
    return Sample(units, WIDTH * chosen, 1 / share, (signs * 2.0**-24).astype(np.float32))


def make_tangents(sample: Sample) -> tuple[Any, ...]:
    """What is carried along: the sample and d of state ``(2, 4, 3, w)``, small ``(2, 3, 9)``, u and s ``(2, 2, w)``.

    Last come ``(2, 4 + 2)`` the slopes of w2, sum(g) and c.
    """
    width = WIDTH * len(sample.blocks)
    return (
        *sample,
        np.zeros((SETS, UNITS, 3, width), np.float32),
        np.zeros((SETS, 3, 2 * UNITS + 1)),
        np.zeros((2, SETS, width), np.float32),
        np.zeros((SETS, UNITS + 2)),
    )


@inner
def reset(tangents):
    """Begin with no perturbation."""
    _, _, _, _, dstate, dsmall, vectors, scalars = tangents
    clear(dstate.reshape(dstate.size))
    clear(dsmall.reshape(dsmall.size))
    clear(vectors.reshape(vectors.size))
    clear(scalars.reshape(scalars.size))


@inner
def copy_tangents(tangents, to):
    """Copy what is carried along."""
    _, _, _, _, dstate, dsmall, vectors, scalars = tangents
    _, _, _, _, to_dstate, to_dsmall, to_vectors, to_scalars = to
    copy(dstate.reshape(dstate.size), to_dstate.reshape(dstate.size))  # whole arrays at once compile for ten seconds
    copy(dsmall.reshape(dsmall.size), to_dsmall.reshape(dsmall.size))
    copy(vectors.reshape(vectors.size), to_vectors.reshape(vectors.size))
    copy(scalars.reshape(scalars.size), to_scalars.reshape(scalars.size))


@inner
def rescale(tangents, factors):
    """Fold the powers back, as in the state."""
    _, _, _, _, state, small, _, _ = tangents
    for t in range(SETS):
        for part in range(3):
            scale(small[t, part], factors[part])
            for r in range(UNITS):
                scale(state[t, r, part], factors[part])


@inner
def _offset(step, row, stride):
    """Where the signs for a row of a step begin."""
    return (step * 389 + row * 97) % stride


@inner
def _two_products(vectors, row, blocks):
    """The products of ``vectors (2, w)`` with ``row (d,)`` over the sampled columns."""
    first, second = vectors[0], vectors[1]
    sums0, sums1 = zeros(first), zeros(first)
    for b in range(blocks.shape[0]):
        part = load(row, blocks[b], first)
        sums0 = multiply_add(load(first, WIDTH * b, first), part, sums0)
        sums1 = multiply_add(load(second, WIDTH * b, first), part, sums1)
    return total(sums0), total(sums1)


@inner
def follow_batch(tangents, batch, labels, z, g, near, step):
    """Set ds and the sum of dg of a batch with logits ``z`` and slopes ``g``; whether rounding has taken over."""
    _, blocks, whole, signs, _, _, vectors, scalars = tangents
    du, ds = vectors[0], vectors[1]
    chosen, weights = _sample_rows(batch, labels, g, step)
    dz = np.empty((SETS, len(chosen)))
    largest = square = 0.0
    for i in range(batch.shape[0]):
        square += z[i] * z[i]
    for t in range(SETS):
        scalars[t, UNITS] = 0.0
    for place in range(len(chosen)):
        changes = _two_products(du, batch[chosen[place]], blocks)
        for t in range(SETS):
            change = whole * changes[t] + scalars[t, UNITS + 1]
            largest = max(largest, abs(change))
            dz[t, place] = weights[place] * change
            scalars[t, UNITS] += dz[t, place]
    _transposed_products(batch, chosen, dz, blocks, ds, signs, _offset(step, UNITS, ds.shape[1]), near)
    return largest > _LOST * min(1.0, math.sqrt(square / batch.shape[0]))


@inner
def _sample_rows(batch, labels, g, step):
    """Places of rows in the batch, and p (1 - p) / rows times how many rows each stands for.

    Saturated rows pass nothing on. Of the others every second, but all where they are few: with large features one
    row of a batch can carry everything.
    """
    rows, count = batch.shape[0], 0
    places, weights = np.empty(rows, np.int64), np.empty(rows)
    for i in range(rows):
        p = g[i] * rows + labels[i]
        slope = p * (1 - p)
        if slope > _SATURATED:
            places[count], weights[count] = i, slope / rows
            count += 1
    if count <= _FEW:
        return places[:count], weights[:count]
    return places[:count][step % 2 :: 2], 2 * weights[:count][step % 2 :: 2]


@inner
def _transposed_products(batch, chosen, dz, blocks, ds, signs, offset, near):
    """Set ``ds (2, w)`` to ``batch[chosen]' dz`` and what rounding does to s."""
    ds0, ds1, signs0, signs1 = ds[0], ds[1], signs[0], signs[1]
    for b in range(blocks.shape[0]):
        k, part = WIDTH * b, load(near, blocks[b], ds0)
        store(ds0, k, load(signs0, offset + k, ds0) * part)
        store(ds1, k, load(signs1, offset + k, ds0) * part)
    last = chosen.shape[0] - 1
    for i in range(0, last + 1, 2):
        other = min(i + 1, last)
        row0, row1, paired = batch[chosen[i]], batch[chosen[other]], float(other - i)
        a0, a1 = spread(dz[0, i], ds0), spread(dz[1, i], ds0)
        b0, b1 = spread(paired * dz[0, other], ds0), spread(paired * dz[1, other], ds0)
        for b in range(blocks.shape[0]):
            k, x, y = WIDTH * b, load(row0, blocks[b], ds0), load(row1, blocks[b], ds0)
            store(ds0, k, multiply_add(b0, y, multiply_add(a0, x, load(ds0, k, ds0))))
            store(ds1, k, multiply_add(b1, y, multiply_add(a1, x, load(ds1, k, ds0))))


@inner
def follow_slopes(tangents, state, small, near, gradient_sum, coefficients):
    """Set the sampled units' dslope; state and small are those before the step."""
    units, blocks, whole, _, dstate, dsmall, vectors, scalars = tangents
    ds = vectors[1]
    for r in range(UNITS):
        j = units[r]
        along = _two_products(ds, state[j, 0], blocks)
        across = _two_products(dstate[:, r, 0], near, blocks)
        for t in range(SETS):
            biases = dsmall[t, 0, r] * gradient_sum + small[0, j] * scalars[t, UNITS]
            scalars[t, r] = coefficients[4] * (whole * (along[t] + across[t]) + biases)


@inlined
def _step_tangent(weight, first, second, share, inverse, gradient, change, scale1, scale2):
    """Step d of a weight and its moments, by ``share = M / 2 sqrt(V) q`` and ``inverse = size / q`` after the step."""
    first = multiply_add(scale1, change, first)
    root = scale2 * gradient
    second = multiply_add(root + root, scale2 * change, second)
    return weight - inverse * (first - share * second), first, second


@inner
def _step_small(dsmall, small, at, of, gradient, change, coefficients):
    """Step d of one weight of small; ``at`` is its place there, ``of`` its weight's."""
    root = math.sqrt(small[2, of])
    q = root + coefficients[3]
    dsmall[0, at], dsmall[1, at], dsmall[2, at] = _step_tangent(
        dsmall[0, at], dsmall[1, at], dsmall[2, at], small[1, of] / ((root + root + _TINY) * q), coefficients[2] / q,
        gradient, change, coefficients[0], coefficients[1],
    )  # fmt: skip


@inner
def _step_row(rows, drows0, drows1, blocks, s, vectors, signs, offset, old, new, dold, dnew, coefficients):
    """Step d of a row of W1 in both sets, whose W, M and V ``rows (3, d)`` are those after the step; add to du."""
    w, m, v, du, ds = rows[0], rows[1], rows[2], vectors[0], vectors[1]
    du0, du1, ds0, ds1 = du[0], du[1], ds[0], ds[1]
    dw0, dm0, dv0, dw1, dm1, dv1 = drows0[0], drows0[1], drows0[2], drows1[0], drows1[1], drows1[2]
    signs0, signs1 = signs[0], signs[1]
    like = few(w)
    olds, news = spread(old, like), spread(new, like)
    dolds0, dolds1, dnews0, dnews1 = (
        spread(dold[0], like), spread(dold[1], like), spread(dnew[0], like), spread(dnew[1], like),
    )  # fmt: skip
    scale1, scale2, sizes = spread(coefficients[0], like), spread(coefficients[1], like), spread(coefficients[2], like)
    epsilons, tiny, ones = spread(coefficients[3], like), spread(_TINY, like), spread(1.0, like)
    for k in range(0, WIDTH * blocks.shape[0], FEW // w.itemsize):
        at = blocks[k // WIDTH] + k % WIDTH
        part, weight = load(s, at, like), load(w, at, like)
        root = math.sqrt(load(v, at, like))
        twice = root + root + tiny
        both = ones / ((root + epsilons) * twice)  # one division for two quotients
        share = load(m, at, like) * both
        inverse = sizes * twice * both
        gradient = olds * part
        for_w0, first0, second0 = _step_tangent(
            load(dw0, k, like), load(dm0, k, like), load(dv0, k, like), share, inverse, gradient,
            multiply_add(dolds0, part, olds * load(ds0, k, like)), scale1, scale2,
        )  # fmt: skip
        for_w1, first1, second1 = _step_tangent(
            load(dw1, k, like), load(dm1, k, like), load(dv1, k, like), share, inverse, gradient,
            multiply_add(dolds1, part, olds * load(ds1, k, like)), scale1, scale2,
        )  # fmt: skip
        for_w0 = multiply_add(load(signs0, offset + k, like), weight, for_w0)
        for_w1 = multiply_add(load(signs1, offset + k, like), weight, for_w1)
        store(dm0, k, first0)
        store(dm1, k, first1)
        store(dv0, k, second0)
        store(dv1, k, second1)
        store(dw0, k, for_w0)
        store(dw1, k, for_w1)
        store(du0, k, multiply_add(news, for_w0, multiply_add(dnews0, weight, load(du0, k, like))))
        store(du1, k, multiply_add(news, for_w1, multiply_add(dnews1, weight, load(du1, k, like))))


@inner
def follow_step(tangents, state, small, olds, gradient, near, coefficients, step):
    """Take the step; state and small are those after it, ``olds (128,)`` w2 before it."""
    units, blocks, _, signs, dstate, dsmall, vectors, scalars = tangents
    count, decay = state.shape[0], coefficients[5]
    apart = count // UNITS
    dold, dnew, dc = np.empty(SETS), np.empty(SETS), np.zeros(SETS)
    du = vectors[0]
    clear(du.reshape(du.size))
    for r in range(UNITS):
        j = units[r]
        for t in range(SETS):
            dold[t] = coefficients[4] * dsmall[t, 0, UNITS + r]
            change = dold[t] * gradient[2 * count] + olds[j] * scalars[t, UNITS]
            _step_small(dsmall[t], small, r, j, gradient[j], change, coefficients)
            _step_small(dsmall[t], small, UNITS + r, count + j, gradient[count + j], scalars[t, r], coefficients)
            dnew[t] = dsmall[t, 0, UNITS + r]
            dc[t] += dsmall[t, 0, r] * small[0, count + j] + small[0, j] * dnew[t]
        _step_row(
            state[j], dstate[0, r], dstate[1, r], blocks, near, vectors, signs, _offset(step, r, du.shape[1]), olds[j],
            small[0, count + j], dold, dnew, coefficients,
        )  # fmt: skip
    for t in range(SETS):
        _step_small(dsmall[t], small, 2 * UNITS, 2 * count, gradient[2 * count], scalars[t, UNITS], coefficients)
        scalars[t, UNITS + 1] = decay * (decay * apart * dc[t] + dsmall[t, 0, 2 * UNITS])
    scale(du.reshape(du.size), apart * decay * decay)


@inner
def largest_change(tangents, features):
    """The largest ``|dz|`` of the rows of ``features (n, d)``, of both sets."""
    _, blocks, whole, _, _, _, vectors, scalars = tangents
    du = vectors[0]
    largest = 0.0
    for i in range(features.shape[0]):
        changes = _two_products(du, features[i], blocks)
        for t in range(SETS):
            largest = max(largest, abs(whole * changes[t] + scalars[t, UNITS + 1]))
    return largest
