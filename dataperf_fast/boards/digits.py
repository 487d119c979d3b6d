"""The demo's images, scikit-learn's bundled handwritten digits, and a fixed random map to many features."""

from __future__ import annotations

import numpy as np

SEED = 7


def load() -> tuple[np.ndarray, np.ndarray]:
    """The images ``(1797, 64)``, pixels 0 .. 16, and the digits ``(1797,)`` that they show."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    return images, digits


def feature_map(images: np.ndarray, dimension: int) -> np.ndarray:
    """Map images ``(r, 64)`` of pixels 0 .. 16 to ``(r, dimension)`` float32: signed pixel sums through a rectifier.

    Pixels and signs are whole numbers and the scale is a power of two, so the features are the same on every machine.
    """
    generator = np.random.default_rng(SEED)
    signs = generator.integers(-1, 2, (images.shape[1], dimension))
    sums = images.astype(np.int64) @ signs
    features: np.ndarray = (np.maximum(sums, 0) / 64).astype(np.float32)
    return features
