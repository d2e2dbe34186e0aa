"""apex's extension module for gradient accumulation fusion: weight gradients that are added to ``main_grad``."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor

from ._kernels.weight_gradient import accumulate
from ._missing import module_getattr

__all__ = ["wgrad_gemm_accum_fp16", "wgrad_gemm_accum_fp32"]
__getattr__ = module_getattr(__name__)


def wgrad_gemm_accum_fp32(input: Tensor, d_output: Tensor, d_weight: Tensor) -> None:
    """Add ``d_output^T @ input`` to the float32 ``d_weight`` [out, in]; the product is summed in float32."""
    accumulate(input, d_output, d_weight)


def wgrad_gemm_accum_fp16(input: Tensor, d_output: Tensor, d_weight: Tensor) -> None:
    """The same where ``d_weight`` is float16 or bfloat16: rounded after each call."""
    total = d_weight.float()
    accumulate(input, d_output, total)
    with torch.no_grad():
        d_weight.copy_(total)
