"""Numbers as files and options spell them: what is read is what Python's decimals are, and nothing that is no ASCII."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest

from dataperf_fast import cli
from dataperf_fast.files.errors import shorten
from dataperf_fast.files.numbers import decimal, whole

READ = [
    "0",
    "-0",
    "+7",
    "007",
    "1.",
    ".5",
    "1e3",
    "1E+3",
    "2.5e-3",
    " 1\t",
    "9" * 300,
    "0." + "3" * 400,
    "-1.5",
    "1e308",
]
# Python's int() or float() reads most of these.
ODD = [
    "", " ", "1_000", "\u0661", "\uff11", "1\u0662", "nan", "inf", "-Infinity", "1e999", "1e-9999", "9" * 5000, "1\n",
    "1\r", "1\x00", "\x0b1", "1\x0c", "1\x1c", "1\x1f", "1\x85", "\u00a01", "1\u2028", "\u30001", "\ufeff1", "0x1",
    "1j", "1/2", "1 2", "--1", "+-1", "e1", ".", "1e", "\u22121", "True",
]  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_a_decimal(text):
    assert decimal(text) == Fraction(Decimal(text.strip()))
    assert float(decimal(text)) == float(text)


@pytest.mark.parametrize("text", ODD)
def test_no_decimal(text):
    assert decimal(text) is None


@pytest.mark.parametrize("text", ["0", "+7", "-3", "007", "9" * 18])
def test_a_whole_number(text):
    assert whole(text) == Decimal(text)


@pytest.mark.parametrize("text", [*ODD, "1.0", " 1", "1e3", "9" * 19])
def test_no_whole_number(text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        whole(text)


@pytest.mark.parametrize("option", ["--jobs", "--seed", "--sample", "--tasks"])
@pytest.mark.parametrize("text", ["\u0661", "1_0", "\uff11", "1\x1c", "9" * 5000, "1.5", "nan"])
def test_an_option_s_number(option, text, tmp_path, capsys):
    command = ["synth", "debugging"] if option == "--tasks" else ["verify", "debugging"]
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, str(tmp_path / "made"), option, text])
    assert caught.value.code == 2
    assert f"argument {option}: is {shorten(text)}; expected a whole number from " in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
