"""``torch._C``: the private names of PyTorch's extension module that upstream code reaches for."""

from __future__ import annotations

from typing import Any

from .._support import MissingAPIError
from ..overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from ..random import Generator

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator"]


def _switch(name: str) -> Any:
    def switch(*args: Any, **kwargs: Any) -> None:
        """A switch of PyTorch's fuser or executor, which do not exist here."""

    switch.__name__ = name
    return switch


for _name in (
    "_debug_set_autodiff_subgraph_inlining", "_jit_override_can_fuse_on_cpu", "_jit_override_can_fuse_on_gpu",
    "_jit_set_nvfuser_enabled", "_jit_set_profiling_executor", "_jit_set_profiling_mode",
    "_jit_set_texpr_fuser_enabled",
):  # fmt: skip
    globals()[_name] = _switch(_name)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise MissingAPIError(f"torch._C.{name} is not supported by mindtorch: it is private to PyTorch's extension module")
