"""The speech board end to end: expected scores, any number of submissions, and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import SVC

import dataperf_fast as dpf
from dataperf_fast.boards.options import Options
from dataperf_fast.boards.speech import board, files, synth
from dataperf_fast.boards.speech.selection import Selection, read_selection, write_selection
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

needs_probability = pytest.mark.skipif(
    "probability" not in SVC().get_params(), reason="this scikit-learn has no SVC(probability=True)"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small English board without submissions."""
    folder = tmp_path / "data"
    list(synth.write(folder, synth.SCALES["small"], seed=1))
    return folder


def choose(data: Path, seed: int, each: int = 5) -> Selection:
    """A random valid submission."""
    allowed = read_selection(data / "dataperf_en_data" / "allowed_training_set.yaml", "")
    generator = np.random.default_rng(seed)

    def some(ids: list[str]) -> list[str]:
        return [str(ids[row]) for row in generator.permutation(len(ids))[:each]]

    return Selection({word: some(ids) for word, ids in allowed.targets.items()}, some(allowed.nontargets))


def submit(data: Path, name: str, selection: Selection, task: str = "en_25") -> Path:
    path = data.parent / "teams" / name / f"{task}_train.json"
    write_selection(path, selection)
    return path


def invalid(data: Path, *paths: Path) -> str:
    [record] = [r for r in dpf.evaluate("speech", data, paths) if r.status != "ok"]
    assert (record.status, record.score) == ("invalid", None)
    assert "\n" not in record.error
    return record.error


@pytest.mark.parity
def test_the_reference_scripts_scores_on_real_recordings(shared_data):
    expected = json.loads((shared_data / "expected" / "speech.json").read_text())
    records = dpf.evaluate("speech", shared_data / "speech", cache=False)
    assert {f"{r.task}_train.json": pytest.approx(r.score, abs=1e-12) for r in records} == expected
    assert [(r.task, r.retrains, r.details["clips"]) for r in records] == [("en_25", 10, 25), ("en_60", 10, 60)]
    for record in records:
        scores = record.details["scores"]
        assert list(scores) == [str(seed) for seed in board.SEEDS]
        assert np.mean(list(scores.values())) == record.score


@pytest.mark.parity
@needs_probability
def test_backends_agree_on_every_seed(data):
    paths = [submit(data, f"team{seed}", choose(data, seed)) for seed in range(3)]
    fast, plain = (dpf.evaluate("speech", data, paths, backend=name, cache=False) for name in ("cpu", "reference"))
    assert [r.submission for r in fast] == ["team0", "team1", "team2"]
    for ours, theirs in zip(fast, plain, strict=True):
        assert ours.details["scores"] == theirs.details["scores"]
        assert 0.1 < ours.score < 1
    assert {record.backend for record in plain} == {"reference"}


def test_rows_stand_in_the_references_order():
    """Words as submitted, each in its file's order; nontargets by word of first appearance, as submitted."""
    clips = files.Clips(np.zeros((8, 2), np.float32), {name: row for row, name in enumerate("abcdefgh")})
    clips = files.Clips(clips.features, {f"{'xyxyzzww'[row]}/{name}": row for name, row in clips.row_of.items()})
    selection = Selection({"z": ["z/f", "z/e"], "w": ["w/g"]}, ["y/d", "x/c", "y/b", "x/a"])
    rows, classes = board.training_set(selection, clips, {"w": 1, "z": 2})
    assert rows.tolist() == [4, 5, 6, 3, 1, 2, 0]
    assert classes.tolist() == [2, 2, 1, 0, 0, 0, 0]


@pytest.mark.parity
def test_all_submissions_are_scored_in_one_run_and_alone_the_same(data):
    together = {}
    paths = [submit(data, f"team{seed}", choose(data, seed)) for seed in range(4)]
    paths.append(submit(data, "team1", choose(data, 9, each=15), "en_60"))
    for record in dpf.evaluate("speech", data, [data.parent / "teams"], cache=False):
        together[record.task, record.submission] = record.details["scores"]
    assert len(together) == 5
    for path in paths:
        [alone] = dpf.evaluate("speech", data, path, cache=False)
        assert together[alone.task, path.parent.name] == alone.details["scores"]


def test_a_later_run_trains_only_what_is_new(data):
    first = submit(data, "team0", choose(data, 0))
    dpf.evaluate("speech", data, first)
    with_more = [first, submit(data, "team1", choose(data, 1))]
    trained = []

    class Watched(Engine):
        def run(self, plan, matters=None):
            outcomes = super().run(plan, matters)
            trained.append(outcomes.trained)
            return outcomes

    from dataperf_fast.engine.finished import ResultCache

    store = ResultCache()
    records = [
        r
        for result in board.BOARD.evaluate(data, with_more, Watched(backends.choose("cpu"), store), Options())
        for r in result.records
    ]
    store.close()
    assert trained == [10]
    assert len(records) == 2


