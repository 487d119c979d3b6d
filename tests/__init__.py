import os
from pathlib import Path

# Each test has a cache of its own: compiled code would be made anew in each.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".compiled"))
