"""The linear layer (``transformer_engine.pytorch.Linear``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor

from ...._missing import module_getattr, unsupported
from ._linear_function import linear
from .base import (
    Init,
    TransformerEngineBaseModule,
    activation_dtype,
    constant_init,
    normal_init,
    refuse_overlap,
)

__all__ = ["Linear"]
__getattr__ = module_getattr(__name__)


class LinearBase(TransformerEngineBaseModule):
    """``weight`` and ``bias``, split over the tensor parallel ranks as the mode says."""

    def _make_linear(
        self, in_features: int, out_features: int, sequence_parallel: bool, fuse_wgrad_accumulation: bool,
        tp_group: Any, tp_size: int, get_rng_state_tracker: Callable[[], Any] | None, init_method: Init | None,
        bias: bool, return_bias: bool, params_dtype: torch.dtype | None, parallel_mode: str | None,
        parameters_split: Any, device: Any,
    ) -> None:  # fmt: skip
        if parameters_split is not None:
            raise unsupported(f"transformer_engine.pytorch.{type(self).__name__}(parameters_split=...)")
        dtype = torch.get_default_dtype() if params_dtype is None else params_dtype
        self._set_parallelism(parallel_mode, tp_group, tp_size, sequence_parallel)
        self._set_features(in_features, out_features, fuse_wgrad_accumulation, bias, return_bias)
        weight = torch.empty(self.out_features, self.in_features, dtype=dtype, device=device)
        self._add_parameter("weight", weight, init_method or normal_init, get_rng_state_tracker)
        if bias:
            self._add_parameter("bias", torch.empty(self.out_features, dtype=dtype, device=device), constant_init(0.0))
        else:
            self.bias = torch.empty(0, dtype=dtype, device=device)

    def reset_parameters(self, defer_init: bool = False) -> None:
        """See the base class; afterwards the parameters say how they are split."""
        super().reset_parameters(defer_init)
        if not defer_init:
            self._mark_split(["weight"], ["bias"] if self.use_bias else [])

    def _linear(self, inp: Tensor, dtype: torch.dtype) -> Tensor:
        assert self.tp_group_initialized, "TP group not initialized."
        bias = self.bias if self.apply_bias else None
        fuse = self.fuse_wgrad_accumulation and torch.is_grad_enabled()
        return linear(
            inp, self.weight, bias, dtype, self.tp_group, self.parallel_mode, self.tp_size, self.sequence_parallel, fuse
        )


class Linear(LinearBase):
    """``y = x A^T + b``, split over tensor parallel ranks.

    ``parallel_mode`` "column" splits the rows of the weight, "row" its columns; with ``sequence_parallel`` the input
    (column) or the output (row) is split along the first dimension. ``return_bias``: give the bias beside the product,
    without adding it. ``fuse_wgrad_accumulation`` adds weight gradients to ``weight.main_grad``. ``ub_name`` is taken
    and has no use. Not supported: ``parameters_split``, ``ub_overlap_...``, ``ub_bulk_...``, FP8 output or gradients.
    """

    def __init__(
        self,
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
        parameters_split: Any = None,
        device: Any = "cuda",
        ub_overlap_ag: bool = False,
        ub_overlap_rs: bool = False,
        ub_overlap_rs_dgrad: bool = False,
        ub_bulk_dgrad: bool = False,
        ub_bulk_wgrad: bool = False,
        ub_name: str | None = None,
    ) -> None:
        super().__init__()
        refuse_overlap(
            ub_overlap_ag=ub_overlap_ag, ub_overlap_rs=ub_overlap_rs, ub_overlap_rs_dgrad=ub_overlap_rs_dgrad,
            ub_bulk_dgrad=ub_bulk_dgrad, ub_bulk_wgrad=ub_bulk_wgrad,
        )  # fmt: skip
        self.rng_tracker_name = rng_tracker_name
        self._make_linear(
            in_features, out_features, sequence_parallel, fuse_wgrad_accumulation, tp_group, tp_size,
            get_rng_state_tracker, init_method, bias, return_bias, params_dtype, parallel_mode, parameters_split,
            device,
        )  # fmt: skip
        self.reset_parameters(defer_init=self.weight.device.type == "meta")

    def forward(
        self, inp: Tensor, is_first_microbatch: bool | None = None, fp8_output: bool = False, fp8_grad: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """[..., in] to [..., out], and with ``return_bias`` the bias. ``is_first_microbatch`` is about FP8 caches."""
        if fp8_output or fp8_grad:
            raise unsupported("FP8 (transformer_engine.pytorch.Linear with fp8_output or fp8_grad)")
        dtype = activation_dtype(self, inp)
        out = self._linear(inp, dtype)
        return (out, self.bias.to(dtype)) if self.return_bias else out
