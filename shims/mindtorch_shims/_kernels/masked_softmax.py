"""Softmax of scaled and masked attention scores with its own gradient, as apex's three extension modules have it.

The kernels take scores of low precision and give probabilities of the same dtype; here any floating dtype will do, and
the arithmetic is in float32.
"""

from __future__ import annotations

import math

import mindtorch as torch
from mindtorch import Tensor


@torch.no_grad()
def forward(scores: Tensor, scale: float, masked: Tensor | None) -> Tensor:
    """Softmax over the last dimension of ``scale * scores``; where ``masked`` is True the probability is 0.

    A row that is masked altogether gives zeros.
    """
    scaled = scores.float() * scale
    if masked is None:
        return torch.softmax(scaled, -1).to(scores.dtype)
    probabilities = torch.softmax(scaled.masked_fill(masked, -math.inf), -1)
    return probabilities.masked_fill(masked.all(-1, keepdim=True), 0.0).to(scores.dtype)


@torch.no_grad()
def backward(grad: Tensor, probabilities: Tensor, scale: float) -> Tensor:
    """The gradient of the scores from that of the probabilities."""
    p, g = probabilities.float(), grad.float()
    return ((g - (g * p).sum(-1, keepdim=True)) * p * scale).to(grad.dtype)
