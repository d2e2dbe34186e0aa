"""Gradient clipping (``torch.nn.utils.clip_grad``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import mindtorch as torch

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _as_list(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)


def _grads_of(parameters: Any) -> list[Any]:
    return [p.grad for p in _as_list(parameters) if p.grad is not None]


def _total_norm(tensors: list[Any], norm_type: float, error_if_nonfinite: bool) -> Any:
    norm_type = float(norm_type)
    if not tensors:
        return torch.tensor(0.0)
    first_device = tensors[0].device
    norms = [torch.linalg.vector_norm(t, norm_type) for t in tensors]
    total = torch.linalg.vector_norm(torch.stack([n.to(first_device) for n in norms]), norm_type)
    if error_if_nonfinite and torch.logical_or(total.isnan(), total.isinf()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """Norm of all ``tensors`` seen as one vector: the norm of their norms. A 0-d tensor.

    ``foreach`` is accepted for compatibility: the result does not depend on it.
    """
    with torch.no_grad():
        return _total_norm(_as_list(tensors), norm_type, error_if_nonfinite)


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scale the gradients in place by ``max_norm / (total_norm + 1e-6)`` where that is below 1."""
    with torch.no_grad():
        grads = _grads_of(parameters)
        if not grads:
            return
        coefficient = float(max_norm) / (total_norm + 1e-6)
        # Clamped and applied unconditionally: no branch, so the host does not wait for the device.
        clamped = torch.clamp(coefficient, max=1.0)
        for grad in grads:
            grad.mul_(clamped.to(grad.device))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale the gradients of ``parameters`` in place so that their total norm is at most ``max_norm``.

    Returns:
        The total norm before clipping, a 0-d tensor.
    """
    if not isinstance(parameters, torch.Tensor):
        is_generator = not isinstance(parameters, (list, tuple, set)) and iter(parameters) is parameters
        parameters = list(parameters)
        if is_generator and not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    with torch.no_grad():
        total_norm = _total_norm(_grads_of(parameters), norm_type, error_if_nonfinite)
        clip_grads_with_norm_(parameters, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Deprecated name of ``clip_grad_norm_``."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Any | Iterable[Any], clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient element to +-``clip_value``, in place."""
    clip_value = float(clip_value)
    with torch.no_grad():
        for grad in _grads_of(parameters):
            grad.clamp_(min=-clip_value, max=clip_value)
