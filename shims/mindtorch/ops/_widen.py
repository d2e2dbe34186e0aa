"""Composite operators that PyTorch has one kernel for: low precision is computed in float32 and rounded once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._tensor import Tensor


def _wide(x: Any) -> Any:
    return x.float() if isinstance(x, Tensor) and x._arr.dtype.is_low else x


def in_float32(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A formula whose float16 and bfloat16 operands are computed in float32; results have the first operand's dtype.

    Without it each step of the formula would round. Operands of other dtypes pay for one look at the first.
    """

    @functools.wraps(formula)
    def computed(first: Tensor, *rest: Any, **named: Any) -> Any:
        low = first._arr.dtype
        if not low.is_low:
            return formula(first, *rest, **named)
        result = formula(_wide(first), *map(_wide, rest), **{name: _wide(x) for name, x in named.items()})
        return tuple(r.to(low) for r in result) if isinstance(result, tuple) else result.to(low)

    return computed
