"""Every CUDA kernel as it is launched, compiled and linked without a card: what it takes of a multiprocessor."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import cuda, types

from dataperf_fast.kernels.arithmetic.cuda import teach_cuda
from dataperf_fast.kernels.logistic import cuda as logistic_cuda
from dataperf_fast.kernels.neighbours import shapley_cuda
from dataperf_fast.kernels.neighbours import vote_cuda as vote_of_neighbours
from dataperf_fast.kernels.net import cuda as net_cuda
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.svm import optimum_cuda
from dataperf_fast.kernels.trees import cuda as stumps_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from tests.cuda.conftest import SIMULATED
from tests.ptx_machine.texts import ptx_of

# What compiles a kernel is here: not the simulator, and no card need be.
NEEDS_A_COMPILER = [
    pytest.mark.skipif(SIMULATED, reason="the simulator has no compiler"),
    pytest.mark.skipif(find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install '.[ptx]'"),
    pytest.mark.usefixtures("nominal_device"),
]
# Hopper as numba-cuda takes it, Ampere's data-center cards, and Turing, the oldest that CUDA 13 knows.
CAPABILITIES = {"9.0": (9, 0, "a"), "8.0": (8, 0, ""), "7.5": (7, 5, "")}
REGISTERS, STATIC_SHARED = 65_536, 48 << 10  # of a multiprocessor and at most of a block; bytes of a block
RESIDENT = {"9.0": 2048, "8.0": 2048, "7.5": 1024}  # threads of a multiprocessor
SHARED = {"9.0": 228 << 10, "8.0": 164 << 10, "7.5": 64 << 10}  # bytes of a multiprocessor
MULTIPROCESSORS = {"9.0": 132, "8.0": 108, "7.5": 40}  # of an H100, an A100, a T4
LOCAL = 8 << 30  # bytes that all resident threads may reserve for their own arrays: a tenth of an H100


class Launched(NamedTuple):
    """A kernel: what builds its Python function, the kinds of its arguments, with how many threads a block it goes.

    It is built where it is compiled, not when tests are collected: Numba's own CUDA cannot learn what it calls.
    """

    body: Callable[[], Callable[..., None]]
    kinds: tuple[Any, ...]
    threads: int


class Resources(NamedTuple):
    """What ptxas gave a kernel: registers and bytes of stack a thread, shared bytes a block, bytes spilled."""

    registers: int
    stack: int
    shared: int
    spilled: int


_real, _whole, _byte = types.float64, types.int64, types.uint8
_vector, _table, _stack = _real[::1], _real[:, ::1], _real[:, :, ::1]
_net = (
    _table, _table, types.int32[::1], types.int32[::1], _byte[::1], _whole[::1], _table, _vector, _vector, _table,
    _vector, _real[:, :, :, ::1], _vector, _table,
)  # fmt: skip
_solve = (
    _real[:, :, :, ::1], _whole[:, ::1], _whole[:, :, :, ::1], _whole[:, ::1], types.int32[:, ::1], _stack, _table,
    _whole[:, ::1], _real[:, :, :, ::1],
)  # fmt: skip
_vote = (
    _table, _vector, _table, _whole[:, ::1], _table, _whole[:, ::1], _stack, _table, _table, _stack, _stack, _table,
    _table, _byte[:, :, ::1], _byte[:, ::1],
)  # fmt: skip
_step = (
    _whole[::1], _vector, _vector, _byte[::1], _whole[:, ::1], _table, _stack, _stack, _real[:, :, :, ::1], _stack,
    _stack, _stack, _stack, _stack, _stack, _table, _stack, *(_table,) * 8, _whole[:, ::1],
)  # fmt: skip
KERNELS: dict[str, Launched] = {
    "linear net, 2,048 columns": Launched(partial(net_cuda.body, np.float64, 2048), _net, net_cuda.THREADS),
    "linear net, the most columns": Launched(
        partial(net_cuda.body, np.float64, net_cuda.WIDEST), _net, net_cuda.THREADS,
    ),
    "support vectors": Launched(lambda: svc_cuda.solve_tasks.py_func, _solve, svc_cuda._THREADS),
    "Gram matrices": Launched(
        lambda: svc_cuda.set_kernels.py_func, (_stack, _whole[:, ::1], _vector, _real[:, :, :, ::1]), svc_cuda._ELEMENTS
    ),
    "sigmoids": Launched(
        lambda: svc_cuda.fit_sigmoids.py_func,
        (_whole[:, ::1], _whole[:, ::1], _real[:, :, :, ::1], _real[:, :, :, ::1]), svc_cuda._THREADS,
    ),
    "vote of 2 classes": Launched(partial(vote_cuda.body, 2), _vote, vote_cuda._THREADS),
    "vote of 6 classes": Launched(partial(vote_cuda.body, 6), _vote, vote_cuda._THREADS),
    "vote of 15 classes": Launched(partial(vote_cuda.body, 15), _vote, vote_cuda._THREADS),
    "logistic regression, rows": Launched(
        lambda: logistic_cuda.evaluate_rows.py_func,
        (types.float32[:, ::1], types.int32[::1], _whole[::1], _vector, _byte[::1], _table, _vector, _vector),
        logistic_cuda._THREADS,
    ),
    "logistic regression, columns": Launched(
        lambda: logistic_cuda.evaluate_columns.py_func,
        (types.float32[:, ::1], types.int32[::1], _whole[::1], _vector, _byte[::1], _table, _table),
        logistic_cuda._THREADS,
    ),
    "logistic regression, a step": Launched(lambda: logistic_cuda.take_step.py_func, _step, 1),
    "logistic regression, decisions": Launched(
        lambda: logistic_cuda.decide.py_func, (_table, _table, _table), logistic_cuda._THREADS
    ),
    "votes of neighbours": Launched(
        lambda: vote_of_neighbours.vote_rows.py_func,
        (_table, _vector, _vector, _whole[::1], _whole, _whole, _whole[:, ::1]), vote_of_neighbours._THREADS,
    ),
    "stumps, residuals": Launched(lambda: stumps_cuda.set_residuals.py_func, (_vector,) * 3, stumps_cuda._THREADS),
    "stumps, sums": Launched(lambda: stumps_cuda.add_up_fits.py_func, (_whole[::1], _byte[::1], _vector, _table), 1),
    "stumps, gains": Launched(
        lambda: stumps_cuda.best_gains.py_func,
        (_whole[::1], _byte[::1], types.int32[:, :, ::1], _vector, _table, _table), stumps_cuda._THREADS,
    ),
    "stumps, a split": Launched(
        lambda: stumps_cuda.split.py_func,
        (
            _whole[::1], _byte[::1], types.float32[:, ::1], types.int32[::1], types.int32[:, :, ::1], _vector, _vector,
            _table, _table, _whole, _vector, _table, types.float32[::1], _whole[:, ::1], _stack,
        ),
        1,
    ),
    "support vectors' optimum": Launched(
        lambda: optimum_cuda.solve_states.py_func, (_table, _table, _real, _table, _table, _whole[::1]),
        optimum_cuda.THREADS,
    ),
    "counts of answers": Launched(
        lambda: vote_cuda.count_answers.py_func,
        (_byte[:, :, ::1], _byte[:, ::1], _byte[::1], _byte[:, ::1], types.int32[:, :, :, ::1]), vote_cuda._THREADS,
    ),
    "neighbour Shapley, values": Launched(
        lambda: shapley_cuda._value.py_func, (_whole[:, ::1], _whole[::1], _whole[::1], _vector, _real, _table),
        shapley_cuda._THREADS,
    ),
    "neighbour Shapley, sums": Launched(lambda: shapley_cuda._add.py_func, (_table, _vector), shapley_cuda._THREADS),
}  # fmt: skip


def text_of(name: str) -> str:
    """A kernel's PTX for compute capability 9.0."""
    teach_cuda()
    return ptx_of(KERNELS[name].body(), KERNELS[name].kinds, (9, 0))


