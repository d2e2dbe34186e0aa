"""Layers (``transformer_engine.pytorch.module``)."""

from ...._missing import module_getattr
from .base import destroy_ub, initialize_ub
from .fp8_padding import Fp8Padding
from .fp8_unpadding import Fp8Unpadding
from .grouped_linear import GroupedLinear
from .layernorm import LayerNorm
from .layernorm_linear import LayerNormLinear
from .linear import Linear
from .rmsnorm import RMSNorm

__all__ = ["Fp8Padding", "Fp8Unpadding", "GroupedLinear", "LayerNorm", "LayerNormLinear", "Linear", "RMSNorm"]
__getattr__ = module_getattr(__name__)
