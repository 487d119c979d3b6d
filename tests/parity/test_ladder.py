"""verify: what is right passes every rung; a broken kernel fails, whatever the board."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.svm import SVC

import dataperf_fast as dpf
from dataperf_fast import cli, parity
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import baselines as debugging_baselines
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.debugging.board import PRECISIONS
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import definition, processes
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Pool
from dataperf_fast.files.records import Record
from dataperf_fast.kernels.logistic import binary
from dataperf_fast.kernels.logistic.multinomial import Logistic
from dataperf_fast.kernels.neighbours import vote
from dataperf_fast.kernels.net import training
from dataperf_fast.kernels.svm import platt
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.parity import ladder as ladders
from dataperf_fast.parity import report as parity_report

pytestmark = pytest.mark.parity

needs_probability = pytest.mark.skipif(
    "probability" not in SVC().get_params(), reason="this scikit-learn has no SVC(probability=True)"
)


@pytest.fixture(scope="module")
def boards(tmp_path_factory) -> Path:
    """Three small boards; the market's vectors are on a grid, so that neighbours tie."""
    folder = tmp_path_factory.mktemp("boards")
    engine = Engine(backends.choose("cpu"))
    list(
        speech.write(folder / "speech", speech.SpeechScale({"en": speech.LanguageSize((30, 30), (9, 9), 2, 3, 12)}), 1)
    )
    speech_baselines.write(folder / "speech", folder / "speech" / "chosen", ["random"], 1, engine)
    list(vision.write(folder / "vision", vision.VisionScale(2, 300, 60, 60, 10), seed=2))
    list(acquisition.write(folder / "acquisition", acquisition.AcquisitionScale(1, 3, 60, 40, 80), seed=3))
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
    fit = binary.fit

    def flipped(features, labels):
        weights, intercepts = fit(features, labels)
        weights[0, np.abs(weights[0]).argmax()] *= -1
        return Logistic(weights, intercepts)

    monkeypatch.setattr(binary, "fit", flipped)
    refused(verify(boards, "vision"), "decision values")


def test_a_broken_tie_rule_fails_on_acquisition(boards, tmp_path, monkeypatch):
    """Of rows equally near, whichever the first pass meets: no tie is looked at again."""
    plain = vote.vote

    def careless(features, labels, classes, evaluation, seats):
        answers, _ = plain(np.round(features), labels, classes, np.round(evaluation), seats)
        return answers, np.ones(len(answers), np.bool_)

    monkeypatch.setattr(vote, "vote", careless)
    assert refused(verify(boards, "acquisition", model="knn"), "predictions")["outcome"].differing > 0


@pytest.mark.reference
def test_debugging_holds_and_another_initial_seed_fails(suite, monkeypatch):
    pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    report = parity.verify("debugging", suite, names=["cpu", "reference"], sample=6, jobs=1)
    assert report.same
    assert not report.scores
    weights = training.initial_weights

    def others(dimension):
        found = weights(dimension)
        return found._replace(output=np.roll(found.output, 1))

    monkeypatch.setattr(training, "initial_weights", others)
    training._beginning.cache_clear()
    broken = parity.verify("debugging", suite, names=["cpu", "reference"], sample=6, jobs=1)
    training._beginning.cache_clear()
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
    with pytest.raises(dpf.InputError, match=r"^backend"):
        parity.verify("vision", boards / "vision", names=names)


