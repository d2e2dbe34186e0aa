"""``assert_close``: tensors, numbers and containers of them that are equal within a tolerance."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import mindtorch as torch

__all__ = ["assert_allclose", "assert_close", "default_tolerances"]

# Relative and absolute, by dtype; what is not here is compared exactly.
_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


def default_tolerances(*dtypes: Any) -> tuple[float, float]:
    """The loosest relative and absolute tolerance of dtypes."""
    pairs = [_TOLERANCES.get(d.name, (0.0, 0.0)) for d in dtypes]
    return max(r for r, _ in pairs), max(a for _, a in pairs)


_NUMBERS = (int, float, complex, np.number)


class _Options:
    """How two things are compared."""

    def __init__(
        self, allow_subclasses: bool, rtol: float | None, atol: float | None, equal_nan: bool, check_device: bool,
        check_dtype: bool, check_layout: bool, check_stride: bool, msg: Any,
    ) -> None:  # fmt: skip
        if (rtol is None) ^ (atol is None):
            given, missing = ("rtol", "atol") if atol is None else ("atol", "rtol")
            raise ValueError(
                f"rtol and atol must both be specified or both be unspecified, but got no {missing} with {given}"
            )
        self.allow_subclasses, self.rtol, self.atol, self.equal_nan = allow_subclasses, rtol, atol, equal_nan
        self.check_device, self.check_dtype = check_device, check_dtype
        self.check_layout, self.check_stride, self.msg = check_layout, check_stride, msg

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        return default_tolerances(*dtypes)

    def fail(self, text: str, where: str) -> None:
        text = text + (f"\n\nThe failure occurred for item {where}" if where else "")
        if self.msg is not None:
            text = self.msg(text) if callable(self.msg) else self.msg
        raise AssertionError(text)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Tensors, things that tensors are made of (numbers, arrays), sequences and mappings of them. `rtol` and `atol` go
    together; by default they are those of the looser dtype. `msg`: another text, or a function of the text. Raises
    TypeError for types that cannot be compared, ValueError for half a tolerance.
    """
    __tracebackhide__ = True
    options = _Options(
        allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride, msg
    )
    _compare(actual, expected, options, "")


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
                    equal_nan: bool = True, msg: str = "") -> None:  # fmt: skip
    """The old form of :func:`assert_close`: dtypes, devices and strides may differ."""
    a = actual if isinstance(actual, torch.Tensor) else torch.tensor(actual)
    b = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected, dtype=a.dtype)
    if rtol is None and atol is None:
        rtol, atol = default_tolerances(a.dtype, b.dtype)
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=False, check_dtype=False, check_stride=False,
        msg=msg or None,
    )  # fmt: skip


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _compare(actual: Any, expected: Any, options: _Options, where: str) -> None:
    __tracebackhide__ = True
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            options.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where)
        for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
            _compare(a, b, options, f"{where}[{i}]")
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            missing, extra = expected.keys() - actual.keys(), actual.keys() - expected.keys()
            options.fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(extra, key=str)}", where,
            )  # fmt: skip
        for key in actual:
            _compare(actual[key], expected[key], options, f"{where}[{key!r}]")
    elif actual is None or expected is None:
        if actual is not expected:
            options.fail(f"None mismatch: {actual} is not {expected}", where)
    elif isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            options.fail(f"Booleans mismatch: {actual} is not {expected}", where)
    elif isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
        plain = [x.item() if isinstance(x, np.number) else x for x in (actual, expected)]
        _compare_numbers(*plain, options, where)
    else:
        _compare_tensors(*_as_tensors(actual, expected, options, where), options, where)


def _compare_numbers(actual: Any, expected: Any, options: _Options, where: str) -> None:
    kinds = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}
    if options.check_dtype and type(actual) is not type(expected):
        options.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", where)
    rtol, atol = options.tolerances(kinds[type(actual)], kinds[type(expected)])
    difference = abs(actual - expected)
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    if cmath.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    relative = difference / abs(expected) if expected else float("inf")
    options.fail(
        f"Scalars are not {'equal' if rtol == atol == 0 else 'close'}!\n\n"
        f"Expected {expected} but got {actual}.\nAbsolute difference: {difference} (up to {atol} allowed)\n"
        f"Relative difference: {relative} (up to {rtol} allowed)", where,
    )  # fmt: skip


