"""apex's extension module of operations on lists of tensors."""

from ._kernels.multi_tensor import (
    multi_tensor_adam,
    multi_tensor_axpby,
    multi_tensor_l2norm,
    multi_tensor_scale,
    multi_tensor_sgd,
)
from ._missing import module_getattr

__all__ = ["multi_tensor_adam", "multi_tensor_axpby", "multi_tensor_l2norm", "multi_tensor_scale", "multi_tensor_sgd"]
__getattr__ = module_getattr(__name__)
