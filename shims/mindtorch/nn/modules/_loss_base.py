"""What losses have in common: their reduction and class weights."""

from __future__ import annotations

from typing import Any

from mindtorch._tensor import Tensor
from mindtorch.nn.modules.module import Module

__all__: list[str] = []


def _legacy_reduction(size_average: Any, reduce: Any) -> str:
    """The ``reduction`` that the deprecated pair of flags means."""
    import warnings

    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4
    )
    return reduction


class _Loss(Module):
    """Base: ``reduction`` is 'none', 'mean' or 'sum'."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _legacy_reduction(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """Base of losses with class weights, kept as a buffer so that they move with the module."""

    def __init__(
        self, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
