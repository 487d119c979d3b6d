"""Training sets to compare with, from what participants know: the pool's vectors and a few examples of each concept.

Source of ``pseudo``: CoactiveAI/dataperf-vision-selection, ``baselines/pseudo_label_generation``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataperf_fast.boards import methods as asked
from dataperf_fast.boards import provenance
from dataperf_fast.boards.vision import files
from dataperf_fast.boards.vision.embeddings import read_embeddings, read_image_ids
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import ArgumentError, InputError
from dataperf_fast.files.paths import StrPath

SIZE = 500  # rows of a training set
# Images looked at: the whole pool would take half a gigabyte, and the estimators minutes.
_CANDIDATES = 50_000
_CLUSTERS, _PER_CLUSTER = 50, 20  # at most, and images a cluster in a small pool
_POSITIVE = 0.4  # of the rows that kmeans and forest choose

_Choice = tuple[np.ndarray, np.ndarray]  # candidates to label 1, and 0


@dataclass(frozen=True)
class Candidates:
    """Images of the pool, in random order: ids, features ``(n, d)`` float32, and where each concept's examples are."""

    ids: list[str]
    features: np.ndarray
    examples: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        """Rows of a training set: in a small pool fewer, so that there is something to choose."""
        return min(SIZE, len(self.ids) // 2)

    def others(self, task: str) -> np.ndarray:
        """All but a concept's examples."""
        return np.setdiff1d(np.arange(len(self.ids)), self.examples[task])


def read_candidates(data: StrPath, seed: int, threads: int) -> Candidates:
    """Read every concept's examples and at most fifty thousand other images of the pool, drawn with the seed.

    Raises ``InputError`` for a concept without examples, an example that the pool lacks, and a pool of nothing else.
    """
    root, setup = files.open_setup(Path(data))
    path = root / setup.emb_file
    pool = [name for name in read_image_ids(path) if name]  # a row may have none
    examples = {task: files.read_examples(root, task) for task in setup.tasks}
    known = set(pool)
    for task, ids in examples.items():
        if not ids:
            raise InputError(root / "examples", "holds no example of", value=task, expected="some images labelled 1")
        if (lacking := next((name for name in ids if name not in known), None)) is not None:
            raise InputError(path, "has no image", value=lacking, expected=f"every example of {task}")
        if len(known) < max(4, len(ids) + 1):
            raise InputError(path, f"holds {len(known)} images", expected=f"4 or more, not only examples of {task}")
    drawn = np.random.default_rng(seed).permutation(len(pool))[:_CANDIDATES]
    chosen = [pool[row] for row in drawn] + [name for ids in examples.values() for name in ids]
    row_of, features = read_embeddings(path, chosen, setup.dim, threads)
    rows = {task: np.array([row_of[name] for name in ids]) for task, ids in examples.items()}
    return Candidates(list(row_of), features, rows)


def random(candidates: Candidates, seed: int, threads: int) -> Iterator[_Choice]:
    """The examples, and random images as what the concept is not: few of so large a pool are of it."""
    generator = np.random.default_rng(seed)
    for task, examples in candidates.examples.items():
        positives = examples[: candidates.size // 2]
        yield positives, generator.permutation(candidates.others(task))[: candidates.size - len(positives)]


def kmeans(candidates: Candidates, seed: int, threads: int) -> Iterator[_Choice]:
    """The images nearest to a centre of the examples' clusters, and as many of each other cluster."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import pairwise_distances_argmin_min

    count = min(_CLUSTERS, max(2, len(candidates.ids) // _PER_CLUSTER))
    model = MiniBatchKMeans(count, n_init=3, random_state=seed)
    clusters = model.fit_predict(candidates.features)
    for examples in candidates.examples.values():
        own = np.unique(clusters[examples])
        _, distances = pairwise_distances_argmin_min(candidates.features, model.cluster_centers_[own])
        positives, rest = np.split(np.argsort(distances, kind="stable"), [_positives(candidates)])
        elsewhere = rest[~np.isin(clusters[rest], own)]
        # Examples scattered over all clusters leave none: then the farthest of the rest.
        others = np.sort(elsewhere) if len(elsewhere) else rest[::-1]
        yield positives, _in_turns(others, clusters)[: candidates.size - len(positives)]


def forest(candidates: Candidates, seed: int, threads: int) -> Iterator[_Choice]:
    """The images that a forest, trained on the examples and as many random images, holds for most and least likely."""
    from sklearn.ensemble import RandomForestClassifier

    generator = np.random.default_rng(seed)
    for task, examples in candidates.examples.items():
        others = generator.permutation(candidates.others(task))[: len(examples)]
        model = RandomForestClassifier(random_state=seed, n_jobs=threads)
        labels = np.repeat([1, 0], [len(examples), len(others)])
        model.fit(candidates.features[np.concatenate([examples, others])], labels)
        # Rounded, as threads add up the trees in whatever order they end.
        likely = model.predict_proba(candidates.features)[:, 1].round(9)
        order = np.argsort(-likely, kind="stable")
        positives = _positives(candidates)
        yield order[:positives], order[positives - candidates.size :]


def pseudo(candidates: Candidates, seed: int, threads: int) -> Iterator[_Choice]:
    """As many images of each concept as a network, trained to tell the examples apart, holds them to be."""
    from sklearn.neural_network import MLPClassifier

    rows = np.concatenate(list(candidates.examples.values()))
    labels = np.repeat(np.arange(len(candidates.examples)), [len(of) for of in candidates.examples.values()])
    model = MLPClassifier(25, random_state=seed).fit(candidates.features[rows], labels)
    classes = model.predict(candidates.features)
    classes[rows] = labels  # these are known
    generator = np.random.default_rng(seed)
    each = max(1, candidates.size // len(candidates.examples))
    chosen = [generator.permutation(np.flatnonzero(classes == of))[:each] for of in range(len(candidates.examples))]
    for of, positives in enumerate(chosen):
        yield positives, np.concatenate(chosen[:of] + chosen[of + 1 :])


def _positives(candidates: Candidates) -> int:
    return max(1, int(candidates.size * _POSITIVE))


def _in_turns(rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """The rows reordered: the first of each cluster, the second of each, and so on."""
    turns = np.zeros(len(rows), int)
    for cluster in np.unique(clusters[rows]):
        of_cluster = clusters[rows] == cluster
        turns[of_cluster] = np.arange(of_cluster.sum())
    return rows[np.argsort(turns, kind="stable")]


METHODS: dict[str, Callable[[Candidates, int, int], Iterator[_Choice]]] = {
    "random": random,
    "kmeans": kmeans,
    "forest": forest,
    "pseudo": pseudo,
}
BY_LIBRARIES = ("kmeans", "forest", "pseudo")


def write(data: StrPath, out: StrPath, methods: Sequence[str] | None, seed: int, engine: Engine) -> list[Path]:
    """Write ``{out}/{method}/{task}.csv`` for every method and concept of the set-up.

    What scikit-learn chose has a ``made_with.json`` beside it: another version or machine may choose otherwise.
    """
    data, out = Path(data), Path(out)
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    chosen = asked.chosen(methods, list(METHODS), METHODS)
    engine.progress.begin("reading images")
    candidates = read_candidates(data, seed, engine.backend.threads)
    if "pseudo" in chosen and len(candidates.examples) < 2:
        if methods:
            raise ArgumentError("methods", "holds", value="pseudo", expected="a board of two concepts or more for it")
        chosen.remove("pseudo")
    written = []
    for method in chosen:
        choices = METHODS[method](candidates, seed, engine.backend.threads)
        for task in candidates.examples:
            engine.progress.begin(f"{method} {task}")
            # One thread a library, whose rounding depends on their number; the network need not converge.
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                parts = next(choices)
            if not all(map(len, parts)):
                raise InputError(data, f"{method} finds images of one label only for", value=task)
            labels = np.repeat(np.array([1, 0], np.uint8), [len(part) for part in parts])
            path = out / method / f"{task}.csv"
            files.write_training_set(path, [candidates.ids[row] for row in np.concatenate(parts)], labels)
            written.append(path)
        if method in BY_LIBRARIES:
            provenance.write(out / method / "made_with.json", method, seed)
    return written
