"""Processes of ours have no pandas until somebody wants it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dataperf_fast.engine.processes import open_processes
from tests import long
from tests.documents import ROOT

START = "from dataperf_fast.engine.without_pandas import start_without_pandas as start; start(); import sys; "


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


def test_who_asks_whether_it_is_there_does_not():
    code = "from importlib.util import find_spec; [find_spec(name) for name in ('pyarrow', 'sklearn', 'pandas')]; "
    code += (
        "import pyarrow as pa, sklearn.svm; pa.array([1]); print(find_spec('pandas') is None, 'pandas' in sys.modules)"
    )
    assert run(code) == "False False"


def test_scikit_learn_does_not():
    code = "import sklearn.linear_model, sklearn.svm, sklearn.ensemble; print('pandas' in sys.modules)"
    assert run(code) == "False"


def test_a_whole_command_does_not(tmp_path):
    """Nor scikit-learn, for that matter."""
    code = f"""
from dataperf_fast import cli
sys.argv = ["", "evaluate", "debugging", "data/debugging", "--model", "knn", "--out", {str(tmp_path)!r}]
assert cli.main() == 0
assert "matplotlib" in sys.modules
assert "pandas" not in sys.modules
assert "sklearn" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", "import sys\n" + code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"Error")) == (0, 0)


def test_a_process_of_the_reference_does_not():
    assert open_processes("tests.engine.functions", 1).call("imported", "sklearn.svm", "pandas") is False


WANTED = [
    "import pyarrow as pa; pa.array([1]); print(pa.table({'a': [1, 2]}).to_pandas()['a'].sum())",
    "import pyarrow as pa; pa.array([1]); import importlib.util as of; of.find_spec('pandas'); "
    "import pandas; print(pa.array(pandas.Series(['', None])).null_count + 2)",
    "import pyarrow as pa; import pandas as pd; print(pa.Table.from_pandas(pd.DataFrame({'a': [3]}))['a'][0])",
    "import pandas as pd; import pyarrow as pa; print(pa.array(pd.Series([1, None])).null_count + 2)",
    "import sklearn.linear_model, pandas as pd; from sklearn.preprocessing import StandardScaler as Scaler; "
    "print(len(Scaler().set_output(transform='pandas').fit_transform(pd.DataFrame({'a': [1.0, 2.0, 4.0]})).index))",
    "import threading; t = threading.Thread(target=lambda: __import__('pyarrow')); t.start(); t.join(); "
    "import pyarrow; print(len(pyarrow.array([1, 2, 3])))",
]


@pytest.mark.parametrize("code", long.after(2, WANTED))
def test_who_wants_it_has_it(code):
    assert run(code) == "3"
