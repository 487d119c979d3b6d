"""CPU against GPU in one command: the same scores, both timed, and how far the kernels are from the card's limits.

python -m benchmarks_perf.gpu_report [--shared ../shared/data] [--out benchmarks_perf/results/gpu.json]

A section that fails says so, and the rest is still measured; the result is written after each.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_perf import debugging_adapters, speech_adapters, suite, timing
from benchmarks_perf.gpu_parity import parity
from benchmarks_perf.valuation import problem
from dataperf_fast.boards.debugging import board as debugging_board
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.debugging.files import OrderFile
from dataperf_fast.boards.speech import board
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import limits
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels.net.steps import HIDDEN
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from dataperf_fast.models.boosted_stumps import BoostedStumps
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours
from dataperf_fast.models.voting import Voting
from dataperf_fast.valuation import NeighbourShapley

SUBMISSIONS = 1_000  # to the English speech board; timed on a tenth of them
TASKS = 1_000  # of 300 retrains each, for the whole-day figure; timed on a twentieth of them
WIDTH = 2048


def ceilings() -> dict[str, float]:
    """Bytes a second of a copy within the device's memory, and operations a second of float64 products."""
    import cupy

    source, target = cupy.zeros(2**28, np.float32), cupy.zeros(2**28, np.float32)  # 1 GiB each
    square = cupy.ones((8192, 8192))

    def copy() -> None:
        cupy.copyto(target, source)
        cupy.cuda.Device().synchronize()

    def product() -> None:
        square @ square
        cupy.cuda.Device().synchronize()

    cases = {"copy": copy, "product": product}
    for case in cases.values():
        case()
    seconds = timing.medians(timing.interleave(cases, 5))
    return {
        "copy_bytes_a_second": 2 * source.nbytes / seconds["copy"],
        "float64_operations_a_second": 2 * 8192**3 / seconds["product"],
    }


def curve(copy_bytes_a_second: float) -> dict[str, Any]:
    """Nets of 300 rows, 95 as in a curve and 300: seconds of either backend, and bytes of state a second."""
    with tempfile.TemporaryDirectory() as folder:
        task = next(synth.write(Path(folder), synth.DebuggingScale(1, 300, 500, 1), 0))
    generator = np.random.default_rng(0)
    labels = [generator.integers(0, 2, 300).astype(np.uint8) for _ in range(300)]
    pool = Pool(task.train.features, task.test.features, task.test.labels)

    def run(name: str, nets: int) -> Callable[[], Any]:
        trainer = LinearNet().bind(pool, backends.choose(name))
        rows, seeds = [pool.every_row] * nets, np.zeros(nets, np.int64)
        return lambda: trainer.train(rows, labels[:nets], seeds, False)

    cases = {
        "cpu": run("cpu", 300),
        "cuda": run("cuda", 300),
        "cpu, 95 nets": run("cpu", 95),
        "cuda, 95 nets": run("cuda", 95),
    }
    for case in cases.values():
        case()
    seconds = timing.interleave(cases, 5)
    middle = timing.medians(seconds)
    moved = 300 * 100 * 7 * HIDDEN * WIDTH * 8  # W twice, M and V once read; all three written; float64
    return {
        "seconds": seconds,
        "median": middle,
        "state_bytes": moved,
        "share_of_copy": moved / middle["cuda"] / copy_bytes_a_second,
    }


def fits() -> dict[str, Any]:
    """50 acquisition fits of 2,516 x 768, scored on 2,000 rows, model by model: seconds of either backend."""
    pool, rows, labels = _draws()
    given = rows, labels, np.zeros(len(rows), np.int64), False
    found: dict[str, Any] = {}
    for model in (LogisticRegression(), NearestNeighbours(), BoostedStumps()):
        trainers = {name: model.bind(pool, backends.choose(name)) for name in ("cpu", "cuda")}
        cases = {name: lambda trainer=trainer: trainer.train(*given) for name, trainer in trainers.items()}
        outcomes = [case() for case in cases.values()]
        both = outcomes[0][1] & outcomes[1][1]  # certain on either
        found[model.name] = {
            "median": timing.medians(timing.interleave(cases, 3)),
            "same": outcomes[0][0][both].tobytes() == outcomes[1][0][both].tobytes(),
        }
    return found


def _draws() -> tuple[Pool, list[np.ndarray], list[np.ndarray]]:
    """A pool, and rows and labels of the 50 draws."""
    generator = np.random.default_rng(2)
    features = generator.standard_normal((22_000, 768), dtype=np.float32)
    labels = (features[:, 0] + generator.standard_normal(22_000) > 0).astype(np.int64)
    pool = Pool(features[:20_000], features[20_000:], labels[20_000:])
    rows = [generator.choice(20_000, 2_516, replace=False).astype(np.int32) for _ in range(50)]
    return pool, rows, [labels[of] for of in rows]


