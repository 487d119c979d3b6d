"""Selections of clips: what is read, that plain YAML is read as the parser reads it, and every bad file as one line."""

from __future__ import annotations

import itertools

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dataperf_fast.boards.speech import selection as selections
from dataperf_fast.boards.speech.selection import Selection, read_selection, word_of, write_selection
from tests.boards.speech.test_files import put, refusal


def test_the_word_of_a_clip():
    assert word_of("cat/common_voice_en_1.wav") == "cat"
    assert word_of("cat/x/y.wav") == "cat"
    assert word_of("cat") == "cat"


@pytest.mark.parametrize("ending", [".json", ".yaml", ".yml"])
def test_a_written_selection_is_read_back(ending, tmp_path):
    chosen = Selection({"não": ["não/1.wav"], "no": [], "cat's": ["2/ü.wav", "true", "1.5"]}, ["z/1", "a/2", "z/0"])
    for number in (1, 2):
        write_selection(tmp_path / f"{number}{ending}", chosen)
    again = read_selection(tmp_path / f"1{ending}", "")
    assert again == chosen
    assert list(again.targets) == ["não", "no", "cat's"]
    assert (tmp_path / f"1{ending}").read_bytes() == (tmp_path / f"2{ending}").read_bytes()


def test_other_keys_are_passed_over(tmp_path):
    path = put(tmp_path / "a.json", '{"comment": 1, "nontargets": [], "targets": {}}')
    assert read_selection(path, "") == Selection({}, [])


T, N = "targets:\n", "nontargets: []\n"
PAIRS = itertools.pairwise("abcdefghij")
LAYERS = "".join(f"{x}: &{x} [{', '.join([f'*{y}'] * 20)}]\n" for y, x in PAIRS)
BOMB = f"a: &a [l, l]\n{LAYERS}{T}  cat: *j\n{N}"  # twenty to the ninth elements, were they written out
BAD_YAML = {
    "empty": ("", "line 1: holds nothing; expected a mapping"),
    "text": ("cat", "line 1: holds 'cat'; expected a mapping"),
    "no targets": (N, "line 1: has no key 'targets'"),
    "no nontargets": ("targets: {}\n", "line 1: has no key 'nontargets'"),
    "targets a list": (N + "targets: [a]\n", "line 2, targets: holds a list; expected a mapping"),
    "targets empty": (N + "targets:\n", "line 2, targets: holds nothing"),
    "ids nothing": (T + "  cat:\n  dog: []\n" + N, "line 2, targets.cat: holds nothing; expected a list"),
    "ids text": (T + "  cat: a/b\n" + N, "line 2, targets.cat: holds 'a/b'; expected a list"),
    "number": (T + "  cat:\n  - a/b\n  - 3\n" + N, "line 4, targets.cat[1]: holds 3; expected a clip id"),
    "date": ("targets: {}\nnontargets:\n- 2001-01-01\n", "line 3, nontargets[0]: holds a date"),
    "null": ("targets: {}\nnontargets: [a/b,\n ~]\n", "line 3, nontargets[1]: holds nothing"),
    "nested": ("targets: {}\nnontargets: [[a/b]]\n", "line 2, nontargets[0]: holds a list"),
    "bare no": (T + "  no:\n  - no/a\n" + N, "line 1, targets: holds the key False; expected a word, in quotes"),
    "empty word": (T + "  '': []\n" + N, "targets: holds the word '', which is empty"),
    "folder": (T + "  ..: []\n" + N, "targets: holds the word '..', which is a folder"),
    "slash": (T + "  a/b: []\n" + N, "targets: holds the word 'a/b', which holds a character"),
    "backslash": (T + "  a\\b: []\n" + N, "which holds a character"),
    "NUL": (T + '  "a\\0": []\n' + N, "targets: holds the word 'a\\x00', which holds a character"),
    "new line": (T + '  "a\\nb": []\n' + N, "targets: holds the word 'a\\nb', which holds a character"),
    "long": (T + f"  {'é' * 101}: []\n" + N, "is longer than 200 bytes"),
    "nontarget up": (
        "targets: {}\nnontargets:\n- a/b\n- ../b\n",
        "line 4, nontargets[1]: holds the clip id '../b', whose",
    ),
    "nontarget root": (
        "targets: {}\nnontargets:\n- /b\n",
        "line 3, nontargets[0]: holds the clip id '/b', whose word is em",
    ),
    "not yaml": (T + "  - [", ": is not YAML ("),
    "tag": (
        "targets: !!python/object/apply:os.system [echo]\n",
        "line 1: is not YAML (the tag 'tag:yaml.org,2002:python/object/apply:os.system' is unknown)",
    ),
    "same word": (T + "  cat: []\n  cat: []\n" + N, "line 3: is not YAML (the key 'cat' stands here a second time)"),
    "same key": (N + N + "targets: {}\n", "line 2: is not YAML (the key 'nontargets' stands"),
    "merge": ("a: &a {}\ntargets: {<<: *a}\n", "line 2: is not YAML (merges are not allowed here)"),
    "two documents": ("targets: {}\n---\n" + N, ": is not YAML ("),
    "no date": ("targets: 2001-99-01\n", ": holds a date or a number that is none; expected the evaluation clips"),
    "control": ("targets:\n  cat: \x07\n", ": line 2: is not YAML ("),
    "lines of YAML alone": ("# a\u2028# b\x85# c\n" + T + "  cat: a/b\n" + N, "line 3, targets.cat: holds 'a/b'"),
    "and a key": ("# a\u2029# b\n" + N + N + "targets: {}\n", "line 3: is not YAML (the key 'nontargets' stands"),
    "deep": ("[" * 200_000, "line 1: is nested too deeply; expected at most 100 levels"),
    "deep block": ("- " * 5_000, "line 1: is nested too deeply; expected at most 100 levels"),
    "bomb": (BOMB, "targets.cat[0]: holds a list; expected a clip id"),
}
BAD_JSON = {
    "not json": ('{"targets":\n{,', "line 2, column 2: is not JSON ("),
    "cut": ('{"targets": {"cat": ["cat/a', "line 1, column 22: is not JSON ("),
    "empty": ("", "is empty; expected a submission"),
    "list": ("[]", ".json: holds a list; expected a mapping"),
    "same word": ('{"targets": {"a": [], "a": []}, "nontargets": []}', "holds the key 'a' twice in one object"),
    "number": (
        '{"targets": {"cat": ["a", 7]}, "nontargets": []}',
        ".json: targets.cat[1]: holds 7; expected a clip id",
    ),
    "mapping": ('{"targets": {}, "nontargets": {"a": 1}}', "nontargets: holds a mapping; expected a list"),
    "surrogate": (
        '{"targets": {"\\ud800": []}, "nontargets": []}',
        "holds the word '\\ud800', which holds a character",
    ),
    "deep": ("[" * 200_000, "is nested too deeply"),
    "long number": ('{"targets": ' + "1" * 9_000 + "}", ": holds a number that is too long; expected a submission"),
}


