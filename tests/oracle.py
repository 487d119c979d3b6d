"""What an estimator of scikit-learn answers where scikit-learn is what the reference is defined by.

The test's own process may have another BLAS, another order of sums and other last bits: the fixture ``oracle`` asks
``fit_and_ask`` in a process that runs the definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataperf_fast.engine.processes import open_processes


def fit_and_ask(
    estimator: Any, features: np.ndarray, labels: np.ndarray, questions: dict[str, np.ndarray]
) -> tuple[Any, ...]:
    """Fit, and call methods with rows ``(q, d)`` each: the fitted estimator, and an answer a question."""
    fitted = estimator.fit(features, labels)
    return fitted, *(getattr(fitted, method)(rows) for method, rows in questions.items())


class Oracle:
    """``fit_and_ask`` in a defined process."""

    def __init__(self) -> None:
        self._processes = open_processes("tests.oracle", 1)
        if self._processes.departure:
            pytest.skip(self._processes.departure)

    def fit(self, estimator: Any, features: np.ndarray, labels: np.ndarray, **questions: np.ndarray) -> Any:
        """The fitted estimator; with questions, ``predict=rows`` for instance, it and an answer each."""
        answers = self._processes.call("fit_and_ask", estimator, features, labels, questions)
        return answers if questions else answers[0]
