"""Orthogonal polynomials of a degree per element, by their three-term recurrences; Chebyshev polynomials of higher
degrees inside the interval by their trigonometric forms. Negative degrees give 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._registry import kernel

Recurrence = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def _run(x: np.ndarray, n: np.ndarray, first: np.ndarray, step: Recurrence, todo: np.ndarray) -> np.ndarray:
    """P_n(x) from P_0 = 1, P_1 = `first` and ``step(P_k, P_(k-1), k)`` = P_(k+1), where `todo`; P_0 or 0 elsewhere."""
    one = np.ones_like(x)
    result = np.where(n < 0, np.zeros_like(x), np.where(n == 0, one, first))
    before, now = one, first
    last = int(n[todo].max(initial=0)) if todo.any() else 0
    for k in range(1, last):
        before, now = now, np.asarray(step(now, before, k), x.dtype)
        result = np.where(todo & (n == k + 1), now, result)
        if not np.any(todo & (n > k + 1) & ~np.isnan(now)):  # a nan stays one
            result = np.where(todo & (n > k + 1), now, result)
            break
    return result


def _degrees(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, n = np.broadcast_arrays(x, n)
    return np.ascontiguousarray(x).reshape(x.shape), np.nan_to_num(n).astype(np.int64)


def _chebyshev(
    y: np.ndarray, n: np.ndarray, first: np.ndarray, above: int, inside: np.ndarray, at_one: np.ndarray,
    at_minus_one: np.ndarray, minus_one: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """`y`: where to evaluate; `inside`: the values for degrees over `above` with abs(y) < 1; the values at the ends."""
    minus_one = y == -1 if minus_one is None else minus_one
    trigonometric = (n > above) & (np.abs(y) < 1)
    ends = (y == 1) | minus_one
    todo = ~trigonometric & ~ends & (n > 1)
    result = _run(y, n, first, lambda p, q, k: (y + y) * p - q, todo)
    result = np.where(trigonometric, inside, result)
    result = np.where(y == 1, at_one, np.where(minus_one, at_minus_one, result))
    return np.asarray(np.where(n < 0, 0, result), y.dtype)


def _signed(n: np.ndarray, value: np.ndarray | int) -> np.ndarray:
    return np.where(n % 2 == 0, value, -np.asarray(value))


def _t(y: np.ndarray, n: np.ndarray) -> np.ndarray:
    d = y.dtype
    return _chebyshev(y, n, y, 6, np.cos(n.astype(d) * np.arccos(y)), np.ones_like(y), _signed(n, 1))


def _u(y: np.ndarray, n: np.ndarray, above: int = 8) -> np.ndarray:
    angle = np.arccos(y)
    m = (n + 1).astype(y.dtype)
    inside = np.where(np.sin(angle) != 0, np.sin(m * angle) / np.sin(angle), m * np.cos(m * angle) / y)
    return _chebyshev(y, n, y + y, above, inside, m, _signed(n, n + 1))


def _v(y: np.ndarray, n: np.ndarray, above: int = 8) -> np.ndarray:
    angle = np.arccos(y)
    inside = np.cos((n.astype(y.dtype) + y.dtype.type(0.5)) * angle) / np.cos(angle / 2)
    return _chebyshev(y, n, y + y - 1, above, inside, np.ones_like(y), _signed(n, n + n + 1))


def _w(y: np.ndarray, n: np.ndarray, above: int = 8) -> np.ndarray:
    angle = np.arccos(y)
    inside = np.sin((n.astype(y.dtype) + y.dtype.type(0.5)) * angle) / np.sin(angle / 2)
    return _chebyshev(y, n, y + y + 1, above, inside, (n + n + 1).astype(y.dtype), _signed(n, 1))


@kernel()
def chebyshev_polynomial_t(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _t(*_degrees(x, n))


@kernel()
def chebyshev_polynomial_u(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _u(*_degrees(x, n))


@kernel()
def chebyshev_polynomial_v(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _v(*_degrees(x, n))


@kernel()
def chebyshev_polynomial_w(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _w(*_degrees(x, n))


def _shift(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, n = _degrees(x, n)
    return np.asarray((x + x) - 1, x.dtype), n


@kernel()
def shifted_chebyshev_polynomial_t(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _t(*_shift(x, n))


@kernel()
def shifted_chebyshev_polynomial_u(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _u(*_shift(x, n), 6)


@kernel()
def shifted_chebyshev_polynomial_v(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _v(*_shift(x, n), 6)


@kernel()
def shifted_chebyshev_polynomial_w(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return _w(*_shift(x, n), 4)


def _hermite_limit(x: np.ndarray, n: np.ndarray, result: np.ndarray) -> np.ndarray:
    """PyTorch gives nan for degrees whose polynomials leave the dtype's range."""
    return np.asarray(np.where(n > (128 if x.dtype == np.float32 else 512), np.nan, result), x.dtype)


@kernel()
def hermite_polynomial_h(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The physicists' Hermite polynomials."""
    x, n = _degrees(x, n)
    limited = np.minimum(n, 513)
    return _hermite_limit(x, n, _run(x, limited, x + x, lambda p, q, k: (x + x) * p - 2 * k * q, n > 1))


@kernel()
def hermite_polynomial_he(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The probabilists' Hermite polynomials."""
    x, n = _degrees(x, n)
    limited = np.minimum(n, 513)
    return _hermite_limit(x, n, _run(x, limited, x, lambda p, q, k: x * p - k * q, n > 1))


@kernel()
def laguerre_polynomial_l(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    x, n = _degrees(x, n)
    first = np.asarray(1 - x, x.dtype)
    result = _run(x, n, first, lambda p, q, k: (((2 * k + 1) - x) * p - k * q) / (k + 1), (n > 1) & (x != 0))
    return np.asarray(np.where((x == 0) & (n >= 0), 1, result), x.dtype)


@kernel()
def legendre_polynomial_p(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    x, n = _degrees(x, n)
    ends = np.abs(x) == 1
    result = _run(x, n, x, lambda p, q, k: ((2 * k + 1) * x * p - k * q) / (k + 1), (n > 1) & ~ends)
    at_end = np.where((x > 0) | (n % 2 == 0), 1, -1)
    return np.asarray(np.where(ends & (n >= 0), at_end, result), x.dtype)
