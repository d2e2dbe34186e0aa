"""What the two norms share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor, nn

from ...._kernels.norms import shape_of
from . import _extra_state


class Norm(nn.Module):
    """Weights that begin as ones (zeros if they are ``zero_centered_gamma``), computed in float32.

    The result has autocast's dtype, else that of the weight. ``sequence_parallel`` is noted on the parameters, whose
    gradients are then of this rank's part of the sequence.
    """

    _names: tuple[str, ...] = ("weight",)

    def __init__(
        self, normalized_shape: Iterable[int] | int | None = None, eps: float = 1e-5,
        sequence_parallel: bool | None = None, params_dtype: torch.dtype | None = None,
        zero_centered_gamma: bool = False, hidden_size: int | None = None, *, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        given = [shape for shape in (normalized_shape, hidden_size) if shape is not None]
        if len(given) != 1:
            raise ValueError("give normalized_shape, or hidden_size, its old name")
        if params_dtype is not None and dtype is not None and params_dtype != dtype:
            raise ValueError("give dtype, or params_dtype, its old name")
        self.eps = eps
        self.zero_centered_gamma = zero_centered_gamma
        self.sequence_parallel = sequence_parallel
        device = "cuda" if device is None else device
        for name in self._names:
            empty = torch.empty(*shape_of(given[0]), dtype=params_dtype or dtype, device=device)
            self.register_parameter(name, nn.Parameter(empty))
        self.reset_parameters(defer_init=self.weight.device.type == "meta")

    def reset_parameters(self, defer_init: bool | None = None) -> None:
        """Give the parameters their first values; those on the meta device get memory on 'cuda' before."""
        if defer_init:
            return
        for name in self._names:
            parameter = getattr(self, name)
            if parameter.device.type == "meta":
                parameter = nn.Parameter(torch.empty_like(parameter, device="cuda"), parameter.requires_grad)
                setattr(self, name, parameter)
            nn.init.constant_(parameter, float(name == "weight" and not self.zero_centered_gamma))
            if self.sequence_parallel is not None:
                parameter.sequence_parallel = self.sequence_parallel

    def reset_layer_norm_parameters(self) -> None:
        """The old name of :meth:`reset_parameters`."""
        self.reset_parameters()

    def _dtype(self, inp: Tensor) -> torch.dtype:
        kind = inp.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.weight.dtype

    def get_extra_state(self) -> Tensor:
        """What a state dictionary has under ``_extra_state``: no FP8 state."""
        return _extra_state.packed({})

    def set_extra_state(self, state: Any) -> None:
        """Take no FP8 state; warn if there is some."""
        _extra_state.check(state, type(self).__name__)
