"""``torch.overrides``: Tensor subclasses with ``__torch_function__`` are not dispatched on yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether an argument overrides torch functions: that is not supported, so never."""
    return False


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor."""
    from ._tensor import Tensor

    return isinstance(inp, Tensor)
