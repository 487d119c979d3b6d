"""How alike prompts are: near-duplicates by exact nearest neighbours, and how far a set of prompts is spread.

Whether two prompts repeat each other depends on nothing but the two: their words and character 3- to 5-grams, weighed
alike, so that what is made of one template is the same. How far a set is spread is measured in the TF-IDF of these
terms, fitted to a whole round, in its 128 strongest directions (SVD). Any function from texts to vectors can take the
place of both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from dataperf_fast.files.errors import ArgumentError

NEAR = 0.8  # cosine from which on two prompts are near-duplicates
DIMENSIONS = 128
_NEIGHBOURS = 10  # looked at for each prompt
_FEW = 200  # prompts of which each is looked at
_MOST_TERMS, _HASHES = 200_000, 1 << 17  # of each kind
_AT_ONCE, _PAIRS_AT_ONCE = 4096, 50_000
_UNTOLD = re.compile(r"[\W_]+")
_WORDS: dict[str, Any] = {"token_pattern": r"(?u)\b\w+\b"}
_LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 5)}

Embedding = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Space:
    """How n texts are compared: ``rows``, of length 1, sparse or dense, say by their cosines which repeat each other;
    ``embed`` gives the directions ``(n, d)`` float64 that a set's spread is measured by.
    """

    rows: Callable[[Sequence[str]], Any]
    embed: Callable[[Sequence[str]], np.ndarray]


def function(place: str) -> Embedding:
    """A function of the user's own, ``module:function``, from n texts to their vectors ``(n, d)``."""
    module, _, name = place.partition(":")
    expected = "module:function, from texts to vectors"
    try:
        found: Embedding = getattr(import_module(module), name)
    except Exception as error:  # whatever a module of the user's own does
        problem = f"cannot be had ({type(error).__name__}: {error}):"
        raise ArgumentError("own['embedding']", problem, value=place, expected=expected) from error
    if not callable(found):
        raise ArgumentError("own['embedding']", "is no function:", value=place, expected=expected)
    return found


def embedded(embedding: Embedding) -> Space:
    """The space of a function from texts to vectors; ``InputError`` where it gives anything but a finite one a text."""

    def rows(texts: Sequence[str]) -> np.ndarray:
        try:
            vectors = np.asarray(embedding(texts), np.float64)
        except Exception as error:  # a stranger's function, whose error may quote a text
            raise ArgumentError("own['embedding']", f"failed ({type(error).__name__})", expected="vectors") from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            expected = f"{len(texts)} finite vectors"
            raise ArgumentError("own['embedding']", f"gives an array of shape {vectors.shape}", expected=expected)
        return unit(vectors)

    return Space(rows, rows)


def terms_alone() -> Space:
    """The space without a corpus: the terms' own directions."""
    return Space(common, lambda texts: unit(_dense(common(texts))))


def tf_idf(corpus: Sequence[str]) -> Space:
    """The default space, fitted to a corpus of more than ``DIMENSIONS`` texts."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.preprocessing import normalize

    union = make_union(
        TfidfVectorizer(sublinear_tf=True, max_features=_MOST_TERMS, **_WORDS),
        TfidfVectorizer(sublinear_tf=True, max_features=_MOST_TERMS, **_LETTERS),
    )
    # A text of no letters at all would leave words without a vocabulary.
    fitted = normalize(union.fit_transform([*map(plain, corpus), "a"]))
    dimensions = min(DIMENSIONS, *(side - 1 for side in fitted.shape))
    svd = TruncatedSVD(dimensions, n_iter=2, random_state=0).fit(fitted)

    def embed(texts: Sequence[str]) -> np.ndarray:
        return unit(svd.transform(normalize(union.transform([plain(text) for text in texts]))))

    return Space(common, embed)


def common(texts: Sequence[str]) -> Any:
    """The terms of texts, hashed and weighed alike whatever the others are: sparse rows of length 1."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_union
    from sklearn.preprocessing import normalize

    union = make_union(
        *(HashingVectorizer(n_features=_HASHES, alternate_sign=False, **of) for of in (_WORDS, _LETTERS))
    )
    return normalize(union.transform([plain(text) for text in texts])).tocsr()


def _dense(rows: Any) -> np.ndarray:
    """Sparse rows ``(n, t)`` as coordinates ``(n, d)``: all of a few, of many those in their strongest directions."""
    if isinstance(rows, np.ndarray):
        return rows
    from scipy.sparse import csr_array
    from sklearn.decomposition import TruncatedSVD

    terms, places = np.unique(rows.indices, return_inverse=True)  # most of the hashes' numbers are nobody's
    rows = csr_array((rows.data, places, rows.indptr), (rows.shape[0], max(1, len(terms))))
    if min(rows.shape) <= _FEW:
        every: np.ndarray = rows.toarray()
        return every
    # Two rounds of the power method, not five: neighbours are verified, so directions need no more digits.
    strongest: np.ndarray = TruncatedSVD(DIMENSIONS, n_iter=2, random_state=0).fit_transform(rows)
    return strongest


def plain(text: str) -> str:
    """A prompt as it is compared: compatible characters alike, no case, a space for all that is no letter or digit.

    One without any, of pictographs for instance, stays as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _UNTOLD.sub(" ", folded).strip() or "".join(folded.split())


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

    Prompts that are ``plain`` alike repeat each other; of the rest each is compared with its ten nearest, by exact
    search in the rows' 128 strongest directions, of a few prompts with all, and repeats those whose rows have a cosine
    of at least ``NEAR``. ``done`` is told as prompts are looked up.
    """
    from dataperf_fast.kernels.neighbours import knn

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
        vectors = unit(_dense(rows))
        neighbours = len(kept) if len(kept) <= _FEW else _NEIGHBOURS + 1
        found = np.empty((len(kept), neighbours), np.int64)
        for start in range(0, len(kept), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            with threadpool_limits(1, user_api="blas"):  # its threads and ours fight
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
