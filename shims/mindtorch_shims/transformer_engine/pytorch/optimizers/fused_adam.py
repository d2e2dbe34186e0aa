"""Adam and AdamW with states of low precision (``transformer_engine.pytorch.optimizers.FusedAdam``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor

from ...._kernels.optimizers import AdamBase, checked_zero_grad, moments_dtype
from ...._missing import unsupported
from ._states import join_bits, scaled, split_bits, unscaled

__all__ = ["FusedAdam"]


class FusedAdam(AdamBase):
    """AdamW, or with ``adam_w_mode=False`` Adam with L2 regularization.

    The arithmetic is in float32. ``exp_avg_dtype``, ``exp_avg_sq_dtype`` and, with ``master_weights``,
    ``master_weight_dtype`` say what the states are kept in: float32, or float16 with a factor for each tensor.
    ``store_param_remainders`` keeps of the master weights of bfloat16 parameters only the 16 bits that the parameter
    lacks, as int16. ``use_decoupled_grad`` reads ``param.decoupled_grad``. Not supported: ``amsgrad`` (nor in
    TransformerEngine), ``capturable``, states of uint8 (FP8).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        bias_correction: bool = True,
        adam_w_mode: bool = True,
        capturable: bool = False,
        master_weights: bool = False,
        master_weight_dtype: torch.dtype = torch.float32,
        exp_avg_dtype: torch.dtype = torch.float32,
        exp_avg_sq_dtype: torch.dtype = torch.float32,
        use_decoupled_grad: bool = False,
        store_param_remainders: bool = False,
        set_grad_none: bool | None = None,
    ) -> None:
        if amsgrad:
            raise RuntimeError("FusedAdam does not support the AMSGrad variant.")
        if capturable:
            raise unsupported("transformer_engine.pytorch.optimizers.FusedAdam(capturable=True)")
        self.name_to_dtype_map = {
            "exp_avg": exp_avg_dtype, "exp_avg_sq": exp_avg_sq_dtype, "master_param": master_weight_dtype,
        }  # fmt: skip
        for name, dtype in self.name_to_dtype_map.items():
            if dtype == torch.uint8 and name != "master_param":
                raise unsupported(f"FP8 (transformer_engine's FusedAdam with {name}_dtype=torch.uint8)")
            if dtype not in (torch.float32, torch.float16):
                raise RuntimeError(f"FusedAdam only supports fp32/fp16 {name}, not {dtype}")
        self.master_weights = master_weights
        self.use_decoupled_grad = use_decoupled_grad
        self.store_param_remainders = (
            store_param_remainders and master_weights and master_weight_dtype == torch.float32
        )
        self.set_grad_none = set_grad_none
        self._scales: dict[Tensor, dict[str, Tensor]] = {}
        defaults = {
            "lr": lr, "bias_correction": bias_correction, "betas": betas, "eps": eps, "weight_decay": weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, adam_w_mode)

    # ------------------------------------------------------------------ states
    def _names(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "master_param") if self.master_weights else ("exp_avg", "exp_avg_sq")

    def _has_remainders(self, param: Tensor, name: str) -> bool:
        return self.store_param_remainders and name == "master_param" and param.dtype == torch.bfloat16

    def get_unscaled_state(self, param: Tensor, state_name: str) -> Tensor:
        """The state in float32 (remainders of master weights as they are): the tensor itself where it is kept so."""
        state = self.state[param][state_name]
        return unscaled(state, self._scales[param][state_name]) if state.dtype == torch.float16 else state

    def set_scaled_state(self, param: Tensor, state_name: str, unscaled_state: Tensor) -> None:
        """Write a float32 state (or remainders) to where it is kept; made if it is not there yet."""
        state = self.state[param]
        if state_name not in state:
            self._make(param, state_name)
        if state[state_name].dtype == torch.float16:
            self._scales[param][state_name] = scaled(unscaled_state, state[state_name])
        else:
            state[state_name].copy_(unscaled_state)

    def _make(self, param: Tensor, name: str) -> None:
        dtype = self.name_to_dtype_map[name]
        if self._has_remainders(param, name):
            dtype = torch.int16
        elif dtype == torch.float32:
            dtype = moments_dtype(param)
        self.state[param][name] = torch.zeros_like(param, dtype=dtype)
        self._scales.setdefault(param, {})[name] = torch.ones(1, device=param.device)

    def initialize_state(self, param: Tensor, store_param_remainders: bool | None = None) -> None:
        """Make the states that the first step would make."""
        if store_param_remainders is not None and store_param_remainders != self.store_param_remainders:
            raise ValueError(f"the optimizer was made with store_param_remainders={self.store_param_remainders}")
        for name in self._names():
            self._make(param, name)
            if name == "master_param" and not self._has_remainders(param, name):
                self.set_scaled_state(param, name, param.detach().to(moments_dtype(param)))

    # ------------------------------------------------------------------ the step
    def gradient_of(self, param: Tensor) -> Tensor | None:
        return getattr(param, "decoupled_grad", None) if self.use_decoupled_grad else param.grad

    def buffers_of(self, param: Tensor) -> list[Tensor]:
        if not self.state[param]:
            self.initialize_state(param)
        buffers = [self.get_unscaled_state(param, name) for name in self._names()]
        if self.master_weights and self._has_remainders(param, "master_param"):
            buffers[2] = join_bits(param.detach(), buffers[2])
        return buffers

    def written(self, param: Tensor, buffers: list[Tensor]) -> None:
        for name, buffer in zip(self._names(), buffers, strict=True):
            if self._has_remainders(param, name):
                rounded, remainder = split_bits(buffer)
                param.copy_(rounded)
                self.state[param][name].copy_(remainder)
            elif self.state[param][name] is not buffer:
                self.set_scaled_state(param, name, buffer)

    def zero_grad(self, set_to_none: bool | None = None) -> None:
        """Clear the gradients that the step reads; by default they become None."""
        to_none = checked_zero_grad(set_to_none, self.set_grad_none)
        if not self.use_decoupled_grad:
            super().zero_grad(to_none)
            return
        for group in self.param_groups:
            for param in group["params"]:
                if to_none:
                    param.decoupled_grad = None
                elif getattr(param, "decoupled_grad", None) is not None:
                    param.decoupled_grad.zero_()

    # ------------------------------------------------------------------ state dictionaries
    def state_dict(self) -> dict[str, Any]:
        """As every optimizer's, with states in float32."""
        state_dict = super().state_dict()
        params = [param for group in self.param_groups for param in group["params"]]
        for index, state in list(state_dict["state"].items()):
            param = params[index]
            state_dict["state"][index] = {
                name: self.get_unscaled_state(param, name) if name in self.name_to_dtype_map else value
                for name, value in state.items()
            }
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take states in float32 and keep them as this optimizer does."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for param in group["params"]:
                loaded = self.state.get(param, {})
                for name in [name for name in loaded if name in self.name_to_dtype_map]:
                    self.set_scaled_state(param, name, loaded.pop(name))

    def step(self, closure: Callable[[], Any] | None = None, grad_scaler: Any = None) -> Any:
        """One update of all parameters that have a gradient; returns the closure's loss."""
        if grad_scaler is not None:
            raise unsupported("transformer_engine.pytorch.optimizers.FusedAdam.step(grad_scaler=...)")
        return super().step(closure)
