"""How tensors print: PyTorch's layout of values, and what it says beside them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Any

import numpy as np

from ._array import cast_numpy
from ._tensor import Tensor


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = _Options()


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Set how tensors print; `profile` is 'default', 'short' or 'full'."""
    if profile is not None:
        presets = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, float("inf"), 3, 80)}
        OPTIONS.precision, OPTIONS.threshold, OPTIONS.edgeitems, OPTIONS.linewidth = presets[profile]
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems),
                        ("linewidth", linewidth)):  # fmt: skip
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


class _Formatter:
    """Chooses one width and notation for all values shown."""

    def __init__(self, shown: np.ndarray, floating: bool) -> None:
        self.floating, self.integral, self.scientific = floating, True, False
        self.width = 1
        values = shown.reshape(-1).tolist()
        if not floating:
            self.width = max([1, *(len(str(v)) for v in values)])
            return
        finite = [abs(v) for v in values if isfinite(v) and v != 0]
        if not finite:
            self.width = max([self.width, *(len(self.plain(v)) for v in values)])
            return
        low, high = min(finite), max(finite)
        self.integral = all(v == ceil(v) for v in finite)
        if self.integral:
            self.scientific = high / low > 1000.0 or high > 1.0e8
        else:
            self.scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        if OPTIONS.sci_mode is not None:
            self.scientific = OPTIONS.sci_mode
        # Neither zeros nor what is not finite count for the width.
        self.width = max(len(self.plain(v)) for v in values if isfinite(v) and v != 0)

    def plain(self, v: Any) -> str:
        if not self.floating:
            return str(v)
        if self.scientific:
            return f"{v:.{OPTIONS.precision}e}"
        if self.integral:
            return f"{v:.0f}." if isfinite(v) else f"{v}"
        return f"{v:.{OPTIONS.precision}f}"

    def __call__(self, v: Any) -> str:
        return self.plain(v).rjust(self.width)


class _ComplexFormatter:
    """Real and imaginary parts have widths and notations of their own."""

    def __init__(self, shown: np.ndarray) -> None:
        self.real, self.imag = _Formatter(shown.real, True), _Formatter(shown.imag, True)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, v: complex) -> str:
        imag = (self.imag(v.imag) + "j").lstrip()
        return self.real(v.real) + (imag if imag[0] in "+-" else "+" + imag)


def _vector(a: np.ndarray, indent: int, fmt: Any, summarize: bool) -> str:
    per_line = max(1, floor((OPTIONS.linewidth - indent) / (fmt.width + 2)))
    values = a.tolist()
    edge = OPTIONS.edgeitems
    if summarize and not edge:
        cells = ["..."]
    elif summarize and len(values) > 2 * edge:
        cells = [fmt(v) for v in values[:edge]] + [" ..."] + [fmt(v) for v in values[-edge:]]
    else:
        cells = [fmt(v) for v in values]
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(a: np.ndarray, indent: int, fmt: Any, summarize: bool) -> str:
    if a.ndim == 0:
        return fmt(a.item())
    if a.ndim == 1:
        return _vector(a, indent, fmt, summarize)
    edge = OPTIONS.edgeitems
    if summarize and a.shape[0] > 2 * edge:
        parts = [_nested(x, indent + 1, fmt, summarize) for x in a[:edge]] + ["..."]
        parts += [_nested(x, indent + 1, fmt, summarize) for x in a[len(a) - edge :]]
    else:
        parts = [_nested(x, indent + 1, fmt, summarize) for x in a]
    return "[" + ("," + "\n" * (a.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _shown(a: np.ndarray, summarize: bool) -> np.ndarray:
    """The values that get printed: the edges of each dimension."""
    if not summarize:
        return a
    edge = OPTIONS.edgeitems
    for d, n in enumerate(a.shape):
        if n > 2 * edge:
            a = np.take(a, [*range(edge), *range(n - edge, n)], axis=d)
    return a


def tensor_str(t: Tensor) -> str:
    """``repr(tensor)``."""
    from ._dtype import bool as bool_
    from ._dtype import complex32, complex64, get_default_dtype, int64

    d = t.dtype
    prefix = "tensor("
    suffixes = []
    if t.device.type != "cpu":
        suffixes.append(f"device='{t.device}'")
    a: Any = t._arr.np
    if t.is_meta:
        suffixes.append(f"size={tuple(t.shape)}")
        if d is not get_default_dtype():
            suffixes.append(f"dtype={d}")
        body = "..."
    elif a.size == 0:
        if t.dim() != 1:
            suffixes.append(f"size={tuple(t.shape)}")
        if d is not get_default_dtype():
            suffixes.append(f"dtype={d}")
        body = "[]"
    else:
        if d not in (get_default_dtype(), get_default_dtype().to_complex(), int64, bool_):
            suffixes.append(f"dtype={d}")
        if d.is_low:
            a = a.astype(np.float32)
        if d is complex32:
            a = cast_numpy(a, complex64)
        summarize = a.size > OPTIONS.threshold
        shown = _shown(a, summarize)
        fmt = _ComplexFormatter(shown) if d.is_complex else _Formatter(shown, d.is_floating_point)
        body = _nested(a, len(prefix), fmt, summarize)
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    out = prefix + body
    length = len(out.rsplit("\n", 1)[-1]) + 2  # PyTorch counts the separator that follows twice
    for s in suffixes:
        if length + len(s) + 2 > OPTIONS.linewidth:
            out += ",\n" + " " * len(prefix) + s
            length = len(prefix) + len(s)
        else:
            out += ", " + s
            length += len(s) + 2
    return out + ")"
