"""Languages of the speech board that say nothing."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast.boards.speech import files
from dataperf_fast.engine.engine import Engine


def find(data: Path, model: str | None, engine: Engine) -> dict[str, str]:
    """The boards of languages whose evaluation clips are all of one class."""
    found: dict[str, str] = {}
    for language, folder in files.find_languages(data).items():
        heard = files.read_official(folder / "eval.yaml", "the speech board's evaluation set")
        classes = [word for word, clips in heard.targets.items() if clips] + ["no target"] * bool(heard.nontargets)
        if len(classes) == 1:
            why = f"all evaluation clips are of {classes[0]}, so that nothing has to be told apart"
            found |= {f"{language}_{size}": why for size in files.BOARD_SIZES}
    return found
