"""verify: what is right passes every rung; a broken kernel fails, whatever the board."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.svm import SVC

import dataperf_fast as dpf
from dataperf_fast import backend as backends
from dataperf_fast import cli, parity
from dataperf_fast.baselines import acquisition as acquisition_baselines
from dataperf_fast.baselines import speech as speech_baselines
from dataperf_fast.engine import Engine
from dataperf_fast.kernels import binary_logistic, linear_net, neighbours, platt
from dataperf_fast.kernels.logistic import Logistic
from dataperf_fast.models import libraries
from dataperf_fast.synth import acquisition, speech, vision

pytestmark = pytest.mark.parity

needs_probability = pytest.mark.skipif(
    "probability" not in SVC().get_params(), reason="this scikit-learn has no SVC(probability=True)"
)


@pytest.fixture(scope="module")
def boards(tmp_path_factory) -> Path:
    """Three small boards; the market's vectors are on a grid, so that neighbours tie."""
    folder = tmp_path_factory.mktemp("boards")
    engine = Engine(backends.choose("cpu"))
    list(speech.write(folder / "speech", speech.Scale({"en": speech.Board((30, 30), (9, 9), 2, 3, 12)}), 1))
    speech_baselines.write(folder / "speech", folder / "speech" / "chosen", ["random"], 1, engine)
    list(vision.write(folder / "vision", vision.Scale(2, 300, 60, 60, 10), seed=2))
    list(acquisition.write(folder / "acquisition", acquisition.Scale(1, 3, 60, 40, 80), seed=3))
    acquisition_baselines.write(folder / "acquisition", folder / "acquisition" / "plans", ["uniform"], 3, engine)
    return folder


def verify(boards, board, **options):
    chosen = {"speech": ["chosen"], "acquisition": ["plans"]}.get(board)
    paths = None if chosen is None else [boards / board / name for name in chosen]
    return parity.verify(board, boards / board, paths, names=["cpu", "reference"], jobs=2, **options)


@needs_probability
@pytest.mark.parametrize("board", ["speech", "vision", "acquisition"])
def test_every_rung_holds(boards, board):
    report = verify(boards, board)
    assert report.same
    assert report.scores
    assert not report.invalid
    [ladder] = report.ladders
    loss, values, predictions, outcomes = ladder.rungs
    assert ladder.checked == min(10, ladder.retrains) == loss.compared == values.compared == outcomes.compared
    assert predictions.compared >= 10 * ladder.checked
    assert values.largest <= values.tolerance
    assert 0 < ladder.smallest_margin < 1


def refused(report, lowest):
    """The report fails, and on the rung named; scores differ too unless the sample left them out."""
    assert not report.same
    rungs = {rung.name: rung for ladder in report.ladders for rung in ladder.rungs}
    assert rungs[lowest].differing > 0
    return rungs


@needs_probability
def test_a_seed_off_by_one_fails_on_speech(boards, monkeypatch):
    shuffled = platt.shuffled
    monkeypatch.setattr(platt, "shuffled", lambda seed, size: shuffled(seed + 1, size))
    report = verify(boards, "speech")
    refused(report, "decision values")
    assert any("scores" in check.differs for check in report.scores)


def test_a_flipped_sign_fails_on_vision(boards, monkeypatch):
    assert libraries.binary_path_is_scikit_learns(vision.DIMENSION) or pytest.skip("another BLAS: not our kernel here")
    fit = binary_logistic.fit

    def flipped(features, labels):
        weights, intercepts = fit(features, labels)
        weights[0, np.abs(weights[0]).argmax()] *= -1
        return Logistic(weights, intercepts)

    monkeypatch.setattr(binary_logistic, "fit", flipped)
    refused(verify(boards, "vision"), "decision values")


def test_a_broken_tie_rule_fails_on_acquisition(boards, tmp_path, monkeypatch):
    """Of rows equally near, whichever the first pass meets: no tie is left to scikit-learn."""
    vote = neighbours.vote

    def careless(features, labels, classes, evaluation, seats):
        answers, _ = vote(np.round(features), labels, classes, np.round(evaluation), seats)
        return answers, np.ones(len(answers), np.bool_)

    monkeypatch.setattr(neighbours, "vote", careless)
    assert refused(verify(boards, "acquisition", model="knn"), "predictions")["outcome"].differing > 0


@pytest.mark.reference
def test_debugging_holds_and_another_initial_seed_fails(suite, monkeypatch):
    pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    report = parity.verify("debugging", suite, names=["cpu", "reference"], sample=6, jobs=1)
    assert report.same
    assert not report.scores
    weights = linear_net.initial_weights

    def others(dimension):
        found = weights(dimension)
        return found._replace(output=np.roll(found.output, 1))

    monkeypatch.setattr(linear_net, "initial_weights", others)
    linear_net._beginning.cache_clear()
    broken = parity.verify("debugging", suite, names=["cpu", "reference"], sample=6, jobs=1)
    linear_net._beginning.cache_clear()
    refused(broken, "decision values")


def test_a_sample_is_drawn_by_its_seed_and_leaves_scores_to_the_fast_backends(boards):
    few = verify(boards, "acquisition", sample=3)
    assert few.same
    assert not few.scores
    assert few.ladders[0].checked == 3 < few.ladders[0].retrains == 10
    margins = [verify(boards, "acquisition", sample=3, seed=seed).ladders[0].smallest_margin for seed in (0, 0, 1)]
    assert margins[0] == margins[1] == few.ladders[0].smallest_margin
    assert margins[2] != margins[0]


@pytest.mark.parametrize("names", [["cpu"], ["reference"], ["cpu", "cpu"], ["cpu", "gpu"]])
def test_two_backends_are_needed_one_of_them_fast(boards, names):
    with pytest.raises(dpf.InputError, match="--backend"):
        parity.verify("vision", boards / "vision", names=names)


def test_the_command_prints_writes_and_exits(boards, tmp_path, capsys, monkeypatch):
    junit = tmp_path / "junit.xml"
    arguments = ["verify", "vision", str(boards / "vision"), "--sample", "2"]
    assert cli.main([*arguments, "--junit", str(junit)]) == 0
    printed = capsys.readouterr().out
    assert "logistic, cpu - reference: 2 of 2 retrains compared" in printed
    assert printed.splitlines()[-1].startswith("the same, ")
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("4", "0", 4)
    monkeypatch.setitem(parity.TOLERANCE, "logistic", -1.0)  # nothing is as near as that
    assert cli.main([*arguments, "--format", "json", "--junit", str(junit)]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert not found["same"]
    assert found["ladders"][0]["rungs"][1]["differing"] == 2
    assert captured.err.splitlines() == ["dataperf-fast: the backends differ"]
    assert [case.get("name") for case in ElementTree.parse(junit).iter("testcase") if len(case)] == [
        "loss on the training set",
        "decision values",
    ]


def test_an_invalid_submission_is_said_and_the_rest_compared(boards, tmp_path, capsys):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.csv").write_text("1,2,many")
    plans = [str(boards / "acquisition" / "plans"), str(tmp_path / "broken")]
    assert cli.main(["verify", "acquisition", str(boards / "acquisition"), "--submissions", *plans]) == 2
    captured = capsys.readouterr()
    assert "many" in captured.err
    assert "equal" in captured.out
