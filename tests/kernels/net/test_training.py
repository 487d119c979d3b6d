from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dataperf_fast.boards.debugging.synth import two_classes
from dataperf_fast.kernels.net import decisions, training

pytestmark = [pytest.mark.parity, pytest.mark.fused]

# sha256 of W1, b1, w2, b2 of torch.nn.Linear(2048, 128) and (128, 1) after manual_seed(42), PyTorch 2.13.0.
PYTORCH_WEIGHTS = "588873de1a8deabf7f03a6facc275bf9dbec111127f89eeba5579566765abe34"


def initial_weights_of_pytorch(width):
    """The rule of ``torch.nn.Linear`` after ``manual_seed(42)``, value by value; the hash of 2,048 is PyTorch's."""
    stream = np.random.RandomState(42)
    parts = []
    for shape, inputs in (((128, width), width), ((128,), width), ((128,), 128), ((1,), 128)):
        bound = np.float64(np.float32(1 / np.sqrt(inputs)))
        draws = stream.randint(0, 2**32, int(np.prod(shape)), np.uint32) % 2**24
        parts.append((draws / 2**24 * (2 * bound) - bound).astype(np.float32).reshape(shape))
    return parts


def plain_logits(features, evaluation, labels):
    """The net by the book, float64: explicit hidden layer, full gradients, textbook AdamW with PyTorch's factors."""
    w1, b1, w2, b2 = (part.astype(np.float64) for part in initial_weights_of_pytorch(features.shape[1]))
    parameters = [w1, b1, w2, b2]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    f32 = lambda value: float(np.float32(value))  # noqa: E731
    step = 0
    for _ in range(20):
        for start in range(0, len(features), 64):
            x, y = features[start : start + 64], labels[start : start + 64]
            hidden = x @ w1.T + b1
            g = (1 / (1 + np.exp(-(hidden @ w2 + b2[0]))) - y) / len(x)
            gradients = [np.outer(w2, x.T @ g), w2 * g.sum(), hidden.T @ g, g.sum(keepdims=True)]
            step += 1
            for p, (m, v), gradient in zip(parameters, moments, gradients, strict=True):
                p *= f32(1 - 0.01 * 0.9)
                m += f32(0.1) * (gradient - m)
                v *= f32(0.999)
                v += f32(0.001) * gradient**2
                p -= f32(0.01 / (1 - 0.9**step)) * m / (np.sqrt(v) / f32(np.sqrt(1 - 0.999**step)) + f32(1e-8))
    return [(rows @ w1.T + b1) @ w2 + b2[0] for rows in (features, evaluation)]


def problem(rows: int, nets: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    features = np.maximum(generator.standard_normal((rows, 2048)), 0)
    features[:, 100] = 0  # a feature that never fires: gradients, moments and the divisor are all zero
    features[:, 101] = 1
    evaluation = np.maximum(generator.standard_normal((20, 2048)), 0)
    return features, evaluation, generator.integers(0, 2, (nets, rows)).astype(np.uint8)


def test_initial_weights_are_pytorchs():
    for weights in (training.initial_weights(2048), initial_weights_of_pytorch(2048)):
        assert hashlib.sha256(b"".join(part.tobytes() for part in weights)).hexdigest() == PYTORCH_WEIGHTS


@pytest.mark.parametrize("rows", [1, 70, 450])  # one batch; a short last batch; 160 steps, over a rebase
def test_exact_path_is_the_textbook_net(rows):
    nets = 2 if rows < 450 else 1  # the textbook's is slow
    features, evaluation, labels = problem(rows, nets)
    start = training.prepare(rows, 2048, np.float64)
    got = training.train(start, features, evaluation, labels)
    assert got.error.tolist() == [0] * nets
    for net in range(nets):
        for mine, plain in zip(got[:2], plain_logits(features, evaluation, labels[net]), strict=True):
            assert np.abs(plain).max() > 0.1
            np.testing.assert_allclose(mine[net], plain, rtol=0, atol=1e-7 * np.abs(plain).max())


@pytest.mark.parametrize(("rows", "scale"), [(150, 1.0), (150, 1e-4), (40, 100.0)])
def test_float32_errs_by_less_than_it_says(rows, scale):
    features, evaluation, labels = (part for part in problem(rows, 4))
    features, evaluation = (np.float32(scale) * part.astype(np.float32) for part in (features, evaluation))
    exact = training.train(training.prepare(rows, 2048, np.float64), features, evaluation, labels)
    single = training.train(training.prepare(rows, 2048), features, evaluation, labels)
    for net in range(4):
        error = max(np.abs(single[part][net] - exact[part][net]).max() for part in range(2))
        size = np.sqrt((exact.evaluation[net] ** 2).mean())
        assert 0 < error < training.tolerance(single.error[net], rows) < 1e-3 * size


def test_float32_gives_up_where_rounding_takes_over():
    """Half of the labels wrong, large features, 3,000 rows: there is nothing left that float32 could say."""
    features, labels = two_classes(np.random.default_rng(3), 3100)
    features *= np.float32(30)
    noisy = labels[:3000].copy()
    noisy[::2] ^= 1
    trained = training.train(training.prepare(3000, 2048), features[:3000], features[3000:], noisy[None])
    assert np.isnan(trained.error[0])
    assert np.isnan(trained.train).all()
    assert np.isnan(trained.evaluation).all()
    tolerance = training.tolerance(trained.error, 3000)
    scores = decisions.score(trained.train, noisy[None], trained.evaluation, labels[3000:], tolerance)
    assert (scores.lowest[0], scores.highest[0]) == (0, 1)


def test_same_bytes_for_any_threads_and_batch():
    features, evaluation, labels = problem(70, 9)
    features, evaluation = features.astype(np.float32), evaluation.astype(np.float32)
    start = training.prepare(70, 2048)
    whole = training.train(start, features, evaluation, labels, threads=1)
    for threads, batch in ((2, 9), (3, 9), (1, 1), (2, 7)):
        parts = [
            training.train(start, features, evaluation, labels[at : at + batch], threads) for at in range(0, 9, batch)
        ]
        for index in range(3):
            assert np.concatenate([part[index] for part in parts]).tobytes() == whole[index].tobytes()


def test_a_shared_beginning_changes_no_byte():
    """Nets that agree with the one before up to a later, the same and an earlier batch, on all rows, and on none."""
    features, evaluation, labels = problem(200, 1)
    features, evaluation = features.astype(np.float32), evaluation.astype(np.float32)
    states = [labels[0]]
    for row in (70, 140, 199, 150, None, 70, 10, 0, 64, 63):
        states.append(states[-1].copy())
        if row is not None:
            states[-1][row] ^= 1
    start = training.prepare(200, 2048)
    together = training.train(start, features, evaluation, np.stack(states))
    for net, state in enumerate(states):
        alone = training.train(start, features, evaluation, state[None])
        for index in range(3):
            assert alone[index][0].tobytes() == together[index][net].tobytes()
    assert len({logits.tobytes() for logits in together[0]}) == len({state.tobytes() for state in states}) == 10
