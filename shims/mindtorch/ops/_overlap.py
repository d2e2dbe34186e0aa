"""``out=`` of functions that read their operands while they write: it must not share memory with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._tensor import Tensor
from ._registry import _into


def into_apart(name: str, function: Callable[..., Tensor], out: Any, *args: Any) -> Tensor:
    """``function(*args)`` written into `out`, which has the result's dtype.

    Raises RuntimeError where `out` shares memory with an operand.
    """
    for a in args:
        if isinstance(a, Tensor) and isinstance(out, Tensor) and np.may_share_memory(a._arr.np, out._arr.np):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )
    return _into(name, "same", out, function, args, {})
