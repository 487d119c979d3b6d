"""Made-up hidden tasks: by a secret that stays one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataperf_fast import boards, cli

SECRET = "6f1d2a9c0b7e4d55 of the spring contest"
SMALL = {
    "speech": [],
    "vision": ["--pool", "300", "--train", "40", "--test", "30"],
    "debugging": ["--train", "40", "--test", "20", "--val", "10"],
    "acquisition": ["--markets", "1", "--sellers", "2", "--rows", "30", "--buyer", "20"],
    "nibbler": ["--pairs", "20"],
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def made(board: str, out: Path, *more: str) -> dict[str, bytes]:
    assert cli.main(["synth", board, str(out), *SMALL[board], *more]) == 0
    return files_of(out)


def differ(one: dict[str, bytes], other: dict[str, bytes]) -> bool:
    """Whether all that was drawn differs: set-up files and what counts lie there in the same words."""
    return sum(one[name] != content for name, content in other.items() if name in one) * 2 > len(other) or (
        len(one.keys() & other.keys()) * 2 < len(other)
    )


@pytest.mark.parametrize("board", sorted(SMALL))
def test_a_secret_makes_the_same_bytes_again_and_no_others_do(board, tmp_path, monkeypatch, capfd):
    assert sorted(SMALL) == sorted(boards.NAMES)
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "other").write_text(SECRET.replace("spring", "autumn"))
    monkeypatch.setenv("DATA_SECRET", SECRET)
    of_file = made(board, tmp_path / "a", "--secret", str(tmp_path / "secret"))
    assert made(board, tmp_path / "b", "--secret", "env:DATA_SECRET") == of_file
    assert differ(made(board, tmp_path / "c", "--secret", str(tmp_path / "other")), of_file)
    assert differ(made(board, tmp_path / "d", "--secret", str(tmp_path / "secret"), "--seed", "1"), of_file)
    assert differ(made(board, tmp_path / "e"), of_file)
    printed = "".join(capfd.readouterr())
    for text in (printed.encode(), *of_file.values(), *(name.encode() for name in of_file)):
        assert SECRET.encode() not in text


def test_a_secret_that_is_none_leaves_nothing(tmp_path, capsys):
    (tmp_path / "secret").write_text("7")
    assert cli.main(["synth", "vision", str(tmp_path / "out"), "--secret", str(tmp_path / "secret")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == (
        f"dataperf-fast: --secret {tmp_path}/secret: is too short (1 bytes); "
        "expected at least 16 bytes that nobody guesses, as `openssl rand -hex 32` prints"
    )
    assert not (tmp_path / "out").exists()
