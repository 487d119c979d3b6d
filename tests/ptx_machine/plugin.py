"""pytest's plug-in: ``pytest -p tests.ptx_machine.plugin tests/cuda`` runs the tests as on a card, on the machine.

How it runs is said by the environment: ``card.from_environment``.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from . import card

_STACK, _MACHINE = ExitStack(), card.from_environment()


def pytest_configure(config: Any) -> None:
    _STACK.enter_context(card.inserted(_MACHINE))


def pytest_unconfigure(config: Any) -> None:
    _STACK.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in card.summary(_MACHINE):
        terminalreporter.write_line(f"machine: {line}")
