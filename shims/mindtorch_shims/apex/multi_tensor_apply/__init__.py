"""Operations on lists of tensors (``apex.multi_tensor_apply``)."""

from ..._kernels.multi_tensor import MultiTensorApply, multi_tensor_applier
from ..._missing import module_getattr

__all__ = ["MultiTensorApply", "multi_tensor_applier"]
__getattr__ = module_getattr(__name__)
