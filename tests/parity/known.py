"""What is known about entries of the operator database: how to compare them, and why some are left out."""

from __future__ import annotations

import re

# The values are not defined: only structure, shape and dtype are compared.
BY_SHAPE = frozenset({
    "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted", "resize_", "resize_as_",
})  # fmt: skip
# Positions among equal elements are not defined: only the values are compared.
VALUES_ONLY = frozenset({"sort", "argsort", "topk", "mode", "kthvalue", "median", "nanmedian", "msort"})
# Vectors that are defined up to their sign or phase: magnitudes are compared.
UNSTABLE = frozenset({
    "svd", "linalg.svd", "linalg.eigh", "linalg.eig", "linalg.qr", "qr", "geqrf", "ormqr", "svd_lowrank",
    "pca_lowrank",
})
# Singular vectors beyond the singular values span a space whose basis is not defined: the projectors on it are
# compared. By entry: whether V's vectors are rows.
FULL_SVD = {"svd": False, "linalg.svd": True}

# Entries, or "entry check" and "entry dtype", that are not run because PyTorch's own result is wrong, and how.
SKIPPED: dict[str, str] = {
    "as_strided_scatter gradient": "the input's gradient is zero where it passes and passes where it is zero",
    "as_strided_scatter gradgrad": "as the gradient",
    "matrix_exp bfloat16": "nan, or 1e30, for matrices as small as 0.01",
    "matrix_exp float16": "nan, or off by 2e4, for matrices as small as 0.01",
}

# Newer than API level 2.7: torch 2.13 shows ``bias=`` in the representation of normalisation layers. The two groups are
# the representation as 2.7 has it.
LATER_REPR = re.compile(r"(Norm(?:1d|2d|3d)?\(.*), bias=(?:True|False)(.*\))")

# Newer than API level 2.7: settings in the parameter groups and keys in the state dictionaries of schedules.
LATER_STATE: dict[str, frozenset[str]] = {}
LATER_SCHEDULE = frozenset({"_is_initial"})
