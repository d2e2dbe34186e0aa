"""Quantized tensors (``transformer_engine.pytorch.tensor``)."""

from ...._missing import module_getattr
from .quantized_tensor import QuantizedTensor, Quantizer
from .utils import cast_master_weights_to_fp8, replace_raw_data

__all__ = ["QuantizedTensor", "Quantizer"]
__getattr__ = module_getattr(__name__)
