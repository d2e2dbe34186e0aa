"""Names of ``torch.distributed.checkpoint``, which is not there yet: importing and annotating works, use raises."""

from __future__ import annotations

from typing import Any

from mindtorch._unsupported import unsupported

_MADE: dict[str, Any] = {}


def placeholder(module: str, name: str) -> Any:
    """The loud placeholder for ``module.name``."""
    if name.startswith("__"):
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    api = f"{module.replace('mindtorch', 'torch', 1)}.{name}"
    if api not in _MADE:
        _MADE[api] = unsupported(api, "save state dicts with torch.save")
    return _MADE[api]
