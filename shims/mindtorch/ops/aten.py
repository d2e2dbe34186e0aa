"""``torch.ops.aten``: the overloads that upstream code calls by their internal names.

A packet such as ``aten.slice`` has one attribute for each overload; others are loud.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._support import MissingAPIError
from .copies import slice_of


class OpOverloadPacket:
    """The overloads of one operator; called directly, the one that was declared first."""

    def __init__(self, name: str, **overloads: Callable[..., Any]) -> None:
        self._name = name
        self._overloads = overloads

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return next(iter(self._overloads.values()))(*args, **kwargs)

    def overloads(self) -> list[str]:
        """The overloads' names."""
        return list(self._overloads)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__") or name not in self._overloads:
            raise MissingAPIError(f"torch.ops.aten.{self._name}.{name} is not supported by mindtorch")
        return self._overloads[name]

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self._name}')>"


PACKETS: dict[str, OpOverloadPacket] = {}


def register(packet: str, **overloads: Callable[..., Any]) -> None:
    """Declare the overloads of ``torch.ops.aten.<packet>``. Raises ValueError for a packet that is there already."""
    if packet in PACKETS:
        raise ValueError(f"aten.{packet} is registered twice")
    PACKETS[packet] = OpOverloadPacket(packet, **overloads)


def __getattr__(name: str) -> OpOverloadPacket:
    if name in PACKETS:
        return PACKETS[name]
    if name.startswith("__"):
        raise AttributeError(name)
    raise MissingAPIError(f"torch.ops.aten.{name} is not supported by mindtorch")


register("slice", Tensor=slice_of)
