"""Reductions, scans and ordering. `dims` is a tuple of non-negative dimensions, `keepdim` a bool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import ANY, FLOATS, INT64, LONG, NUMBERS, direct, served

Function = Callable[..., Any]
Dims = tuple[int, ...]
MINT = "mindspore.mint"


@served(f"{MINT}.sum", dtypes=FLOATS | LONG)
def sum_(f: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    return f(x, dims, keepdim, dtype=x.dtype)  # without a dtype integers become int64


@served(f"{MINT}.mean", dtypes=FLOATS)
def mean(f: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    return f(x, dims, keepdim)


@served(f"{MINT}.prod", dtypes=FLOATS | LONG)
def prod(f: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    """One dimension at a time, the last first: the call takes one."""
    for d in sorted(dims, reverse=True):
        x = f(x, d, keepdim, dtype=x.dtype)
    return x


@served(f"{MINT}.any", f"{MINT}.ne", dtypes=ANY)
def any_(f: Function, ne: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    return _truth(f, ne, x, dims, keepdim)


@served(f"{MINT}.all", f"{MINT}.ne", dtypes=ANY)
def all_(f: Function, ne: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    return _truth(f, ne, x, dims, keepdim)


def _truth(f: Function, ne: Function, x: Any, dims: Dims, keepdim: bool) -> Any:
    """Of uint8 the calls give uint8, so they get bools. They take one dimension at a time."""
    x = ne(x, 0)
    for d in sorted(dims, reverse=True):
        x = f(x, d, keepdim)
    return x


direct(FLOATS | LONG, MINT, "amax", "amin", "argmax", "argmin", "cummax", "cummin")


@served(f"{MINT}.cumsum", dtypes=FLOATS | LONG)
def cumsum(f: Function, x: Any, dim: int) -> Any:
    return f(x, dim, dtype=x.dtype)


@served(f"{MINT}.cumprod", dtypes=FLOATS | INT64)
def cumprod(f: Function, x: Any, dim: int) -> Any:
    return f(x, dim, dtype=x.dtype)


@served(f"{MINT}.sort", dtypes=NUMBERS)
def sort(f: Function, x: Any, dim: int, descending: bool) -> Any:
    return f(x, dim=dim, descending=descending, stable=True)


@served(f"{MINT}.topk", dtypes=FLOATS | LONG)
def topk(f: Function, x: Any, k: int, dim: int, largest: bool) -> Any:
    return f(x, k, dim, largest, True)


@served(f"{MINT}.kthvalue", dtypes=FLOATS | LONG)
def kthvalue(f: Function, x: Any, k: int, dim: int) -> Any:
    return f(x, k, dim, True)


@served(
    f"{MINT}.median",
    dtypes=FLOATS | LONG,
    when=lambda x, dim, skip_nan: not skip_nan,
    only="nanmedian: NumPy",
)
def median(f: Function, x: Any, dim: int, skip_nan: bool) -> Any:
    return f(x, dim, True)


@served(f"{MINT}.histc", dtypes=FLOATS)
def histc(f: Function, x: Any, bins: int, low: float, high: float) -> Any:
    return f(x, bins, low, high)


@served(f"{MINT}.bincount", dtypes=LONG)
def bincount(f: Function, x: Any, minlength: int) -> Any:
    return f(x, None, minlength)


@served(f"{MINT}.unique", dtypes=NUMBERS)
def unique(f: Function, x: Any) -> Any:
    return f(x, True, True, True)


@served(f"{MINT}.unique", dtypes=NUMBERS)
def unique_dim(f: Function, x: Any, dim: int) -> Any:
    return f(x, True, True, True, dim)


@served(f"{MINT}.unique_consecutive", dtypes=NUMBERS)
def unique_consecutive(f: Function, x: Any, dim: int) -> Any:
    return f(x, True, True, dim)


@served(f"{MINT}.searchsorted", dtypes=FLOATS | LONG)
def searchsorted(f: Function, boundaries: Any, values: Any, right: bool) -> Any:
    return f(boundaries, values, right=right)
