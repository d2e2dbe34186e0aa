"""``torch.nn.utils``."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.nn.utils import rnn
from mindtorch.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from mindtorch.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from mindtorch.nn.utils.init import skip_init

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "skip_init",
    "vector_to_parameters",
]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