def peers() -> dict[str, Any]:
    """What a good engineer would write for a card, where its library is there: all nets of a curve in one batch."""
    with tempfile.TemporaryDirectory() as folder:
        task = next(synth.write(Path(folder), synth.DebuggingScale(1, 300, 500, 1), 0))
    order = np.random.default_rng(0).permutation(300)
    backend = backends.choose("cuda")
    file = OrderFile(task.data_id, "timed", Path("timed.txt"))
    cases: dict[str, Callable[[], Any]] = {
        "ours, a curve": lambda: debugging_board.score_task(task, {file: order}, Engine(backend), True)
    }
    if _sees_a_card("torch", lambda torch: torch.cuda.is_available()):
        cases["PyTorch in one batch"] = lambda: debugging_adapters.batched_pytorch(task, order, backend.threads, "cuda")
    if _sees_a_card("jax", lambda jax: jax.default_backend() == "gpu"):
        cases["JAX in one batch"] = lambda: debugging_adapters.batched_jax(task, order, backend.threads)
    for case in cases.values():
        case()
    found = {"curve": timing.medians(timing.interleave(cases, 3))}
    if find_spec("cuml") is not None:
        found["50 fits"] = {"cuML's LogisticRegression": _cuml_fits()}
    return found


def _sees_a_card(library: str, sees: Callable[[Any], bool]) -> bool:
    return find_spec(library) is not None and sees(importlib.import_module(library))


def _cuml_fits() -> float:
    """Seconds of the 50 fits of ``fits`` by cuML, whose rows are on the card, one after the other; the second time."""
    pool, rows, labels = _draws()
    model, xp = importlib.import_module("cuml").LogisticRegression, importlib.import_module("cupy")
    features, evaluation = xp.asarray(pool.features), xp.asarray(pool.evaluation_features)
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        for of_rows, of_labels in zip(rows, labels, strict=True):
            model().fit(features[of_rows], xp.asarray(of_labels)).predict(evaluation).get()
        seconds = time.perf_counter() - started
    return seconds


def many_tasks() -> dict[str, float]:
    """A twentieth of a thousand tasks of 300 retrains, each with a pool of its own, scaled."""
    sample = TASKS // 20
    generator = np.random.default_rng(1)
    labels = [generator.integers(0, 2, 300).astype(np.uint8) for _ in range(300)]
    engine = Engine(backends.choose("cuda"))
    pools = []
    for _ in range(sample):
        features = np.maximum(generator.standard_normal((800, WIDTH), dtype=np.float32), 0)
        pools.append(Pool(features[:300], features[300:], generator.integers(0, 2, 500).astype(np.uint8)))
    started = time.perf_counter()
    for pool in pools:
        engine.run(Plan(pool, LinearNet(), labels))
    return {"tasks": TASKS, "timed": sample, "seconds": (time.perf_counter() - started) * TASKS / sample}


def shapley(operations_a_second: float) -> dict[str, Any]:
    """Neighbour Shapley: the same bytes as the CPU's on 5,000 rows, and the seconds of 100,000 x 10,000 x 2,048."""
    same = []
    for neighbours in (1, 5):
        data = problem(5_000, 500)
        cpu, gpu = (
            NeighbourShapley(neighbours, backend=backends.choose(name)).fit(*data).values_ for name in ("cpu", "cuda")
        )
        same.append(cpu.tobytes() == gpu.tobytes())
    rows, evaluation = 100_000, 10_000
    generator = np.random.default_rng(0)
    features = generator.standard_normal((rows + evaluation, WIDTH), dtype=np.float32)
    labels = generator.integers(0, 2, rows + evaluation)
    started = time.perf_counter()
    NeighbourShapley(5, backend=backends.choose("cuda")).fit(
        features[:rows], labels[:rows], features[rows:], labels[rows:]
    )
    seconds = time.perf_counter() - started
    products = 2 * rows * evaluation * WIDTH / operations_a_second
    return {"same_bytes": same, "rows": rows, "evaluation": evaluation, "seconds": seconds,
            "seconds_of_products_at_the_ceiling": products}  # fmt: skip


