"""``torch.utils._python_dispatch``: modes below autograd, which mindtorch does not have."""

from __future__ import annotations

from typing import Any

from .._support import missing_attribute
from .._unsupported import unsupported

TorchDispatchMode = unsupported(
    "torch.utils._python_dispatch.TorchDispatchMode", "torch.overrides.TorchFunctionMode sees the calls"
)


def is_traceable_wrapper_subclass(t: Any) -> bool:
    """Whether `t` is a tensor that consists of others: there are none without ``__torch_dispatch__``."""
    return False


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
