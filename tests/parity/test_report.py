"""What ``verify`` says in XML, as JSON, on the terminal and by its exit status: the same, whatever was handed in."""

from __future__ import annotations

import errno
import io
import json
import shutil
from collections import Counter
from xml.etree import ElementTree

import pytest
from sklearn.svm import SVC

from dataperf_fast import cli, parity
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.processes import Processes
from dataperf_fast.files.records import Record
from dataperf_fast.parity import ladder as ladders
from dataperf_fast.parity import report as parity_report
from dataperf_fast.parity.comparison import Ladder, Report, Rung, ScoreCheck
from tests.parity.test_ladder import Twisted

PIPELINE = backends.reference_pipeline
KINDS = {"failure": "different", "error": "error", "skipped": "skipped"}


def speech_board(folder, _):
    list(speech.write(folder / "data", speech.SpeechScale({"en": speech.LanguageSize((30, 30), (9, 9), 2, 3, 12)}), 1))
    speech_baselines.write(folder / "data", folder, ["random"], 1, Engine(backends.choose("cpu")))
    (folder / "random").rename(folder / "good")
    (folder / "bad").mkdir()
    (folder / "bad" / "en_25_train.json").write_text("{")
    return {"en_25/bad"}


def vision_board(folder, _):
    list(vision.write(folder / "data", vision.VisionScale(2, 300, 60, 60, 10), seed=2))
    for name in ("good", "bad"):
        shutil.copytree(folder / "data" / "train_sets", folder / name)
    (folder / "bad" / "Hawk.csv").write_text("many\n")
    return {"Hawk/bad", "mean/bad"}


def acquisition_board(folder, _):
    list(acquisition.write(folder / "data", acquisition.AcquisitionScale(2, 3, 60, 40, 80), seed=3))
    acquisition_baselines.write(folder / "data", folder, ["uniform"], 3, Engine(backends.choose("cpu")))
    (folder / "uniform").rename(folder / "good")
    shutil.copytree(folder / "good", folder / "bad")
    (folder / "bad" / "0.csv").write_text("1,2,many")
    return {"0/bad", "mean/bad"}


def debugging_board(folder, suite):
    suite.rename(folder / "data")
    for name in ("good", "bad"):
        (folder / name).mkdir()
    for path in (folder / "data" / "submissions").glob("*.txt"):
        if not path.name.startswith("time_"):
            shutil.move(path, folder / ("good" if "consecutive" in path.name else "bad"))
    (folder / "bad" / "synth01_random.txt").write_text("0\n0\n")
    return {"synth01/random", "mean/random"}


def nibbler_board(folder, _):
    list(nibbler.write(folder / "data", nibbler.NibblerScale(pairs=60, participants=3), 0))
    (folder / "data" / "submitted" / "zz.jsonl").write_text('{"pair": 7}\n')
    return {"/"}


MAKERS = {
    "speech": speech_board,
    "vision": vision_board,
    "acquisition": acquisition_board,
    "debugging": debugging_board,
    "nibbler": nibbler_board,
}
if "probability" not in SVC().get_params():
    del MAKERS["speech"]  # its reference is gone from this scikit-learn


@pytest.fixture
def verify(tmp_path, suite, monkeypatch, capsys):
    """Verifies a board's folder; gives the exit status, the JSON, the suite's attributes, its cases and the lines."""

    def pipeline(module, backend):  # without PyTorch
        return Twisted({}) if ".debugging." in module else PIPELINE(module, backend)

    monkeypatch.setattr(backends, "reference_pipeline", pipeline)

    def run(board, *submissions, more=()):
        junit = tmp_path / "junit.xml"
        junit.unlink(missing_ok=True)
        command = ["verify", board, str(tmp_path / "data"), "--junit", str(junit), "--format", "json", "--jobs", "1"]
        if submissions:
            command += ["--submissions", *(str(tmp_path / name) for name in submissions)]
        status = cli.main([*command, *more])
        printed = capsys.readouterr()
        [whole] = ElementTree.parse(junit).getroot()
        found = json.loads(printed.out) if printed.out else None
        lines = printed.err.splitlines()
        if found is not None:  # the board's models have a CUDA path or none, and here is no GPU
            [reason] = found["left_out"].values()
            lines.remove(f"cuda is not compared: {reason}")
        return status, found, whole, lines

    return run