@needs_probability
def test_a_missing_word_is_never_predicted_and_the_others_keep_their_class(data):
    selection = choose(data, 2)
    gone = sorted(selection.targets)[0]
    del selection.targets[gone]
    path = submit(data, "short", selection)
    with pytest.warns(UserWarning, match=f"has no clip of {gone}"):
        [record] = dpf.evaluate("speech", data, path, cache=False)
    with pytest.warns(UserWarning, match="has no clip of"):
        [plain] = dpf.evaluate("speech", data, path, backend="reference", cache=False)
    assert record.details["scores"] == plain.details["scores"]
    assert record.score < 0.75  # one of four classes has an F1 of 0


def test_other_sizes_are_scored_with_a_warning(data):
    path = submit(data, "team", choose(data, 0), "en_40")
    with pytest.warns(UserWarning, match="no board of 40 clips: a picture compares it on that of 60"):
        [record] = dpf.evaluate("speech", data, path, cache=False)
    assert record.task == "en_40"
    assert record.status == "ok"


def test_result_files(data, tmp_path):
    submit(data, "a", choose(data, 0))
    submit(data, "b", choose(data, 1))
    records = dpf.evaluate("speech", data, data.parent / "teams", out=tmp_path / "out")
    written = json.loads((tmp_path / "out" / "en_25_scores.json").read_text())
    assert written == {r.submission: {"score": r.score, "scores": r.details["scores"]} for r in records}


def change(selection, word=None, ids=None, nontargets=None):
    targets = dict(selection.targets)
    if word is not None:
        targets[word] = ids
    return Selection(targets, selection.nontargets if nontargets is None else nontargets)


def test_bad_submissions_cost_their_own_score_only(data):
    good = choose(data, 0)
    word = next(iter(good.targets))
    outsider = f"{word}/nobody.wav"
    bad = {
        "word": (change(good, "klingon", []), "'klingon'"),
        "id": (change(good, word, [outsider]), f"'{outsider}'"),
        "twice": (change(good, word, [good.targets[word][0]] * 2), f"'{good.targets[word][0]}'"),
        "nontarget": (change(good, nontargets=[outsider]), f"nontargets[0]: is not allowed here: '{outsider}'"),
        "many": (choose(data, 0, each=9), "lists 36 clips; expected at most 25"),
        "one": (Selection({word: good.targets[word]}, []), "has clips of 1 classes"),
    }
    paths = [submit(data, "good", good)] + [submit(data, name, selection) for name, (selection, _) in bad.items()]
    records = {record.submission: record for record in dpf.evaluate("speech", data, paths, cache=False)}
    assert records.pop("good").status == "ok"
    assert {record.status for record in records.values()} == {"invalid"}
    for name, (_, expected) in bad.items():
        assert expected in records[name].error
        assert f"{name}/en_25_train.json" in records[name].error


def test_where_every_submission_is_broken_each_has_one_record(data):
    paths = [submit(data, name, choose(data, 1)) for name in ("one", "two")]
    for path in paths:
        path.write_text("{")
    records = dpf.evaluate("speech", data, paths)
    assert [(record.submission, record.status) for record in records] == [("one", "invalid"), ("two", "invalid")]
    assert all(record.error.startswith(f"{path}: ") for record, path in zip(records, paths, strict=True))


def test_an_unknown_language(data):
    assert "is for language 'xx'; expected en" in invalid(data, submit(data, "team", choose(data, 0), "xx_25"))


def test_two_folders_of_one_name(data):
    first = submit(data, "a/team", choose(data, 0))
    second = submit(data, "b/team", choose(data, 1))
    records = dpf.evaluate("speech", data, [first, second], cache=False)
    assert [(record.submission, record.status) for record in records] == [("a/team", "ok"), ("b/team", "ok")]
    alone = [dpf.evaluate("speech", data, path, cache=False)[0].score for path in (first, second)]
    assert [record.score for record in records] == alone


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("eval.yaml: missing", "eval.yaml: no such file"),
        ("eval.yaml: targets: [a]\nnontargets: []\n", "expected a mapping of words to lists of clip ids"),
        ("eval.yaml: targets: {}\n", "has no key 'nontargets'"),
        ("eval.yaml: targets: {klingon: [klingon/a]}\nnontargets: []\n", "'klingon'; expected a target of the allowed"),
        ("eval.yaml: targets: {}\nnontargets: []\n", "lists no clip"),
        ("allowed_training_set.yaml: targets: {}\nnontargets: []\n", "lists 0 words"),
        ("allowed_training_set.yaml: {\n", "is not YAML"),
        ("eval.yaml: targets: {}\nnontargets: [a/b, a/c, a/b]\n", "nontargets[2]: repeats nontargets[0]: 'a/b'"),
        ("allowed_training_set.yaml: targets: {a: [a/b]}\nnontargets: [a/b]\n", "repeats targets.a[0]:"),
    ],
)
def test_a_languages_own_files(data, broken, expected):
    path = submit(data, "team", choose(data, 0))
    name, content = broken.split(": ", 1)
    file = data / "dataperf_en_data" / name
    file.unlink()
    if content != "missing":
        file.write_text(content)
    error = invalid(data, path)
    assert expected in error
    assert name in error


