"""``torch.distributed``: process groups and collectives over one small backend interface (``backend.py``)."""

from __future__ import annotations

import os as _os

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.distributed import _functional_collectives, algorithms, backend, device_mesh, distributed_c10d, store
from mindtorch.distributed._breakpoint import breakpoint
from mindtorch.distributed.device_mesh import DeviceMesh, init_device_mesh
from mindtorch.distributed.distributed_c10d import *  # noqa: F403
from mindtorch.distributed.distributed_c10d import DebugLevel
from mindtorch.distributed.distributed_c10d import __all__ as _c10d_names

# After the names above, which it uses.
from mindtorch.distributed import nn  # isort: skip


def get_debug_level() -> DebugLevel:
    """What TORCH_DISTRIBUTED_DEBUG asks for."""
    return DebugLevel[_os.environ.get("TORCH_DISTRIBUTED_DEBUG", "OFF").upper()]


__all__ = [
    "DeviceMesh",
    "_functional_collectives",
    "algorithms",
    "backend",
    "breakpoint",
    "device_mesh",
    "distributed_c10d",
    "get_debug_level",
    "init_device_mesh",
    "nn",
    "store",
    *_c10d_names,
]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
