"""Window functions: ``torch.signal.windows`` and the older ``torch.hann_window`` and friends.

All are computed in float64 and rounded. A window of `M` points is symmetric, or (``sym=False``) the first `M` points of
a symmetric one of ``M + 1``, as spectral analysis wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from .._array import cast_numpy
from .._dtype import dtype, float32, float64, get_default_dtype, strided
from .._tensor import Tensor
from ._registry import FUNCTIONS, op, type_name
from .creation import _check, _finish

FUNCTIONS.setdefault("signal.windows", {})

Formula = Callable[[np.ndarray, int], np.ndarray]
"""Values at positions 0, 1, ... of a symmetric window whose last position is given."""


def _cosines(weights: Sequence[float]) -> Formula:
    def values(k: np.ndarray, last: int) -> np.ndarray:
        turn = 2 * np.pi * k / last
        return sum(((-1) ** i * w * np.cos(i * turn) for i, w in enumerate(weights)), np.zeros(k.shape))

    return values


def _bartlett(k: np.ndarray, last: int) -> np.ndarray:
    return 1 - np.abs(2 * k / last - 1)


def _kaiser(beta: float) -> Formula:
    def values(k: np.ndarray, last: int) -> np.ndarray:
        across = 2 * k / last - 1
        return special.i0(beta * np.sqrt(np.maximum(1 - across * across, 0))) / special.i0(beta)

    return values


def _window(
    name: str, formula: Formula, m: int, symmetric: bool, d: dtype, device: Any, requires_grad: bool
) -> Tensor:  # fmt: skip
    """`m` points of a window."""
    last = m - 1 if symmetric else m
    k = np.arange(m, dtype=np.float64)
    values = np.ones(m) if m < 2 else formula(k, last)
    return _finish(cast_numpy(values, d), device, requires_grad, d)


def _signal(name: str, make: Callable[..., Formula], parameters: dict[str, Any]) -> None:
    """Declare ``torch.signal.windows.name(M, **parameters)``."""

    @op(name, module="signal.windows", method=False)
    def declared(
        M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, **given: Any,
    ) -> Tensor:  # fmt: skip
        unknown = set(given) - set(parameters)
        if unknown:
            raise TypeError(f"{name}() got an unexpected keyword argument '{min(unknown)}'")
        formula = make(**{**parameters, **given}, sym=sym)
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout not in (None, strided):
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        d = dtype or get_default_dtype()
        if d not in (float32, float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {d}")
        return _window(name, formula, M, sym, d, device, requires_grad)


def _exponential(center: float | None, tau: float, sym: bool) -> Formula:
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return lambda k, last: np.exp(-np.abs(k - (last / 2 if center is None else center)) / tau)


def _gaussian(std: float, sym: bool) -> Formula:
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return lambda k, last: np.exp(-(((k - last / 2) / std) ** 2) / 2)


def _checked_kaiser(beta: float, sym: bool) -> Formula:
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _kaiser(beta)


def _general(a: Any, sym: bool) -> Formula:
    if not isinstance(a, (list, tuple)) and not hasattr(a, "__iter__"):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _cosines(a)


_signal("bartlett", lambda sym: _bartlett, {})
_signal("blackman", lambda sym: _cosines((0.42, 0.5, 0.08)), {})
_signal("cosine", lambda sym: lambda k, last: np.sin(np.pi * (k + 0.5) / (last + 1)), {})
_signal("exponential", _exponential, {"center": None, "tau": 1.0})
_signal("gaussian", _gaussian, {"std": 1.0})
_signal("general_cosine", _general, {"a": None})
_signal("general_hamming", lambda alpha, sym: _cosines((alpha, 1.0 - alpha)), {"alpha": 0.54})
_signal("hamming", lambda sym: _cosines((0.54, 0.46)), {})
_signal("hann", lambda sym: _cosines((0.5, 0.5)), {})
_signal("kaiser", _checked_kaiser, {"beta": 12.0})
_signal("nuttall", lambda sym: _cosines((0.3635819, 0.4891775, 0.1365995, 0.0106411)), {})


def _older(name: str, make: Callable[..., Formula], defaults: tuple[float, ...] = ()) -> None:
    """Declare ``torch.name(window_length, periodic, ...)``; `defaults` are those of the numbers that may follow."""
    names = {"hamming_window": ("alpha", "beta"), "kaiser_window": ("beta",)}.get(name, ())

    @op(name, method=False)
    def declared(
        window_length: int, periodic: bool = True, *numbers: float, dtype: Any = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False, pin_memory: bool = False, **named: float,
    ) -> Tensor:  # fmt: skip
        if len(numbers) > len(names) or set(named) - set(names[len(numbers) :]):
            raise TypeError(f"{name}() received an invalid combination of arguments")
        values = {**dict(zip(names, defaults, strict=True)), **dict(zip(names, numbers, strict=False)), **named}
        _check(layout, dtype)
        d = dtype or get_default_dtype()
        if not d.is_floating_point:
            raise RuntimeError(f"{name} expects floating point dtypes, got: {type_name(d)}")
        if window_length < 0:
            raise RuntimeError(f"{name} requires non-negative window_length, got window_length={window_length}")
        return _window(name, make(**values), window_length, not periodic, d, device, requires_grad)


_older("bartlett_window", lambda: _bartlett)
_older("blackman_window", lambda: _cosines((0.42, 0.5, 0.08)))
_older("hann_window", lambda: _cosines((0.5, 0.5)))
_older("hamming_window", lambda alpha, beta: _cosines((alpha, beta)), (0.54, 0.46))
_older("kaiser_window", lambda beta: _kaiser(beta), (12.0,))
