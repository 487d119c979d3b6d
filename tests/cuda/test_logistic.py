"""Logistic regressions on a GPU: the CPU's fits, bit for bit, many side by side."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Pool
from dataperf_fast.kernels.arithmetic import matrix_vector
from dataperf_fast.kernels.launch import array_library
from dataperf_fast.kernels.logistic import binary, cuda, multinomial
from dataperf_fast.models.logistic_regression import LogisticRegression
from tests.cuda.conftest import SIMULATED


def problem(rows: int, width: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(rows * width)
    features = generator.standard_normal((rows, width)).astype(dtype)
    return features, (features[:, 0] + generator.standard_normal(rows) > 0).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [4, 5, 6, 7, 16, 2048, 2051, 4100])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 9])
def test_a_row_and_a_column_have_the_sums_of_the_whole(dtype, width, rows):
    features, _ = problem(rows, width, dtype)
    generator = np.random.default_rng(1)
    weights, slopes = generator.standard_normal(width), generator.standard_normal(rows)
    expected, back = np.empty(rows), np.zeros(width)
    matrix_vector.rows_times(features, weights, expected)
    matrix_vector.add_columns_times(features, slopes, back)
    found = [matrix_vector.row_times(features[at], weights, at, rows) for at in range(rows)]
    assert np.array(found).tobytes() == expected.tobytes()
    order = np.random.default_rng(2).permutation(rows).astype(np.int32)
    shuffled = np.empty_like(features)
    shuffled[order] = features
    columns = [matrix_vector.column_times(shuffled, order, slopes, k) for k in range(width)]
    assert np.array(columns).tobytes() == back.tobytes()


@pytest.mark.skipif(SIMULATED, reason="a thread is Python there, and a fit some million of them")
@pytest.mark.parametrize(("rows", "width", "others", "dtype"), [
    (30, 6, 5, np.float32), (90, 48, 40, np.float32), (91, 50, 41, np.float64), (300, 768, 42, np.float32),
    (40, 2100, 43, np.float32),
])  # fmt: skip
def test_fits_side_by_side(device, rows, width, others, dtype):
    features, labels = problem(rows + others, width, dtype)
    evaluation = features[rows:].astype(np.float64)
    generator, xp = np.random.default_rng(0), array_library()
    chosen = [generator.permutation(rows)[: rows - 3 * fit].astype(np.int32) for fit in range(4)]
    found = cuda.decisions(
        xp.asarray(features[:rows]), xp.asarray(evaluation), chosen, [labels[of] for of in chosen], xp
    )
    for of, decisions in zip(chosen, found, strict=True):
        expected = multinomial.logits(binary.fit(features[of], labels[of]), evaluation).ravel()
        assert decisions.tobytes() == expected.tobytes()


def test_a_batch_of_one_to_three_classes(device):
    """Those of three are the CPU's, and so are pools of few columns."""
    generator = np.random.default_rng(3)
    for width in (3, 6):
        labels = (np.arange(40) % 3).astype(np.uint8)
        features = (generator.standard_normal((40, width)) + labels[:, None]).astype(np.float32)
        pool = Pool(features[:30], features[30:], labels[30:])
        two = np.flatnonzero(labels[:30] != 1).astype(np.int32)
        rows = [two, pool.every_row, two[3:]]
        of_rows = [labels[of] for of in rows]
        model, found = LogisticRegression(), []
        for name in ("cpu", "cuda"):
            trainer = model.bind(pool, Backend(name, "asked for", 1, 10**8, 2 * (name == "cuda")))
            found.append(trainer.train(rows, of_rows, np.zeros(3, np.int64), False))
        assert found[0][0].tobytes() == found[1][0].tobytes()
        assert found[0][1].all()
        assert found[1][1].all()
