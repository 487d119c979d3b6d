"""pyarrow in a process of ours: without pandas, until somebody wants it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.documents import ROOT

START = "from dataperf_fast.commands import arrow; arrow.start_without_pandas(); import sys; "


def run(code: str, start: str = START) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", start + code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _pandas():
    pytest.importorskip("pandas")


def test_arrays_do_not_import_it():
    code = "import pyarrow as pa; pa.table({'a': pa.array([1, None])})['a'].to_numpy(); print('pandas' in sys.modules)"
    assert run(code) == "False"
    assert run(code, "import sys; ") == "True"  # or all this is for nothing


def test_a_whole_command_does_not():
    code = """
from dataperf_fast import cli
sys.argv = ["", "evaluate", "debugging", "data/debugging", "--model", "knn", "--format", "json"]
assert cli.main() == 0
assert "pyarrow" in sys.modules
assert "pandas" not in sys.modules
print("done")
"""
    assert run(code, "import sys\n").splitlines()[-1] == "done"


@pytest.mark.parametrize(
    "code",
    [
        "import pyarrow as pa; pa.array([1]); print(pa.table({'a': [1, 2]}).to_pandas()['a'].sum())",
        "import pyarrow as pa; import pandas as pd; print(pa.Table.from_pandas(pd.DataFrame({'a': [3]}))['a'][0])",
        "import pandas as pd; import pyarrow as pa; print(pa.array(pd.Series([1, None])).null_count + 2)",
        "import pyarrow as pa; pa.array([1]); import pandas; print(pa.array(pandas.Series(['a', None])).null_count + 2)",
        "import sklearn.linear_model; import pyarrow as pa; pa.array([1]); print(2 + ('pandas' in sys.modules))",
        "import threading; t = threading.Thread(target=lambda: __import__('pyarrow')); t.start(); t.join(); "
        "import pyarrow; print(len(pyarrow.array([1, 2, 3])))",
    ],
)
def test_who_wants_it_has_it(code):
    assert run(code) == "3"
