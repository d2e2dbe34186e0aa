"""Layer norm over the last dimension, of any size (``apex.contrib.layer_norm.layer_norm``)."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor, nn

from ...._kernels.norms import layer_norm
from ...._missing import module_getattr
from ...normalization.fused_layer_norm import _Differentiable

__all__ = ["FastLayerNorm", "FastLayerNormFN"]
__getattr__ = module_getattr(__name__)


class FastLayerNormFN(_Differentiable):
    """Layer norm with weight ``gamma`` and bias ``beta``; the result has the input's dtype."""

    @staticmethod
    def forward(
        ctx: None, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, memory_efficient: bool = False
    ) -> Tensor:
        return layer_norm(x, gamma, beta, gamma.numel(), epsilon)


class FastLayerNorm(nn.Module):
    """``torch.nn.LayerNorm(hidden_size)``."""

    def __init__(self, hidden_size: int, eps: float = 1e-5, memory_efficient: bool = False) -> None:
        super().__init__()
        self.epsilon = eps
        self.memory_efficient = memory_efficient
        self.weight = nn.Parameter(torch.empty(hidden_size))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights become 1, biases 0."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Input and result: [..., hidden_size]."""
        return FastLayerNormFN.apply(x, self.weight, self.bias, self.epsilon, self.memory_efficient)
