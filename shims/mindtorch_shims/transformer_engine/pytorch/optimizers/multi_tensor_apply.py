"""Calls of operations on lists of tensors (``transformer_engine.pytorch.optimizers.multi_tensor_apply``)."""

from ...._kernels.multi_tensor import MultiTensorApply, multi_tensor_applier

__all__ = ["MultiTensorApply", "multi_tensor_applier"]
