"""Sets of images for many prompts: each kept as it comes, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dataperf_fast.boards.nibbler import records
from dataperf_fast.boards.nibbler.generation.common import Generated, GenerationError, ImageSource, kind
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import whole_file

LOG = "generated.jsonl"


def generate(
    prompts: Iterable[tuple[str, str]], source: ImageSource, folder: Path, count: int = 1
) -> Iterator[dict[str, Any]]:
    """Make ``count`` images of each (participant, prompt) and yield what came of it, each a line of ``LOG``.

    Images lie in ``folder``/images, named by their digests; a prompt's line has an ``error`` in their place where there
    is none. What has its line without an error is not made again. Raises ``InputError`` where the log is broken.
    """
    log = folder / LOG
    known = made(folder, source.model)
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as lines:
        for participant, prompt in prompts:
            if (participant, prompt) in known:
                continue
            known.add((participant, prompt))
            entry: dict[str, Any] = {
                "participant": participant, "attempted": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "prompt": prompt, "model": source.model,
            }  # fmt: skip
            try:
                entry |= _kept(source.generate(prompt, count), folder / "images")
            except GenerationError as error:
                entry["error"] = str(error)
            lines.write(json.dumps(entry) + "\n")
            lines.flush()
            yield entry


def made(folder: Path, model: str) -> set[tuple[str, str]]:
    """The (participant, prompt) that a folder has a set of that model for."""
    return {
        (one["participant"], one["prompt"])
        for one in _entries(folder / LOG)
        if one["model"] == model and "error" not in one
    }


def attempts(folder: Path) -> list[records.Attempted]:
    """The sets in a folder's log as a round's ``attempted/*.jsonl`` has them, refused ones too."""
    found = []
    for number, entry in enumerate(_entries(folder / LOG), 1):
        if "error" in entry:
            continue
        try:
            found.append(records.Attempted(
                participant=entry["participant"], attempted=datetime.fromisoformat(entry["attempted"]),
                prompt=entry["prompt"], image=(entry["images"] or ["refused"])[0], model=entry["model"],
                machine_image_safety="refused" if entry["flags"].get("refused") else None,
            ))  # fmt: skip
        except (KeyError, TypeError, ValueError):
            raise InputError(folder / LOG, "holds no set of images", f"line {number}") from None
    return found


def _kept(made: Generated, folder: Path) -> dict[str, Any]:
    names = []
    for image in made.images:
        names.append(f"{hashlib.sha256(image).hexdigest()}.{kind(image)}")
        with whole_file(folder / names[-1]) as aside:
            aside.write_bytes(image)
    return {
        "images": names,
        "provider": made.provider,
        "cost": made.cost,
        "flags": dict(made.flags),
        "seconds": made.seconds,
    }


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log; half a one at the end, of a run that was killed, is taken away."""
    content = log.read_bytes() if log.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with log.open("r+b") as lines:
            lines.truncate(whole)
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            entry = json.loads(line)
            complete = {"participant", "prompt", "model"} <= entry.keys()
        except (ValueError, AttributeError, RecursionError):
            complete = False
        if not complete:
            raise InputError(log, "holds no line of this command's", f"line {number}", expected="a log of images made")
        yield entry
