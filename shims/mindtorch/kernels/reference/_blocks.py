"""Large operands in blocks: each fits the cache, so that what is computed on the way never goes through memory, and
several threads share them (NumPy gives up the interpreter's lock inside its loops).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...settings import get_num_threads

__all__ = ["BLOCK", "ONE_PASS", "QUIET", "SHARED", "each_block", "pointwise", "shared"]

BLOCK = 1 << 15
"""Elements: 128 kB of each float32 operand."""
SHARED = 1 << 18
"""From so many elements on it is worth waking other threads."""
ONE_PASS = 1 << 21
"""The same for a single pass of arithmetic."""
QUIET = [np.getbufsize(), 0, None]
"""NumPy's error state with its floating point warnings off, for ``np.seterrobj``."""
_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)  # threads do not live on in a child


def _pool(threads: int) -> ThreadPoolExecutor:
    """So many threads beside the calling one, without NumPy's floating point warnings."""
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, "mindtorch kernel", np.seterrobj, (QUIET,))
    return _pools[threads]


def each_block(compute: Callable[[slice], Any], rows: int, columns: int = 1, one_pass: bool = False) -> None:
    """Call ``compute`` on slices that cover ``rows`` of ``columns`` elements; nothing may depend on their order.

    `one_pass`: it is a single pass of arithmetic, which gains by threads only, and by these not much.
    """
    step = max(1, rows if one_pass else BLOCK // max(columns, 1))

    def part(first: int, last: int) -> None:
        for start in range(first, last, step):
            compute(slice(start, min(start + step, last)))

    threads = get_num_threads() if rows * columns >= (ONE_PASS if one_pass else SHARED) else 1
    if threads < 2:
        part(0, rows)
        return
    share = -(-rows // threads)
    others = [_pool(threads - 1).submit(part, first, min(first + share, rows)) for first in range(share, rows, share)]
    part(0, min(share, rows))
    for other in others:
        other.result()


def pointwise(fn: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A kernel of operands of one shape, each of whose elements depends on one of each operand's, block by block."""

    @functools.wraps(fn)
    def run(*args: Any) -> np.ndarray:
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        first = arrays[0]
        if first.size <= BLOCK or any(a.shape != first.shape for a in arrays):
            return fn(*args)
        flat = all(a.flags.c_contiguous for a in arrays)
        operands = [a.reshape(-1) if flat and isinstance(a, np.ndarray) else a for a in args]
        out = np.empty(first.shape, fn(*[a[:0] if isinstance(a, np.ndarray) else a for a in operands]).dtype)
        into = out.reshape(-1) if flat else out

        def compute(block: slice) -> None:
            into[block] = fn(*[a[block] if isinstance(a, np.ndarray) else a for a in operands])

        each_block(compute, len(into), out.size // len(into))
        return out

    return run


def shared(ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    """A kernel that is one ufunc of one or two floating point operands of one dtype; threads share large ones."""

    def run(*operands: np.ndarray) -> np.ndarray:
        first = operands[0]
        if (first.size < ONE_PASS and operands[-1].size < ONE_PASS) or first.dtype.kind != "f" or get_num_threads() < 2:
            return ufunc(*operands)
        shape = np.broadcast_shapes(*[a.shape for a in operands])
        out = np.empty(shape, first.dtype)

        def compute(rows: slice) -> None:
            ufunc(*[a[rows] if a.ndim == len(shape) and a.shape[0] > 1 else a for a in operands], out=out[rows])

        each_block(compute, shape[0], out.size // shape[0], one_pass=True)
        return out

    run.__wrapped__ = ufunc  # type: ignore[attr-defined]
    return run
