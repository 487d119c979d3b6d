"""Whole files or none, wherever they are to lie."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from dataperf_fast.files.paths import taken_for_one, whole_file, write_text
from tests import faults

WRITE = """
import sys
from dataperf_fast.files.paths import write_text
try:
    write_text(sys.argv[1], "new " * 9999)
except OSError as error:
    print(error.filename, error.strerror, sep="; ")
"""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("chmod", ""),
        ("sync", ""),
        ("links", ""),
        ("rename", ""),  # as of a single file that is mounted into a container
        ("room", "No space left on device"),
    ],
)
@pytest.mark.parametrize("before", [None, "old"])
def test_what_a_file_system_lacks(fault, reason, before, tmp_path):
    path = tmp_path / "made" / "scores.csv"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    done = faults.run("-c", WRITE, path, faults=fault, below=tmp_path)
    assert done.stderr == ""
    assert done.stdout == (f"{path}; cannot be written ({reason})\n" if reason else "")
    assert (path.read_text() if path.exists() else None) == (before if reason else "new " * 9999)
    assert [other for other in path.parent.iterdir() if other != path] == []


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "a:b?*.csv", "ä\u0308 \n.csv", ".csv", "csv"])
def test_whatever_a_file_may_be_called(name, tmp_path):
    """The longest name that there is, too: what is written aside is not longer."""
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "text"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 256, "File name too long"),
        ("file/below.csv", "Not a directory|File exists"),
        ("folder", "Is a directory"),
    ],
)
def test_what_no_file_may_be_called_is_said_of_it(name, reason, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=rf"cannot be written \(({reason})\)") as refused:
        write_text(tmp_path / name, "text")
    assert refused.value.filename == str(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_reason_without_a_number_is_shown(tmp_path):
    said = r"cannot be written \(9 requested and 3 written\)"
    with pytest.raises(OSError, match=said), whole_file(tmp_path / "array.npy"):
        raise OSError("9 requested and 3 written")  # as NumPy says of a full disk


def test_another_files_error_is_its_own(tmp_path):
    with pytest.raises(FileNotFoundError) as refused, whole_file(tmp_path / "here" / "copy.csv"):
        (tmp_path / "there" / "missing.csv").read_text()
    assert refused.value.filename == str(tmp_path / "there" / "missing.csv")
    assert list((tmp_path / "here").iterdir()) == []


def test_a_device_without_room_is_named():
    """Buffered text fails as the file is closed, in the words of no file."""
    with pytest.raises(OSError, match="cannot be written") as refused:
        write_text("/dev/full", "text")
    assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, "/dev/full")


def test_a_pipe_is_written_and_stays_one(tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "text")
    reader.join()
    assert found == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_text("/dev/null", "text")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_what_a_link_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(Path("there") / "real.csv")
    write_text(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there" / "real.csv").read_text() == "new"


def test_names_that_are_one_file(tmp_path):
    (tmp_path / "A.json").write_text("")
    (tmp_path / "a.json").hardlink_to(tmp_path / "A.json")  # what a folder without case shows
    (tmp_path / "b.json").write_text("")
    paths = [tmp_path / name for name in ("A.json", "b.json", "a.json", "b.json")]
    assert taken_for_one(paths) == [[paths[0], paths[2]]]
