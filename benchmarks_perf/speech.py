"""The speech board, timed: scikit-learn's VotingClassifier, and the board's own script, against ours.

python -m benchmarks_perf.speech [--scale paper|small] [--rounds 3] [--submissions 100]
    [--upstream DIR --upstream-python PYTHON] [--out benchmarks_perf/results/speech.json]

The data are made up, English at the chosen scale. ``--upstream`` is a checkout of harvard-edge/dataperf-speech-example.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

import dataperf_fast
from benchmarks_perf import defined, timing
from benchmarks_perf import speech_adapters as adapters
from dataperf_fast.boards.speech import baselines, board, synth
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels import threads as side_by_side
from dataperf_fast.models.voting import Voting

THREADS = 2
SIZES = (60, 25)
FEW_SEEDS = board.SEEDS[:2]
FOLDS_TIMED = 5
PROCESSES = 3


def warm(made: adapters.Made) -> None:
    """Load compiled code and the reference's libraries, and hash the pool, which the model part finds done."""
    rows, classes = adapters.submission(made.allowed, 60, 0)
    adapters.fast(made.pool, rows, classes, THREADS)
    few = made.pool.evaluation_features[:100], made.pool.evaluation_labels[:100]
    defined.reference("speech", "score", [(made.pool.features[rows], classes, 0)], *few)


def model_and_many(made: adapters.Made, rounds: int) -> tuple[dict, dict]:
    """Ten retrains of one submission, model part only, against the reference; and of all submissions in one run."""
    answers: dict[str, adapters.Answer] = {}
    records: list = []

    def case(peer: Callable[..., adapters.Answer], name: str, size: int) -> Callable[[], None]:
        rows, classes = adapters.submission(made.allowed, size, 0)

        def run() -> timing.Seconds | None:
            answers[name] = peer(made.pool, rows, classes, THREADS)
            return answers[name].seconds

        return run

    peers = {"reference": adapters.reference, "ours": adapters.fast, "null": adapters.null}
    cases = {f"{peer} {size}": case(run, f"{peer} {size}", size) for size in SIZES for peer, run in peers.items()}

    def many() -> None:
        records[:] = board.score_submissions(made.pool, made.sets, adapters.engine(THREADS))

    seconds = timing.interleave({**cases, "many": many}, rounds)
    middle = timing.medians(seconds)
    model: dict[str, Any] = {}
    for size in SIZES:
        plain, ours = answers[f"reference {size}"], answers[f"ours {size}"]
        model[str(size)] = {
            "rows": len(adapters.submission(made.allowed, size, 0)[0]),
            "seconds": {peer: seconds[f"{peer} {size}"] for peer in peers},
            "median": {peer: middle[f"{peer} {size}"] for peer in peers},
            "times_the_reference": middle[f"reference {size}"] / middle[f"ours {size}"],
            "scores_equal": bool((plain.scores == ours.scores).all()),
            "mean_score": float(ours.scores.mean()),
            "settled_rows": ours.settled,
        }
    each = middle["many"] / len(made.sets)
    return model, {
        "submissions": len(made.sets),
        "seconds": seconds["many"],
        "median": middle["many"],
        "seconds_a_submission": each,
        "times_the_reference": middle["reference 60"] / each,
        "first_score_equal": records[0].score == float(np.mean(answers["reference 60"].scores)),
    }


def submissions_to_compare(made: adapters.Made) -> dict[str, tuple[Pool, np.ndarray, np.ndarray]]:
    """Ten seeded submissions: six balanced ones, and four that are skewed."""
    compared = {}
    for number in range(6):
        size = SIZES[number % 2]
        compared[f"balanced, {size}, seed {number}"] = (
            made.pool,
            *adapters.submission(made.allowed, size, 100 + number),
        )
    rows, classes = adapters.submission(made.allowed, 60, 200)
    rank = np.array([(classes[:at] == classes[at]).sum() for at in range(len(classes))])
    kept = {
        "a class of one row": (classes != 1) | (rank == 0),
        "a class missing": classes != 2,
        "one nontarget": (classes != 0) | (rank == 0),
    }
    for name, part in kept.items():
        compared[name] = made.pool, rows[part], classes[part]
    features = made.pool.features.copy()
    features[rows[[1, -1]]] = features[rows[0]]  # in its own class, and as a nontarget
    pool = Pool(features, made.pool.evaluation_features, made.pool.evaluation_labels)
    compared["equal vectors"] = pool, rows, classes
    return compared


