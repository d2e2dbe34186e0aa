"""``torch.backends.cuda``: switches that upstream code sets; kernels here have one precision."""

from __future__ import annotations


class _Matmul:
    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """Whether PyTorch was built for CUDA: no."""
    return False
