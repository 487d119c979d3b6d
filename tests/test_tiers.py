"""The deciding tier calls no BLAS or libm, and no product, sum or transcendental of NumPy's; the fast tier is named.

What is named here may round as it likes: a bound covers it, and what lies within the bound is decided elsewhere.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "kernels").rglob("*.py"), *(ROOT / "dataperf_fast" / "models").glob("*.py")])

# Files, or functions of one, of the fast tier.
FAST = {
    "kernels/votes/exponential.py": (),  # within 2 units in the last place, for votes
    "kernels/votes/soft_vote.py": (),
    "kernels/votes/cuda.py": (),
    "kernels/neighbours/shapley.py": (),  # values of training rows, no score
    "kernels/neighbours/shapley_cuda.py": (),
    "kernels/neighbours/cuda.py": (),
    "kernels/neighbours/vote_cuda.py": (),
    "kernels/logistic/dual_cuda.py": (),
    "kernels/svm/optimum_cuda.py": (),
    "kernels/net/tangents.py": (),  # an estimate of the float32 tier's error
    "kernels/neighbours/knn.py": ("prepare", "distances"),
    "kernels/neighbours/vote.py": ("vote",),
    "dataperf_fast/models/voting.py": ("logit_error",),
    "dataperf_fast/models/voting_cpu.py": ("_ready", "_vote", "_voter", "_square"),
    "dataperf_fast/models/support_vectors.py": ("share", "fit_on_device"),
    "dataperf_fast/models/logistic_optimum.py": ("share", "fit_on_device"),
    "dataperf_fast/models/boosted_trees.py": (),  # XGBoost's own arithmetic, and its version in the key
}
# Functions that add up whole numbers, or what verify shows and no score hangs on.
WHOLE_NUMBERS = {
    "kernels/scores/agreement.py": ("krippendorff_alpha",),
    "kernels/net/decisions.py": ("_accuracies",),
    "kernels/logistic/dual.py": ("start",),
    "kernels/scores/f1.py": ("from_counts",),
    "kernels/net/cuda.py": ("train",),
    "kernels/neighbours/kept_votes.py": ("voters",),
    "kernels/neighbours/vote.py": ("settle",),
    "kernels/scores/average_precision.py": ("average_precision",),
    "kernels/trees/stumps.py": ("first_guess",),
    "kernels/trees/cuda.py": ("fit",),
    "kernels/logistic/cuda.py": ("decisions",),
    "kernels/svm/svc.py": ("prepare",),
    "dataperf_fast/models/classifier.py": ("score",),
    "dataperf_fast/models/neighbour_votes.py": ("train_group",),
    "dataperf_fast/models/relabelled.py": ("train_group", "_nearest"),
    "dataperf_fast/models/voting.py": ("train",),
}
MATH = {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "tanh", "sin", "cos", "fsum", "hypot", "dist"}
NUMPY = MATH | {
    "dot", "vdot", "inner", "outer", "matmul", "einsum", "tensordot", "linalg", "sum", "mean", "average", "var", "std",
    "prod", "cumsum", "cumprod", "power", "convolve", "trapezoid", "logaddexp",
}  # fmt: skip
METHODS = {"dot", "sum", "mean", "var", "std", "prod", "cumsum", "cumprod"}
LIBRARIES = {"scipy", "sklearn"}


def forbidden(node: ast.AST) -> str:
    """What of a call, an operator or an import belongs to no deciding tier."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
        return "@"
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return next((name for name in names if name.split(".")[0] in LIBRARIES), "")
    if isinstance(node, ast.keyword) and node.arg == "fastmath":
        return "fastmath"
    if not isinstance(node, ast.Attribute):
        return ""
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    if owner in ("np", "numpy", "xp", "math"):
        return f"{owner}.{node.attr}" if node.attr in (MATH if owner == "math" else NUMPY) else ""
    return f".{node.attr}" if node.attr in METHODS else ""


def found_in(tree: ast.AST, passed_over: tuple[str, ...]) -> list[str]:
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name in passed_over:
            continue
        if word := forbidden(node):
            found.append(f"line {node.lineno}: {word}")  # type: ignore[attr-defined]
        found += found_in(node, passed_over)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_deciding_tier_calls_nothing_that_a_machine_decides(path):
    name = str(path.relative_to(ROOT))
    if FAST.get(name) == ():
        return
    assert not found_in(ast.parse(path.read_text()), FAST.get(name, ()) + WHOLE_NUMBERS.get(name, ()))


@pytest.mark.parametrize("name", sorted(FAST | WHOLE_NUMBERS))
def test_what_is_passed_over_is_there_and_needs_it(name):
    tree = ast.parse((ROOT / name).read_text())
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for function in FAST.get(name, ()) + WHOLE_NUMBERS.get(name, ()):
        assert found_in(functions[function], ()), function


@pytest.mark.parametrize(
    "text",
    ["a @ b", "a @= b", "np.dot(a, b)", "a.sum()", "math.exp(x)", "from scipy.special import expit", "np.exp(x)",
     "njit(fastmath=True)", "xp.einsum('i', a)", "import sklearn.svm"],
)  # fmt: skip
def test_it_sees(text):
    assert found_in(ast.parse(text), ())
