"""Parameters as one vector, and back (``torch.nn.utils.convert_parameters``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mindtorch as torch
from mindtorch._typename import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_device(param: Any, device: Any) -> Any:
    """The device all parameters share; TypeError if ``param`` is elsewhere."""
    if device is not None and param.device != device:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return param.device


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters flattened and joined into one 1-d tensor."""
    device = None
    flat = []
    for param in parameters:
        device = _check_device(param, device)
        flat.append(param.view(-1))
    return torch.cat(flat)


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Make the parameters' data consecutive slices of ``vec`` (they share its memory afterwards)."""
    if not isinstance(vec, torch.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    device = None
    start = 0
    for param in parameters:
        device = _check_device(param, device)
        size = param.numel()
        param.data = vec[start : start + size].view_as(param).data
        start += size
