"""Labels 0 and 1 as text and as values: those that NumPy reads as these numbers, and no others."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal

import numpy as np
import pytest

from dataperf_fast.files.labels import binary_label


def by_numpy(text: str) -> int | None:
    try:
        number = np.loadtxt([text], delimiter=",", dtype=np.float64, ndmin=1)
    except ValueError:
        return None
    return int(number[0]) if len(number) and number[0] in (0, 1) else None


def test_every_short_text_is_the_label_that_numpy_reads():
    texts = ["".join(of) for length in range(1, 5) for of in itertools.product("01.+-e ", repeat=length)]
    found = {text: binary_label(text) for text in texts}
    plain = [text for text in texts if not re.search(r"^ *$", text)]  # of nothing NumPy warns
    assert {text: found[text] for text in plain} == {text: by_numpy(text) for text in plain}
    assert {found[text] for text in texts if not text.strip()} == {None}
    assert sum(label is not None for label in found.values()) > 100


@pytest.mark.parametrize("one", [True, 1, 1.0, Decimal("1.00"), "1.000000000000000000e+00", "\t1 ", "10e-1", "01"])
def test_one(one):
    assert binary_label(one) == 1


NUMBERS = [2, -1, 0.5, float("nan"), Decimal("NaN"), Decimal("0.1"), 1j]
TEXTS = [
    "",
    "True",
    "yes",
    "nan",
    "1_0",
    "0x1",
    "1,0",
    "1\n",
    "\x1f1",
    "1\N{NO-BREAK SPACE}",
    "\N{FULLWIDTH DIGIT ONE}",
]


@pytest.mark.parametrize("other", [*NUMBERS, *TEXTS, None, b"1", [1], (0,)], ids=repr)
def test_anything_else_is_no_label(other):
    assert binary_label(other) is None
