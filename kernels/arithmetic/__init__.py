"""The deciding arithmetic: what a score hangs on to the last bit is computed here, and has the same bytes everywhere.

Defined once: the order of sums of OpenBLAS's Haswell kernels on one thread, and glibc's exp, log and log1p with fused
multiply-add, as scikit-learn 1.9 and SciPy 1.17 pass through them. No BLAS, no LAPACK, no libm; products and sums are
fused where ``fused`` or ``multiply_add`` stands and nowhere else. One idea a file. docs/parity.md says why, and how it
is checked.
"""

VERSION = "1"  # changes with any bit of any result; part of every retrain's key and of every record
