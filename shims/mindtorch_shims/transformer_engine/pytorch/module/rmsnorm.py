"""RMS norm (``transformer_engine.pytorch.RMSNorm``)."""

from mindtorch import Tensor

from ...._kernels.norms import rms_norm
from ...._missing import module_getattr
from ._norm import Norm

__all__ = ["RMSNorm"]
__getattr__ = module_getattr(__name__)


class RMSNorm(Norm):
    """RMS norm with weight."""

    def forward(self, inp: Tensor) -> Tensor:
        """Input and result: [..., *normalized_shape]."""
        return rms_norm(inp, self.weight, self.weight.shape, self.eps, self._dtype(inp), self.zero_centered_gamma)
