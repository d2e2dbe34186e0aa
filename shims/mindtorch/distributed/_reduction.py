"""How a reduction travels: the dtype it is computed in, the operation on it, and what happens before and after.

Low precision is summed in float32 and rounded once; bool travels as the integers 0 and 1; complex numbers travel as
pairs of reals; AVG is a sum divided afterwards, PREMUL_SUM a sum of what was multiplied before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mindtorch._dtype import dtype
from mindtorch.distributed._types import RedOpType, ReduceOp

__all__ = ["Reduction", "reduction_of"]

_BITWISE = (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR)
_LINEAR = (RedOpType.SUM, RedOpType.AVG, RedOpType.PREMUL_SUM)
_ON_BOOL = {RedOpType.SUM: RedOpType.MAX, RedOpType.PRODUCT: RedOpType.MIN}


@dataclass(frozen=True)
class Reduction:
    """The reduction ``op`` of tensors of dtype ``d`` over ``size`` ranks.

    Raises:
        RuntimeError: the operation is not defined for the dtype.
    """

    op: ReduceOp
    d: dtype
    size: int

    def __post_init__(self) -> None:
        kind, d = self.op.op, self.d
        if kind is RedOpType.UNUSED:
            raise RuntimeError("Unhandled ReduceOp")
        if kind in _BITWISE and (d.is_floating_point or d.is_complex):
            raise RuntimeError(f"Cannot use ReduceOp.{kind.name} with non-integral dtype")
        if d.is_complex and kind not in _LINEAR:
            raise ValueError(f"all_reduce does not support {self.op} on complex tensors")
        if d.category == 0 and kind in (RedOpType.AVG, RedOpType.PREMUL_SUM):
            raise RuntimeError(f"Cannot use ReduceOp.{kind.name} with bool tensors")

    @property
    def kind(self) -> RedOpType:
        """The operation on what travels."""
        kind = self.op.op
        if kind in (RedOpType.AVG, RedOpType.PREMUL_SUM):
            return RedOpType.SUM
        return _ON_BOOL.get(kind, kind) if self.d.category == 0 else kind

    @property
    def native(self) -> bool:
        """Whether the tensor's own bytes travel and the result is left as it comes."""
        return self._wire == self.d._np and self.op.op not in (RedOpType.AVG, RedOpType.PREMUL_SUM)

    @property
    def _wire(self) -> Any:
        if self.d.category == 0:
            return np.dtype(np.uint8)
        if self.d.is_floating_point and self.d.itemsize < 4:
            return np.dtype(np.float32)
        return self.d._np

    @property
    def reals(self) -> int:
        """How many numbers an element is on the way."""
        return 2 if self.d.is_complex else 1

    def encode(self, array: np.ndarray) -> np.ndarray:
        """A contiguous array of the tensor's dtype as a flat one of what travels; a copy unless ``native``."""
        flat = array.reshape(-1)
        if self.d.name == "complex32":
            raise NotImplementedError("reductions of complex32 tensors over ranks: convert to complex64")
        # Also of integers: NumPy has several names for the same 64 bits, and MPI tells them apart.
        flat = flat.view(np.uint8 if self.d.category == 0 else self.d._np)
        if not self.native or self.d.is_complex:
            flat = flat.astype(self._wire, copy=not self.native)
        if self.op.op is RedOpType.PREMUL_SUM:
            factor = self.op.factor
            flat *= np.asarray(factor.detach().cpu().item() if hasattr(factor, "detach") else factor, self._wire)
        return flat.view(flat.real.dtype) if self.d.is_complex else flat

    def decode(self, flat: np.ndarray, out: np.ndarray) -> None:
        """What arrived, into an array of the tensor's dtype."""
        if self.d.is_complex:
            flat = flat.view(self.d._np)
        if self.op.op is RedOpType.AVG:
            if self.d.is_floating_point or self.d.is_complex:
                flat = flat / flat.real.dtype.type(self.size)  # of its own dtype: no division widens it
            else:
                flat = _truncated(flat, self.size)
        with np.errstate(all="ignore"):
            np.copyto(out, flat.reshape(out.shape), casting="unsafe")


def reduction_of(op: ReduceOp, d: dtype, size: int) -> Reduction:
    """The reduction; RuntimeError if it is not defined for the dtype."""
    return Reduction(op, d, size) if op.op is RedOpType.PREMUL_SUM else _without_factor(op.op, d, size)


@cache
def _without_factor(kind: RedOpType, d: dtype, size: int) -> Reduction:
    return Reduction(ReduceOp(kind), d, size)


def _truncated(flat: np.ndarray, size: int) -> np.ndarray:
    """Integers divided as C does: towards zero."""
    quotient = flat // flat.dtype.type(size)
    return quotient + ((flat < 0) & (quotient * flat.dtype.type(size) != flat))
