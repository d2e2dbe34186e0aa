"""The gradient of a linear layer's weight, added to where it is accumulated."""

from __future__ import annotations

import mindtorch as torch
from mindtorch import Tensor


@torch.no_grad()
def accumulate(inputs: Tensor, grad_output: Tensor, main_grad: Tensor) -> None:
    """``main_grad += grad_output^T @ inputs``, all but the last dimension flattened; summed in main_grad's dtype.

    Args:
        inputs: [..., in].
        grad_output: [..., out].
        main_grad: [out, in]; for inputs of low precision usually float32.
    """
    rows, outer = inputs.reshape(-1, inputs.shape[-1]), grad_output.reshape(-1, grad_output.shape[-1])
    main_grad.addmm_(outer.to(main_grad.dtype).t(), rows.to(main_grad.dtype))
