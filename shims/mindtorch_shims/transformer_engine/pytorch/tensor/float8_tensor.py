"""FP8 tensors (``transformer_engine.pytorch.tensor.float8_tensor``); there are none."""

from ...._missing import module_getattr
from .quantized_tensor import QuantizedTensor, Quantizer

__all__ = ["Float8CurrentScalingQuantizer", "Float8Quantizer", "Float8Tensor"]
__getattr__ = module_getattr(__name__)


class Float8Tensor(QuantizedTensor):
    """A tensor of FP8 with one scale."""


class Float8Quantizer(Quantizer):
    """Delayed scaling."""


class Float8CurrentScalingQuantizer(Quantizer):
    """Current scaling."""
