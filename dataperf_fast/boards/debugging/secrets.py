"""What is secret of the debugging board: the test images, and the labels that cleaning gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.boards.debugging import files
from dataperf_fast.boards.secrets import Secret


def find(data: Path) -> list[Secret]:
    """The true labels in the order of the training rows, where they are not those given; test rows and labels."""
    folder, setup = files.open_setup(data)
    found = []
    for of in setup.tasks:
        task = files.read_task(folder, setup, of, None)
        if not np.array_equal(task.true_labels, task.train.labels):
            path = files.true_labels_path(folder, setup, of)
            found.append(Secret(f"cleaned {of.data_id}", [path], columns=[task.true_labels]))
        path = files.embedding_path(folder, setup, of, "test")
        names = set(task.test.names) - set(task.train.names)  # some data number the rows of each part
        found.append(Secret(f"the test images of {of.data_id}", [path], names=names, columns=[task.test.labels]))
    return found
