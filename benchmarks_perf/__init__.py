"""Timed comparisons: one adapter a peer, reference and fast interleaved in one run, results as JSON."""

import os

from dataperf_fast.kernels.folders import compiled_folder

# Runs have caches of their own, which are to hold no answers, but not compiled code either.
os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled_folder()))
