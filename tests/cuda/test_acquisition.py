"""The acquisition board's votes and stumps on a GPU, against the CPU's."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.kernels.launch import array_library
from dataperf_fast.kernels.neighbours import vote, vote_cuda
from dataperf_fast.kernels.trees import cuda, stumps
from tests.cuda.conftest import SIMULATED


def pool(rows: int, width: int, classes: int, grid: float = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng([rows, width, classes])
    labels = generator.permutation(np.arange(rows) % classes)
    features = generator.standard_normal((rows, width)) + labels[:, None] * generator.random(width)
    return np.round(features * grid) / grid if grid else features, labels


@pytest.mark.parametrize(("rows", "width", "classes", "grid"), [
    (9, 3, 2, 0), (40, 5, 3, 0), (60, 2, 2, 1), *([] if SIMULATED else [(600, 40, 16, 0), (900, 4, 2, 2)]),
])  # fmt: skip
def test_votes(device, rows, width, classes, grid):
    """On a grid rows are equally near: those answers are uncertain on both."""
    features, labels = pool(rows + 30, width, classes, grid)
    evaluation, xp = features[rows:], array_library()
    given = labels[:rows], classes, evaluation, 9
    expected, certain = vote.vote(features[:rows], *given)
    on_device = xp.asarray(features[:rows]), labels[:rows], classes, xp.asarray(evaluation), 9
    for memory in (10**8, 40 * rows * 16):
        answers, sure = vote_cuda.vote(*on_device, memory, xp)
        both = certain & sure
        np.testing.assert_array_equal(answers[both], expected[both])
        if grid:
            assert not sure.all()
        else:
            assert both.all()


@pytest.mark.skipif(SIMULATED, reason="four hundred launches of Python threads")
@pytest.mark.parametrize("grid", [0, 3])
def test_stumps(device, grid):
    """Of rows on a grid some splits are chance: such a fit is the CPU's."""
    features, labels = pool(500, 20, 2, grid)
    features, generator = features.astype(np.float32), np.random.default_rng(0)
    rows = [generator.permutation(500)[:size].astype(np.int32) for size in (400, 2, 33, 257, 12, 300)]
    rows = [of for of in rows if len(set(labels[of])) == 2]
    xp = array_library()
    found = cuda.fit(xp.asarray(features), rows, [labels[of] for of in rows], xp)
    for of, fitted in zip(rows, found, strict=True):
        if fitted is not None:
            for ours, theirs in zip(fitted, stumps.fit(features[of], labels[of]), strict=True):
                assert ours.tobytes() == theirs.tobytes()
    left = [len(of) for of, fitted in zip(rows, found, strict=True) if fitted is None]
    assert max(left) < 100  # a few rows are split as well by many features
    assert (33 in left) == (grid > 0)
