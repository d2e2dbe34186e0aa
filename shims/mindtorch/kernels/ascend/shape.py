"""Kernels that arrange elements anew: they move bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import ANY, direct, served

Function = Callable[..., Any]
MINT = "mindspore.mint"

direct(ANY, MINT, "cat", "tril", "triu", "flip", "roll", "tile")


@served(f"{MINT}.repeat_interleave", dtypes=ANY)
def repeat(f: Function, x: Any, counts: Any, dim: int) -> Any:
    return f(x, counts, dim)


@served(
    f"{MINT}.nn.functional.pad",
    dtypes=ANY,
    when=lambda x, widths, value: len(x.shape) > 0,
    only="tensors without dimensions: NumPy",
)
def constant_pad(f: Function, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
    """The call takes the last dimension's widths first."""
    return f(x, [w for pair in reversed(widths) for w in pair], "constant", value)
