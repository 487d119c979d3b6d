"""What is handed in, and as which submissions it is found: one rule, asked through every board's names."""

from __future__ import annotations

import os
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dataperf_fast.boards.acquisition import files as acquisition
from dataperf_fast.boards.debugging import files as debugging
from dataperf_fast.boards.nibbler import files as nibbler
from dataperf_fast.boards.speech import files as speech
from dataperf_fast.boards.vision import training_sets as vision
from dataperf_fast.files import archives, handed_in
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import HandedIn, Recognize


class Names(NamedTuple):
    """A board's recognizer, two official names with their tasks, and one of the first task in other letters."""

    recognize: Recognize
    official: dict[Any, str]
    other_case: str


BOARDS = {
    "speech": Names(
        speech.recognize, {("en", 25): "en_25_train.json", ("en", 60): "en_60_train.json"}, "EN_25_Train.JSON"
    ),
    "vision": Names(
        vision.recognizer(["Cupcake", "Hawk"]), {"Cupcake": "Cupcake.csv", "Hawk": "Hawk.csv"}, "cupcake.CSV"
    ),
    "debugging": Names(
        debugging.recognizer(["01g317-flipped", "04hgtk"], by_folder=True),
        {"01g317-flipped": "01g317-flipped_ours.txt", "04hgtk": "04hgtk_ours.txt"},
        "01G317-Flipped_ours.TXT",
    ),
    "acquisition": Names(acquisition.recognize, {0: "0.csv", 3: "3.txt"}, "0.CSV"),
}
LITTER = (
    ".DS_Store",
    "._{}",
    "Thumbs.db",
    "desktop.ini",
    "{}~",
    ".{}.swp",
    "{}.bak",
    "~${}",
    "README.txt",
    "method.md",
)


