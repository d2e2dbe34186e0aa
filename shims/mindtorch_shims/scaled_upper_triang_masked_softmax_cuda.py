"""apex's extension module of softmax with a causal mask."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor

from ._kernels import masked_softmax
from ._missing import module_getattr

__all__ = ["backward", "forward"]
__getattr__ = module_getattr(__name__)


def forward(input: Tensor, scale_factor: float) -> Tensor:
    """Probabilities [b * h, s, s] of scores of that shape; each position sees those up to itself."""
    behind = torch.ones(input.shape[-2:], dtype=torch.bool, device=input.device).triu(1)
    return masked_softmax.forward(input, float(scale_factor), behind)


def backward(output_grads: Tensor, softmax_results: Tensor, scale_factor: float) -> Tensor:
    """The gradient of the scores."""
    return masked_softmax.backward(output_grads, softmax_results, float(scale_factor))
