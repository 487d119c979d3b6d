"""How alike prompts are: an embedding, near-duplicates by exact nearest neighbours, and how far a set is spread.

By default a prompt is the TF-IDF of its words and of its character 3- to 5-grams, each of length 1, and in the space of
their 128 strongest directions (SVD). Any function from texts to vectors can take its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataperf_fast.formats.errors import InputError
from dataperf_fast.kernels import knn

NEAR = 0.8  # cosine from which on two prompts are near-duplicates
DIMENSIONS = 128
_NEIGHBOURS = 10  # looked at for each prompt
_MOST_TERMS = 200_000  # of each kind
_AT_ONCE, _PAIRS_AT_ONCE = 4096, 50_000
_UNTOLD = re.compile(r"[\W_]+")

Embedding = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Space:
    """Where prompts lie. ``rows`` of n texts are what says how alike two are, by their cosine: of length 1, sparse or
    dense; ``directions`` of rows are their places ``(n, d)`` float64, dense, in which neighbours are looked for.
    """

    rows: Callable[[Sequence[str]], Any]
    directions: Callable[[Any], np.ndarray]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The places of texts."""
        return self.directions(self.rows(texts))


def embedded(embedding: Embedding) -> Space:
    """The space of a function from texts to vectors; ``InputError`` where it gives anything but a finite one a text."""

    def rows(texts: Sequence[str]) -> np.ndarray:
        vectors = np.asarray(embedding(texts), np.float64)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            expected = f"{len(texts)} finite vectors"
            raise InputError("--embedding", f"gives an array of shape {vectors.shape}", expected=expected)
        return unit(vectors)

    return Space(rows, lambda rows: rows)


def tf_idf(corpus: Sequence[str]) -> Space:
    """The default space, fitted to a corpus; one too small for an SVD keeps every term."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.preprocessing import normalize

    union = make_union(
        TfidfVectorizer(sublinear_tf=True, max_features=_MOST_TERMS, token_pattern=r"(?u)\b\w+\b"),
        TfidfVectorizer(sublinear_tf=True, max_features=_MOST_TERMS, analyzer="char_wb", ngram_range=(3, 5)),
    )
    # A text of no letters at all would leave words without a vocabulary.
    fitted = normalize(union.fit_transform([*map(plain, corpus), "a"]))
    svd = None
    if min(fitted.shape) > DIMENSIONS:
        # Two rounds of the power method, not five: neighbours are verified, so directions need no more digits.
        svd = TruncatedSVD(DIMENSIONS, n_iter=2, random_state=0).fit(fitted)

    def rows(texts: Sequence[str]) -> Any:
        return normalize(union.transform([plain(text) for text in texts])).tocsr()

    def directions(of: Any) -> np.ndarray:
        return unit(of.toarray() if svd is None else svd.transform(of))

    return Space(rows, directions)


def plain(text: str) -> str:
    """A prompt as it is compared: compatible characters alike, no case, a space for all that is no letter or digit."""
    return _UNTOLD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors ``(n, d)`` as float64 of length 1; those of length 0 stay."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled


def near_duplicates(
    prompts: Sequence[str], space: Space, threads: int = 1, done: Callable[[int], None] = lambda count: None
) -> np.ndarray:
    """For each of n prompts, in the order of their times, the first one that it nearly repeats, or -1: ``(n,)`` int64.

    Prompts that are ``plain`` alike repeat each other; of the rest each is compared with its ten nearest in the space,
    which is exact, and repeats those whose rows have a cosine of at least ``NEAR``. ``done`` is told as prompts are
    looked up.
    """
    first: dict[str, int] = {}
    texts = [plain(prompt) for prompt in prompts]
    repeats = np.full(len(texts), -1)
    for number, text in enumerate(texts):
        if (earlier := first.setdefault(text, number)) != number:
            repeats[number] = earlier
    kept = np.array(list(first.values()), np.int64)
    if len(kept) > 1:
        unique = [texts[number] for number in kept]
        rows = space.rows(unique)
        vectors = space.directions(rows)
        neighbours = min(_NEIGHBOURS + 1, len(kept))
        found = np.empty((len(kept), neighbours), np.int64)
        for start in range(0, len(kept), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            found[some] = knn.nearest(vectors, vectors[some], neighbours, threads)
            done(len(found[some]))
        one, other = np.repeat(np.arange(len(kept)), neighbours), found.ravel()
        later, earlier = np.unique(np.stack([np.maximum(one, other), np.minimum(one, other)]), axis=1)
        alike = (later != earlier) & (_cosines(rows, later, earlier) >= NEAR)
        later, at = np.unique(later[alike], return_index=True)
        repeats[kept[later]] = kept[earlier[alike][at]]
    return repeats


def _cosines(rows: Any, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines ``(n,)`` of pairs of rows of length 1, dense or sparse."""
    found = np.empty(len(one))
    for start in range(0, len(one), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        products = rows[one[some]] * rows[other[some]] if isinstance(rows, np.ndarray) else (
            rows[one[some]].multiply(rows[other[some]])
        )  # fmt: skip
        found[some] = np.asarray(products.sum(axis=1)).ravel()
    return found


def mean_distance(vectors: np.ndarray) -> float:
    """The mean of 1 - cosine over all pairs of n directions ``(n, d)``; 0 for one. From one sum, not n^2 products."""
    count = len(vectors)
    if count < 2:
        return 0.0
    total = vectors.sum(axis=0)
    own = np.einsum("ij,ij->", vectors, vectors)
    return float(1 - (total @ total - own) / (count * (count - 1)))


def effective_number(vectors: np.ndarray) -> float:
    """The Vendi score: how many different directions there are in n, from 1 to n.

    exp of the entropy of the eigenvalues of K / n, K the matrix of cosines (Friedman and Dieng, 2023); those of the
    smaller of ``X X^T`` and ``X^T X`` are the same.
    """
    wide = vectors.shape[1] > len(vectors)
    values = np.linalg.eigvalsh((vectors @ vectors.T if wide else vectors.T @ vectors) / len(vectors))
    values = values[values > 0] / values[values > 0].sum() if (values > 0).any() else np.ones(1)
    return float(np.exp(-(values * np.log(values)).sum()))