def test_the_command_prints_writes_and_exits(boards, tmp_path, capsys, monkeypatch):
    junit = tmp_path / "junit.xml"
    arguments = ["verify", "vision", str(boards / "vision"), "--sample", "2"]
    assert cli.main([*arguments, "--junit", str(junit)]) == 0
    printed = capsys.readouterr().out
    assert "logistic-regression, cpu - reference: 2 of 2 retrains compared" in printed
    assert printed.splitlines()[-1].startswith("the same, ")
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), len(list(suite.iter("testcase")))) == ("5", "0", 5)
    assert [(of.get("name"), of.get("value")) for of in suite.iter("property")] == [("reference", "as it is defined")]
    monkeypatch.setattr(LogisticRegression, "tolerance", -1.0)  # nothing is as near as that
    assert cli.main([*arguments, "--format", "json", "--junit", str(junit)]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert not found["same"]
    assert found["ladders"][0]["rungs"][1]["differing"] == 2
    no_gpu = f"cuda is not compared: {found['left_out']['cuda']}"
    assert captured.err.splitlines() == [no_gpu, "dataperf-fast: the backends differ"]
    assert [case.get("name") for case in ElementTree.parse(junit).iter("testcase") if len(case)] == [
        "loss on the training set",
        "decision values",
        "cuda",
    ]


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_reference_that_is_not_as_defined_is_said_once_and_compared(boards, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(definition.VERSIONS, "scikit-learn", "0.24")
    processes.open_processes.cache_clear()
    junit = tmp_path / "junit.xml"
    arguments = ["verify", "vision", str(boards / "vision"), "--junit", str(junit), "--format", "json"]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["same"]
    assert len(found["scores"]) == 3
    assert found["reference"].startswith("the reference does not run as it is defined: found scikit-learn 1.")
    no_gpu = f"cuda is not compared: {found['left_out']['cuda']}"
    assert captured.err.splitlines() == [f"dataperf-fast: warning: {found['reference']}", no_gpu]
    [said] = ElementTree.parse(junit).iter("property")
    assert said.get("value") == found["reference"]
    assert cli.main(["evaluate", "vision", str(boards / "vision"), "--backend", "reference", "--no-cache"]) == 0
    processes.open_processes.cache_clear()


def test_an_invalid_submission_is_said_and_the_rest_compared(boards, tmp_path, capsys):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.csv").write_text("1,2,many")
    plans = [str(boards / "acquisition" / "plans"), str(tmp_path / "broken")]
    assert cli.main(["verify", "acquisition", str(boards / "acquisition"), "--submissions", *plans]) == 2
    captured = capsys.readouterr()
    assert "many" in captured.err
    assert "equal" in captured.out


class Twisted:
    """Our own net in the reference's place, with other decision values in some precisions."""

    departure = ""

    def __init__(self, twists):
        self.twists = twists

    def made_with(self, model):
        return f"{model}, twisted"

    def each(self, function, calls, shared=()):
        backend = backends.choose("cpu", 1)
        for _, precision, *rest in ((*call, *shared) for call in calls):
            truth = None
            if function == "answer":
                features, labels, queries = rest
            else:
                labels, features, queries, truth = rest
            pool = Pool(features, queries, np.zeros(len(queries), np.uint8))
            answers = LinearNet().bind(pool, backend).answer(pool.every_row, labels, 0)
            decisions = self.twists.get(precision, np.array)(answers.decisions)
            classes = (decisions > 0).astype(np.uint8)
            yield (classes, decisions) if truth is None else float(round((classes == truth).mean(), 2))


@pytest.fixture
def twisted(suite, monkeypatch):
    """Compares with such a reference."""

    def compare(twists, **options):
        monkeypatch.setattr(backends, "reference_pipeline", lambda *_: Twisted(twists))
        return parity.verify("debugging", suite, names=["cpu", "reference"], jobs=1, **options)

    return compare


def test_where_the_precisions_of_the_reference_agree_a_difference_is_one(twisted):
    report = twisted({}, sample=5)
    assert report.same
    [ladder] = report.ladders
    assert [rung.compared for rung in ladder.rungs] == [5, 5, 5 * 60, 5]
    assert not any(rung.differing or rung.excused or rung.disagreeing for rung in ladder.rungs)
    report = twisted(dict.fromkeys(PRECISIONS, np.negative), sample=5)
    rungs = refused(report, "decision values")
    assert [rungs[name].differing for name in ("decision values", "predictions")] == [5, 5 * 60]
    assert not any(rung.disagreeing for rung in rungs.values())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_where_they_disagree_that_is_counted_apart(twisted, precision, tmp_path):
    report = twisted({precision: np.negative})
    assert not report.verdicts["different"]
    assert not report.same  # there is nothing that the two agree about
    [ladder] = report.ladders
    assert [rung.disagreeing for rung in ladder.rungs[1:3]] == [10, 10 * 60]
    assert ladder.rungs[3].disagreeing > 0
    assert not any(rung.differing or rung.excused for rung in ladder.rungs)
    for check in report.scores[:4]:
        assert not check.differs
        assert {"score", "accuracy_cleaned", "target", "inspections"} & set(check.disagrees)
    printed = io.StringIO()
    parity_report.print_report(report, printed)
    assert "reference disagrees with itself" in " ".join(printed.getvalue().split())
    parity_report.write_junit(tmp_path / "junit.xml", report)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert suite.get("failures") == "0"
    assert [case.get("name") for case in suite.iter("testcase") if case.find("error") is not None] == ["debugging"]
    assert int(suite.get("skipped")) == len(list(suite.iter("skipped"))) > 4


def shifted(share):
    return lambda decisions: decisions + share * np.sqrt((decisions**2).mean())


def test_what_lies_within_their_disagreement_is_none_of_ours(twisted):
    """Predictions between 0 and 0.1 are flipped by both precisions, which are 0.2 apart; then by both, 0.05 apart."""
    report = twisted({"float32": shifted(0.3), "float64": shifted(0.1)}, sample=5)
    assert report.same
    assert report.ladders[0].rungs[2].disagreeing > 0
    report = twisted({"float32": shifted(0.3), "float64": shifted(0.25)}, sample=5)
    assert refused(report, "predictions")["outcome"].disagreeing > 0
    report = twisted({"float32": shifted(0.3), "float64": shifted(0.2999)}, sample=5)
    assert refused(report, "decision values")["outcome"].differing > 0


def test_a_difference_beside_a_disagreement_is_still_one():
    """What the precisions agree about is compared as ever, whatever else they disagree about."""

    def record(score, cleaned):
        details = {"accuracy_cleaned": cleaned, "settled_rows": 3}
        return Record("debugging", "task", "mine", "ok", "fraction_fixes", score, False, details)

    theirs = [record(0.5, 0.9)], [record(0.25, 0.9)]
    [check] = ladders._compare([record(0.75, 0.9)], theirs, ("cpu", "reference"))
    assert (check.differs, check.disagrees) == ([], ["score"])
    [check] = ladders._compare([record(0.5, 0.8)], theirs, ("cpu", "reference"))
    assert (check.differs, check.disagrees) == (["accuracy_cleaned"], ["score"])
    rung = parity.Rung("values", tolerance=1e-3)
    for ours, single, double in ((1.0, 1.0, 1.0), (1.0, 1.5, 1.5), (1.0, 1.0, 1.5), (1.0, 1.5, 1.0), (1.0, 1.5, 2.0)):
        rung.add([abs(ours - single), abs(ours - double)], abs(single - double))
    rung.add([float("nan"), 0.0], float("nan"))
    assert (rung.compared, rung.differing, rung.disagreeing, rung.largest) == (6, 2, 3, float("inf"))


@pytest.mark.reference
@pytest.mark.long
def test_on_a_large_noisy_pool_pytorch_disagrees_with_itself_and_not_with_us(tmp_path):
    pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    list(debugging.write(tmp_path, debugging.DebuggingScale(1, 1200, 200, 5), 1, "inverted"))
    debugging_baselines.write(tmp_path, tmp_path / "submissions", ["random"], 1, Engine(backends.choose("cpu")))
    report = parity.verify("debugging", tmp_path, names=["cpu", "reference"], sample=8, jobs=2)
    [ladder] = report.ladders
    assert ladder.checked == 8
    assert ladder.rungs[3].disagreeing > 0
