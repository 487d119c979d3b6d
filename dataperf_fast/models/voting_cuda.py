"""``voting`` on a GPU: support vectors and votes there, logistic regression on the CPU.

The device fits (``kernels/svm/cuda.py``) to the CPU's last bit, votes (``kernels/votes/cuda.py``) and counts for the
F1; the few rows in doubt are settled as on the CPU. Logistic regression in float32 takes a CPU thread some 3 ms a fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Pool
from dataperf_fast.kernels.launch import array_library, on_host
from dataperf_fast.models.voting import Fit, VotingTrainer, alike, fit_logistic, logit_error, weights_of

if TYPE_CHECKING:
    from dataperf_fast.kernels.svm.svc import Problem
    from dataperf_fast.kernels.votes.cuda import Ballot

_BYTES_PER_ROW = 64  # of a retrain: its answers, and its part of a fit's products in float64


class CudaVotingTrainer(VotingTrainer):
    """Trains batches over one pool, whose evaluation rows stay on the device."""

    def __init__(self, pool: Pool, backend: Backend, held_out: bool):
        super().__init__(pool, backend, held_out, array_library())
        self.bytes_per_retrain = _BYTES_PER_ROW * len(self._truth)
        self._on_device = self._xp.asarray(self._evaluation.astype(np.float64))
        self._squares = self._xp.einsum("ij,ij->i", self._on_device, self._on_device)
        self._longest = float(self._squares.max())

    def _begin(self, fits: list[Fit]) -> Callable[[], None]:
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.svm import svc

        problems: list[Problem | None] = [None] * len(fits)

        def fit_weights(at: int) -> None:
            fits[at].logistic = fit_logistic(self._pool.features[fits[at].rows], fits[at].labels)

        def prepare(at: int) -> None:
            problems[at] = svc.prepare(self._pool.features[fits[at].rows], fits[at].labels, fits[at].seeds)

        tasks = [partial(task, at) for task in (prepare, fit_weights) for at in range(len(fits))]
        wait = threads.start(self._threads, lambda task: task(), tasks)

        def end() -> None:
            wait()
            self._solve(fits, [problem for problem in problems if problem is not None])

        return end

    def _solve(self, fits: list[Fit], problems: list[Problem]) -> None:
        """Fit on the device what fits there, like with like, and the rest here."""
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.svm import cuda as svc_cuda
        from dataperf_fast.kernels.svm import svc

        def fit_here(at: int) -> None:
            fits[at].svc = svc.finish(problems[at], svc.solve(problems[at]))

        here = []
        for group in self._alike(fits):
            small = [at for at in group if svc_cuda.covers(problems[at])]
            here += sorted(set(group) - set(small))
            for at, of in zip(small, svc_cuda.fit([problems[at] for at in small]) if small else [], strict=True):
                fits[at].svc = of
        threads.run(self._threads, fit_here, here)

    def _ready(self, fits: list[Fit]) -> None:
        """Nothing: products are the device's own, and take it milliseconds."""

    def _vote(self, fits: list[Fit]) -> None:
        from dataperf_fast.kernels.votes import cuda as vote_cuda

        for group in self._alike(fits):
            if len(fits[group[0]].classes) > vote_cuda.MOST:
                continue  # all its rows are left in doubt, for the CPU to settle
            ballots = [self._ballot(fits[at]) for at in group]
            answers, doubts = vote_cuda.vote(ballots, self._on_device, self._squares, self._xp)
            for line, (at, doubted) in enumerate(zip(group, on_host(doubts), strict=True)):
                fits[at].answers, fits[at].doubts = answers[line], doubted

    def _ballot(self, fit: Fit) -> Ballot:
        from dataperf_fast.kernels.votes.cuda import Ballot

        weights, intercepts = weights_of(fit)
        return Ballot(
            self._pool.features[fit.rows[fit.svc.order]].astype(np.float64), weights.astype(np.float64), intercepts,
            logit_error(weights, self._longest), fit.svc.gamma, fit.svc.starts, fit.svc.coefficients, fit.svc.rho,
            fit.svc.a, fit.svc.b,
        )  # fmt: skip

    def _score(self, fits: list[Fit]) -> list[np.ndarray]:
        from dataperf_fast.kernels.scores import f1
        from dataperf_fast.kernels.votes import cuda as vote_cuda

        scores: list[np.ndarray] = [np.empty(0)] * len(fits)
        truth = self._xp.asarray(self._truth)
        for group in self._alike(fits):
            scored = np.ones((len(group), len(self._truth)), np.uint8)
            if self._held_out:
                for line, at in enumerate(group):
                    scored[line, fits[at].rows] = 0
            answers = self._xp.stack([fits[at].answers for at in group])
            class_of = np.stack([fits[at].classes for at in group])
            counts = vote_cuda.count(answers, class_of, truth, self._xp.asarray(scored), self._xp)
            for at, of_fit in zip(group, counts, strict=True):
                scores[at] = f1.from_counts(of_fit)
        return scores

    def _alike(self, fits: list[Fit]) -> list[list[int]]:
        """Fits with equally many classes and seeds, together."""
        return alike((len(fit.classes), len(fit.seeds)) for fit in fits)
