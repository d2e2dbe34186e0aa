"""The few matrix functions that the device has. Matrix results are transposed in their last two dimensions, as those
of the NumPy kernels are, which are LAPACK's: see ``reference/lapack.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import FLOAT32, served

Function = Callable[..., Any]
MINT = "mindspore.mint"


@served(f"{MINT}.triangular_solve", f"{MINT}.transpose", dtypes=FLOAT32)
def linalg_triangular(solve: Function, transpose: Function, a: Any, b: Any, upper: bool, unit: bool) -> Any:
    return transpose(solve(b, a, upper, False, unit)[0], -2, -1)


@served(
    f"{MINT}.linalg.qr",
    f"{MINT}.transpose",
    dtypes=FLOAT32,
    when=lambda a, mode: mode != "r",
    only="mode 'r': NumPy",
)
def linalg_qr(qr: Function, transpose: Function, a: Any, mode: str) -> tuple[Any, Any]:
    """Q's columns may have other signs than LAPACK's."""
    q, r = qr(a, mode)
    return transpose(q, -2, -1), transpose(r, -2, -1)


def _not_one(a: Any) -> bool:
    return a.shape[-1] > 1


@served("mindspore.ops.det", dtypes=FLOAT32, when=_not_one, only="one row: NumPy")
def linalg_det(f: Function, a: Any) -> Any:
    return f(a)


@served("mindspore.ops.slogdet", dtypes=FLOAT32, when=_not_one, only="one row: NumPy")
def linalg_slogdet(f: Function, a: Any) -> tuple[Any, Any]:
    return f(a)
