"""``torch.distributed``: process groups and collectives over one small backend interface (``backend.py``)."""

from __future__ import annotations

import os as _os

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch._unsupported import unsupported as _unsupported
from mindtorch.distributed import backend, distributed_c10d, store
from mindtorch.distributed.distributed_c10d import *  # noqa: F403
from mindtorch.distributed.distributed_c10d import DebugLevel, _get_default_group
from mindtorch.distributed.distributed_c10d import __all__ as _c10d_names

_HINT = "keep plain tensors, one shard a rank, and use the collectives"

DeviceMesh = _unsupported("torch.distributed.DeviceMesh", _HINT)


def get_debug_level() -> DebugLevel:
    """What TORCH_DISTRIBUTED_DEBUG asks for."""
    return DebugLevel[_os.environ.get("TORCH_DISTRIBUTED_DEBUG", "OFF").upper()]


__all__ = ["DeviceMesh", "_get_default_group", "backend", "distributed_c10d", "get_debug_level", "store", *_c10d_names]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
