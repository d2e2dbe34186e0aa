"""Adam's update of one parameter in the host's memory: block by block, with all of a block in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from mindtorch.kernels.reference._blocks import each_block
from mindtorch.tape import inplace

__all__ = ["can_update", "update"]


def can_update(*tensors: Any) -> bool:
    """Whether these lie in the host's memory without gaps and have one floating point dtype that NumPy computes in."""
    first = tensors[0]._arr
    return first.dtype.is_plain and first.dtype.is_floating_point and all(
        t._arr.dtype is first.dtype
        and t._arr.shape == first.shape
        and t._arr.in_host_memory
        and t._arr.np.flags.c_contiguous
        for t in tensors
    )


def update(
    param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, *, step: float, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, decoupled_weight_decay: bool, maximize: bool,
) -> None:  # fmt: skip
    """One step, in the order of operations of PyTorch's single-tensor implementation."""
    for t in (param, exp_avg, exp_avg_sq):
        inplace.check(t, recorded=False)
    p, g, m, v = (t._arr.np.reshape(-1) for t in (param, grad, exp_avg, exp_avg_sq))
    number = p.dtype.type
    weight = 1 - beta1
    step_size = lr / (1 - beta1**step)
    correction = number((1 - beta2**step) ** 0.5)

    def compute(block: slice) -> None:
        gb, pb, mb, vb = g[block], p[block], m[block], v[block]
        if maximize:
            gb = -gb
        if weight_decay != 0:
            if decoupled_weight_decay:
                pb *= number(1 - lr * weight_decay)
            else:
                gb = gb + pb * number(weight_decay)
        part = gb - mb
        if abs(weight) < 0.5:
            part *= number(weight)
            mb += part
        else:
            part *= number(1 - weight)
            np.subtract(gb, part, out=mb)
        vb *= number(beta2)
        np.multiply(gb, gb, out=part)
        part *= number(1 - beta2)
        vb += part
        np.sqrt(vb, out=part)
        part /= correction
        part += number(eps)
        np.divide(mb * number(-step_size), part, out=part)
        pb += part

    each_block(compute, p.size)
    for t in (param, exp_avg, exp_avg_sq):
        t._vc[0] += 1
