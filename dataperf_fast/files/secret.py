"""A secret of an organizer's, and the seed that made-up data are drawn from by it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from dataperf_fast.files.errors import InputError

_ENVIRONMENT = "env:"  # before the name of a variable
_SHORTEST, _LARGEST = 16, 1 << 16  # bytes
_EXPECTED = f"at least {_SHORTEST} bytes that nobody guesses, as `openssl rand -hex 32` prints"


def seed_of(given: str, seed: int) -> int:
    """A seed of 256 bits, of the secret in a file, or in the environment where ``given`` is ``env:NAME``, and ``seed``.

    Blanks around the secret do not count. What can be computed is only the way from secret to seed, slowly (scrypt,
    RFC 7914). Raises ``InputError``, which never shows it, for one that is not there or can be tried out.
    """
    secret = _read(given).strip()
    if len(secret) < _SHORTEST:
        raise InputError(f"--secret {given}", f"is too short ({len(secret)} bytes)", expected=_EXPECTED)
    key = hashlib.scrypt(secret, salt=f"dataperf-fast synth {seed}".encode(), n=1 << 14, r=8, p=1, dklen=32)
    return int.from_bytes(key, "big")


def _read(given: str) -> bytes:
    if given.startswith(_ENVIRONMENT):
        name = given.removeprefix(_ENVIRONMENT)
        value = os.environb.get(os.fsencode(name))
        if value is None:
            raise InputError(f"--secret {given}", "is no variable of the environment", expected=_EXPECTED)
        return value
    try:
        with Path(given).open("rb") as file:  # which may be a pipe
            secret = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"--secret {given}", f"cannot be read ({error.strerror})", expected=_EXPECTED) from error
    if len(secret) > _LARGEST:
        raise InputError(f"--secret {given}", "is too large", expected=f"at most {_LARGEST} bytes")
    return secret
