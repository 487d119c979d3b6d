"""What is secret of the speech board: the clips that selections are evaluated on."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast.boards.secrets import Secret
from dataperf_fast.boards.speech import files


def find(data: Path) -> list[Secret]:
    """Each language's evaluation clips: their ids, and all vectors in the evaluation's folder."""
    found = []
    for language, folder in files.find_languages(data).items():
        listed = files.read_official(folder / "eval.yaml", "the speech board's evaluation set")
        ids = {clip for clips in [*listed.targets.values(), listed.nontargets] for clip in clips}
        paths = [folder / "eval.yaml", folder / "eval_embeddings"]
        found.append(Secret(f"the evaluation clips of {language}", paths, names=ids))
    return found
