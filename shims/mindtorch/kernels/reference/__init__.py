"""The complete NumPy kernel table. Runs anywhere, and is what the MindSpore table is checked against.

A kernel takes NumPy arrays (and plain parameters) and returns new arrays of the dtype that PyTorch would return;
operands have been promoted to a common dtype before. float16 and bfloat16 operands arrive as float32 and the result is
rounded, unless the kernel is `exact`: one that only moves or compares bits.
"""

from __future__ import annotations

from . import (
    axis_map,
    backward,
    complex,
    ctc,
    fourier,
    grid,
    index,
    lapack,
    linalg,
    nn,
    norms,
    pointwise,
    polynomials,
    pool,
    reduce,
    shape,
    sort,
    special,
    statistics,
    windows,
)
from ._registry import KERNELS, Kernel

__all__ = ["KERNELS", "Kernel"]