def outcomes(whole):
    """Of each test case what it is, and the message; the suite's own counts are those."""
    cases = whole.findall("testcase")
    found = {}
    for case in cases:
        [*said] = case
        assert len(said) <= 1
        kind = said[0].tag if said else "passed"
        found[case.get("classname"), case.get("name")] = kind, said[0].get("message") if said else ""
    assert len(found) == len(cases)
    counts = Counter(kind for kind, _ in found.values())
    assert int(whole.get("tests")) == len(cases) > 0
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(whole.get(attribute)) == counts[kind]
    return found


def agree(status, found, whole):
    """XML, JSON and exit status say the same; the XML's outcomes."""
    said = outcomes(whole)
    rungs = [rung for ladder in found["ladders"] for rung in ladder["rungs"]]
    assert said.pop(("verify", "cuda")) == ("skipped", f"is not compared: {found['left_out'].pop('cuda')}")
    assert not found["left_out"]
    kinds = Counter(KINDS.get(kind, "equal") for kind, _ in said.values())
    found["verdicts"]["skipped"] -= 1
    assert +Counter(of["verdict"] for of in (*found["scores"], *rungs)) == +Counter(found["verdicts"])
    alone = ("verify", found["benchmark"])  # the case that says that nothing was compared
    assert +(kinds - Counter({"error": int(alone in said)})) == +Counter(found["verdicts"])
    green = not kinds["different"] and not kinds["error"] and kinds["equal"] > 0
    assert found["same"] == green == (status == 0)
    return said


@pytest.mark.parametrize(
    "more", [pytest.param((), marks=pytest.mark.long, id="all"), pytest.param(("--sample", "2"), id="sample")]
)
@pytest.mark.parametrize("board", MAKERS)
def test_what_cannot_be_read_is_an_error_and_the_rest_is_compared(board, more, verify, tmp_path, suite):
    broken = MAKERS[board](tmp_path, suite)
    given = () if board == "nibbler" else ("good", "bad")
    status, found, whole, lines = verify(board, *given, more=more)
    said = agree(status, found, whole)
    errors = {name: message for (_, name), (kind, message) in said.items() if kind == "error"}
    if board == "nibbler" and more:  # a sample leaves scores out, and there are no retrains
        lines.remove("dataperf-fast: nothing was compared")
    assert set(errors) == broken
    assert status == 2
    assert {f"dataperf-fast: {message}" for message in errors.values()} == set(lines)
    assert not any(kind == "failure" for kind, _ in said.values())
    if not more:
        scores = {name: kind for (group, name), (kind, _) in said.items() if group.startswith("scores.")}
        assert "passed" in scores.values()


def test_a_gpu_that_is_not_there_is_skipped_and_said(verify, tmp_path, monkeypatch):
    vision_board(tmp_path, None)
    monkeypatch.setattr(backends, "find_device", lambda: "the CUDA driver knows no device")
    status, found, whole, _ = verify("vision", "good")
    assert found["left_out"] == {"cuda": "the CUDA driver knows no device"}
    assert outcomes(whole)["verify", "cuda"] == ("skipped", "is not compared: the CUDA driver knows no device")
    assert found["verdicts"]["skipped"] == 1
    assert (status, found["same"]) == (0, True)


def test_a_gpu_that_nobody_asks_for_is_not_missed(tmp_path):
    vision_board(tmp_path, None)
    report = parity.verify("vision", tmp_path / "data", [tmp_path / "good"], names=["cpu", "reference"], jobs=1)
    assert (report.left_out, report.verdicts["skipped"]) == ({}, 0)


@pytest.mark.parametrize("board", [board for board in MAKERS if board != "nibbler"])
def test_where_all_are_broken_nothing_passes(board, verify, tmp_path, suite):
    MAKERS[board](tmp_path, suite)
    for path in (tmp_path / "bad").iterdir():
        path.write_text("{")
    status, found, whole, lines = verify(board, "bad")
    said = agree(status, found, whole)
    assert {kind for kind, _ in said.values()} == {"error"}
    assert status == 2
    assert lines[-1] == "dataperf-fast: nothing was compared"
    report = parity.verify(board, tmp_path / "data", [tmp_path / "bad"], names=["cpu", "reference"], jobs=1)
    printed = io.StringIO()
    parity_report.print_report(report, printed)
    assert "equal" not in printed.getvalue()
    assert printed.getvalue().splitlines()[-1].startswith("NOTHING WAS COMPARED, ")


