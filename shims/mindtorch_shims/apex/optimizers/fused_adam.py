"""Adam and AdamW (``apex.optimizers.FusedAdam``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..._kernels.optimizers import AdamBase
from ..._missing import unsupported

__all__ = ["FusedAdam"]


class FusedAdam(AdamBase):
    """AdamW, or with ``adam_w_mode=False`` Adam with L2 regularization.

    The moments are float32; ``group["step"]`` counts the steps of a group. Not supported: ``amsgrad`` (nor in apex),
    ``capturable`` and the ``master_weights`` that come with it.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        bias_correction: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        adam_w_mode: bool = True,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        set_grad_none: bool = True,
        capturable: bool = False,
        master_weights: bool = False,
    ) -> None:
        if amsgrad:
            raise RuntimeError("FusedAdam does not support the AMSGrad variant.")
        if capturable or master_weights:
            raise unsupported("apex.optimizers.FusedAdam(capturable=True or master_weights=True)")
        defaults = {
            "lr": lr, "bias_correction": bias_correction, "betas": betas, "eps": eps, "weight_decay": weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, adam_w_mode)
        self.set_grad_none = set_grad_none

    def zero_grad(self, set_to_none: bool | None = None) -> None:
        """Clear the gradients, as ``set_grad_none`` says unless told otherwise."""
        super().zero_grad(self.set_grad_none if set_to_none is None else set_to_none)

    def step(
        self, closure: Callable[[], Any] | None = None, grads: Any = None, output_params: Any = None,
        scale: Any = None, grad_norms: Any = None, grad_scaler: Any = None,
    ) -> Any:  # fmt: skip
        """One update; returns the closure's loss. The other arguments belong to removed versions, or to capturable."""
        if any(old is not None for old in (grads, output_params, scale, grad_norms)):
            raise RuntimeError("FusedAdam has been updated: step() takes only the closure")
        if grad_scaler is not None:
            raise unsupported("apex.optimizers.FusedAdam.step(grad_scaler=...)")
        return super().step(closure)
