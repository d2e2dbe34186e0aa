"""Stand-in for NVIDIA's apex (https://github.com/NVIDIA/apex): fused optimizers and norms."""

from .._missing import module_getattr
from . import multi_tensor_apply, normalization, optimizers, transformer

__all__ = ["multi_tensor_apply", "normalization", "optimizers", "transformer"]
__getattr__ = module_getattr(__name__)