def parity(made: adapters.Made) -> dict:
    """Compare every prediction of ours with the reference's; all ten seeds of the first four submissions."""
    found = []
    for number, (name, (pool, rows, classes)) in enumerate(submissions_to_compare(made).items()):
        seeds = board.SEEDS if number < 4 else FEW_SEEDS
        features, evaluation, truth = pool.features[rows], pool.evaluation_features, pool.evaluation_labels
        fits = [(features, classes, int(seed)) for seed in seeds]
        plain = np.stack(list(defined.processes("speech", THREADS).each("predict", fits, (evaluation,))))
        trainer = Voting().bind(pool, adapters.engine(THREADS).backend)
        retrains = [rows] * len(seeds), [classes] * len(seeds), seeds
        outcomes, _ = trainer.train(*retrains, exact=False)
        found.append(
            {
                "submission": name,
                "rows": len(rows),
                "seeds": len(seeds),
                "compared": plain.size,
                "differ": int((plain != trainer.predict(*retrains)).sum()),
                "settled_rows": int(outcomes["settled"][0]),
                "f1_equal": outcomes["f1"].tolist() == [f1_score(truth, row, average="macro") for row in plain],
            }
        )
    return {
        "seeds": f"all {len(board.SEEDS)} for the first four submissions, {FEW_SEEDS.tolist()} for the rest",
        "submissions": found,
        "compared": sum(each["compared"] for each in found),
        "differ": sum(each["differ"] for each in found),
        "f1_equal": all(each["f1_equal"] for each in found),
    }


def peak_memory(made: adapters.Made) -> float:
    """MiB that a process takes which scores all submissions from their files."""
    return adapters.one_process(_command_line(made, made.root / "teams", "--no-cache"), made.root / "cache").peak


def from_files(made: adapters.Made, rounds: int, upstream: Path | None, python: Path | None) -> dict:
    """One submission from its file to its score, warm, against the board's own script; and in new processes."""
    file = next(iter(made.sets)).path
    scores: dict[str, float] = {}
    inside: list[float] = []

    def ours() -> None:
        [record] = dataperf_fast.evaluate("speech", made.root, [file], jobs=THREADS, cache=False)
        scores["ours"] = record.score

    def script(checkout: Path, interpreter: Path) -> Callable[[], None]:
        def run() -> None:
            seconds, scores["upstream"] = adapters.upstream(checkout, interpreter, made.folder, file, 60)
            inside.append(seconds)

        return run

    ours()
    cases: dict[str, Callable[[], None]] = {"upstream": script(upstream, python)} if upstream and python else {}
    seconds = timing.interleave({**cases, "ours": ours}, rounds)
    if inside:
        seconds["upstream"] = inside  # without the imports
    middle = timing.medians(seconds)
    return {
        "seconds": seconds,
        "median": middle,
        "times_the_reference": middle["upstream"] / middle["ours"] if inside else None,
        "scores": scores,
        "new_process": new_processes(made, file),
    }


def new_processes(made: adapters.Made, file: Path) -> dict:
    """Medians of whole commands in new processes, with the retrains unknown, and known from an earlier run."""
    found = {}
    for name, more in (("no cache", ["--no-cache"]), ("cached", [])):
        line = _command_line(made, file, *more)
        cache = made.root / "cache"
        adapters.command(line, cache)
        walls = [adapters.command(line, cache) for _ in range(PROCESSES)]
        inside = [adapters.one_process(line, cache) for _ in range(PROCESSES)]
        found[name] = {
            "wall": statistics.median(walls),
            "walls": walls,
            "one_process": {
                part: statistics.median(getattr(each, part) for each in inside) for part in adapters.Process._fields
            },
        }
    return found


def _command_line(made: adapters.Made, submissions: Path, *more: str) -> list[str | Path]:
    return ["evaluate", "speech", made.root, "--submissions", submissions, "--jobs", str(THREADS), *more]


def crossfold(made: adapters.Made, rounds: int) -> dict:
    """The cross-fold baseline against the reference's loop over the first of its hundred folds."""
    found = {}
    for size in SIZES:
        pairs = baselines._folds(made.allowed, size, 0)
        folds = [np.concatenate(pair).astype(np.int32) for pair in pairs[:FOLDS_TIMED]]
        scores: list[float] = []

        def reference(folds: list[np.ndarray] = folds, scores: list[float] = scores) -> timing.Seconds:
            scores[:], seconds = _score_folds(made.allowed, folds)
            return seconds

        def ours(size: int = size) -> None:
            baselines.crossfold(made.allowed, size, 0, adapters.engine(THREADS))

        seconds = timing.interleave({f"reference crossfold {size}": reference, f"ours crossfold {size}": ours}, rounds)
        plain, fast = seconds.values()
        whole = [each * len(pairs) / FOLDS_TIMED for each in plain]
        found[str(size)] = {
            "reference_is": f"extrapolated from {FOLDS_TIMED} of {len(pairs)}",
            "seconds": {"reference": whole, "ours": fast},
            "median": timing.medians({"reference": whole, "ours": fast}),
            "times_the_reference": statistics.median(whole) / statistics.median(fast),
            "folds_equal": _fold_scores(made.allowed, folds) == scores,
        }
    return found


def _score_folds(allowed: baselines.Allowed, folds: list[np.ndarray]) -> tuple[list[float], timing.Seconds]:
    """Train the reference on each fold and score it on the rest of the allowed set."""
    features, classes = allowed.features, allowed.classes
    rests = [np.setdiff1d(np.arange(len(classes)), rows) for rows in folds]
    fits = [
        (features[rows], classes[rows], baselines._MODEL_SEED, features[rest], classes[rest])
        for rows, rest in zip(folds, rests, strict=True)
    ]
    return defined.reference("speech", "score", fits)


