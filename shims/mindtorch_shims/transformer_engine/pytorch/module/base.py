"""What the layers share (``transformer_engine.pytorch.module.base``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch import Tensor, nn

from ...._missing import module_getattr, unsupported
from ..distributed import forked, get_distributed_world_size, set_tensor_model_parallel_attributes
from . import _extra_state

__getattr__ = module_getattr(__name__)

Init = Callable[[Tensor], Any]

# What a layer does with tensor parallelism.
PARALLEL_MODES = ("row", "column", None)


def initialize_ub(*args: Any, **kwargs: Any) -> None:
    """Buffers for communication that overlaps with products: raises NotImplementedError."""
    raise unsupported("transformer_engine.pytorch.module.base.initialize_ub (--tp-comm-overlap)")


def destroy_ub() -> None:
    """There are no such buffers: nothing to do."""


def normal_init(tensor: Tensor) -> None:
    """What weights begin with unless told otherwise."""
    nn.init.normal_(tensor, mean=0.0, std=0.023)


def constant_init(value: float) -> Init:
    """What biases and norm weights begin with."""

    def fill(tensor: Tensor) -> None:
        nn.init.constant_(tensor, value)

    return fill


def refuse_overlap(**flags: Any) -> None:
    """``ub_overlap_...`` and ``ub_bulk_...`` must be off."""
    for name, value in flags.items():
        if value:
            raise unsupported(f"communication that overlaps with products ({name}=True)")


def activation_dtype(module: nn.Module, inp: Tensor) -> torch.dtype:
    """The dtype to compute in: autocast's, else the input's, which the parameters must have, too."""
    kind = inp.device.type
    if torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    for name, parameter in module.named_parameters(recurse=False):
        assert parameter.dtype == inp.dtype, (
            "Data types for parameters must match when outside of autocasted region. "
            f"Found input dtype: {inp.dtype} and {name!r} dtype: {parameter.dtype}"
        )
    return inp.dtype


def _divided(number: int, parts: int, what: str) -> int:
    """``number / parts``, which must be whole."""
    if number % parts:
        raise ValueError(f"{what} ({number}) does not divide into {parts} parts")
    return number // parts


class TransformerEngineBaseModule(nn.Module):
    """A layer with FP8 switched off: parameters that know how to begin, a tensor parallel group, ``_extra_state``."""

    def __init__(self) -> None:
        super().__init__()
        self.fp8 = False
        self.fp8_calibration = False
        self.fp8_parameters = False
        self.fp8_initialized = False
        self.fp8_meta: dict[str, Any] = {"fp8_checkpoint": False, "fp8_group": None}
        self.sequence_parallel = False
        self.tp_group: Any = None
        self.tp_group_initialized = False
        self.tp_size = 1
        self._inits: dict[str, tuple[Init, Callable[[], Any] | None]] = {}

    # ------------------------------------------------------------------ tensor parallelism
    def _set_features(
        self, in_features: int, out_features: int, fuse_wgrad_accumulation: bool, bias: bool, return_bias: bool
    ) -> None:
        """The options of linear layers, after those of parallelism: features are those of this rank's part."""
        self.fuse_wgrad_accumulation = fuse_wgrad_accumulation
        self.use_bias = bias
        self.return_bias = return_bias
        self.apply_bias = bias and not return_bias
        if self.parallel_mode == "column":
            out_features = _divided(out_features, self.tp_size, "out_features")
        elif self.parallel_mode == "row":
            in_features = _divided(in_features, self.tp_size, "in_features")
        self.in_features, self.out_features = in_features, out_features

    def _set_parallelism(self, mode: str | None, group: Any, size: int, sequence_parallel: bool) -> None:
        """Without a group it has to come later, by :meth:`set_tensor_parallel_group`, if ``size`` is more than 1."""
        assert mode in PARALLEL_MODES, f"parallel_mode {mode} not supported"
        self.parallel_mode = mode
        self.tp_size = size if group is None else get_distributed_world_size(group)
        if group is not None or size == 1:
            self.set_tensor_parallel_group(group)
        self.sequence_parallel = self.tp_size > 1 and sequence_parallel

    def set_tensor_parallel_group(self, tp_group: Any) -> None:
        """Set the group that the layer is split over."""
        self.tp_group = tp_group
        self.tp_group_initialized = True

    # ------------------------------------------------------------------ parameters
    def _add_parameter(
        self, name: str, tensor: Tensor, init: Init, get_rng_state_tracker: Callable[[], Any] | None = None
    ) -> None:
        self.register_parameter(name, nn.Parameter(tensor))
        self._inits[name] = (init, get_rng_state_tracker)

    def reset_parameters(self, defer_init: bool = False) -> None:
        """Give all parameters their first values; those on the meta device get memory on 'cuda' before.

        ``defer_init``: do nothing, another call follows.
        """
        if defer_init:
            return
        for name, (init, get_tracker) in self._inits.items():
            parameter = getattr(self, name)
            if parameter.device.type == "meta":
                parameter = nn.Parameter(torch.empty_like(parameter, device="cuda"), parameter.requires_grad)
                setattr(self, name, parameter)
            with torch.no_grad(), forked(get_tracker, getattr(self, "rng_tracker_name", None)):
                init(parameter)

    def _mark_split(self, weights: list[str], biases: list[str]) -> None:
        """Note on the parameters how they are split over the ranks."""
        for name in weights:
            set_tensor_model_parallel_attributes(getattr(self, name), True, int(self.parallel_mode == "row"), 1)
        for name in biases:
            if self.parallel_mode == "row":
                getattr(self, name).sequence_parallel = self.sequence_parallel
            elif self.parallel_mode == "column":
                set_tensor_model_parallel_attributes(getattr(self, name), True, 0, 1)

    # ------------------------------------------------------------------ FP8
    def init_fp8_metadata(self, num_gemms: int = 1) -> None:
        """There is none."""

    def get_extra_state(self) -> Tensor:
        """What a state dictionary has under ``_extra_state``: no FP8 state."""
        return _extra_state.packed(None)

    def set_extra_state(self, state: Any) -> None:
        """Take no FP8 state; warn if there is some."""
        _extra_state.check(state, type(self).__name__)
