"""Optimizers, and operations on lists of tensors (``transformer_engine.pytorch.optimizers``)."""

from ...._kernels.multi_tensor import (
    multi_tensor_adam,
    multi_tensor_l2norm,
    multi_tensor_scale,
    multi_tensor_sgd,
    multi_tensor_unscale_l2norm,
)
from ...._missing import module_getattr
from .fused_adam import FusedAdam
from .fused_sgd import FusedSGD
from .multi_tensor_apply import MultiTensorApply, multi_tensor_applier

__getattr__ = module_getattr(__name__)
