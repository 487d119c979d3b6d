"""The machine against NumPy on small kernels, and that it sees what it is there to see."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from numba import cuda

from .machine import FaultError, Machine
from .translate import UnsupportedError, translate

pytestmark = [
    pytest.mark.skipif(find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install '.[ptx]'"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

HEADER = ".version 8.0\n.target sm_90\n.address_size 64\n"


def run(kernel, blocks, threads, *arrays, **options):
    machine = Machine(**options)
    machine.launch(kernel, blocks, threads, *arrays)
    return machine


NUMPY = {f"{sign}{bits}": np.dtype(f"{name}{bits}").type
         for sign, name in zip("subf", ("int", "uint", "uint", "float"), strict=True) for bits in (32, 64)}  # fmt: skip


def instructions(text, kinds, *values, contract=True):
    """Run straight-line PTX on ``%a0 ..`` of the given kinds; its result, of the first kind, is ``%d``."""
    plain = [kind if kind[0] == "f" else f"b{kind[1:]}" for kind in kinds]
    names = ["d", *(f"a{at}" for at in range(len(values)))]
    lines = [
        f".visible .entry f({', '.join(f'.param .{kind} p{at}' for at, kind in enumerate(['b64', *plain[1:]]))})", "{",
        *(f".reg .{kind} %{name};" for kind, name in zip(plain, names, strict=True)), ".reg .b64 %o;", ".reg .pred %p;",
        "ld.param.u64 %o, [p0];",
        *(f"ld.param.{kind} %a{at}, [p{at + 1}];" for at, kind in enumerate(kinds[1:])),
        text, f"st.global.{kinds[0]} [%o], %d;", "ret;", "}",
    ]  # fmt: skip
    machine, out = Machine(contract=contract), np.zeros(1, NUMPY[kinds[0]])
    given = [NUMPY[kind](value).tobytes() for kind, value in zip(kinds[1:], values, strict=True)]
    slots = [out.ctypes.data, *(int.from_bytes(value, "little") for value in given)]
    machine.call(machine.build(HEADER + "\n".join(lines), "f"), 1, 1, slots, [out])
    return out[0]


@pytest.mark.parametrize(("text", "kinds", "values", "expected"), [
    ("shl.b32 %d, %a0, %a1;", ["u32", "u32", "u32"], (5, 40), 0),
    ("shr.s32 %d, %a0, %a1;", ["s32", "s32", "u32"], (-5, 99), -1),
    ("shr.u64 %d, %a0, %a1;", ["u64", "u64", "u32"], (2**63, 63), 1),
    ("bfi.b64 %d, %a0, %a1, 2, 62;", ["u64", "u64", "u64"], (2**62 + 5, 3), 4 * 5 + 3),
    ("bfi.b32 %d, %a0, %a1, 4, 8;", ["u32", "u32", "u32"], (0xABC, 0xFFFFF0F3), 0xFFFFFBC3),
    ("mul.hi.s64 %d, %a0, %a1;", ["s64", "s64", "s64"], (-(2**62), 8), -2),
    ("mul.wide.s32 %d, %a0, %a1;", ["s64", "s32", "s32"], (-(2**31), 2**31 - 1), -(2**31) * (2**31 - 1)),
    ("mad.lo.s32 %d, %a0, %a1, %a2;", ["s32", "s32", "s32", "s32"], (-3, 4, 5), -7),
    ("div.s64 %d, %a0, %a1;", ["s64", "s64", "s64"], (-7, 2), -3),
    ("rem.s64 %d, %a0, %a1;", ["s64", "s64", "s64"], (-7, 2), -1),
    ("cvt.s64.s32 %d, %a0;", ["s64", "s32"], (-2,), -2),
    ("cvt.u64.u32 %d, %a0;", ["u64", "u32"], (2**32 - 2,), 2**32 - 2),
    ("cvt.rn.f32.f64 %d, %a0;", ["f32", "f64"], (1 + 2.0**-24,), 1.0),
    ("cvt.rn.f32.f64 %d, %a0;", ["f32", "f64"], (1e-45,), np.float32(1e-45)),  # subnormal numbers stay
    ("cvt.rn.f64.s64 %d, %a0;", ["f64", "s64"], (2**53 + 1,), 2.0**53),
    ("cvt.rzi.s64.f64 %d, %a0;", ["s64", "f64"], (1e300,), 2**63 - 1),
    ("cvt.rzi.s32.f32 %d, %a0;", ["s32", "f32"], (-1.9,), -1),
    ("cvt.rni.f64.f64 %d, %a0;", ["f64", "f64"], (2.5,), 2.0),
    ("min.f64 %d, %a0, %a1;", ["f64", "f64", "f64"], (math.nan, 2.0), 2.0),
    ("fma.rn.f64 %d, %a0, %a0, %a1;", ["f64", "f64", "f64"], (1 + 2.0**-30, -1.0), 2.0**-29 + 2.0**-60),
    ("setp.ne.f64 %p, %a0, %a0;\nselp.u32 %d, 1, 0, %p;", ["u32", "f64"], (math.nan,), 0),
    ("setp.neu.f64 %p, %a0, %a0;\nselp.u32 %d, 1, 0, %p;", ["u32", "f64"], (math.nan,), 1),
    ("setp.geu.f64 %p, %a0, 0d0000000000000000;\nselp.u32 %d, 1, 0, %p;", ["u32", "f64"], (math.nan,), 1),
    ("setp.lo.u32 %p, %a0, 2;\nselp.u32 %d, 1, 0, %p;", ["u32", "u32"], (2**32 - 1,), 0),
    ("{\n.reg .b32 %t;\nmov.b64 {%t, %d}, %a0;\n}", ["u32", "f64"], (1.0,), 0x3FF00000),
    ("mov.b64 %d, {%a0, %a1};", ["f64", "u32", "u32"], (0, 0x40000000), 2.0),
    ("clz.b64 %d, %a0;", ["u32", "b64"], (1,), 63),
])  # fmt: skip
def test_instructions(text, kinds, values, expected):
    assert instructions(text, kinds, *values) == expected


def test_zeros_have_signs():
    assert math.copysign(1, instructions("min.f64 %d, %a0, %a1;", ["f64", "f64", "f64"], 0.0, -0.0)) == -1
    assert math.copysign(1, instructions("max.f64 %d, %a0, %a1;", ["f64", "f64", "f64"], -0.0, 0.0)) == 1


@pytest.mark.parametrize("contract", [True, False])
def test_a_product_is_fused_only_where_nothing_says_how_it_is_rounded(contract):
    given, values = ["f64", "f64", "f64"], (1 + 2.0**-30, -1.0)
    small = 2.0**-60 if contract else 0

    def found(product, total):
        return instructions(f".reg .f64 %m;\n{product}.f64 %m, %a0, %a0;\n{total};", given, *values, contract=contract)

    assert found("mul", "add.f64 %d, %m, %a1") == 2.0**-29 + small
    assert found("mul", "sub.f64 %d, %m, 0d3FF0000000000000") == 2.0**-29 + small
    assert found("mul", "sub.f64 %d, 0d3FF0000000000000, %m") == -(2.0**-29) - small
    assert found("mul.rn", "add.f64 %d, %m, %a1") == 2.0**-29


@pytest.mark.parametrize("name", ["ex2.approx.f32", "add.rz.f32", "div.full.f32", "mul.ftz.f32"])
def test_what_is_not_exact_is_refused(name):
    with pytest.raises(UnsupportedError):
        instructions(f"{name} %d, %a0{', %a0' if name[:3] != 'ex2' else ''};", ["f32", "f32"], 1.0)


@cuda.jit
def reverse(array, barrier):
    own = cuda.shared.array(64, np.float64)
    t = cuda.threadIdx.x
    own[t] = array[t]
    if barrier:
        cuda.syncthreads()
    array[t] = own[cuda.blockDim.x - 1 - t]


@pytest.fixture(autouse=True, scope="module")
def card():
    with Machine().installed():
        yield


@pytest.mark.parametrize("order", ["forward", "backward", 3])
def test_threads_meet_at_a_barrier(order):
    array = np.arange(64.0)
    run(reverse, 1, 64, array, True, order=order, check=True)
    np.testing.assert_array_equal(array, np.arange(64.0)[::-1])


def test_a_missing_barrier_is_seen():
    with pytest.raises(FaultError, match=r"a race between threads|read before it was written"):
        run(reverse, 1, 64, np.arange(64.0), False, check=True)


@cuda.jit
def sum_neighbours(array, out):
    own = cuda.shared.array(33, np.float64)
    t = cuda.threadIdx.x
    own[t] = array[t]
    own[t + 1] += 1.0 * (t > 32)
    out[t] = own[t]


def test_a_read_of_what_nobody_wrote_is_seen():
    with pytest.raises(FaultError, match="read before it was written"):
        run(sum_neighbours, 1, 32, np.zeros(32), np.zeros(32), check=True, order="forward")


@cuda.jit
def beyond(array, at):
    array[at] = 1.0


@pytest.mark.parametrize("at", [4, 100_000_000])
def test_an_access_outside_is_seen(at):
    with pytest.raises(FaultError, match="outside every array"):
        run(beyond, 1, 1, np.zeros(4), at, check=True)


def test_blocks_that_write_the_same_element_are_seen():
    with pytest.raises(FaultError, match="a race between blocks"):
        run(beyond, 2, 1, np.zeros(4), 3, check=True)


@cuda.jit
def some_stay_away(array):
    if cuda.threadIdx.x < 3:
        cuda.syncthreads()
    array[cuda.threadIdx.x] = 1.0


def test_a_barrier_that_some_do_not_reach_is_seen():
    with pytest.raises(FaultError, match="different barriers"):
        run(some_stay_away, 1, 8, np.zeros(8))


@cuda.jit
def add_up(values, total):
    own = cuda.shared.array(1, np.int32)
    if cuda.threadIdx.x == 0:
        own[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(own, 0, values[cuda.grid(1)])
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(total, 0, own[0])


def test_atomic_sums_over_blocks():
    values, total = np.arange(256, dtype=np.int32), np.zeros(1, np.int32)
    run(add_up, 4, 64, values, total, check=True, workers=2)
    assert total[0] == values.sum()


@cuda.jit
def local(array):
    own = cuda.local.array(8, np.int64)
    for at in range(8):
        own[at] = at * array[cuda.grid(1)]
    total = 0
    for at in range(8):
        total += own[(at * array[cuda.grid(1)]) % 8]
    array[cuda.grid(1)] = total


def test_local_memory_is_each_threads_own():
    array = np.arange(20)
    expected = [sum(((at * of) % 8) * of for at in range(8)) for of in array]
    run(local, 4, 5, array, check=True, order="backward")
    assert array.tolist() == expected


def test_two_entries_are_refused():
    with pytest.raises(UnsupportedError):
        translate(HEADER)


def test_a_read_of_an_array_that_nobody_wrote_is_seen():
    machine = Machine(check=True)
    with machine.installed(), pytest.raises(FaultError, match="read before it was written"):
        machine.launch(local, 1, 5, cuda.device_array(5, np.int64))


@cuda.jit
def take_all(pair, factor, flag, small, out):
    at = cuda.grid(1)
    out[at] = pair[0][at] * factor + pair[1] + small
    if flag:
        out[at] = -out[at]


def test_arguments_of_every_kind():
    out = np.zeros(3)
    run(take_all, 1, 3, (np.arange(3, dtype=np.float32), 7), 2.5, True, np.float32(0.5), out)
    np.testing.assert_array_equal(out, [-7.5, -10, -12.5])


def test_strides_and_every_axis():
    @cuda.jit
    def turn(table, out):
        x, y = cuda.grid(2)
        out[x, y] = table[y, x] + 100 * cuda.gridDim.y + 1000 * cuda.blockDim.x

    table = np.arange(24)[::-1].reshape(4, 6)[:, ::2]
    out = np.zeros((3, 4), np.int64, order="F")
    run(turn, (1, 2), (3, 2), table, out, check=True)
    np.testing.assert_array_equal(out, table.T + 3200)


def test_a_first_run_says_that_it_takes_long(tmp_path):
    command = [sys.executable, "-m", "tests.ptx_machine.run", "dataperf_fast.cli", "--version"]
    environment = os.environ | {"PTX_MACHINE_CACHE": str(tmp_path)}
    line = f"machine: nothing is in {tmp_path} yet: kernels are translated first, many minutes\n"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == line
    (tmp_path / "kept").write_text("")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
