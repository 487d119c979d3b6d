"""Neighbour Shapley by its peers, run with the Python of their own environment: they need another NumPy than ours.

``python valuation_peers.py PEER IN.npz OUT.npz`` reads train_X, train_y, val_X, val_y and neighbours, writes values
``(n,)`` and prints the seconds of one warm call. It imports nothing of this project.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from joblib import parallel_config
from sklearn.neighbors import KNeighborsClassifier

THREADS = 2


def datascope(train_X, train_y, val_X, val_y, neighbours):
    """The paper's own package; only one neighbour is compared, its fast case."""
    from datascope.importance.shapley import ShapleyImportance
    from datascope.importance.utility import SklearnModelAccuracy

    utility = SklearnModelAccuracy(KNeighborsClassifier(neighbours))
    importance = ShapleyImportance(method="neighbor", utility=utility, nn_k=neighbours)
    return np.array(list(importance.fit(train_X, train_y).score(val_X, val_y)))


def pydvl(train_X, train_y, val_X, val_y, neighbours):
    """On two of joblib's workers."""
    from pydvl.valuation import Dataset, KNNShapleyValuation

    valuation = KNNShapleyValuation(KNeighborsClassifier(neighbours), Dataset(val_X, val_y), progress=False)
    with parallel_config(n_jobs=THREADS):
        valuation.fit(Dataset(train_X, train_y))
    result = valuation.result
    result.sort(key="index")
    return np.asarray(result.values)


def main() -> None:
    """Run one peer, once on a few rows to load what it loads, and once timed."""
    warnings.simplefilter("ignore")
    peer = {"datascope": datascope, "pydvl": pydvl}[sys.argv[1]]
    given = np.load(sys.argv[2])
    data, neighbours = [given[name] for name in ("train_X", "train_y", "val_X", "val_y")], int(given["neighbours"])
    peer(*(part[:100] for part in data), neighbours)
    started = time.perf_counter()
    values = peer(*data, neighbours)
    print(time.perf_counter() - started)
    np.savez(sys.argv[3], values=values)


if __name__ == "__main__":
    main()