def speech(operations_a_second: float) -> dict[str, Any]:
    """A tenth of a thousand submissions of 60 clips to the English board at the paper's scale, scaled up.

    Seconds of the whole, of the kernels (``fit``, ``vote``, with copies to and from the device), and what the
    products would take at the measured ceiling.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = speech_adapters.make(Path(folder), "paper", SUBMISSIONS // 10, limits.usable_cores())
    engine = Engine(backends.choose("cuda"))
    few = dict(list(made.sets.items())[:2])
    board.score_submissions(made.pool, few, engine)  # compile
    started = time.perf_counter()
    board.score_submissions(made.pool, made.sets, engine)
    seconds = time.perf_counter() - started
    kernels: dict[str, float] = {}
    trainer = Voting().bind(made.pool, engine.backend)
    for module, name in ((svc_cuda, "fit"), (vote_cuda, "vote")):
        setattr(module, name, _timed(getattr(module, name), name, kernels))
    rows = [part for part, _ in made.sets.values() for _ in board.SEEDS]
    labels = [part for _, part in made.sets.values() for _ in board.SEEDS]
    trainer.train(rows, labels, np.tile(board.SEEDS, len(made.sets)), exact=False)
    used = len(np.unique(np.concatenate(rows))) + 6 * len(made.sets)
    products = 2 * used * made.pool.evaluation_features.size / operations_a_second
    return {"submissions": SUBMISSIONS, "timed": len(made.sets), "seconds": seconds * SUBMISSIONS / len(made.sets),
            "kernel_seconds": kernels, "seconds_of_products_at_the_ceiling": products}  # fmt: skip


def _timed(function: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """The function, which from now on adds the time it takes to ``seconds[name]``."""
    from numba import cuda

    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        found = function(*arguments)
        cuda.synchronize()
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
        return found

    return timed


# By name, what measures a section, given the result so far.
Sections = dict[str, Callable[[dict[str, Any]], dict[str, Any]]]
# What shares of the card's limits are of, where the limits could not be measured.
_H100 = {"copy_bytes_a_second": 2.8e12, "float64_operations_a_second": 6e13}


def sections(shared: Path | None) -> Sections:
    """The report's sections, the most important first."""

    def limit(found: dict[str, Any], name: str) -> float:
        return float(found.get("ceilings", {}).get(name, _H100[name]))

    return {
        "parity": lambda _: parity(shared, 5),
        "ceilings": lambda _: ceilings(),
        "curve": lambda found: curve(limit(found, "copy_bytes_a_second")),
        "many_tasks": lambda _: many_tasks(),
        "fits": lambda _: fits(),
        "speech": lambda found: speech(limit(found, "float64_operations_a_second")),
        "shapley": lambda found: shapley(limit(found, "float64_operations_a_second")),
        "suite": lambda _: suite.measure_all(1, False, "cuda"),
        "peers": lambda _: peers(),
        "more parity": lambda _: parity(None),
    }


def run(of: Sections, result: dict[str, Any], out: Path) -> dict[str, str]:
    """Fill the result section by section, and write it after each; returns what failed, by section."""
    failed: dict[str, str] = {}
    for name, measure in of.items():
        started = time.perf_counter()
        try:
            result[name] = measure(result)
        except Exception as error:  # whatever a card does: the rest is still measured
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        result["failed"] = failed
        timing.write(out, result)
        said = failed.get(name) or "done"
        print(f"{name}: {said}, {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return failed


def lines(result: dict[str, Any]) -> Iterator[str]:
    """What was found, as far as it was."""
    compared = [one for name in ("parity", "more parity") for one in result.get(name, {}).get("compared", ())]
    yield f"{len(compared)} scores compared, {sum(not case['same'] for case in compared)} differ"
    if of_curve := result.get("curve"):
        for name, seconds in of_curve["median"].items():
            yield f"{name:30} {1e3 * seconds:10.1f} ms"
        yield f"{'share of the copy bandwidth':30} {of_curve['share_of_copy']:10.0%}"
    if tasks := result.get("many_tasks"):
        yield f"{TASKS} tasks of 300 retrains       {tasks['seconds']:10.1f} s"
    for model, of_fits in result.get("fits", {}).items():
        seconds, same = of_fits["median"], "the same" if of_fits["same"] else "NOT the same"
        yield f"50 fits, {model:20} {seconds['cpu']:9.2f} s on the CPU, {seconds['cuda']:.2f} s on the GPU, {same}"
    if of_speech := result.get("speech"):
        kernels = of_speech["kernel_seconds"]
        yield f"{SUBMISSIONS} speech submissions      {of_speech['seconds']:10.1f} s, kernels {kernels}"
    if values := result.get("shapley"):
        yield f"neighbour Shapley, 100,000 rows    {values['seconds']:10.1f} s, same bytes: {values['same_bytes']}"
    yield from _lines_beside(result)
    for name, why in result["failed"].items():
        yield f"{name} failed: {why}"


def _lines_beside(result: dict[str, Any]) -> Iterator[str]:
    """The reference and other libraries."""
    if of_suite := result.get("suite"):
        yield from suite.lines(of_suite)
    for of_peers in result.get("peers", {}).values():
        for name, seconds in of_peers.items():
            yield f"{name:30} {1e3 * seconds:10.1f} ms"


def main() -> None:
    """Measure everything, print a table, write the result file; exit status 1 where a section failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="real recordings in DataPerf's formats, compared too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/gpu.json"))
    options = parser.parse_args()
    device = backends.find_device()
    if isinstance(device, str):
        raise SystemExit(f"gpu_report: {device}")
    result: dict[str, Any] = {"device": device._asdict(), "versions": backends.versions()}
    failed = run(sections(options.shared), result, options.out)
    print("\n".join([device.name, *lines(result), f"wrote {options.out}"]))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
