"""Made speech boards: the official shape, the stated sizes, the same bytes again, and neither trivial nor hopeless."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from dataperf_fast.boards import digits
from dataperf_fast.boards.speech import demo, files, synth
from dataperf_fast.boards.speech.selection import Selection, read_selection, word_of

TINY = synth.SpeechScale(
    {"pt": synth.LanguageSize((5, 4), (3, 2), 2, 3, 4), "en": synth.LanguageSize((6, 5, 4), (3, 3, 2), 3, 2, 2)},
)


def every_file(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray, Selection]:
    name = {"train": "allowed_training_set", "eval": "eval"}[part]
    selection = read_selection(folder / f"{name}.yaml", name)
    wanted = dict(selection.targets)
    for clip_id in selection.nontargets:
        wanted.setdefault(word_of(clip_id), []).append(clip_id)
    clips = files.read_clips(folder / f"{part}_embeddings", wanted, 1024)
    words = list(selection.targets)
    labels = [words.index(word) + 1 if (word := word_of(name)) in words else 0 for name in clips.row_of]
    return clips.features, np.array(labels), selection


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    assert list(synth.write(folder, synth.SCALES["small"], 0)) == ["en"]
    return folder / "dataperf_en_data"


def test_the_paper_s_sizes():
    sizes = {
        language: (
            sum(board.target_train),
            board.nontarget_train_words * board.nontarget_clips,
            sum(board.target_eval),
            board.nontarget_eval_words * board.nontarget_clips,
        )
        for language, board in synth.SCALES["paper"].languages.items()
    }
    assert sizes == {
        "en": (3932, 10_000, 733, 30_000),
        "id": (685, 1_500, 200, 4_500),
        "pt": (2474, 5_000, 613, 15_000),
    }
    assert all(len(board.target_train) == 5 for board in synth.SCALES["paper"].languages.values())


def test_words_differ():
    for language in ("en", "id", "pt"):
        source = synth._Source(3, language)
        words = [source.word(number) for number in range(4900)]
        assert len(set(words)) == 4900
        assert all(word.isascii() and word.islower() and word.isalpha() for word in words)


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert list(synth.write(tmp_path / name, TINY, seed)) == ["pt", "en"]
    first, again, other = (every_file(tmp_path / name) for name in "abc")
    assert first == again
    assert len(first) == 2 * 2 + (4 + 5) + (6 + 5)
    assert first["dataperf_en_data/eval.yaml"] != other["dataperf_en_data/eval.yaml"]


def test_a_board_s_shape(small):
    features, labels, allowed = read(small, "train")
    assert features.shape == (60 + 60, 1024)
    assert np.bincount(labels).tolist() == [60, 24, 20, 16]
    assert features.min() == 0
    heard, heard_labels, evaluation = read(small, "eval")
    assert np.bincount(heard_labels).tolist() == [120, 16, 12, 12]
    assert list(evaluation.targets) == list(allowed.targets)
    words = {word_of(clip_id) for clip_id in evaluation.nontargets}
    assert {word_of(clip_id) for clip_id in allowed.nontargets} < words
    assert not words & set(evaluation.targets)
    ids = [*sum(allowed.targets.values(), allowed.nontargets), *sum(evaluation.targets.values(), evaluation.nontargets)]
    assert len(set(ids)) == len(ids) == 120 + 160
    word = next(iter(allowed.targets))
    assert allowed.targets[word][0] == f"{word}/common_voice_en_17000000.wav"
    assert len(np.unique(heard, axis=0)) == len(heard)


def test_a_fifth_of_the_target_clips_is_broken():
    source = synth._Source(0, "en")
    whole = source.clips(1, "train", 50)
    spoiled = whole.copy()
    source.spoil(spoiled, 1, 3)
    assert (whole != spoiled).any(axis=1).sum() == 10
    assert spoiled.min() >= 0
    assert spoiled.dtype == np.float32


def macro_f1(folder: Path, clips: int) -> float:
    features, labels, _ = read(folder, "train")
    heard, heard_labels, _ = read(folder, "eval")
    generator = np.random.default_rng(0)
    rows = np.concatenate([generator.permutation(np.flatnonzero(labels == label))[:clips] for label in set(labels)])
    model = LogisticRegression().fit(features[rows], labels[rows])  # a warning, which fails, if it does not converge
    return float(f1_score(heard_labels, model.predict(heard), average="macro"))


def test_a_board_is_neither_trivial_nor_hopeless(small):
    assert 0.4 < macro_f1(small, 10) < 0.95


def test_the_digits_board(tmp_path):
    assert demo.write(tmp_path / "a") == tmp_path / "a"
    demo.write(tmp_path / "b")
    assert every_file(tmp_path / "a") == every_file(tmp_path / "b")
    folder = files.find_languages(tmp_path / "a")["en"]
    features, labels, allowed = read(folder, "train")
    heard, heard_labels, evaluation = read(folder, "eval")
    assert list(allowed.targets) == ["zero", "one", "two", "three", "four"]
    assert list(dict.fromkeys(map(word_of, allowed.nontargets))) == ["five", "six", "seven", "eight", "nine"]
    assert len(features) + len(heard) == 1797
    assert np.bincount(labels).tolist() == [596, 118, 121, 118, 122, 120]
    assert np.bincount(heard_labels).tolist() == [300, 60, 61, 59, 61, 61]
    assert 0.7 < macro_f1(folder, 10) < 0.95
    images = load_digits().data
    clip_id = evaluation.targets["three"][0]
    image = images[int(clip_id[-8:-4])][None]
    vectors = files.read_clips(folder / "eval_embeddings", {"three": [clip_id]}, 1024)
    assert np.array_equal(vectors.features * 4, digits.feature_map(image, 1024))
    whole = digits.feature_map(images, 1024) / np.float32(4)
    numbers = [int(name[-8:-4]) for ids in allowed.targets.values() for name in ids]
    spoiled = (features[: len(numbers)] != whole[numbers]).any(axis=1)
    assert spoiled.sum() == sum(len(ids) // 5 for ids in allowed.targets.values())


def test_the_debugging_demo_s_features_stay():
    images = load_digits().data[:3]
    features = digits.feature_map(images, 2048)
    assert features.shape == (3, 2048)
    assert features.sum(dtype=np.float64) == 1981.234375  # exact: every feature is a multiple of 1/64
