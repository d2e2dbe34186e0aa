"""Layers, optimizers and helpers for PyTorch (``transformer_engine.pytorch``)."""

from ..._missing import module_getattr
from . import attention, cpu_offload, cross_entropy, distributed, fp8, module, optimizers, permutation, tensor
from .attention import DotProductAttention
from .cpu_offload import get_cpu_offload_context
from .cross_entropy import parallel_cross_entropy
from .distributed import CudaRNGStatesTracker, checkpoint
from .fp8 import fp8_autocast, fp8_model_init
from .module import Fp8Padding, Fp8Unpadding, GroupedLinear, LayerNorm, LayerNormLinear, Linear, RMSNorm
from .permutation import (
    moe_permute,
    moe_permute_with_probs,
    moe_sort_chunks_by_index,
    moe_sort_chunks_by_index_with_probs,
    moe_unpermute,
)

__getattr__ = module_getattr(__name__)
