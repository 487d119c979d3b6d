"""Data markets of any size: sellers of different domains, label quality and prices, seen through 768 features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataperf_fast.boards.acquisition.market import write_market
from dataperf_fast.files.paths import StrPath

DIMENSION = 768
# With these, logistic regression on some 2,500 rows of all sellers is right on about three quarters of the buyer's.
_LATENT = 24  # directions in which domains and classes differ
_DOMAINS = 6  # a market's; each seller has one, the buyer's rows come from half of them
_DOMAIN = 1.0  # spread of the domains' centres
_OWN_RULE = 0.4  # how much of a domain's rule for the label is its own
_BLUR = 0.1  # what each feature adds of its own
_MOST_NOISE = 0.4  # of a seller's labels that are turned over
_GRID = np.float32(1024)  # features are multiples of its inverse: short decimals, exact in float32
_BLOCK = 1000  # rows made at a time


@dataclass(frozen=True)
class AcquisitionScale:
    """How many markets of how many sellers, the rows of a seller (a third of them may be missing) and of the buyer.

    ``bought`` is about how many rows the budget buys if every seller sells as many.
    """

    markets: int
    sellers: int
    rows: int
    buyer: int
    bought: int


SCALES = {"small": AcquisitionScale(2, 5, 180, 120, 200), "paper": AcquisitionScale(5, 20, 30_000, 2_000, 2_500)}


def write(out: StrPath, scale: AcquisitionScale, seed: int) -> Iterator[int]:
    """Write market after market in the official files and yield its number; the same arguments give the same bytes.

    One seller's rows are in memory at a time.
    """
    out = Path(out)
    for number in range(scale.markets):
        market = _Market([seed, number])
        generator = np.random.default_rng([seed, number, 1])
        sizes = generator.integers(scale.rows * 2 // 3, scale.rows, scale.sellers, endpoint=True)
        noise = generator.permutation(np.linspace(0, _MOST_NOISE, scale.sellers))
        # As the official markets have it: every price 100. In every other one, prices differ.
        prices = np.full(scale.sellers, 100) if number % 2 == 0 else generator.integers(50, 151, scale.sellers)
        domains = generator.permutation(np.arange(scale.sellers) % _DOMAINS)
        sellers = (
            market.rows([seed, number, 2, seller], domains[seller : seller + 1], int(sizes[seller]), noise[seller])
            for seller in range(scale.sellers)
        )
        buyer = market.rows([seed, number, 3], np.arange(_DOMAINS // 2), scale.buyer, 0.0)
        budget = round(scale.bought / scale.sellers * sum((prices / sizes).tolist()), 2)
        write_market(out, number, sellers, prices.tolist(), budget, buyer)
        yield number


class _Market:
    """A market's domains: where their rows lie, and which direction makes their labels."""

    def __init__(self, seed: list[int]):
        generator = np.random.default_rng(seed)
        self._mixing = generator.standard_normal((_LATENT, DIMENSION), dtype=np.float32) / np.float32(_LATENT**0.5)
        # Directions that count less and less, as in real embeddings: these make the optimum far to walk.
        self._mixing *= np.geomspace(1, 0.1, _LATENT, dtype=np.float32)[:, None]
        self._centres = generator.standard_normal((_DOMAINS, _LATENT), dtype=np.float32) * np.float32(_DOMAIN)
        shared = generator.standard_normal(_LATENT, dtype=np.float32)
        own = generator.standard_normal((_DOMAINS, _LATENT), dtype=np.float32)
        self._rules = shared + own * np.float32(_OWN_RULE)

    def rows(self, seed: list[int], domains: np.ndarray, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
        """Features ``(count, 768)`` float32 and labels ``(count,)`` of rows of these domains, some labels turned."""
        generator = np.random.default_rng(seed)
        features = np.empty((count, DIMENSION), dtype=np.float32)
        labels = np.empty(count, dtype=np.int64)
        for start in range(0, count, _BLOCK):
            block = features[start : start + _BLOCK]
            domain = domains[generator.integers(0, len(domains), len(block))]
            latent = generator.standard_normal((len(block), _LATENT), dtype=np.float32)
            # Sums in a fixed order and no matrix product: its rounding, and so the bytes, would depend on the machine.
            clear = sum(latent[:, at] * self._rules[domain, at] for at in range(_LATENT)) > 0
            turned = generator.random(len(block)) < noise
            labels[start : start + _BLOCK] = clear ^ turned
            latent += self._centres[domain]
            block[:] = generator.standard_normal(block.shape, dtype=np.float32) * np.float32(_BLUR)
            for at in range(_LATENT):
                block += latent[:, at, None] * self._mixing[at]
            np.rint(block * _GRID, out=block)
            block /= _GRID
        return features, labels