@cache
def resources(name: str, capability: str) -> Resources:
    """Compile and link a kernel as numba-cuda does for a card of that kind, link-time optimization and all."""
    from cuda.bindings import nvjitlink

    teach_cuda()
    major, minor, variant = CAPABILITIES[capability]
    given = {"cc": (major, minor), "output": "ltoir", "abi": "numba", "device": False}
    code, _ = cuda.compile(KERNELS[name].body(), KERNELS[name].kinds, **given)
    options = [f"-arch=sm_{major}{minor}{variant}", "-lto", "-Xptxas=-v"]
    handle = nvjitlink.create(len(options), options)
    nvjitlink.add_data(handle, nvjitlink.InputType.LTOIR, code, len(code), name)
    nvjitlink.complete(handle)
    said = bytearray(nvjitlink.get_info_log_size(handle))
    nvjitlink.get_info_log(handle, said)
    return parsed(said.decode())


def parsed(said: str) -> Resources:
    """What ptxas says with ``-v``."""

    def number(pattern: str) -> int:
        found = re.search(pattern, said)
        return int(found[1]) if found else 0

    return Resources(
        number(r"Used (\d+) registers"), number(r"(\d+) bytes stack frame"), number(r"(\d+) bytes smem"),
        number(r"(\d+) bytes spill stores"),
    )  # fmt: skip


def registers_a_block(of: Resources, threads: int) -> int:
    """Registers are given to warps of 32 threads, 256 at a time."""
    return -(-threads // 32) * -(-of.registers * 32 // 256) * 256


def blocks_at_once(of: Resources, threads: int, capability: str) -> int:
    """How many blocks a multiprocessor holds, by threads, registers and shared memory, a KiB of which is not ours."""
    by_shared = SHARED[capability] // (of.shared + 1024)
    return min(RESIDENT[capability] // threads, REGISTERS // registers_a_block(of, threads), by_shared)


def table(capability: str = "9.0") -> str:
    """What the kernels take, as docs/gpu.md has it."""
    rows = [
        "| kernel | registers x threads | blocks a multiprocessor | shared, bytes a block | stack, bytes a thread |",
        "|---|---|---|---|---|",
    ]
    for name, kernel in KERNELS.items():
        of = resources(name, capability)
        blocks = blocks_at_once(of, kernel.threads, capability)
        rows.append(f"| {name} | {of.registers} x {kernel.threads} | {blocks} | {of.shared:,} | {of.stack:,} |")
    return "\n".join(rows)


def problems(of: Resources, threads: int, capability: str) -> list[str]:
    """Why a kernel cannot be launched so, or not without reserving more of the card's memory than it may."""
    found = []
    if threads > 1024:
        found.append(f"{threads} threads a block")
    if (registers := registers_a_block(of, threads)) > REGISTERS:
        found.append(f"{registers} registers a block")
    if of.shared > STATIC_SHARED:
        found.append(f"{of.shared} bytes of shared memory a block")
    if (local := of.stack * RESIDENT[capability] * MULTIPROCESSORS[capability]) > LOCAL:
        found.append(f"{local} bytes of local memory")
    return found