@pytest.mark.parametrize("fault", BAD_YAML)
def test_a_broken_yaml_selection(fault, tmp_path):
    text, words = BAD_YAML[fault]
    path = put(tmp_path / "eval.yaml", text)
    line = refusal(read_selection, path, "the evaluation clips")
    assert line.startswith(f"{path}: ")
    assert words in line


@pytest.mark.parametrize("fault", BAD_JSON)
def test_a_broken_json_selection(fault, tmp_path):
    text, words = BAD_JSON[fault]
    path = put(tmp_path / "en_25_train.json", text)
    line = refusal(read_selection, path, "a submission")
    assert line.startswith(f"{path}: ")
    assert words in line


def test_a_selection_that_is_no_text(tmp_path):
    path = tmp_path / "eval.yaml"
    assert "no such file; expected the eval set" in refusal(read_selection, path, "the eval set")
    path.write_bytes(b"targets: \xff")
    assert "is not UTF-8 text" in refusal(read_selection, path, "the eval set")
    assert "ends in no known way '.txt'" in refusal(read_selection, put(tmp_path / "a.txt"), "")


# The fast reader of plain YAML against the parser.


def agrees(text: str) -> bool:
    """Whether the fast reader takes the text; where it does, the parser must give the same."""
    plain = selections.read_plain(text)
    if plain is not None:
        full = yaml.safe_load(text)
        assert plain == full
        assert list(plain["targets"]) == list(full["targets"])
    return plain is not None