def test_a_missing_word_file_and_an_id_that_its_parquet_does_not_hold(data):
    path = submit(data, "team", choose(data, 0))
    listed = read_selection(data / "dataperf_en_data" / "eval.yaml", "")
    word = next(iter(listed.targets))
    parquet = data / "dataperf_en_data" / "eval_embeddings" / f"{word}.parquet"
    aside = shutil.move(parquet, data / "aside")
    assert f"{word}.parquet: no such file" in invalid(data, path)
    shutil.move(aside, parquet)
    listed.targets[word].append(f"{word}/ghost.wav")
    write_selection(data / "dataperf_en_data" / "eval.yaml", listed)
    assert f"holds no clip_id '{word}/ghost.wav'" in invalid(data, path)


@pytest.mark.parametrize(("value", "expected"), [(np.nan, "nan"), ("short", "length 1023")])
def test_broken_vectors(data, value, expected):
    path = submit(data, "team", choose(data, 0))
    listed = read_selection(data / "dataperf_en_data" / "eval.yaml", "")
    word, ids = next(iter(listed.targets.items()))
    parquet = data / "dataperf_en_data" / "eval_embeddings" / f"{word}.parquet"
    vectors = files.read_clips(parquet.parent, {word: None}, None).features
    if value == "short":
        vectors = vectors[:, 1:]
    else:
        vectors[3, 7] = value
    files.write_clips(parquet, ids, vectors)
    assert expected in invalid(data, path)


def test_nothing_to_score(data, tmp_path):
    with pytest.raises(dpf.InputError, match="dataperf_"):
        dpf.evaluate("speech", tmp_path / "teams")
    with pytest.raises(dpf.InputError, match=r"train\.json"):
        dpf.evaluate("speech", data)


def test_stray_paths_cost_only_themselves(data, tmp_path):
    good = submit(data, "good", choose(data, 0))
    (tmp_path / "README.md").write_text("")
    (tmp_path / "empty").mkdir()
    records = dpf.evaluate("speech", data, [good, tmp_path / "README.md", tmp_path / "empty"], cache=False)
    assert {r.submission: r.status for r in records} == {"good": "ok", "README": "invalid", "empty": "invalid"}


def test_a_broken_word_costs_those_who_use_it(data):
    everything, others = choose(data, 0), choose(data, 1)
    word = next(iter(everything.targets))
    others.targets[word] = []
    paths = [submit(data, "everything", everything), submit(data, "others", others)]
    (data / "dataperf_en_data" / "train_embeddings" / f"{word}.parquet").write_bytes(b"PAR1")
    with pytest.warns(UserWarning, match=f"has no clip of {word}"):
        records = {r.submission: r for r in dpf.evaluate("speech", data, paths, cache=False)}
    assert records["others"].status == "ok"
    assert f"{word}.parquet: is not a readable parquet file" in records["everything"].error


def test_a_submission_without_nontargets_is_warned_of(data):
    selection = choose(data, 0)
    path = submit(data, "bold", Selection(selection.targets, []))
    with pytest.warns(UserWarning, match="has no clip of nontargets"):
        [record] = dpf.evaluate("speech", data, path, cache=False)
    assert record.score < 0.75


def test_languages_and_sizes_share_a_run(tmp_path):
    """Six boards in one run give what each gives alone."""
    data = tmp_path / "data"
    [english] = synth.SCALES["small"].languages.values()
    list(synth.write(data, synth.SpeechScale(dict.fromkeys(("en", "id", "pt"), english)), seed=2))
    paths = [tmp_path / "teams"]
    for language in ("en", "id", "pt"):
        allowed = read_selection(data / f"dataperf_{language}_data" / "allowed_training_set.yaml", "")
        for size in (25, 60):
            each = size // 5
            targets = {word: ids[:each] for word, ids in allowed.targets.items()}
            selection = Selection(targets, allowed.nontargets[:each])
            write_selection(tmp_path / "teams" / "one" / f"{language}_{size}_train.json", selection)
    together = dpf.evaluate("speech", data, paths, cache=False)
    assert [r.task for r in together] == [f"{language}_{size}" for language in ("en", "id", "pt") for size in (25, 60)]
    assert len({r.score for r in together}) == 6
    for record in together:
        [alone] = dpf.evaluate("speech", data, tmp_path / "teams" / "one" / f"{record.task}_train.json", cache=False)
        assert alone.details["scores"] == record.details["scores"]