def _as_tensors(actual: Any, expected: Any, options: _Options, where: str) -> tuple[Any, Any]:
    if not (isinstance(actual, type(expected)) or isinstance(expected, type(actual))):
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            + (f" The failure occurred for item {where}" if where else "")
        )
    out = []
    for x in (actual, expected):
        if isinstance(x, torch.Tensor):
            out.append(x.detach())
            continue
        try:
            out.append(torch.as_tensor(x))
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            ) from error
    return out[0], out[1]


def _compare_tensors(actual: Any, expected: Any, options: _Options, where: str) -> None:
    if actual.shape != expected.shape:
        options.fail(
            f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}.", where
        )
    checks = (
        (options.check_layout, "layout", actual.layout, expected.layout),
        (options.check_device, "device", actual.device, expected.device),
        (options.check_dtype, "dtype", actual.dtype, expected.dtype),
        (options.check_stride, "stride()", actual.stride(), expected.stride()),
    )
    for checked, attribute, a, b in checks:
        if checked and a != b:
            options.fail(f"The values for attribute '{attribute}' do not match: {a} != {b}.", where)
    if actual.is_meta or expected.is_meta:
        return  # there are no values
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    left, right = _numpy(actual), _numpy(expected)
    with np.errstate(all="ignore"):
        difference = np.abs(left - right) if left.dtype != bool else (left ^ right).astype(np.int64)
        close = (left == right) | (np.isfinite(difference) & (difference <= atol + rtol * np.abs(right)))
        if options.equal_nan:
            close |= (left != left) & (right != right)
        if close.all():
            return
        _report(left, right, difference, close, rtol, atol, options, where)


def _numpy(t: Any) -> np.ndarray:
    """The elements in a type in which differences are exact: Python's integers for 64-bit ones."""
    t = t.detach().cpu()
    if t.dtype.name in ("float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"):
        return t.double().numpy()
    if t.dtype.name in ("complex32", "complex64"):
        return t.to(torch.complex128).numpy()
    a = t.numpy()
    return a if a.dtype.kind in "fcb" else a.astype(np.int64) if a.itemsize < 8 else _wide(a)


def _wide(a: np.ndarray) -> np.ndarray:
    small = not a.size or max(abs(int(a.max())), abs(int(a.min()))) < 1 << 52
    return a.astype(np.int64) if small else a.astype(np.longdouble)


def _report(
    left: np.ndarray, right: np.ndarray, difference: np.ndarray, close: np.ndarray, rtol: float, atol: float,
    options: _Options, where: str,
) -> None:  # fmt: skip
    exact = rtol == atol == 0
    if not left.ndim:
        relative = difference / np.abs(right)
        options.fail(
            f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {right.item()} but got {left.item()}.\n"
            f"Absolute difference: {difference.item()}" + ("" if exact else f" (up to {atol} allowed)")
            + f"\nRelative difference: {relative.item()}" + ("" if exact else f" (up to {rtol} allowed)"), where,
        )  # fmt: skip
    wrong = ~close
    count, total = int(wrong.sum()), wrong.size
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", "",
             f"Mismatched elements: {count} / {total} ({100 * count / total:.1f}%)"]  # fmt: skip
    for name, values, allowed in (
        ("absolute", np.where(wrong, difference, 0), atol),
        ("relative", np.where(wrong, difference / np.abs(right), 0), rtol),
    ):
        place = np.unravel_index(int(np.argmax(np.where(np.isnan(values), np.inf, values))), values.shape)
        index = tuple(map(int, place))
        shown = str(index[0]) if len(index) == 1 else str(index)
        text = f"Greatest {name} difference: {values[place].item()} at index ({shown.strip('()')},)"
        text = text if len(index) == 1 else f"Greatest {name} difference: {values[place].item()} at index {shown}"
        lines.append(text + ("" if exact else f" (up to {allowed} allowed)"))
    options.fail("\n".join(lines), where)
