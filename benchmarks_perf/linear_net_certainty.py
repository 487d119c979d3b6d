"""Count the linear net's retrains that are called certain in float32 and have another accuracy in float64: none may.

    python -m benchmarks_perf.linear_net_certainty --certain 10000 --jobs 2

Pools of 50 to 5,000 rows, 0 to 50% wrong labels, features of three scales. A pool's label states go from the noisy ones
to the clean ones. Most retrains are of small pools, where most are certain and a float64 run is cheap: of 62 in a round
one has 5,000 rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from dataperf_fast.boards.debugging.synth import two_classes
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.plan import Pool
from dataperf_fast.models.linear_net import LinearNet

RETRAINS = {50: 12, 100: 12, 200: 12, 300: 12, 450: 6, 600: 4, 1000: 2, 2000: 1, 5000: 1}  # by rows, in a round
NOISE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
SCALES = (1.0, 1e-3, 30.0)
_EVALUATION = 500


def label_states(generator: np.random.Generator, truth: np.ndarray, noise: float, count: int) -> np.ndarray:
    """``(count, n)``: all of the wrong labels, then ever fewer."""
    wrong = generator.permutation(len(truth))[: round(noise * len(truth))]
    states = np.repeat(truth[None], count, axis=0)
    for at, state in enumerate(states):
        state[wrong[: len(wrong) - at * len(wrong) // count]] ^= 1
        if not noise:
            state[generator.integers(len(truth))] ^= 1  # or all states were one
    return states


def rounds(seed: int) -> Iterator[tuple[int, float, Pool, np.ndarray]]:
    """Rows, noise, a pool and its label states, round after round without end."""
    turn = 0
    while True:
        noise, scale = NOISE[turn % len(NOISE)], SCALES[turn % len(SCALES)]
        for rows, count in RETRAINS.items():
            generator = np.random.default_rng([seed, turn, rows])
            features, labels = two_classes(generator, rows + _EVALUATION)
            features *= np.float32(scale)
            pool = Pool(features[:rows], features[rows:], labels[rows:])
            yield rows, noise, pool, label_states(generator, labels[:rows], noise, count)
        turn += 1


def compare(pool: Pool, states: np.ndarray, jobs: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the states are certain in float32, and which of those are another accuracy in float64."""
    trainer = LinearNet().bind(pool, backends.choose("cpu", jobs))
    every = [pool.every_row] * len(states)
    seeds = np.zeros(len(states), np.int64)
    found, certain = trainer.train(every, list(states), seeds, exact=False)
    exact, _ = trainer.train(every, list(states), seeds, exact=True)
    return certain, certain & (found["accuracy"] != exact["accuracy"])


def main() -> None:
    """Print a row for every size of pool, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certain", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts = {rows: np.zeros(3, int) for rows in RETRAINS}
    for rows, noise, pool, states in rounds(given.seed):
        certain, wrong = compare(pool, states, given.jobs)
        counts[rows] += len(states), certain.sum(), wrong.sum()
        if wrong.any():
            print(f"wrong: {rows} rows, noise {noise}: states {np.flatnonzero(wrong).tolist()}", flush=True)
        if sum(count[1] for count in counts.values()) >= given.certain:
            break
    print("rows  retrains  certain  wrong")
    for name, (retrains, certain, wrong) in [*counts.items(), ("sum", sum(counts.values()))]:
        print(f"{name:>4}  {retrains:8}  {certain:7}  {wrong:5}")


if __name__ == "__main__":
    main()
