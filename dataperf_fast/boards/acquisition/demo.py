"""The demo's market: handwritten digits from six sellers; a label says whether a digit is five or more."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.boards.acquisition.market import write_market
from dataperf_fast.boards.acquisition.synth import DIMENSION
from dataperf_fast.boards.digits import SEED, feature_map, load
from dataperf_fast.files.paths import StrPath

# A seller's digits, rows, share of labels turned over, and the price of all rows.
_SELLERS = (
    ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 160, 0.0, 160),
    ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 220, 0.1, 110),
    ((0, 1, 2, 5, 6, 7), 190, 0.0, 120),
    ((3, 4, 8, 9), 180, 0.05, 90),
    ((1, 3, 7, 9), 150, 0.2, 100),
    ((0, 2, 4, 5, 6, 8), 200, 0.4, 100),
)
_BUYER = 300  # rows of all digits
_BUDGET = 125  # 250 rows of the cheapest sellers, who ask 0.5 a row


def write(out: StrPath) -> Path:
    """Write market 0 in the official files, each image once; the same bytes each time. Returns ``out``."""
    out = Path(out)
    images, digits = load()
    generator = np.random.default_rng([SEED, 3])
    left = generator.permutation(len(digits))

    def take(wanted: tuple[int, ...], count: int) -> np.ndarray:
        nonlocal left
        rows = left[np.isin(digits[left], wanted)][:count]
        left = left[~np.isin(left, rows)]
        return rows

    def table(rows: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
        labels = (digits[rows] >= 5).astype(np.int64)
        labels[generator.permutation(len(rows))[: round(noise * len(rows))]] ^= 1
        return feature_map(images[rows], DIMENSION), labels

    buyer = table(take(tuple(range(10)), _BUYER), 0.0)
    sellers = [table(take(wanted, count), noise) for wanted, count, noise, _ in _SELLERS]
    write_market(out, 0, sellers, [price for *_, price in _SELLERS], _BUDGET, buyer)
    return out
