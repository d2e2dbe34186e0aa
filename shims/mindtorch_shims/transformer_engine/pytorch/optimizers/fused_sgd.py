"""SGD with momentum (``transformer_engine.pytorch.optimizers.FusedSGD``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mindtorch.optim.optimizer import required

from ...._kernels.optimizers import SGDBase, checked_zero_grad

__all__ = ["FusedSGD"]


class FusedSGD(SGDBase):
    """``torch.optim.SGD``. ``wd_after_momentum``: the weight decay is not part of the momentum."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = required,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        wd_after_momentum: bool = False,
        materialize_master_grads: bool = True,
        set_grad_none: bool | None = None,
    ) -> None:
        if lr is required:
            raise ValueError("FusedSGD needs a learning rate")
        super().__init__(params, lr, momentum, dampening, weight_decay, nesterov, wd_after_momentum)
        self.materialize_master_grads = materialize_master_grads
        self.set_grad_none = set_grad_none

    def zero_grad(self, set_to_none: bool | None = None) -> None:
        """Clear the gradients; by default they become None."""
        super().zero_grad(checked_zero_grad(set_to_none, self.set_grad_none))
