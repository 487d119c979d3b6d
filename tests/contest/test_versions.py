"""A contest's scores are of one version: not half ours and half the reference's, nor a library's of two machines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import boards, cli, sandbox
from dataperf_fast.boards.debugging import synth
from dataperf_fast.contest import algorithms, manifest, planning, workers
from dataperf_fast.contest.batches import Batch, score
from dataperf_fast.contest.store import Store
from dataperf_fast.contest.submissions import Submission
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import machine
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.set_folders import OfSet
from dataperf_fast.kernels import arithmetic
from dataperf_fast.sandbox import images
from tests import tasks

from . import contests


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two small tasks with eight features, which every model is quick on."""
    folder = tmp_path_factory.mktemp("hidden") / "data"
    list(synth.write(folder, synth.DebuggingScale(tasks=2, train=30, test=40, val=12), seed=7))
    tasks.narrow(folder, 8)
    return folder


@pytest.fixture
def contest(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 3)

    def written(model):
        tasks = [{"name": "hidden", "data": str(data)}]
        board = {"board": "debugging", "model": model, "submissions": ["teams"], "tasks": tasks}
        return contests.write(tmp_path / f"{model}.yaml", board)

    return written


def stored(path):
    with closing(Store(manifest.read(path).store)) as store:
        return store.scores("Spring")


def test_a_librarys_scores_are_made_again_on_another_machine(contest, monkeypatch, capsys):
    pytest.importorskip("xgboost", reason="the extra 'xgb' is not installed")
    path = contest("xgb")
    here, watched = contests.score(path)
    assert watched == {"debugging": 3}
    assert contests.score(path)[1] == {"debugging": 0}
    workers.software.cache_clear()
    monkeypatch.setattr(machine, "facts", lambda: "an old machine")
    out = path.parent / "site"
    assert cli.main(["leaderboard", str(path), "--out", str(out)]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "makes them" in line]
    version = boards.load("debugging").version("xgb")
    assert f"debugging, xgb, hidden: 3 of 3 submissions have no score by {version} (but by {here[0].version}): " in line
    there, watched = contests.score(path)
    workers.software.cache_clear()
    assert watched == {"debugging": 3}
    assert {s.unit for s in here} & {s.unit for s in there} == set()
    assert {s.software["machine"] for s in there} == {"an old machine"}
    assert all(s.software["arithmetic"].endswith(" on an old machine") for s in there)
    assert not any("an old machine" in str(s.software) for s in here)
    assert all(s.software["arithmetic"].startswith("XGBoost ") for s in here)
    assert contests.table(there) == contests.table(here)  # it is the same machine, after all


def test_our_scores_are_those_of_every_machine(contest, monkeypatch, capsys):
    path = contest("knn")
    here, _ = contests.score(path)
    monkeypatch.setattr(machine, "facts", lambda: "an old machine")
    there, watched = contests.score(path)
    assert watched == {"debugging": 0}
    assert there == here
    assert {s.software["arithmetic"] for s in here} == {arithmetic.VERSION}
    assert cli.main(["leaderboard", str(path), "--out", str(path.parent / "site")]) == 0
    assert "have no score by" not in capsys.readouterr().err


@pytest.mark.reference
def test_the_references_scores_are_none_of_ours(contest, reference, monkeypatch):
    pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    reference("debugging")
    path = contest("knn")
    theirs, watched = contests.score(path, "reference", jobs=1)
    assert watched == {"debugging": 3}
    assert {s.backend for s in theirs} == {"reference"}
    assert all(s.software["arithmetic"].startswith("reference 1: scikit-learn ") for s in theirs)
    ours, watched = contests.score(path)
    assert watched == {"debugging": 3}
    assert {s.backend for s in ours} == {"cpu"}
    assert contests.table(ours) == contests.table(theirs)
    assert len(stored(path)) == 2 * 3 * 2
    assert contests.score(path, "reference", jobs=1)[1] == contests.score(path)[1] == {"debugging": 0}
    for backend, scores in {"cpu": ours, "reference": theirs}.items():
        shown = {e.submission: e.seconds for e in contests.standing(path, backend)[0].entries if e.kind == "submission"}
        assert shown == {name: sum(s.seconds for s in scores if s.submission == name) for name in shown}
        assert len(shown) == 3
    monkeypatch.setattr(backends, "reference_made_with", lambda *of: "reference 2: other libraries")
    assert {entry.kind for entry in contests.standing(path, "reference")[0].entries} <= {"paper"}


