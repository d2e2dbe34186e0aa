"""SGD with momentum (``apex.optimizers.FusedSGD``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mindtorch.optim.optimizer import required

from ..._kernels.optimizers import SGDBase

__all__ = ["FusedSGD"]


class FusedSGD(SGDBase):
    """``torch.optim.SGD``. ``wd_after_momentum``: the weight decay is not part of the momentum.

    ``materialize_master_grads`` is for apex.amp's master weights and changes nothing.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = required,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        wd_after_momentum: bool = False,
        materialize_master_grads: bool = True,
        set_grad_none: bool = False,
    ) -> None:
        if lr is required:
            raise ValueError("FusedSGD needs a learning rate")
        super().__init__(params, lr, momentum, dampening, weight_decay, nesterov, wd_after_momentum)
        self.materialize_master_grads = materialize_master_grads
        self.set_grad_none = set_grad_none

    def zero_grad(self, set_to_none: bool | None = None) -> None:
        """Clear the gradients, as ``set_grad_none`` says unless told otherwise."""
        super().zero_grad(self.set_grad_none if set_to_none is None else set_to_none)
