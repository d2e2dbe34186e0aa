"""Modules without initial values (``torch.nn.utils.init``)."""

from __future__ import annotations

import inspect
from typing import Any

import mindtorch as torch

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Create ``module_cls(*args, **kwargs)`` with uninitialised parameters on ``device`` (a keyword)."""
    if not issubclass(module_cls, torch.nn.Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=device)
