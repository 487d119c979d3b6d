"""Training sets to compare with: official files, both labels, no image twice; and better than chance."""

from __future__ import annotations

import json

import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.vision import baselines, files, synth
from dataperf_fast.boards.vision.embeddings import read_image_ids
from dataperf_fast.engine import backend, machine
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    list(synth.write(folder, synth.VisionScale(3, 1500, 120, 60, 20), seed=2))
    return folder


def engine():
    return Engine(backend.choose("cpu"))


def test_official_files_that_a_seed_repeats(made, tmp_path):
    written = baselines.write(made, tmp_path / "a", None, 1, engine())
    again = baselines.write(made, tmp_path / "b", None, 1, engine())
    other = baselines.write(made, tmp_path / "c", None, 2, engine())
    assert [path.relative_to(tmp_path / "a").as_posix() for path in written] == [
        f"{method}/{task}.csv"
        for method in ("random", "kmeans", "forest", "pseudo")
        for task in ("Cupcake", "Hawk", "Sushi")
    ]
    root, setup = files.open_setup(made)
    pool = set(read_image_ids(root / setup.emb_file))
    assert len(pool) == 1500
    for path, same, different in zip(written, again, other, strict=True):
        chosen = files.read_training_set(path)  # which refuses one label only, and images named twice
        assert set(chosen.ids) <= pool
        assert 40 <= len(chosen.ids) <= 500
        assert path.read_bytes() == same.read_bytes() != different.read_bytes()


def test_the_methods_beat_random_images(made, tmp_path):
    baselines.write(made, tmp_path, None, 1, engine())
    records = dpf.evaluate("vision", made, tmp_path, cache=False)
    mean = {r.submission: r.score for r in records if r.task == "mean"}
    assert set(mean) == set(baselines.METHODS)
    assert min(mean["kmeans"], mean["forest"]) > mean["random"] + 0.1
    assert mean["pseudo"] > 0.4


def test_examples_are_positives_of_the_random_sets(made, tmp_path):
    root, _ = files.open_setup(made)
    for path in baselines.write(made, tmp_path, ["random"], 1, engine()):
        chosen = files.read_training_set(path)
        positives = {name for name, label in zip(chosen.ids, chosen.labels, strict=True) if label}
        assert positives == set(files.read_examples(root, path.stem))


def test_bad_requests(made, tmp_path):
    with pytest.raises(InputError, match=r"^methods: holds 'best'; expected random or kmeans or forest or pseudo"):
        baselines.write(made, tmp_path, ["best"], 0, engine())
    list(synth.write(tmp_path / "one", synth.VisionScale(1, 200, 40, 40, 10), seed=2))
    with pytest.raises(InputError, match="expected a board of two concepts or more for it"):
        baselines.write(tmp_path / "one", tmp_path, ["pseudo"], 0, engine())
    unnamed = baselines.write(tmp_path / "one", tmp_path / "all", None, 0, engine())
    assert [path.parent.name for path in unnamed] == ["random", "kmeans", "forest"]
    root, _ = files.open_setup(tmp_path / "one")
    files.write_examples(root, "Cupcake", ["ffff"])
    with pytest.raises(InputError, match="has no image 'ffff'; expected every example of Cupcake"):
        baselines.write(tmp_path / "one", tmp_path, ["kmeans"], 0, engine())


def test_what_a_library_chose_says_which_library_and_machine(made, tmp_path, monkeypatch):
    written = baselines.write(made, tmp_path / "here", None, 3, engine())
    notes = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "here").rglob("made_with.json")}
    assert set(notes) == {path.parent.name for path in written} - {"random"} == set(baselines.BY_LIBRARIES)
    made_with = machine.made_with("scikit-learn", "scipy", "numpy")
    assert notes["forest"] == {"method": "forest", "seed": 3, "made_with": made_with}
    monkeypatch.setattr(machine, "facts", lambda: "another machine")
    baselines.write(made, tmp_path / "there", ["forest"], 3, engine())
    there = json.loads((tmp_path / "there" / "forest" / "made_with.json").read_text())
    assert there["made_with"].endswith(" on another machine")
    assert len(dpf.evaluate("vision", made, tmp_path / "there", cache=False)) == 4  # the note is no submission
