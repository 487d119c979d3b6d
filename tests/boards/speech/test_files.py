"""The speech board's files: what is read, in which order, and every bad input as one line that names it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from dataperf_fast.boards.speech import files as speech
from dataperf_fast.boards.speech.selection import Selection, read_selection
from dataperf_fast.files import handed_in
from dataperf_fast.files.errors import InputError

ALLOWED = Selection(
    {"cat": ["cat/a.wav", "cat/b.wav", "cat/c.wav"], "no": ["no/a.wav", "no/b.wav"]}, ["dog/a.wav", "owl/a.wav"]
)


def refusal(function, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def put(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# Languages and submissions.


def test_languages_are_found_in_a_folder_or_are_it(tmp_path, monkeypatch):
    for name in ("dataperf_pt_data", "dataperf_en_data", "dataperf_EN_data", "xdataperf_id_data"):
        (tmp_path / name).mkdir()
    put(tmp_path / "dataperf_id_data")
    found = speech.find_languages(tmp_path)
    assert list(found.items()) == [("en", tmp_path / "dataperf_en_data"), ("pt", tmp_path / "dataperf_pt_data")]
    assert speech.find_languages(found["pt"]) == {"pt": found["pt"]}
    monkeypatch.chdir(found["en"])
    assert speech.find_languages(Path()) == {"en": Path()}


def test_no_languages(tmp_path):
    assert refusal(speech.find_languages, tmp_path).startswith(f"{tmp_path}: holds no language's folder; expected")
    assert "no such folder" in refusal(speech.find_languages, tmp_path / "none")
    assert "is not a folder" in refusal(speech.find_languages, put(tmp_path / "file"))


def found(*paths: Path) -> list[speech.SelectionFile]:
    submissions, _ = handed_in.find(paths, speech.recognize, speech.NAMED, but=speech.LANGUAGE_FOLDER.fullmatch)
    return [speech.SelectionFile(*of, one.name, path) for one in submissions for of, path in one.files.items()]


def test_submissions_are_named_by_language_and_size(tmp_path):
    top = tmp_path / "all"
    for name in (
        "b/xy_7_train.json",
        "a/pt_25_train.json",
        "a/en_25_train.json",
        "a/.en_25_train.json",
        ".git/en_25_train.json",
        "dataperf_en_data/en_25_train.json",
        "a/en_25_train.txt",
        "a/EN_25_train.json",
        "a/en_1234567_train.json",
        "a/notes.json",
    ):
        put(top / name)
    expected = [
        ("en_25", "a", "a/en_25_train.json"),
        ("pt_25", "a", "a/pt_25_train.json"),
        ("xy_7", "b", "b/xy_7_train.json"),
    ]
    files = found(top)
    assert [(f.task, f.name, f.path.relative_to(top).as_posix()) for f in files] == expected
    assert (files[2].language, files[2].size) == ("xy", 7)
    assert "{language}_{size}_train.json" in refusal(found, top / "a/notes.json")


# Submissions.


def submission(folder: Path, targets: object, nontargets: object, size: int = 4) -> speech.SelectionFile:
    text = json.dumps({"targets": targets, "nontargets": nontargets})
    return found(put(folder / f"en_{size}_train.json", text))[0]


def read(file: speech.SelectionFile) -> Selection:
    return speech.read_submission(file, ALLOWED, speech.allowed_ids(ALLOWED))


def test_a_submission_keeps_its_order(tmp_path):
    file = submission(tmp_path, {"no": ["no/b.wav"], "cat": ["cat/c.wav", "cat/a.wav"]}, ["owl/a.wav"])
    chosen = read(file)
    assert list(chosen.targets.items()) == [("no", ["no/b.wav"]), ("cat", ["cat/c.wav", "cat/a.wav"])]
    assert chosen.nontargets == ["owl/a.wav"]


def test_two_classes_are_enough(tmp_path):
    assert read(submission(tmp_path, {"cat": ["cat/a.wav"], "no": []}, ["owl/a.wav"])).targets["no"] == []
    assert read(submission(tmp_path, {"cat": ["cat/a.wav"], "no": ["no/a.wav"]}, [])).nontargets == []


CAT, OWL = ["cat/a.wav"], ["owl/a.wav"]
BAD_SUBMISSIONS = {
    "word": ({"cow": CAT}, OWL, "targets: is not a target word: 'cow'; expected one of cat, no"),
    "id": (
        {"cat": ["cat/a.wav", "cat/z.wav"]},
        OWL,
        "targets.cat[1]: is not allowed here: 'cat/z.wav'; expected a clip of",
    ),
    "id of another": ({"no": CAT}, OWL, "targets.no[0]: is not allowed here: 'cat/a.wav'"),
    "nontarget": ({"cat": CAT}, ["dog/a.wav", "cat/b.wav"], "nontargets[1]: is not allowed here: 'cat/b.wav'"),
    "twice": ({"cat": [*CAT, "cat/b.wav", *CAT]}, OWL, "targets.cat[2]: repeats targets.cat[0]: 'cat/a.wav'"),
    "too many": ({"cat": ALLOWED.targets["cat"]}, ALLOWED.nontargets, "lists 5 clips; expected at most 4"),
    "one class": ({"cat": CAT, "no": []}, [], "has clips of 1 classes; expected at least 2"),
    "no clips": ({}, [], "has clips of 0 classes; expected at least 2"),
    "shape": ({"cat": "cat/a.wav"}, OWL, "targets.cat: holds 'cat/a.wav'; expected a list"),
}


@pytest.mark.parametrize("fault", BAD_SUBMISSIONS)
def test_a_broken_submission(fault, tmp_path):
    targets, nontargets, words = BAD_SUBMISSIONS[fault]
    file = submission(tmp_path, targets, nontargets)
    line = refusal(read, file)
    assert line.startswith(f"{file.path}: {words}")


# Other normal forms of Unicode: composed as most systems write names, decomposed as macOS does.
FORMS = ("n\u00e3o", "na\u0303o")


@pytest.mark.parametrize(("ours", "theirs"), [FORMS, FORMS[::-1]])
def test_words_and_clips_of_a_submission_find_the_allowed_ones(ours, theirs, tmp_path):
    allowed = Selection({ours: [f"{ours}/a.wav", f"{ours}/b.wav"], "cat": CAT}, [f"{ours}s/c.wav", *OWL])
    file = submission(tmp_path, {theirs: [f"{theirs}/b.wav"], "cat": CAT}, [*OWL, f"{theirs}s/c.wav"])
    chosen = speech.read_submission(file, allowed, speech.allowed_ids(allowed))
    assert list(chosen.targets.items()) == [(ours, [f"{ours}/b.wav"]), ("cat", CAT)]
    assert chosen.nontargets == [*OWL, f"{ours}s/c.wav"]
    twice = submission(tmp_path, {ours: [f"{theirs}/a.wav", f"{ours}/a.wav"]}, OWL)
    line = refusal(speech.read_submission, twice, allowed, speech.allowed_ids(allowed))
    assert f"repeats targets.{ours}[0]: '{ours}/a.wav'" in line
    twice = submission(tmp_path, {ours: [f"{ours}/a.wav"], theirs: [f"{ours}/b.wav"]}, OWL)
    line = refusal(speech.read_submission, twice, allowed, speech.allowed_ids(allowed))
    assert f"targets: is not a target word: {theirs!r}" in line


@pytest.mark.parametrize(("ours", "theirs"), [FORMS, FORMS[::-1]])
@pytest.mark.parametrize("inside", ["ours", "theirs"])
def test_a_word_s_file_and_its_clips_are_found_in_another_form(inside, ours, theirs, tmp_path):
    features = np.random.default_rng(0).standard_normal((3, 5), dtype=np.float32)
    there = ours if inside == "ours" else theirs
    speech.write_clips(tmp_path / f"{theirs}.parquet", [f"{there}/{row}.wav" for row in range(3)], features)
    wanted = {ours: [f"{ours}/2.wav", f"{ours}/0.wav"]}
    read = speech.read_clips(tmp_path, wanted, None)
    assert read.row_of == {f"{ours}/0.wav": 0, f"{ours}/2.wav": 1}
    assert np.array_equal(read.features, features[[0, 2]])
    line = refusal(speech.read_clips, tmp_path, {ours: [f"{ours}/0.wav", f"{theirs}/0.wav"]}, None)
    assert f"holds no clip_id '{(theirs if inside == 'ours' else ours)}/0.wav'" in line


# Clips.


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for word, rows in (("cat", 4), ("dog", 3), ("owl", 0)):
        features = generator.standard_normal((rows, 5), dtype=np.float32)
        speech.write_clips(tmp_path / f"{word}.parquet", [f"{word}/{row}.wav" for row in range(rows)], features)
    return tmp_path


def values(folder: Path, word: str) -> np.ndarray:
    column = parquet.read_table(folder / f"{word}.parquet")["mswc_embedding_vector"]
    return np.array(column.to_pylist(), np.float32).reshape(-1, 5)


@pytest.mark.parametrize(("dimension", "threads"), [(5, 1), (None, 1), (None, 3)])
def test_clips_are_read_in_the_files_order(dimension, threads, clips):
    wanted = {"owl": None, "dog": None, "cat": ["cat/3.wav", "cat/1.wav"]}
    read = speech.read_clips(clips, wanted, dimension, threads)
    assert list(read.row_of.items()) == [
        (f"{name}.wav", row) for row, name in enumerate(["dog/0", "dog/1", "dog/2", "cat/1", "cat/3"])
    ]
    assert np.array_equal(read.features, np.concatenate([values(clips, "dog"), values(clips, "cat")[[1, 3]]]))
    assert read.features.dtype == np.float32
    assert read.features.flags.c_contiguous


def test_no_clips(clips):
    assert speech.read_clips(clips, {"cat": []}, None).features.shape == (0, 5)
    assert speech.read_clips(clips, {}, None).row_of == {}
    assert speech.read_clips(clips, {"owl": None}, 5).features.shape == (0, 5)


def test_equal_clips_are_equal_bytes_of_the_official_types(clips):
    before = (clips / "dog.parquet").read_bytes()
    speech.write_clips(clips / "dog.parquet", [f"dog/{row}.wav" for row in range(3)], values(clips, "dog"))
    assert (clips / "dog.parquet").read_bytes() == before
    schema = parquet.read_schema(clips / "dog.parquet")
    assert schema.field("clip_id").type == pa.string()
    assert schema.field("mswc_embedding_vector").type == pa.list_(pa.float32())


def spoil(clips: Path, change) -> None:
    path = clips / "dog.parquet"
    columns = parquet.read_table(path).to_pydict()
    change(columns)
    parquet.write_table(pa.table(columns), path)


def put_vector(row, vector):
    return lambda clips: spoil(clips, lambda c: c["mswc_embedding_vector"].__setitem__(row, vector))


def put_id(row, clip_id):
    return lambda clips: spoil(clips, lambda c: c["clip_id"].__setitem__(row, clip_id))


BAD_CLIPS = {
    "no file": (lambda clips: (clips / "dog.parquet").unlink(), "no such file; expected the clips of the word dog"),
    "cut": (lambda clips: (clips / "dog.parquet").write_bytes(b"PAR1"), "is not a readable parquet file"),
    "no ids": (lambda clips: spoil(clips, lambda c: c.pop("clip_id")), "has no column 'clip_id'"),
    "no vectors": (lambda clips: spoil(clips, lambda c: c.pop("mswc_embedding_vector")), "has no column 'mswc_emb"),
    "short": (
        put_vector(1, [1.0] * 4),
        "row 1: column mswc_embedding_vector holds a vector of length 4; expected length 5",
    ),
    "missing": (put_vector(2, None), "row 2: column mswc_embedding_vector holds no vector"),
    "NaN": (put_vector(1, [0, 0, float("nan"), 0, 0]), "row 1, element 2: column mswc_embedding_vector holds nan"),
    "infinities": (
        put_vector(1, [0, -np.inf, 0, 0, np.inf]),
        "row 1, element 1: column mswc_embedding_vector holds -inf",
    ),
    "other length": (
        lambda clips: spoil(clips, lambda c: c.update(mswc_embedding_vector=[[1.0] * 6] * 3)),
        "row 0: column mswc_embedding_vector holds a vector of length 6; expected length 5",
    ),
    "null id": (put_id(1, None), "row 1: column clip_id holds no value; expected a string"),
    "same id": (put_id(2, "dog/0.wav"), "row 2: repeats row 0's clip_id 'dog/0.wav'; expected each clip once"),
    "other's id": (put_id(2, "cat/1.wav"), "shares with cat.parquet the clip 'cat/1.wav'"),
}


@pytest.mark.parametrize("fault", BAD_CLIPS)
@pytest.mark.parametrize("dimension", [None, 5])
def test_broken_clips(fault, dimension, clips):
    change, words = BAD_CLIPS[fault]
    change(clips)
    line = refusal(speech.read_clips, clips, {"cat": None, "dog": None}, dimension, 2)
    assert line.startswith(f"{clips / 'dog.parquet'}: {words}"), line


def test_a_clip_that_no_file_holds(clips):
    line = refusal(speech.read_clips, clips, {"dog": ["dog/1.wav", "dog/7.wav"]}, 5)
    assert line.startswith(f"{clips / 'dog.parquet'}: holds no clip_id 'dog/7.wav'")


def test_huge_finite_values_are_finite(clips):
    big = np.full((2, 5), np.finfo(np.float32).max)
    speech.write_clips(clips / "dog.parquet", ["a/1", "a/2"], big)
    assert np.array_equal(speech.read_clips(clips, {"dog": None}, 5).features, big)


def test_the_real_files(shared_data):
    data = shared_data / "speech"
    folder = speech.find_languages(data)["en"]
    allowed = read_selection(folder / "allowed_training_set.yaml", "")
    heard = read_selection(folder / "eval.yaml", "")
    words = ["four", "one", "three", "two", "zero"]
    assert list(allowed.targets) == list(heard.targets) == words
    assert [len(ids) for ids in allowed.targets.values()] == [270] * 5
    assert (len(allowed.nontargets), len(heard.nontargets)) == (1350, 150)
    assert allowed == Selection(**yaml.safe_load((folder / "allowed_training_set.yaml").read_text()))
    files = found(data)
    assert [(file.task, file.name) for file in files] == [("en_25", "speech"), ("en_60", "speech")]
    for file in files:
        chosen = speech.read_submission(file, allowed, speech.allowed_ids(allowed))
        assert sum(map(len, chosen.targets.values())) + len(chosen.nontargets) == file.size
        assert list(chosen.targets) == ["zero", "one", "two", "three", "four"]
    clips = speech.read_clips(folder / "eval_embeddings", heard.targets, None, 2)
    assert clips.features.shape == (150, 1024)
    rows = parquet.read_table(folder / "eval_embeddings" / "three.parquet").to_pylist()
    for row in rows:
        vector = clips.features[clips.row_of[row["clip_id"]]]
        assert np.array_equal(vector, np.array(row["mswc_embedding_vector"], np.float32))
