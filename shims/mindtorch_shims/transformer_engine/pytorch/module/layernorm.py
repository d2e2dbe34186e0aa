"""Layer norm (``transformer_engine.pytorch.LayerNorm``)."""

from mindtorch import Tensor

from ...._kernels.norms import layer_norm
from ...._missing import module_getattr
from ._norm import Norm

__all__ = ["LayerNorm"]
__getattr__ = module_getattr(__name__)


class LayerNorm(Norm):
    """Layer norm with weight and bias."""

    _names = ("weight", "bias")

    def forward(self, inp: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        return layer_norm(
            inp, self.weight, self.bias, self.weight.shape, self.eps, self._dtype(inp), self.zero_centered_gamma
        )
