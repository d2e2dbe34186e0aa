"""``torch.cuda.amp.grad_scaler``: the scaler and what upstream's own scalers take from its module."""

from __future__ import annotations

from typing import Any

from ... import _device as devices
from ..._tensor import Tensor
from ...amp.grad_scaler import OptState
from . import GradScaler

__all__ = ["GradScaler", "OptState"]


class _MultiDeviceReplicator:
    """Copies of a tensor on other devices, made when first asked for."""

    def __init__(self, master_tensor: Tensor) -> None:
        self.master = master_tensor
        self._copies: dict[devices.device, Tensor] = {}

    def get(self, device: Any) -> Tensor:
        """The tensor on a device: itself where it is there already."""
        wanted = devices.resolve(device)
        if wanted not in self._copies:
            self._copies[wanted] = self.master.to(wanted)
        return self._copies[wanted]