def test_what_is_pending_is_skipped_and_is_no_pass(verify, tmp_path):
    nibbler_board(tmp_path, None)
    (tmp_path / "data" / "submitted" / "zz.jsonl").unlink()
    shutil.rmtree(tmp_path / "data" / "ratings")
    status, found, whole, lines = verify("nibbler")
    said = agree(status, found, whole)
    assert said.pop(("verify", "nibbler")) == ("error", "nothing was compared")
    assert said
    for (_, name), (kind, message) in said.items():
        assert kind == "skipped"
        assert message == f"{name.split('/')[1]}: no pair has 3 ratings yet"
    assert (status, lines) == (2, ["dataperf-fast: nothing was compared"])


def test_a_rung_that_a_model_does_not_have_is_skipped(verify, tmp_path):
    acquisition_board(tmp_path, None)
    status, found, whole, _ = verify("acquisition", "good", more=("--model", "knn"))
    said = agree(status, found, whole)
    assert status == 0
    reason = "nothing was compared: not both backends have a model's decision values"
    assert said["nearest-neighbours.cpu-reference", "decision values"] == ("skipped", reason)
    assert said["nearest-neighbours.cpu-reference", "predictions"] == ("passed", "")


@pytest.mark.parametrize("board", [board for board in MAKERS if board != "nibbler"])
def test_without_the_references_library_there_is_an_xml_with_the_error(board, verify, tmp_path, suite, monkeypatch):
    MAKERS[board](tmp_path, suite)

    def missing(_):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(backends, "reference_pipeline", PIPELINE)
    monkeypatch.setattr(Processes, "departure", property(missing))
    (tmp_path / "junit.xml").write_text("<testsuites><testsuite tests='8' failures='0' errors='0'/></testsuites>")
    status, found, whole, lines = verify(board, "good")
    line = "--backend: reference needs the package torch; expected pip install '.[reference]' in the checkout"
    assert outcomes(whole) == {("verify", board): ("error", line)}
    assert (status, found, lines) == (2, None, [f"dataperf-fast: {line}"])


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--backends", "cpu"), "--backends: holds 'cpu'; expected two or more, one of them cpu or cuda"),
        (("--submissions", "nowhere"), "nowhere: no such file or folder"),
    ],
)
def test_what_ends_a_comparison_is_in_the_xml(more, line, verify, tmp_path):
    vision_board(tmp_path, None)
    status, _, whole, lines = verify("vision", more=more)
    [(kind, message)] = outcomes(whole).values()
    assert kind == "error"
    assert message.startswith(line)
    assert (status, lines) == (2, [f"dataperf-fast: {message}"])


@pytest.mark.parametrize("board", ["vision", "nibbler"])
def test_a_failure_of_ours_is_in_the_xml_and_quotes_no_prompt(board, verify, tmp_path, monkeypatch):
    MAKERS[board](tmp_path, None)
    monkeypatch.setattr(ladders, "_compare", lambda *_: 1 / {}["a secret prompt"])
    status, _, whole, lines = verify(board)
    [(kind, message)] = outcomes(whole).values()
    assert (status, kind) == (1, "error")
    assert message == ("failed: KeyError" if board == "nibbler" else "failed: KeyError: 'a secret prompt'")
    assert lines[-1].startswith(f"dataperf-fast: {message} (")


def record(score, status="ok", error=None, task="task", **details):
    return Record("board", task, "mine", status, "metric", score, True, details, error=error)


def checks(ours, *theirs):
    return list(ladders._compare(ours, theirs, ("cpu", "reference")))


@pytest.mark.parametrize(
    ("one", "other", "verdict", "differs"),
    [
        (record(0.5), record(0.5), "equal", []),
        (record(0.5), record(0.25), "different", ["score"]),
        (record(float("nan")), record(float("nan")), "different", ["score"]),
        (record(0.5, value=[float("nan")]), record(0.5, value=[float("nan") * 1]), "different", ["value"]),
        (record(0.5, value=None), record(0.5), "different", ["value"]),
        (record(0.5), record(0.5, value=None), "different", ["value"]),
        (record(None), record(None), "error", []),
        (record(None, "invalid", "a line"), record(None, "invalid", "a line"), "error", []),
        (record(None, "invalid", "a line"), record(None, "invalid", "another"), "different", ["error"]),
        (record(None, "invalid", "a line"), record(0.5), "different", ["status", "score", "error"]),
        (record(None, "pending", "a line"), record(None, "pending", "a line"), "skipped", []),
        (record(None, "pending", "a line", pairs=1), record(None, "pending", "a line"), "different", ["pairs"]),
    ],
)
def test_equal_is_said_of_figures_alone(one, other, verdict, differs):
    [check] = checks([one], [other])
    assert (check.verdict, check.differs) == (verdict, differs)
    assert (check.reason == "") == (verdict == "equal")
    assert (one.error or "") in check.reason


