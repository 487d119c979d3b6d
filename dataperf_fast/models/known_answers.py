"""Whether a GPU is to be trusted: before it is first used, every kernel gives the CPU's answers to a small problem.

It takes a second or two, and is remembered by the device, its driver, what compiles for it, and the kernels' own text.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast import kernels
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import machine
from dataperf_fast.engine.backend import Backend, Device
from dataperf_fast.engine.plan import FrozenModel, Pool
from dataperf_fast.files.errors import told
from dataperf_fast.files.paths import write_text
from dataperf_fast.kernels.folders import cache_folder
from dataperf_fast.models.boosted_stumps import BoostedStumps
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.models.support_vectors import SupportVectors
from dataperf_fast.models.voting import Voting

_COMPILERS = ("numba-cuda", "cupy-cuda13x", "cupy-cuda12x")
_ROWS, _WIDTH = 70, 48


def choose(name: str = "auto", jobs: int | None = None, without_cuda: str = "") -> Backend:
    """As ``backends.choose``, but a GPU only once it has given known answers; else a line says why not.

    Raises RuntimeError where ``cuda`` is asked for and gives other answers than the CPU.
    """
    chosen = backends.choose(name, jobs, without_cuda)
    if chosen.name != "cuda" or not (problem := _distrusted(chosen)):
        return chosen
    if name == "cuda":
        raise RuntimeError(f"the GPU is not to be trusted: {problem}")
    warnings.warn(f"the GPU is not used: {problem}", stacklevel=2)
    return replace(backends.choose("cpu", jobs), reason=f"auto: {problem}")


def until_it_pays(jobs: int | None = None, without_cuda: str = "") -> Backend:
    """The CPU, from which an engine goes on to the GPU that ``choose`` finds once there is enough to do for it."""
    if without_cuda:
        return choose("auto", jobs, without_cuda)
    on_cpu = backends.choose("cpu", jobs)
    return replace(on_cpu, reason="auto: until a GPU pays", longer=partial(choose, "auto", jobs))


def _distrusted(backend: Backend) -> str:
    device = backends.find_device()
    folder = cache_folder() or Path(os.devnull)
    path, key, trusted = folder / "trusted_gpus.json", _key(device), set()
    with suppress(OSError, ValueError, TypeError):
        trusted = set(json.loads(path.read_text(encoding="utf-8")))
    if key in trusted:
        return ""
    if not (problem := check(backend)):
        with suppress(OSError, ValueError):  # then it is asked again the next time
            write_text(path, json.dumps(sorted(trusted | {key})))
    return problem


def _key(device: Device | str) -> str:
    text = hashlib.sha256()
    for path in sorted(Path(kernels.__file__).parent.rglob("*.py")):
        text.update(path.read_bytes())
    about: list[Any] = [text.hexdigest()]
    if isinstance(device, Device):
        about += [device.name, device.capability, device.cuda, device.driver]
    for package in _COMPILERS:
        with suppress(metadata.PackageNotFoundError):
            about.append(f"{package} {metadata.version(package)}")
    return machine.digest(json.dumps(about))


def check(backend: Backend) -> str:
    """What is wrong with the GPU of ``backend``, in a line; nothing where all its answers are the CPU's bytes."""
    cases: dict[str, Callable[[Backend], list[np.ndarray]]] = {
        "linear net": lambda on: _answers(LinearNet(), 2, on),
        "logistic regression": lambda on: _answers(LogisticRegression(), 2, on, exact=False),
        "stumps": lambda on: _answers(BoostedStumps(), 2, on, exact=False),
        "votes of neighbours": lambda on: _answers(NearestNeighbours(), 2, on, exact=False),
        "logistic regression's optimum": lambda on: _answers(LogisticOptimum(), 2, on, exact=False),
        "support vectors' optimum": lambda on: _answers(SupportVectors(), 2, on, exact=False),
        "nearest neighbours": lambda on: _answers(NeighbourVotes(), 2, on),
        "support vectors and votes": lambda on: _answers(Voting(), 3, on),
        "neighbour Shapley": _shapley,
    }
    for name, answer in cases.items():
        expected = answer(Backend("cpu", "known answers", 1, backend.memory))
        try:
            found = answer(backend)
        except Exception as error:  # whatever a driver, a compiler or a device does
            return f"its {name} failed ({told(error)})"
        if [array.tobytes() for array in found] != [array.tobytes() for array in expected]:
            return f"its {name} gave other answers than the CPU's"
    return ""


def _pool(classes: int) -> tuple[Pool, np.ndarray]:
    """Overlapping classes, some labels wrong: a pool and the labels to train on."""
    generator = np.random.default_rng(0)
    truth = np.resize(np.arange(classes), _ROWS + 40).astype(np.uint8)
    features = generator.standard_normal((len(truth), _WIDTH)) + truth[:, None] * generator.random(_WIDTH)
    given = truth[:_ROWS].copy()
    given[:8] = given[8:16]
    features = np.maximum(features, 0).astype(np.float32)
    return Pool(features[:_ROWS], features[_ROWS:], truth[_ROWS:]), given


def _answers(model: FrozenModel, classes: int, on: Backend, exact: bool = True) -> list[np.ndarray]:
    """Two retrains in a batch, outcomes and all, and the answers of one of them."""
    pool, labels = _pool(classes)
    trainer, rows = model.bind(pool, on), [pool.every_row, pool.every_row[: _ROWS - 3]]
    of_batch, _ = trainer.train(rows, [labels, labels[: _ROWS - 3]], np.array([5, 69]), exact)
    said = trainer.answer(pool.every_row, labels, 5)
    return [of_batch, said.classes] + ([] if said.decisions is None else [said.decisions])


def _shapley(on: Backend) -> list[np.ndarray]:
    from dataperf_fast.kernels.launch import array_library
    from dataperf_fast.kernels.neighbours import shapley, shapley_cuda

    pool, labels = _pool(2)
    given = pool.features, labels, pool.evaluation_features, pool.evaluation_labels, 5
    if on.name == "cuda":
        return [shapley_cuda.values(*given, on.memory, array_library())]
    return [shapley.values(*given)]
