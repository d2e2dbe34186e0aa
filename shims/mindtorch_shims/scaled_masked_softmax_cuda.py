"""apex's extension module of softmax with a mask."""

from __future__ import annotations

from mindtorch import Tensor

from ._kernels import masked_softmax
from ._missing import module_getattr

__all__ = ["backward", "forward", "get_batch_per_block"]
__getattr__ = module_getattr(__name__)


def forward(input: Tensor, mask: Tensor, scale_factor: float) -> Tensor:
    """Probabilities [b, h, sq, skv] of scores of that shape; ``mask`` [b or 1, 1, sq, skv] is true where none is."""
    return masked_softmax.forward(input, float(scale_factor), mask.bool())


def backward(output_grads: Tensor, softmax_results: Tensor, scale_factor: float) -> Tensor:
    """The gradient of the scores."""
    return masked_softmax.backward(output_grads, softmax_results, float(scale_factor))


def get_batch_per_block(query_seq_len: int, key_seq_len: int, batches: int, attn_heads: int) -> int:
    """How many rows a block of the CUDA kernel works on, by which callers see whether a shape will do: all will."""
    return 1