def _fold_scores(allowed: baselines.Allowed, folds: list[np.ndarray]) -> list[float]:
    """The same folds by ours."""
    pool = Pool(allowed.features, allowed.features, allowed.classes)
    seeds = np.full(len(folds), baselines._MODEL_SEED)
    plan = Plan(pool, Voting(held_out=True), [allowed.classes[rows] for rows in folds], folds, seeds)
    scores: list[float] = adapters.engine(THREADS).run(plan).values["f1"].tolist()
    return scores


def stages(made: adapters.Made, seconds: float) -> dict:
    """How near the 60-row case, which took ``seconds``, is to what this machine can multiply and move."""
    rows, _ = adapters.submission(made.allowed, 60, 0)
    evaluation = made.pool.evaluation_features
    m, d = evaluation.shape
    n = len(rows)
    panel = np.pad(made.pool.features[rows], ((0, -n % 16), (0, 0)))
    products = np.empty((len(panel), m), np.float32)

    def multiply(start: int) -> None:
        np.matmul(panel, evaluation[start : start + 2048].T, out=products[:, start : start + 2048])

    with threadpool_limits(1, user_api="blas"):
        ceiling = 2 * THREADS * 2048 * 1024 * 2048 / _best(*_products())
        multiplying = _best(multiply, range(0, m, 2048))
    halves = [(np.ones(1 << 24, np.float64), np.zeros(1 << 24, np.float64)) for _ in range(THREADS)]
    moved = sum(source.nbytes + target.nbytes for source, target in halves)
    bandwidth = moved / _best(lambda half: np.copyto(half[1], half[0]), halves)
    flops, size = 2 * m * n * d, 4 * m * d
    digest = _best(lambda _: Pool(made.pool.features, evaluation, made.pool.evaluation_labels).evaluation_digest, [0])
    return {
        "evaluation_rows": m,
        "training_rows": n,
        "dimension": d,
        "seconds": seconds,
        "sgemm_ceiling_flops_a_second": ceiling,
        "copy_bytes_a_second": bandwidth,
        "copy_counts": "bytes read and bytes written",
        "gemm_flops": flops,
        "gemm_flops_padded": 2 * m * len(panel) * d,
        "gemm_seconds": multiplying,
        "gemm_seconds_at_ceiling": flops / ceiling,
        "gemm_share_of_ceiling": flops / ceiling / multiplying,
        "evaluation_bytes": size,
        "evaluation_passes": "3: squared lengths, dot products, the logistic regression's logits",
        "product_bytes": products.nbytes,
        "bytes": 3 * size + 2 * products.nbytes,
        "bytes_seconds_at_ceiling": (3 * size + 2 * products.nbytes) / bandwidth,
        "case_share_of_gemm_ceiling": flops / ceiling / seconds,
        "pool_hash_seconds": digest,
        "pool_hash_is": "once a pool, not in the model part's seconds",
    }


def _products() -> tuple[Callable[[np.ndarray], None], list[np.ndarray]]:
    """One large product a thread, to be run side by side."""
    generator = np.random.default_rng(0)
    left, right = (generator.random(shape, np.float32) for shape in ((2048, 1024), (1024, 2048)))

    def multiply(out: np.ndarray) -> None:
        np.matmul(left, right, out=out)

    return multiply, [np.empty((2048, 2048), np.float32) for _ in range(THREADS)]


def _best(task: Callable[[Any], Any], parts: Any) -> float:
    """Seconds of the fastest of seven runs of a task over its parts, side by side."""
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        side_by_side.run(THREADS, task, parts)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def measure(options: argparse.Namespace) -> dict:
    """Every section of the result file."""
    with tempfile.TemporaryDirectory() as folder:
        made = adapters.make(Path(folder), options.scale, options.submissions, THREADS)
        warm(made)
        model, many = model_and_many(made, options.rounds)
        many["peak_memory_mib"] = peak_memory(made)
        return {
            "scale": options.scale,
            "rounds": options.rounds,
            "threads": {"ours": THREADS, "reference": defined.REFERENCE},
            "model": model,
            "parity": parity(made),
            "many": many,
            "from_files": from_files(made, options.rounds, options.upstream, options.upstream_python),
            "crossfold": crossfold(made, options.rounds),
            "stages": stages(made, model["60"]["median"]["ours"]),
        }


def main() -> None:
    """Measure, print a summary, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=tuple(synth.SCALES), default="paper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--upstream", type=Path, metavar="DIR")
    parser.add_argument("--upstream-python", type=Path, metavar="PYTHON")
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/speech.json"))
    options = parser.parse_args()
    if (options.upstream is None) != (options.upstream_python is None):
        parser.error("--upstream and --upstream-python go together")
    result = measure(options)
    timing.write(options.out, result)
    for name in ("model", "crossfold"):
        times = {size: round(part["times_the_reference"], 1) for size, part in result[name].items()}
        print(f"{name}: times the reference {times}")
    print(f"predictions: {result['parity']['compared']} compared, {result['parity']['differ']} differ")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
