"""Loss scaling for float16 training (Micikevicius et al. 2018; ``torch.amp.grad_scaler``)."""

from __future__ import annotations

import warnings
from enum import Enum
from typing import Any

import mindtorch as torch

__all__ = ["GradScaler", "OptState"]


_NOT_SCALED = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."


class OptState(Enum):
    """How far an optimizer's step has come since the last ``update``."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Multiplies the loss by a factor, divides the gradients by it, and skips steps whose gradients overflowed.

    Args:
        device: 'cuda' or 'cpu'.
        init_scale: the first factor.
        growth_factor: what the factor is multiplied by after ``growth_interval`` steps without overflow.
        backoff_factor: what it is multiplied by after an overflow.
        enabled: False makes every method do nothing but pass on.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if enabled and device == "cuda" and not torch.cuda.is_available():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            enabled = False
        self._enabled = enabled
        if enabled:
            if growth_factor <= 1.0:
                raise AssertionError("The growth factor must be > 1.0.")
            if backoff_factor >= 1.0:
                raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._scale: Any = None
        self._growth_tracker = 0
        # By optimizer id: stage and whether a gradient overflowed.
        self._stages: dict[int, tuple[OptState, bool]] = {}

    def _scale_tensor(self, device: Any) -> Any:
        if self._scale is None:
            self._scale = torch.full((), self._init_scale, dtype=torch.float32, device=device)
            self._growth_tracker = self._init_growth_tracker
        return self._scale

    def scale(self, outputs: Any) -> Any:
        """The tensor (or each tensor of an iterable) times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, torch.Tensor):
            return outputs * self._scale_tensor(outputs.device).to(device=outputs.device)
        if isinstance(outputs, (list, tuple)):
            scaled = [self.scale(value) for value in outputs]
            if hasattr(outputs, "_fields"):
                return type(outputs)(*scaled)
            return type(outputs)(scaled)
        if hasattr(outputs, "__iter__"):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the factor, in place. Once an ``update``."""
        if not self._enabled:
            return
        stage, _ = self._stages.get(id(optimizer), (OptState.READY, False))
        if stage is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        if self._scale is None:
            raise AssertionError(f"Attempted unscale_ but _scale is None.  {_NOT_SCALED}")
        # Through float64, so that the reciprocal of any power of two is exact.
        inverse = self._scale.double().reciprocal().float()
        overflow = False
        with torch.no_grad():
            for group in optimizer.param_groups:
                for param in group["params"]:
                    if param.grad is None:
                        continue
                    if param.grad.dtype == torch.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    overflow = overflow or not bool(torch.isfinite(param.grad).all())
                    param.grad.mul_(inverse.to(param.grad.device))
        self._stages[id(optimizer)] = (OptState.UNSCALED, overflow)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)``, unless a gradient overflowed; unscales first if that was not done."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        stage, _ = self._stages.get(id(optimizer), (OptState.READY, False))
        if stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if stage is OptState.READY:
            self.unscale_(optimizer)
        _, overflow = self._stages[id(optimizer)]
        result = None if overflow else optimizer.step(*args, **kwargs)
        self._stages[id(optimizer)] = (OptState.STEPPED, overflow)
        return result

    def update(self, new_scale: Any = None) -> None:
        """Adapt the factor to what was seen since the last call, or set it to ``new_scale``."""
        if not self._enabled:
            return
        if self._scale is None:
            raise AssertionError(f"Attempted update but _scale is None.  {_NOT_SCALED}")
        if new_scale is not None:
            self._scale.fill_(new_scale.item() if isinstance(new_scale, torch.Tensor) else new_scale)
        else:
            if not self._stages:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(any(overflow for _, overflow in self._stages.values()))
        self._stages = {}

    def _adapt(self, overflow: bool) -> None:
        if overflow:
            self._scale.mul_(self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = self._scale * self._growth_factor
            # At the end of float32's range the factor stays.
            if bool(torch.isfinite(grown)):
                self._scale.copy_(grown)
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The factor; 1.0 when disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """The growth factor."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the growth factor."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The backoff factor."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the backoff factor."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """The growth interval in steps."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set the growth interval in steps."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Factors and counters; empty when disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._init_growth_tracker if self._scale is None else self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = self._init_growth_tracker = state_dict["_growth_tracker"]
