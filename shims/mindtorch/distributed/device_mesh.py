"""``torch.distributed.device_mesh``: not supported, and says so."""

from __future__ import annotations

from mindtorch._unsupported import unsupported, unsupported_function

__all__ = ["DeviceMesh", "init_device_mesh"]

_HINT = "make the groups with torch.distributed.new_group"

DeviceMesh = unsupported("torch.distributed.device_mesh.DeviceMesh", _HINT)
init_device_mesh = unsupported_function("torch.distributed.device_mesh.init_device_mesh", _HINT)
