"""The debugging board's frozen models: its own, and four more by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from dataperf_fast.engine.plan import AccurateModel
from dataperf_fast.files.errors import InputError, install
from dataperf_fast.models.dual_logistic import DualLogistic
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.models.support_vectors import SupportVectors
from dataperf_fast.models.xgb import BoostedTrees

OWN_MODEL = "linear-net"


class DebuggingModel(AccurateModel, Protocol):
    """A frozen model that says how far rounding could have moved its accuracy, and what decides its outcomes.

    That is the version of our arithmetic, or libraries' versions and the machine.
    """

    decided_by: str

    def bounds(self, outcomes: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest accuracy ``(r,)`` that outcomes ``(r,)`` could be."""
        ...


MODELS: dict[str, Callable[[], DebuggingModel]] = {
    OWN_MODEL: LinearNet,
    "logistic": DualLogistic,
    "svc": SupportVectors,
    "knn": NeighbourVotes,
    "xgb": BoostedTrees,
}


def make_model(name: str) -> DebuggingModel:
    """One of ``MODELS``; raises ``InputError`` where there is none, or its library is missing."""
    if name not in MODELS:
        raise InputError("--model", "is", value=name, expected=" or ".join(MODELS))
    try:
        return MODELS[name]()
    except ModuleNotFoundError as error:
        raise InputError("--model", f"{name} needs the package {error.name}", expected=install(name)) from error
