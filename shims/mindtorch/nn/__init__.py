"""``torch.nn``: modules, parameters, functions and initialisers."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.nn import attention, functional, init, modules, parallel, parameter, utils
from mindtorch.nn.modules import *  # noqa: F403
from mindtorch.nn.modules import __all__ as _module_names
from mindtorch.nn.parallel import DataParallel
from mindtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "functional",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
    *_module_names,
]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
