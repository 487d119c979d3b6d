"""What is secret of the vision board: the test images of each concept, and training sets that lie beside them."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast.boards.secrets import Secret
from dataperf_fast.boards.vision import files


def find(data: Path) -> list[Secret]:
    """Each concept's test images: ids, vectors and labels; the training set that the set-up names is somebody's."""
    root, setup = files.open_setup(data)
    found = []
    for concept, of in setup.tasks.items():
        test = files.read_test_set(root / of.test, setup.dim)
        found.append(
            Secret(f"the test images of {concept}", [root / of.test], names=set(test.ids), columns=[test.labels])
        )
        if (root / of.train).is_file():
            found.append(Secret(f"a training set for {concept}", whole=[root / of.train]))
    return found