def put(path: Path, text: str = "1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def team(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        put(folder / name, name)
    return folder


def pack(path: Path, members: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_a_speech_task_is_called_by_its_name_in_errors(tmp_path):
    for name in ("EN_25_train.json", "EN_25_TRAIN.json"):
        (tmp_path / name).write_text("{}")
    [one], _ = handed_in.find([tmp_path], speech.recognize, "names")
    assert one.doubtful["en", 25].line.endswith("is a second file for en_25 beside EN_25_TRAIN.json; expected one")


def found(recognize: Recognize, *paths: Path, **how: Any) -> list[HandedIn]:
    submissions, refused = handed_in.find(paths, recognize, "official names", **how)
    assert refused == []
    return submissions


def names(recognize: Recognize, *paths: Path, **how: Any) -> list[str]:
    return [one.name for one in found(recognize, *paths, **how)]


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in caught.value.line
    return caught.value.line


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> Names:
    return BOARDS[request.param]


def layouts(top: Path, official: list[str]) -> None:
    """The same submission handed in in nine ways, each by a team of its own."""
    contents = {name: name for name in official}
    team(top / "plain", official)
    team(top / "wrapped" / "my final files", official)
    team(top / "twice" / "wrapped" / "again", official)
    pack(top / "zipped.zip", contents)
    pack(top / "ZIPPED2.ZIP", {f"zipped2/{name}": text for name, text in contents.items()})
    mac = {f"__MACOSX/mac/._{name}": "\0\5\26\7" for name in official} | {"mac/.DS_Store": "Bud1"}
    pack(top / "mac.zip", {f"mac/{name}": text for name, text in contents.items()} | mac)
    pack(top / "windows.zip", {f"windows\\{name}": text for name, text in contents.items()})
    pack(top / "a folder with a zip" / "submission.zip", contents)
    team(top / "littered", [*official, *(name.format(official[0]) for name in LITTER)])
    team(top / "littered" / "__MACOSX", official)
    team(top / "littered" / ".ipynb_checkpoints", official)


@pytest.mark.parametrize("by_path", [False, True])
def test_a_submission_is_the_same_however_it_is_handed_in(board, by_path, tmp_path):
    layouts(tmp_path / "teams", list(board.official.values()))
    put(tmp_path / "teams" / "README.md")
    put(tmp_path / "teams" / ".DS_Store")
    (tmp_path / "teams" / "__MACOSX").mkdir()
    shown = ["ZIPPED2", "a folder with a zip", "littered", "mac", "plain", "twice", "windows", "wrapped", "zipped"]
    if by_path:
        kept = [path for path in sorted((tmp_path / "teams").iterdir()) if not path.name.startswith((".", "_", "R"))]
        submissions = found(board.recognize, *kept, by_path=True)
    else:
        submissions = found(board.recognize, tmp_path / "teams")
    assert [one.name for one in submissions] == shown
    for one in submissions:
        assert {task: path.read_text() for task, path in one.files.items()} == board.official, one.name
        assert one.doubtful == {}


def test_each_layout_given_by_itself(board, tmp_path):
    layouts(tmp_path, list(board.official.values()))
    for path in (tmp_path / "plain", tmp_path / "zipped.zip", tmp_path / "mac.zip", tmp_path / "littered"):
        assert names(board.recognize, path) == [path.stem]


def test_nobody_is_found_twice_and_nobody_hides_another(board, tmp_path, monkeypatch):
    first, second = board.official.values()
    team(tmp_path / "teams" / "anna", [first])
    team(tmp_path / "teams" / "bert" / "v1", [first])
    team(tmp_path / "teams" / "bert" / "v2", [first, second])
    every = ["anna", "bert/v1", "bert/v2"]
    assert names(board.recognize, tmp_path / "teams") == every
    assert names(board.recognize, tmp_path / "teams", tmp_path / "teams" / "anna", tmp_path / "teams") == every
    assert names(board.recognize, *sorted((tmp_path / "teams").iterdir())) == ["anna", "v1", "v2"]
    team(tmp_path / "others" / "anna", [second])
    (tmp_path / "others" / "again").symlink_to(tmp_path / "others")  # a loop
    (tmp_path / "others" / "other anna").symlink_to(tmp_path / "teams" / "anna")
    apart = ["teams/anna", "bert/v1", "bert/v2", "others/anna"]
    assert names(board.recognize, tmp_path / "teams", tmp_path / "others") == apart
    monkeypatch.chdir(tmp_path / "teams" / "anna")
    assert names(board.recognize, Path()) == ["anna"]
    assert names(board.recognize, Path("..")) == every


def test_what_lies_below_a_submission_is_its_own_business(board, tmp_path):
    first, second = board.official.values()
    old = team(team(tmp_path / "teams" / "anna", [first]) / "old", [first, second])
    with pytest.warns(
        UserWarning, match="old: is passed over: .*anna holds a submission's files itself; expected to be"
    ):
        [anna] = found(board.recognize, tmp_path / "teams")
    assert list(anna.files) == list(board.official)[:1]
    assert names(board.recognize, tmp_path / "teams" / "anna", by_path=True) == ["anna"]
    assert names(board.recognize, old) == ["old"]


def test_a_folder_beside_submissions_that_holds_none_is_told_of(board, tmp_path):
    team(tmp_path / "teams" / "anna", board.official.values())
    team(tmp_path / "teams" / "bert" / "deep", ["x.bin"])
    team(tmp_path / "teams" / "carl", ["README.md", ".DS_Store"])
    (tmp_path / "teams" / "dora").mkdir()
    with pytest.warns(UserWarning, match="passed over") as caught:
        assert names(board.recognize, tmp_path / "teams") == ["anna"]
    bert = tmp_path / "teams" / "bert"
    assert [str(one.message) for one in caught] == [f"{bert}: holds no submission but deep, and is passed over"]


def test_a_path_of_two_submissions_is_no_participants(board, tmp_path):
    for version in ("v1", "v2"):
        team(tmp_path / "anna" / version, board.official.values())
    line = refusal(lambda: found(board.recognize, tmp_path / "anna", by_path=True))
    assert line == f"{tmp_path / 'anna'}: holds 2 submissions: v1, v2; expected the files of one, in one folder"


def test_files_given_by_themselves_are_their_folders(tmp_path):
    for name in ("speech", "vision", "acquisition"):
        board = BOARDS[name]
        paths = [put(tmp_path / name / "anna" / file) for file in board.official.values()]
        [anna] = found(board.recognize, *paths)
        assert (anna.name, list(anna.files.values())) == ("anna", paths)
        # and the rest of the folder too, where that is given as well
        assert names(board.recognize, paths[0], paths[0].parent) == ["anna"]
        apart = put(tmp_path / name / "elsewhere" / "anna" / paths[1].name)
        [together] = found(board.recognize, paths[0], apart)
        assert list(together.files.values()) == [paths[0], apart]


def test_the_letters_case_is_no_matter_but_the_official_name_is_taken_first(board, tmp_path):
    first = next(iter(board.official.values()))
    put(tmp_path / "anna" / board.other_case, "other")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [anna] = found(board.recognize, tmp_path)
        assert anna.file(next(iter(board.official)), first).read_text() == "other"
        if not (tmp_path / "anna" / first).exists():  # a file system that tells letters apart
            put(tmp_path / "anna" / first, "official")
            [anna] = found(board.recognize, tmp_path)
            assert anna.file(next(iter(board.official)), first).read_text() == "official"


def test_a_task_without_a_file_says_what_lies_there(board, tmp_path):
    task, missing = next(reversed(board.official.items()))
    folder = team(tmp_path / "anna", [next(iter(board.official.values())), ".hidden", "what\nis this"])
    [anna] = found(board.recognize, folder)
    there = ", ".join(sorted([next(iter(board.official.values())), "what\\nis this"]))
    assert refusal(lambda: anna.file(task, missing)) == (
        f"{folder}: holds no {missing} but {there}; expected a file named {missing}"
    )


def test_paths_without_a_submission(board, tmp_path):
    (tmp_path / "empty").mkdir()
    lines = {
        tmp_path / "none": "no such file or folder; expected a submission: official names",
        tmp_path / "empty": "holds no submission; expected official names, or folders of them",
        put(tmp_path / "other" / "data.bin").parent: (
            "holds no submission but data.bin; expected official names, or folders of them"
        ),
        put(tmp_path / "image.png"): "is not named as a submission's file; expected official names",
        put(tmp_path / "README.md"): "is not named as a submission's file; expected official names",
    }
    for path, line in lines.items():
        assert refusal(lambda path=path: found(board.recognize, path)) == f"{path}: {line}"
    for number in range(9):
        put(tmp_path / "many" / f"{number}.bin")
    assert "but 0.bin, 1.bin, 2.bin, 3.bin, 5 more; expected" in refusal(
        lambda: found(board.recognize, tmp_path / "many")
    )
    good = team(tmp_path / "good", board.official.values())
    [one], refused = handed_in.find([good, *lines], board.recognize, "official names")
    assert (one.name, [name for name, _ in refused]) == ("good", ["none", "empty", "other", "image", "README"])
    assert refusal(lambda: found(board.recognize)) == "submissions: names nothing"


def test_a_folder_that_may_not_be_read_costs_itself(board, tmp_path, monkeypatch):
    good, locked = (team(tmp_path / name, board.official.values()) for name in ("good", "locked"))
    listed = os.listdir

    def refuse(path: Path) -> list[str]:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", refuse)
    [one], [(name, error)] = handed_in.find([tmp_path], board.recognize, "official names")
    assert (one.path, name, error.line) == (
        good, "locked", f"{locked}: cannot be read (Permission denied); expected a folder"
    )  # fmt: skip


# What boards have of their own.


def test_methods_of_one_folder_are_submissions_and_teams_of_one_method_are_teams(tmp_path):
    recognize = debugging.recognizer(["a", "b"], by_folder=False)
    team(tmp_path / "teams" / "anna", ["a_ours.txt", "b_ours.txt", "time_a_ours.txt"])
    team(tmp_path / "teams" / "bert", ["a_ours.txt", "a_theirs.txt", "requirements.txt"])
    assert names(recognize, tmp_path / "teams") == ["anna", "bert/ours", "bert/theirs"]
    assert names(recognize, tmp_path / "teams" / "bert") == ["ours", "theirs"]
    both = sorted((tmp_path / "teams").iterdir())
    assert names(recognize, *both) == ["anna/ours", "bert/ours", "theirs"]
    assert names(recognize, *both, by_path=True) == ["anna", "bert"]
    files = [tmp_path / "teams" / "anna" / "a_ours.txt", tmp_path / "teams" / "anna" / "b_ours.txt"]
    assert [(one.name, list(one.files)) for one in found(recognize, *files)] == [("ours", ["a", "b"])]


def test_a_wrong_name_costs_itself_in_a_folder_and_nothing_in_a_contest(tmp_path):
    folder = team(tmp_path / "teams" / "anna", ["a_ours.txt", "c_ours.txt"])
    recognize = debugging.recognizer(["a", "b"], by_folder=False)
    [anna], [(name, error)] = handed_in.find([tmp_path], recognize, "names")
    assert (anna.name, list(anna.files), name) == ("teams", ["a"], "c_ours")
    assert error.line.startswith(f"{folder / 'c_ours.txt'}: is named after no task of the set-up; expected")
    assert names(debugging.recognizer(["a", "b"], by_folder=True), folder, by_path=True) == ["anna"]


def test_a_second_file_for_a_task_is_none(tmp_path):
    folder = team(tmp_path / "anna", ["1.csv", "1.txt", "2.txt"])
    [anna] = found(acquisition.recognize, folder)
    line = f"{folder / '1.txt'}: is a second file for 1 beside 1.csv; expected one"
    assert refusal(lambda: anna.file(1, "1.csv")) == line
    assert anna.file(2, "2.csv") == folder / "2.txt"


def test_a_concepts_file_may_say_more_in_its_name(tmp_path):
    recognize = vision.recognizer(["Hawk", "Hawk owl", "Cupcake"])
    team(tmp_path / "anna", ["Hawk_fpscv_ft2.csv", "Hawk owl-2.csv", "Cupcakes.csv", "my Hawk.csv", "Hawks.csv"])
    with pytest.warns(UserWarning, match="is taken for") as caught:
        [anna] = found(recognize, tmp_path)
    assert {task: path.name for task, path in anna.files.items()} == {
        "Hawk": "Hawk_fpscv_ft2.csv",
        "Hawk owl": "Hawk owl-2.csv",
    }
    assert sorted(str(one.message) for one in caught) == [
        f"{tmp_path / 'anna' / 'Hawk owl-2.csv'}: is taken for Hawk owl's",
        f"{tmp_path / 'anna' / 'Hawk_fpscv_ft2.csv'}: is taken for Hawk's",
    ]
    put(tmp_path / "anna" / "Hawk-3.csv")
    with pytest.warns(UserWarning, match="Hawk owl's"):
        [anna] = found(recognize, tmp_path)
    assert "Hawk_fpscv_ft2.csv: is a second file for Hawk beside Hawk-3.csv" in refusal(
        lambda: anna.file("Hawk", "Hawk.csv")
    )
    put(tmp_path / "anna" / "hawk.csv")
    with pytest.warns(UserWarning, match="Hawk owl's"):
        [anna] = found(recognize, tmp_path)
    assert anna.file("Hawk", "Hawk.csv").name == "hawk.csv"


def test_json_of_all_concepts_is_a_submission_by_its_own_name(tmp_path):
    recognize = vision.recognizer(["Hawk", "Cupcake"])
    for name in ("anna", "bert"):
        put(tmp_path / "teams" / f"{name}.json", '{"hawk": {"x": 1}, "Cupcake": {"x": 0}}')
    for name, text in {"package.json": '{"name": "x"}', "list.json": "[1]", "broken.json": "{"}.items():
        put(tmp_path / "teams" / name, text)
    assert names(recognize, tmp_path / "teams") == ["anna", "bert"]
    assert names(recognize, tmp_path / "teams" / "bert.json") == ["bert"]
    put(tmp_path / "in folders" / "carl" / "submission.json", '{"Hawk": {}}')
    assert names(recognize, tmp_path / "in folders", tmp_path / "teams") == ["carl", "anna", "bert"]


def test_all_of_a_nibblers_files_are_read(tmp_path):
    folder = team(tmp_path / "anna", ["1.jsonl", "2.jsonl", "notes.txt"])
    [anna] = found(nibbler.recognize, tmp_path)
    assert (anna.name, list(anna.files.values())) == ("anna", [folder / "1.jsonl", folder / "2.jsonl"])


# Zips.


def plans(path: Path) -> list[HandedIn]:
    return found(acquisition.recognize, path)


def test_a_zips_errors_name_the_zip(tmp_path):
    path = pack(tmp_path / "anna.zip", {"anna/0.csv": "1,x\n", "anna/deep/notes.txt": ""})
    [anna] = plans(path)
    assert anna.name == "anna"
    assert refusal(lambda: acquisition.read_plan(anna.file(0, "0.csv"), [9, 9])).startswith(
        f"{path}/0.csv: line 1, seller 1:"
    )
    assert refusal(lambda: anna.file(7, "7.csv")).startswith(f"{path}: holds no 7.csv but 0.csv, deep; expected")


def test_a_changed_zip_is_unpacked_anew(tmp_path):
    path = pack(tmp_path / "anna.zip", {"0.csv": "1"})
    [before] = plans(path)
    pack(path, {"0.csv": "22"})
    [after] = plans(path)
    assert [one.file(0, "0.csv").read_text() for one in (before, after)] == ["1", "22"]


def special(name: str, kind: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = (kind | 0o644) << 16
    return member


def encrypt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)


ZIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no zip": (lambda path: path.write_text("hello"), "is not a readable zip (BadZipFile)"),
    "nothing": (lambda path: path.write_bytes(b""), "is not a readable zip (BadZipFile)"),
    "cut off": (lambda path: path.write_bytes(pack(path, {"0.csv": "1" * 999}).read_bytes()[:80]), "is not a readable"),
    "empty": (lambda path: pack(path, {}), "holds no submission; expected"),
    "no submission": (lambda path: pack(path, {"x.bin": ""}), "holds no submission but x.bin; expected"),
    "upwards": (lambda path: pack(path, {"../0.csv": "1"}), "holds a place outside of it: '../0.csv'"),
    "deep upwards": (lambda path: pack(path, {"a/../../0.csv": "1"}), "holds a place outside of it: 'a/../../0.csv'"),
    "backwards": (lambda path: pack(path, {"..\\0.csv": "1"}), "holds a place outside of it: '..\\\\0.csv'"),
    "absolute": (lambda path: pack(path, {"/tmp/0.csv": "1"}), "holds a place outside of it: '/tmp/0.csv'"),
    "a drive": (lambda path: pack(path, {"C:\\0.csv": "1"}), "holds a place outside of it: 'C:\\\\0.csv'"),
    "encrypted": (lambda path: encrypt(pack(path, {"0.csv": "1"})), "is encrypted: '0.csv'"),
    "many": (
        lambda path: pack(path, {f"{n}.bin": "" for n in range(10_001)}),
        "holds more than 10000 files: '10000.bin'",
    ),
    "long names": (lambda path: pack(path, {"x" * 300 + ".csv": "1"}), "cannot be unpacked (File name too long)"),
    "file and folder": (lambda path: pack(path, {"a": "1", "a/0.csv": "1"}), "cannot be unpacked ("),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_a_bad_zip_costs_itself(kind, tmp_path):
    path = tmp_path / "teams" / "bad.zip"
    path.parent.mkdir()
    make, line = ZIPS[kind]
    make(path)
    assert refusal(lambda: plans(path)).startswith(f"{path}: {line}")
    put(tmp_path / "teams" / "good" / "0.csv")
    submissions, refused = handed_in.find([tmp_path / "teams"], acquisition.recognize, "plans")
    assert [one.name for one in submissions] == ["good"]
    if "submission" not in line:  # a folder without files beside teams is nobody
        assert [(name, error.line.startswith(f"{path}: {line}")) for name, error in refused] == [("bad", True)]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_with_what_is_no_file(kind, tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(special("0.csv", kind), "/etc/passwd")
    assert refusal(lambda: plans(path)).startswith(f"{path}: holds a link, or what is no file: '0.csv'")


def test_a_zip_with_a_name_twice(tmp_path):
    path = tmp_path / "bad.zip"
    pack(path, {"0.csv": "1", "1.csv": "2"})
    path.write_bytes(path.read_bytes().replace(b"1.csv", b"0.csv"))
    assert refusal(lambda: plans(path)).startswith(f"{path}: holds twice: '0.csv'")


def test_a_zip_that_unfolds(tmp_path):
    path = pack(tmp_path / "bomb.zip", {"0.csv": "0" * (3 << 20)})
    assert path.stat().st_size < 10_000
    assert refusal(lambda: archives.unpacked(path, 2 << 20)) == (
        f"{path}: unpacks to more than is allowed; expected at most 2 MiB"
    )
    # whatever it says of itself
    content = path.read_bytes()
    size = (3 << 20).to_bytes(4, "little")
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    assert refusal(lambda: archives.unpacked(path, 2 << 20)).startswith(f"{path}: ")


def test_a_zip_in_a_zip_is_not_unpacked(tmp_path):
    inner = pack(tmp_path / "inner.zip", {"0.csv": "1"})
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    assert refusal(lambda: plans(outer)).startswith(f"{outer}: holds no submission but inner.zip")


def test_unpacked_folders_go_with_the_process(tmp_path):
    import subprocess
    import sys

    path = pack(tmp_path / "anna.zip", {"0.csv": "1"})
    program = (
        "import sys; from pathlib import Path; from dataperf_fast.files.archives import unpacked\n"
        "print(unpacked(Path(sys.argv[1])), unpacked(Path(sys.argv[1])))"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path / "place")}
    (tmp_path / "place").mkdir()
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    first, second = run.stdout.split()
    assert first == second
    assert first.startswith(str(tmp_path / "place"))
    assert list((tmp_path / "place").iterdir()) == []
    shutil.rmtree(tmp_path / "place")
