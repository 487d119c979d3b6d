"""The speech baselines against the script's own loop, and against the rules."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.svm import SVC

from dataperf_fast.boards.speech import baselines, files, synth
from dataperf_fast.boards.speech.selection import read_selection, word_of
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import InputError


@pytest.fixture
def data(tmp_path):
    list(synth.write(tmp_path / "data", synth.SCALES["small"], seed=3))
    return tmp_path / "data"


def engine():
    return Engine(backends.choose("cpu", 2))


def test_every_method_writes_valid_submissions_for_both_boards(data, tmp_path):
    written = baselines.write(data, tmp_path / "out", None, 0, engine())
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in written) == [
        f"{method}/en_{size}_train.json" for method in ("crossfold", "random") for size in (25, 60)
    ]
    allowed = read_selection(data / "dataperf_en_data" / "allowed_training_set.yaml", "")
    for path in written:
        file = files.SelectionFile("en", int(path.name.split("_")[1]), path.parent.name, path)
        selection = files.read_submission(file, allowed, files.allowed_ids(allowed))
        targets = sum(map(len, selection.targets.values()))
        if file.name == "crossfold":
            assert (targets, len(selection.nontargets)) == ((15, 10) if file.size == 25 else (36, 24))
        else:
            assert {len(ids) for ids in [*selection.targets.values(), selection.nontargets]} == {file.size // 4}


def test_random_draws_what_the_script_draws(data):
    allowed = baselines.Allowed(data / "dataperf_en_data", 1)
    chosen = baselines.random(allowed, 25, 0, engine())
    random.seed(0)
    for word in allowed.words:
        assert chosen.targets[word] == random.sample(allowed.targets[word], 25 // 4)
    assert chosen.nontargets == random.sample(allowed.nontargets, 25 // 4)


@pytest.mark.parity
@pytest.mark.skipif("probability" not in SVC().get_params(), reason="this scikit-learn has no SVC(probability=True)")
def test_crossfold_proposes_what_the_scripts_loop_does(data, reference, monkeypatch):
    monkeypatch.setattr(baselines, "FOLDS", 3)
    allowed = baselines.Allowed(data / "dataperf_en_data", 1)
    first = len(allowed.target_classes)
    targets, nontargets = np.split(allowed.features, [first])
    best, scores = None, []
    outer = StratifiedShuffleSplit(n_splits=3, train_size=15, random_state=4)
    for train, rest in outer.split(targets, allowed.target_classes):
        inner = StratifiedShuffleSplit(n_splits=3, train_size=10, random_state=4)
        for others, other_rest in inner.split(nontargets, np.zeros(len(nontargets))):
            X = np.vstack([targets[train], nontargets[others]])
            y = np.concatenate([allowed.target_classes[train], np.zeros(len(others), int)])
            held_out = np.vstack([targets[rest], nontargets[other_rest]])
            found = reference("speech").call("predict", X, y, 0, held_out)
            truth = np.concatenate([allowed.target_classes[rest], np.zeros(len(other_rest), int)])
            scores.append(f1_score(truth, found, average="macro"))
            if best is None or scores[-1] > best[0]:
                best = scores[-1], [allowed.ids[row] for row in train], [allowed.ids[first + row] for row in others]
    assert len(set(scores)) > 3
    chosen = baselines.crossfold(allowed, 25, 4, engine())
    assert sorted(clip for ids in chosen.targets.values() for clip in ids) == sorted(best[1])
    assert chosen.nontargets == best[2]


def test_the_words_of_the_proposal_are_their_own(data):
    allowed = baselines.Allowed(data / "dataperf_en_data", 1)
    for word, ids in baselines.crossfold(allowed, 25, 0, engine()).targets.items():
        assert ids
        assert {word_of(clip) for clip in ids} == {word}


def test_a_pool_too_small_and_an_unknown_method(data, tmp_path):
    allowed = baselines.Allowed(data / "dataperf_en_data", 1)
    with pytest.raises(InputError, match="expected 75 for a random selection"):
        baselines.random(allowed, 300, 0, engine())
    with pytest.raises(InputError, match="cannot be cut into folds of 180 target clips"):
        baselines.crossfold(allowed, 300, 0, engine())
    with pytest.raises(InputError, match="'cleanlab'; expected random or crossfold"):
        baselines.write(data, tmp_path, ["cleanlab"], 0, engine())
