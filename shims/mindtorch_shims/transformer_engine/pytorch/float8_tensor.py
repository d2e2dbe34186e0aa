"""The old place of FP8 tensors (``transformer_engine.pytorch.float8_tensor``)."""

from ..._missing import module_getattr
from .tensor.float8_tensor import Float8Tensor

__all__ = ["Float8Tensor"]
__getattr__ = module_getattr(__name__)
