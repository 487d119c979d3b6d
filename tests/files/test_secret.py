"""An organizer's secret as a seed: where it may lie, what is refused, and that no word of it is shown."""

from __future__ import annotations

import hashlib

import pytest

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.secret import seed_of

SECRET = b"correct horse battery staple"


def test_the_seed_is_scrypts_of_secret_and_seed(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    expected = hashlib.scrypt(SECRET, salt=b"dataperf-fast synth 3", n=16384, r=8, p=1, dklen=32)
    assert seed_of(str(path), 3) == int.from_bytes(expected, "big")
    assert seed_of(str(path), 4) != seed_of(str(path), 3)
    assert min(seed_of(str(path), seed).bit_length() for seed in range(4)) > 240


@pytest.mark.parametrize("blanks", [b"\n", b"\r\n", b" \n\n"])
def test_an_editors_blanks_do_not_count(blanks, tmp_path, monkeypatch):
    (tmp_path / "plain").write_bytes(SECRET)
    (tmp_path / "edited").write_bytes(SECRET + blanks)
    monkeypatch.setenv("OUR_SECRET", SECRET.decode())
    places = [str(tmp_path / "plain"), str(tmp_path / "edited"), "env:OUR_SECRET"]
    assert len({seed_of(place, 0) for place in places}) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is too short (0 bytes)"),
        (b"7\n", "is too short (1 bytes)"),
        (b"  fifteen bytes.\n", "is too short (14 bytes)"),
        (b"x" * 70_000, "is too large"),
    ],
)
def test_what_can_be_tried_out_is_refused_and_not_shown(content, problem, tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("OUR_SECRET", content.decode()[:100])
    places = [str(tmp_path / "secret")] + ["env:OUR_SECRET"] * ("short" in problem)
    for place in places:
        with pytest.raises(InputError) as error:
            seed_of(place, 0)
        assert error.value.line.startswith(f"--secret {place}: {problem}; expected at ")
        assert len(error.value.line.splitlines()) == 1
        assert "fifteen" not in error.value.line


@pytest.mark.parametrize("place", ["missing", "folder", "/dev/zero", "env:NO_SUCH_SECRET", "env:"])
def test_what_holds_no_secret_is_one_line(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"^--secret {place}: (cannot be read|is no variable|is too)"):
        seed_of(place, 0)
