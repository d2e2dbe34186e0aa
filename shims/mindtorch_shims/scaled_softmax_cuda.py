"""apex's extension module of softmax without a mask."""

from __future__ import annotations

from mindtorch import Tensor

from ._kernels import masked_softmax
from ._missing import module_getattr

__all__ = ["backward", "forward"]
__getattr__ = module_getattr(__name__)


def forward(input: Tensor, scale_factor: float) -> Tensor:
    """Probabilities [b, h, sq, skv] of scores of that shape."""
    return masked_softmax.forward(input, float(scale_factor), None)


def backward(output_grads: Tensor, softmax_results: Tensor, scale_factor: float) -> Tensor:
    """The gradient of the scores."""
    return masked_softmax.backward(output_grads, softmax_results, float(scale_factor))
