"""A norm and a linear layer in one (``transformer_engine.pytorch.LayerNormLinear``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor

from ...._kernels.norms import layer_norm, rms_norm
from ...._missing import module_getattr, unsupported
from ..distributed import GatherAlongFirstDim
from .base import Init, activation_dtype, constant_init, refuse_overlap
from .linear import LinearBase

__all__ = ["LayerNormLinear"]
__getattr__ = module_getattr(__name__)


class LayerNormLinear(LinearBase):
    """``Linear(norm(x))`` with ``layer_norm_weight``, ``layer_norm_bias`` (None for RMSNorm), ``weight`` and ``bias``.

    The options are those of :class:`Linear`; ``zero_centered_gamma``: the norm's factor is ``1 + layer_norm_weight``.
    With sequence parallelism the norm works on this rank's part, and its result is gathered.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        eps: float = 1e-5,
        sequence_parallel: bool = False,
        fuse_wgrad_accumulation: bool = False,
        tp_group: Any = None,
        tp_size: int = 1,
        get_rng_state_tracker: Callable[[], Any] | None = None,
        init_method: Init | None = None,
        bias: bool = True,
        normalization: str = "LayerNorm",
        return_bias: bool = False,
        params_dtype: torch.dtype | None = None,
        parallel_mode: str | None = None,
        return_layernorm_output: bool = False,
        return_layernorm_output_gathered: bool = False,
        parameters_split: Any = None,
        zero_centered_gamma: bool = False,
        device: Any = "cuda",
        ub_overlap_ag: bool = False,
        ub_overlap_rs: bool = False,
        ub_overlap_rs_dgrad: bool = False,
        ub_bulk_wgrad: bool = False,
        ub_bulk_dgrad: bool = False,
        ub_name: str | None = None,
    ) -> None:
        super().__init__()
        refuse_overlap(
            ub_overlap_ag=ub_overlap_ag, ub_overlap_rs=ub_overlap_rs, ub_overlap_rs_dgrad=ub_overlap_rs_dgrad,
            ub_bulk_dgrad=ub_bulk_dgrad, ub_bulk_wgrad=ub_bulk_wgrad,
        )  # fmt: skip
        assert normalization in ("LayerNorm", "RMSNorm"), f"Unsupported normalization type {normalization}!"
        if parallel_mode == "row" and (sequence_parallel or tp_size > 1):
            raise unsupported("transformer_engine.pytorch.LayerNormLinear(parallel_mode='row')")
        self.normalization = normalization
        self.eps = eps
        self.zero_centered_gamma = zero_centered_gamma
        self.return_layernorm_output = return_layernorm_output
        self.return_layernorm_output_gathered = return_layernorm_output_gathered
        dtype = torch.get_default_dtype() if params_dtype is None else params_dtype
        first = constant_init(float(not zero_centered_gamma))
        self._add_parameter("layer_norm_weight", torch.empty(in_features, dtype=dtype, device=device), first)
        if normalization == "LayerNorm":
            zeros = torch.empty(in_features, dtype=dtype, device=device)
            self._add_parameter("layer_norm_bias", zeros, constant_init(0.0))
        else:
            self.layer_norm_bias = None
        self._make_linear(
            in_features, out_features, sequence_parallel, fuse_wgrad_accumulation, tp_group, tp_size,
            get_rng_state_tracker, init_method, bias, return_bias, params_dtype, parallel_mode, parameters_split,
            device,
        )  # fmt: skip
        self.reset_parameters(defer_init=self.weight.device.type == "meta")

    def reset_parameters(self, defer_init: bool = False) -> None:
        """See the base class; afterwards the parameters say how they are split."""
        super().reset_parameters(defer_init)
        for parameter in (self.layer_norm_weight, self.layer_norm_bias):
            if parameter is not None:
                parameter.sequence_parallel = self.sequence_parallel

    def reset_layer_norm_parameters(self) -> None:
        """Give the norm's parameters their first values."""
        with torch.no_grad():
            for name in ("layer_norm_weight", "layer_norm_bias"):
                if getattr(self, name) is not None:
                    self._inits[name][0](getattr(self, name))

    def _normalized(self, inp: Tensor, dtype: torch.dtype) -> Tensor:
        shape = self.layer_norm_weight.shape
        if self.normalization == "RMSNorm":
            return rms_norm(inp, self.layer_norm_weight, shape, self.eps, dtype, self.zero_centered_gamma)
        return layer_norm(
            inp, self.layer_norm_weight, self.layer_norm_bias, shape, self.eps, dtype, self.zero_centered_gamma
        )

    def forward(
        self, inp: Tensor, is_first_microbatch: bool | None = None, fp8_output: bool = False, fp8_grad: bool = False
    ) -> Tensor | tuple[Tensor, ...]:
        """[..., in] to [..., out]; then the bias with ``return_bias``, then the norm's result where it is asked for."""
        if fp8_output or fp8_grad:
            raise unsupported("FP8 (transformer_engine.pytorch.LayerNormLinear with fp8_output or fp8_grad)")
        dtype = activation_dtype(self, inp)
        normal = self._normalized(inp, dtype)
        results = [self._linear(normal, dtype)]
        if self.return_bias:
            results.append(self.bias.to(dtype))
        if self.return_layernorm_output:
            gather = self.return_layernorm_output_gathered and self.sequence_parallel
            results.append(GatherAlongFirstDim.apply(normal, self.tp_group) if gather else normal)
        return results[0] if len(results) == 1 else tuple(results)
