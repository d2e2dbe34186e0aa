"""Several linear layers on consecutive rows (``transformer_engine.pytorch.GroupedLinear``): the experts of a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mindtorch as torch
from mindtorch import Tensor

from ...._missing import module_getattr
from ._linear_function import linear
from .base import (
    Init,
    TransformerEngineBaseModule,
    activation_dtype,
    constant_init,
    normal_init,
    refuse_overlap,
)

__all__ = ["GroupedLinear"]
__getattr__ = module_getattr(__name__)


class GroupedLinear(TransformerEngineBaseModule):
    """``num_gemms`` layers with ``weight0``, ``bias0``, ``weight1`` ..., each for its own number of rows.

    Tensor parallelism splits the weights and communicates nothing, as in TransformerEngine: the caller does. So in row
    mode a bias that is added here would be added on every rank; use ``return_bias``.
    """

    def __init__(
        self,
        num_gemms: int,
        in_features: int,
        out_features: int,
        sequence_parallel: bool = False,
        fuse_wgrad_accumulation: bool = False,
        tp_group: Any = None,
        tp_size: int = 1,
        get_rng_state_tracker: Callable[[], Any] | None = None,
        rng_tracker_name: str | None = None,
        init_method: Init | None = None,
        bias: bool = True,
        return_bias: bool = False,
        params_dtype: torch.dtype | None = None,
        parallel_mode: str | None = None,
        device: Any = "cuda",
        ub_overlap_rs: bool = False,
        ub_overlap_ag: bool = False,
        ub_name: str | None = None,
    ) -> None:
        super().__init__()
        refuse_overlap(ub_overlap_rs=ub_overlap_rs, ub_overlap_ag=ub_overlap_ag)
        dtype = torch.get_default_dtype() if params_dtype is None else params_dtype
        self.rng_tracker_name = rng_tracker_name
        self._set_parallelism(parallel_mode, tp_group, tp_size, sequence_parallel)
        if bias and not return_bias and parallel_mode == "row" and self.tp_size > 1:
            raise ValueError("GroupedLinear with parallel_mode='row' and a bias needs return_bias=True")
        self.num_gemms = num_gemms
        self._set_features(in_features, out_features, fuse_wgrad_accumulation, bias, return_bias)
        for i in range(num_gemms):
            weight = torch.empty(self.out_features, self.in_features, dtype=dtype, device=device)
            self._add_parameter(f"weight{i}", weight, init_method or normal_init, get_rng_state_tracker)
            empty = torch.empty(self.out_features if bias else 0, dtype=dtype, device=device)
            if bias:
                self._add_parameter(f"bias{i}", empty, constant_init(0.0))
            else:
                setattr(self, f"bias{i}", empty)
        self.reset_parameters(defer_init=self.weight0.device.type == "meta")

    def _all(self, name: str) -> list[Tensor]:
        return [getattr(self, f"{name}{i}") for i in range(self.num_gemms)]

    def reset_parameters(self, defer_init: bool = False) -> None:
        """See the base class; afterwards the parameters say how they are split."""
        super().reset_parameters(defer_init)
        if not defer_init:
            numbers = range(self.num_gemms)
            self._mark_split([f"weight{i}" for i in numbers], [f"bias{i}" for i in numbers] if self.use_bias else [])

    def forward(
        self, inp: Tensor, m_splits: Sequence[int], is_first_microbatch: bool | None = None
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """[tokens, in] to [tokens, out], and with ``return_bias`` the biases.

        ``m_splits`` tells how many rows are each layer's; they must be all rows. None is a number, too.
        """
        assert len(m_splits) == self.num_gemms, "Number of splits should match number of GEMMs."
        dtype = activation_dtype(self, inp)
        rows = inp.reshape(-1, inp.shape[-1])
        biases: Sequence[Tensor | None] = self._all("bias") if self.apply_bias else [None] * self.num_gemms
        fuse = self.fuse_wgrad_accumulation and torch.is_grad_enabled()
        outs = [
            linear(part, weight, bias, dtype, None, None, 1, False, fuse)
            for part, weight, bias in zip(rows.split(list(m_splits)), self._all("weight"), biases, strict=True)
        ]
        out = torch.cat(outs).view(*inp.shape[:-1], self.out_features)
        return (out, [bias.to(dtype) for bias in self._all("bias")]) if self.return_bias else out