ITEMS = "nontargets:\n- b/1\n"
FAST = [
    T + "  cat:\n  - a/b\n  - a/c.wav\n" + ITEMS,
    ITEMS + T + "  cat:\n  - a/b\n  dog: []\n",
    "targets: {}\n" + N,
    T + "  'no':\n  - no/1\n  \"on\":\n  - on/1\n  '12': []\n" + ITEMS,
    T + "  não:\n  - não/don't.wav\n  _x-y: []\n" + ITEMS.rstrip(),
    T + "  cat:\n  - 1/2\n  - 1.5/e3\n  - 0x1/1\n  - true/no\n" + ITEMS,
]
SLOW = [
    *(
        T + f"  {word}:\n  - a/b\n" + ITEMS
        for word in ("no", "On", "YES", "off", "null", "~", "true", "y", "N", "1", "1e3")
    ),
    *(
        T + f"  {word}:\n  - a/b\n" + ITEMS
        for word in (".inf", "<<", "=", "0x1F", "2001-01-01", "? x", "&a x", "a b", "''")
    ),
    *(
        T + f"  cat:\n  - {item}\n" + ITEMS
        for item in ("ab", "1", "no", "a/b # c", "a/b:", "'a/b'", "- a/b", "a/b\n    c")
    ),
    *(
        T + f"  cat:\n  - {item}\n" + ITEMS
        for item in ("*a", "&a a/b", "!!str a/b", "[a/b]", "a /b", "a/b ", "/a", "a//b")
    ),
    T + "  cat:\n  - a/b\n  cat:\n  - a/c\n" + ITEMS,
    T + "  cat:\n  - a/b\n" + ITEMS + ITEMS,
    T + "  cat:\n    - a/b\n" + ITEMS,
    T + "  cat:\n  - a/b\n\n" + ITEMS,
    T + "  cat:\n\t- a/b\n" + ITEMS,
    T + "  cat:\r\n  - a/b\r\n" + ITEMS,
    "\ufeff" + T + "  cat:\n  - a/b\n" + ITEMS,
    "---\n" + T + "  cat:\n  - a/b\n" + ITEMS,
    "# clips\n" + T + "  cat:\n  - a/b\n" + ITEMS,
    T + "  cat:\n" + ITEMS,
    T + ITEMS,
    "targets: []\n" + ITEMS,
    ITEMS,
    "targets: {cat: [a/b]}\n" + ITEMS,
    "other: 1\ntargets: {}\n" + ITEMS,
    "targets: {}\n" + ITEMS + "other: 1\n",
    "",
]


@pytest.mark.parametrize("text", FAST)
def test_plain_yaml_is_read_fast(text):
    assert agrees(text)


@pytest.mark.parametrize("text", SLOW)
def test_other_yaml_is_left_to_the_parser(text):
    assert not agrees(text)


def test_line_ends_and_byte_order_marks_change_nothing(tmp_path):
    path = tmp_path / "eval.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + FAST[0].replace("\n", "\r\n").encode())
    assert read_selection(path, "") == Selection({"cat": ["a/b", "a/c.wav"]}, ["b/1"])


SCALARS = st.one_of(
    st.sampled_from(
        ["no", "on", "y", "null", "~", "1", "1.5", "1/2", "cat/a.wav", "a/b", "a'b/c", "2001-01-01", "'x'", '"x"']
    ),
    st.text(max_size=8),
    st.from_regex(r"\A\w[\w.'-]*(/[\w.'-]+)+\Z"),
    st.from_regex(r"\A[\w'-]{1,6}\Z"),
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(SCALARS, st.lists(SCALARS, max_size=4), max_size=4), st.lists(SCALARS, max_size=4), st.booleans()
)
def test_dumped_selections_agree(targets, nontargets, escapes):
    content = {"targets": targets, "nontargets": nontargets}
    agrees(yaml.safe_dump(content, sort_keys=False, allow_unicode=not escapes))


@settings(max_examples=150, deadline=None)
@given(SCALARS, SCALARS, SCALARS, st.sampled_from(["", " ", "  ", "#", " # c", "\t", ":", "\n", "\n  c"]))
def test_scalars_put_in_by_hand_agree(word, first, second, tail):
    text = T + f"  {word}:\n  - {first}{tail}\nnontargets:\n- {second}\n"
    agrees(text)
