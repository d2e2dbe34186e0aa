"""``torch.cuda.amp``: ``torch.amp`` for the device, with the old signatures."""

from __future__ import annotations

from typing import Any

from ... import amp

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

custom_fwd = amp.custom_fwd
custom_bwd = amp.custom_bwd


class autocast(amp.autocast):
    """``torch.amp.autocast('cuda', ...)``."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """``torch.amp.GradScaler('cuda', ...)``."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


from . import grad_scaler  # noqa: E402 - it takes GradScaler from here
