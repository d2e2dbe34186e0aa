"""Operands of pointwise operators: type promotion (0-d tensors and Python numbers are weak) and conversion."""

from __future__ import annotations

from typing import Any

from .._array import Array, scalar_array
from .._dtype import BOOL, COMPLEX, FLOATING, INTEGRAL, dtype, get_default_dtype, int64, promote_types
from .._dtype import bool as bool_
from .._tensor import Tensor


def scalar_dtype(value: Any) -> dtype:
    """The dtype of a Python number."""
    if type(value) is float:
        return get_default_dtype()
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return get_default_dtype()
    if isinstance(value, complex):
        return get_default_dtype().to_complex()
    if hasattr(value, "dtype") and hasattr(value, "item"):  # NumPy scalars
        return scalar_dtype(value.item())
    raise TypeError(f"expected a Tensor or a number, but got {type(value).__name__}")


def result_type(*operands: Any) -> dtype:
    """``torch.result_type`` of any number of tensors and Python numbers."""
    by_rank: list[dtype | None] = [None, None, None]  # tensors with dimensions, 0-d tensors, numbers
    for x in operands:
        if isinstance(x, Tensor):
            a = x._arr
            rank, d = (0 if a.shape else 1), a.dtype
        else:
            rank, d = 2, scalar_dtype(x)
        old = by_rank[rank]
        by_rank[rank] = d if old is None else promote_types(old, d)
    result: dtype | None = None
    for weaker in by_rank:
        if weaker is None:
            continue
        if result is None:
            result = weaker
        elif weaker.category > result.category:
            # A weak operand raises the category, never the width.
            result = _raise_category(result, weaker)
    assert result is not None
    return result


def _raise_category(strong: dtype, weak: dtype) -> dtype:
    if weak.category == COMPLEX and strong.category == FLOATING:
        return strong.to_complex()
    return weak


def to_array(x: Any, d: dtype) -> Any:
    """An operand of dtype `d`: tensors stay tensors (cast in the forward), numbers become cached 0-d arrays."""
    if isinstance(x, Tensor):
        return x
    if type(x) is float or type(x) is int:
        return scalar_array(x, d)
    return scalar_array(x.item() if hasattr(x, "item") else x, d)


_C_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t", "float32": "float",
    "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
}  # fmt: skip


def check_value(value: Any, d: dtype) -> None:
    """Raises RuntimeError unless the Python number can be written into a tensor of dtype `d`.

    A fraction is cut off and anything but zero is True; a number must not be complex or too large for an integer.
    Negative numbers wrap around in unsigned ones.
    """
    if isinstance(value, complex):
        fits = d.category in (BOOL, COMPLEX) or value.imag == 0
    elif d.category == INTEGRAL:
        bits = d.itemsize * 8 - (d.name[0] != "u")
        fits = -(2**bits) - 1 < value < 2**bits
    else:
        return
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(d.name, d.name)} without overflow")


def cast(a: Array, d: dtype) -> Array:
    return a if a.dtype is d else a.cast(d)


def float_type(d: dtype) -> dtype:
    """`d`, or the default dtype for bools and integers: what functions such as exp compute in."""
    return get_default_dtype() if d.category in (BOOL, INTEGRAL) else d


def check_sizes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Raises RuntimeError, with PyTorch's words, for shapes that do not broadcast."""
    dims = max(len(a), len(b))
    for dim in reversed(range(dims)):
        i, j = dim - dims + len(a), dim - dims + len(b)
        n, m = a[i] if i >= 0 else 1, b[j] if j >= 0 else 1
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {dim}"
            )
