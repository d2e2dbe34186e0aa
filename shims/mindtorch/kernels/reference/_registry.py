"""Registration of NumPy kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kernel:
    """One NumPy kernel. `exact`: moves or compares elements, so low precision needs no widening."""

    name: str
    fn: Callable[..., Any]
    exact: bool = False


KERNELS: dict[str, Kernel] = {}


def register(name: str, fn: Callable[..., Any], exact: bool = False) -> None:
    """Add a kernel. Raises ValueError for a name that is taken."""
    if name in KERNELS:
        raise ValueError(f"kernel {name!r} is registered twice")
    KERNELS[name] = Kernel(name, fn, exact)


def kernel(exact: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: register a function under its own name (a trailing underscore is dropped)."""

    def wrap(fn: Callable[..., Any]) -> Callable[..., Any]:
        register(fn.__name__.rstrip("_"), fn, exact)
        return fn

    return wrap