def test_a_worker_of_another_version_scores_nothing(contest, data, monkeypatch):
    """Nor one on another machine, where a library has a say: what it gave would stand under the wrong version."""
    path, whole = contest("knn"), manifest.read(contest("knn"))
    [work] = planning.read(whole, contests.Watched(), "cpu")
    folder = path.parent / "teams" / "team0000"
    batch = Batch("debugging", "knn", OfSet("hidden", ("hidden",)), data, (folder,), work.version, backend="cpu")
    assert {record.status for record in score(batch)[folder]} == {"ok"}
    with pytest.raises(InputError, match=r"scored by the version 'neighbour-votes .*; expected this run's, 1"):
        score(replace(batch, version="1"))
    monkeypatch.setattr(backends, "reference_made_with", lambda *of: "reference 1")
    with pytest.raises(InputError, match=r"scored by the version 'neighbour-votes .*, reference "):
        score(replace(batch, backend="reference"))


def test_software_is_that_of_the_worker(contest, monkeypatch):
    path = contest("knn")
    monkeypatch.setattr(workers, "software", lambda: {"numpy": "0.1", "machine": "a worker"})
    scores, _ = contests.score(path)
    assert {(s.software["numpy"], s.software["machine"]) for s in scores} == {("0.1", "a worker")}


def test_another_image_of_the_same_name_is_another_algorithm(tmp_path, monkeypatch):
    (tmp_path / algorithms.SETTINGS).write_text("image: theirs:latest\n")
    one = Submission("theirs", tmp_path, "d" * 64, is_algorithm=True)
    part = manifest.ContestBoard(board="debugging", tasks=[{"name": "hidden", "data": tmp_path}])
    asked = []

    def podman(number):
        def answer(*arguments):
            asked.append(arguments)
            return images.subprocess.CompletedProcess(arguments, int(not number), f"{number}\n", "")

        monkeypatch.setattr(images, "podman", answer)
        monkeypatch.setattr(images.shutil, "which", lambda name: f"/usr/bin/{name}")
        return algorithms.identity(one, part)

    first, second, none = podman("sha256:aa"), podman("sha256:bb"), podman("")
    assert len({first, second, none}) == 3
    assert podman("sha256:aa") == first
    assert {arguments[:2] for arguments in asked} == {("image", "inspect")}
    count = len(asked)
    (tmp_path / "theirs:latest").write_bytes(b"an archive, which the digest of the folder has")
    assert podman("sha256:aa") == podman("sha256:bb") == none
    (tmp_path / algorithms.SETTINGS).write_text("command: [sh]\n")
    assert podman("sha256:aa") == none
    (tmp_path / algorithms.SETTINGS).write_text("image: [2001-99-99\n")
    assert podman("sha256:aa") == none
    assert len(asked) == count
    assert sandbox.number(sandbox.Algorithm(tmp_path, image="--format")) == ""


def test_nibblers_creativity_is_the_libraries_and_fooling_is_ours(tmp_path):
    from dataperf_fast.boards.nibbler import synth as nibbler

    for _ in nibbler.write(tmp_path / "round", nibbler.SCALES["small"], 0):
        pass
    records = {r.task: r for r in dpf.evaluate("nibbler", tmp_path / "round")}
    made = machine.made_with("scikit-learn", "scipy", "numpy")
    assert records["fooling"].arithmetic == arithmetic.VERSION
    assert records["creativity"].arithmetic == made
    assert np.isfinite(records["creativity"].score)
    theirs = {r.task: r.arithmetic for r in dpf.evaluate("nibbler", tmp_path / "round", backend="reference")}
    assert set(theirs.values()) == {f"reference: {made}"}
