"""Python literals of untrusted files: what repr writes is read, all else is refused in linear time, unquoted."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataperf_fast.boards.nibbler.literals import read_literal

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ATOMS |= st.text() | st.integers(10**17, 10**22)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), min_size=1)
    ),
)


@given(TREES)
def test_what_repr_writes_is_read(value):
    assert read_literal(repr(value)) == value


@given(st.text() | st.text("'\"\\ux0123[](){},:-.eEfbrNoneTrueFalse \n\t"))
def test_other_text_is_refused_or_read_as_python_does(text):
    try:
        found = read_literal(text)
    except ValueError:
        return
    assert repr(found) == repr(ast.literal_eval(text))


def test_spaces_and_escapes():
    assert read_literal("{ 'a' :\n[1 ,\t-2.5e3, .5, 1.],\r'b':(True,None,False,),}") == {
        "a": [1, -2500.0, 0.5, 1.0],
        "b": (True, None, False),
    }
    assert read_literal(r"""['\x41\u0042\U00000043\'\"\\\n\t', "it's"]""") == ["ABC'\"\\\n\t", "it's"]
    assert read_literal("'\\ud800'") == "\ud800"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("__import__('os')", "a name at character 1"),
        ("[open('x')]", "a name at character 2"),
        ("{'a': nan}", "a name at character 7"),
        ("f'{1}'", "a name at character 1"),
        ("b'x'", "a name at character 1"),
        ("['a', r'x']", "a name at character 7"),
        ("[Truely]", "a name at character 2"),
        ("[x for x in (1,)]", "a name at character 2"),
        ("lambda: 0", "a name at character 1"),
        ("'secret'.upper()", "an operator or another character of no literal at character 9"),
        ("9**9**9", "an operator or another character of no literal at character 2"),
        ("- 1", "an operator or another character of no literal at character 1"),
        ("[*[1]]", "an operator or another character of no literal at character 2"),
        ("...", "an operator or another character of no literal at character 1"),
        ("1 # secret", "an operator or another character of no literal at character 3"),
        ("'a\0'", "a string with no end or an unknown escape at character 1"),
        ("1-1", "a value right after another at character 2"),
        ("1_000", "a name at character 2"),
        ("0x10", "a name at character 2"),
        ("1j", "a name at character 2"),
        ("'secret' 'secret'", "a value right after another at character 10"),
        ("'''secret'''", "a value right after another at character 3"),
        ("'secret'(1)", "a value right after another at character 9"),
        ("[1][0]", "a value right after another at character 4"),
        ("['secret]", "a string with no end or an unknown escape at character 2"),
        ("'secret\\d'", "a string with no end or an unknown escape at character 1"),
        ("'\\777'", "a string with no end or an unknown escape at character 1"),
        ("'\\N{BULLET}'", "a string with no end or an unknown escape at character 1"),
        ("'secret\n'", "a string with no end or an unknown escape at character 1"),
        ("'\\U00110000'", "a value, a comma or a colon out of place at character"),
        ("[1,,2]", "a value, a comma or a colon out of place at character 4"),
        ("[1,\n  2,,3]", "a value, a comma or a colon out of place at character 9"),
        ("[1:2]", "a value, a comma or a colon out of place at character 3"),
        ("", "a value, a comma or a colon out of place"),
        ("012", "a value, a comma or a colon out of place"),
        ("{[]: 1}", "a value, a comma or a colon out of place"),
        ("'\ud800'", "a value, a comma or a colon out of place"),
        ("(1]", "a bracket that closes no other at character 3"),
        ("1]", "a bracket that closes no other at character 2"),
        ("[(1)", "the end inside a bracket at character 5"),
        ("9" * 401, "a number of 401 characters at character 1"),
        ("[" * 100_000, "more than 20 brackets within each other at character 21"),
        ("[" * 21 + "]" * 21, "more than 20 brackets within each other at character 21"),
        ("'" + "a" * (1 << 18) + "'", "262146 characters, more than 262144"),
    ],
)
def test_refused(text, found):
    with pytest.raises(ValueError, match="character") as caught:
        read_literal(text)
    assert str(caught.value).startswith(found)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_limits_are_inclusive():
    assert read_literal("[" * 20 + "]" * 20)
    assert read_literal("9" * 400) == int("9" * 400)
    assert read_literal("'abc'", largest=5) == "abc"
    with pytest.raises(ValueError, match="6 characters, more than 5"):
        read_literal("'abcd'", largest=5)


@pytest.mark.parametrize("piece", ["'a", "'a',", "\\", "'\\\\", "1", "1,", "-", " ", "[]", "1.e", "{1:"])
def test_time_is_linear(piece):
    def seconds(size: int) -> float:
        started = time.process_time()
        for start in ("", "'", "["):
            with pytest.raises(ValueError, match="character"):
                read_literal((start + piece * size)[: size - 1] + "!", size)
        return time.process_time() - started

    assert seconds(1 << 18) < 5  # quadratic steps would be some 10**10
