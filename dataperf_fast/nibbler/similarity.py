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

from dataperf_fast.kernels import knn

NEAR = 0.8  # cosine from which on two prompts are near-duplicates
DIMENSIONS = 128
_NEIGHBOURS = 10  # looked at for each prompt
_MOST_TERMS = 200_000  # of each kind
_PAIRS_AT_ONCE = 50_000
_UNTOLD = re.compile(r"[\W_]+")

Embedding = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Space:
    """Where prompts lie: ``embed`` gives directions ``(n, d)`` float64, ``terms`` sparse TF-IDF rows of length 1.

    Without ``terms`` the directions alone say what is a near-duplicate.
    """

    embed: Embedding
    terms: Callable[[Sequence[str]], Any] | None = None


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
    dimensions = min(DIMENSIONS, *(side - 1 for side in fitted.shape))
    svd = TruncatedSVD(dimensions, random_state=0).fit(fitted) if min(fitted.shape) > DIMENSIONS else None

    def terms(texts: Sequence[str]) -> Any:
        return normalize(union.transform([plain(text) for text in texts])).tocsr()

    def embed(texts: Sequence[str]) -> np.ndarray:
        rows = terms(texts)
        return unit(rows.toarray() if svd is None else svd.transform(rows))

    return Space(embed, terms)


def plain(text: str) -> str:
    """A prompt as it is compared: compatible characters alike, no case, a space for all that is no letter or digit."""
    return _UNTOLD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors ``(n, d)`` as float64 of length 1; those of length 0 stay."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled


def near_duplicates(prompts: Sequence[str], space: Space, threads: int = 1) -> np.ndarray:
    """For each of n prompts, in the order of their times, the first one that it nearly repeats, or -1: ``(n,)`` int64.

    Prompts that are ``plain`` alike repeat each other; of the rest each is compared with its ten nearest in the space,
    which is exact, and repeats those whose terms have a cosine of at least ``NEAR``.
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
        vectors = space.embed(unique)
        found = knn.nearest(vectors, vectors, min(_NEIGHBOURS + 1, len(kept)), threads).astype(np.int64)
        one, other = np.repeat(np.arange(len(kept)), found.shape[1]), found.ravel()
        later, earlier = np.unique(np.stack([np.maximum(one, other), np.minimum(one, other)]), axis=1)
        rows = vectors if space.terms is None else space.terms(unique)
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