def test_a_record_that_one_side_lacks_differs():
    [ours] = checks([record(0.5)], [])
    [theirs] = checks([], [record(0.5)])
    assert (ours.differs, ours.scores) == (["record"], (0.5, None))
    assert (theirs.differs, theirs.scores) == (["record"], (None, 0.5))
    [one] = checks([record(0.5)], [record(0.5)], [])  # by one of two precisions
    assert one.verdict == "different"


def test_a_name_that_was_handed_in_twice_is_compared_twice():
    twice = [record(None, "invalid", "has the same name"), record(0.5)]
    assert [check.verdict for check in checks(twice, twice)] == ["error", "equal"]
    assert [check.verdict for check in checks(twice, [twice[0], record(0.25)])] == ["error", "different"]


def test_a_report_of_nothing_is_not_the_same(tmp_path):
    empty = Report("board")
    assert not empty.same
    parity_report.write_junit(tmp_path / "junit.xml", empty)
    [whole] = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert outcomes(whole) == {("verify", "board"): ("error", "nothing was compared")}
    ladder = Ladder("model", ("cpu", "reference"), 0, 0, 0, [Rung("outcome")])
    assert not Report("board", ladders=[ladder]).same
    ladder.rungs[0].compared = 1
    assert Report("board", ladders=[ladder]).same
    broken = ScoreCheck("task", "mine", ("cpu", "reference"), (None, None), 0, [], status="invalid")
    assert not Report("board", scores=[broken], ladders=[ladder]).same


def test_an_xml_that_cannot_be_written_is_said_before_the_work(tmp_path, capsys):
    (tmp_path / "junit.xml").mkdir()
    assert cli.main(["verify", "debugging", str(tmp_path / "nowhere"), "--junit", str(tmp_path / "junit.xml")]) == 2
    line = f"dataperf-fast: {tmp_path / 'junit.xml'}: is a folder; expected a file, or a place for one\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("scores", "status", "said"),
    [((0.5, 0.5), 2, []), ((0.5, 0.25), 1, ["dataperf-fast: the backends differ"])],
)
@pytest.mark.parametrize("place", ["junit", "stdout"])
def test_a_report_that_cannot_be_written_is_no_difference(place, scores, status, said, tmp_path, monkeypatch, capsys):
    """Status 1 says that scores differ, and nothing else of a report may."""
    differs = ["score"] if scores[0] != scores[1] else []
    check = ScoreCheck("task", "mine", ("cpu", "reference"), scores, 0, differs)
    monkeypatch.setattr(parity, "verify", lambda *_, **__: Report("vision", scores=[check]))
    line = "/dev/full: cannot be written (No space left on device)"
    command = ["verify", "vision", str(tmp_path)]
    if place == "junit":
        command += ["--junit", "/dev/full"]
    else:
        line = "standard output: cannot be written (No space left on device)"

        def refuse(*_):
            raise OSError(errno.ENOSPC, "cannot be written (No space left on device)", "standard output")

        monkeypatch.setattr(parity_report, "print_report", refuse)
    assert cli.main(command) == status
    assert capsys.readouterr().err.splitlines() == [f"dataperf-fast: {line}", *said]


def test_an_error_whose_xml_cannot_be_written_is_said_still(tmp_path, capsys):
    assert cli.main(["verify", "vision", str(tmp_path), "--junit", "/dev/full"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "dataperf-fast: /dev/full: cannot be written (No space left on device)"
    assert second.startswith(f"dataperf-fast: {tmp_path}: holds no task_setup.yaml")


def test_an_earlier_xml_does_not_outlive_an_interrupted_run(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(parity, "verify", interrupted)
    junit = tmp_path / "junit.xml"
    junit.write_text("<testsuites><testsuite tests='8' failures='0' errors='0'/></testsuites>")
    assert cli.main(["verify", "debugging", str(tmp_path), "--junit", str(junit)]) == 130
    assert capsys.readouterr().err == "dataperf-fast: stopped\n"
    assert not junit.exists()
