"""What an entry of the Ascend table is: a kernel, the MindSpore functions that serve it, and the call that is made.

Dtypes. Those declared are the ones that CANN's documentation of the operator lists (``aclnn*``: the interface that
MindSpore's functions call on Ascend) and MindSpore's own check of the operands lets pass. float64 and complex numbers
are declared nowhere: the vector and cube units have no such instructions, and CANN runs what it takes of them on the
device's few scalar cores. Such operands, and everything else that is not declared, are computed by NumPy on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from ..._dtype import bfloat16, dtype, float16, float32, int8, int16, int32, int64, uint8
from ..._dtype import bool as bool_

FLOATS = frozenset({float16, bfloat16, float32})
FLOAT32 = frozenset({float32})
INT64 = frozenset({int64})
LONG = frozenset({int32, int64})
INTEGERS = frozenset({int8, uint8, int16, int32, int64})
BOOL = frozenset({bool_})
NUMBERS = FLOATS | INTEGERS
ANY = NUMBERS | BOOL


@dataclass(frozen=True)
class Entry:
    """One kernel. ``adapter(*functions, *operands_and_parameters)`` makes the call.

    `key` is the operand whose dtype decides (for a tuple of operands: the first of them). `when` looks at the kernel's
    arguments, operands as arrays with ``shape``; where it answers False NumPy serves the call, and `only` says so in
    words.
    """

    kernel: str
    functions: tuple[str, ...]
    adapter: Callable[..., Any]
    dtypes: frozenset[dtype]
    key: int = 0
    when: Callable[..., bool] | None = None
    only: str = ""

    def takes(self, args: tuple[Any, ...]) -> bool:
        """Whether the device serves a call with these arguments."""
        operand = args[self.key]
        d = (operand[0] if type(operand) is tuple else operand).dtype
        return d in self.dtypes and (self.when is None or self.when(*args))

    def __call__(self, *args: Any) -> Any:
        return self.adapter(*[resolve(f) for f in self.functions], *args)


SERVED: dict[str, Entry] = {}


def served(
    *functions: str,
    dtypes: frozenset[dtype],
    name: str | None = None,
    key: int = 0,
    when: Callable[..., bool] | None = None,
    only: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function makes the calls of a kernel by these MindSpore functions (dotted names)."""

    def declare(adapter: Callable[..., Any]) -> Callable[..., Any]:
        _add(Entry(name or adapter.__name__.rstrip("_"), functions, adapter, dtypes, key, when, only))
        return adapter

    return declare


def direct(dtypes: frozenset[dtype], module: str, *kernels: str, **renamed: str) -> None:
    """Kernels whose arguments are those of a MindSpore function, which has their name or the one given."""
    for name, function in (*((k, k) for k in kernels), *renamed.items()):
        _add(Entry(name, (f"{module}.{function}",), _plain, dtypes))


def _plain(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _add(entry: Entry) -> None:
    if entry.kernel in SERVED:
        raise ValueError(f"kernel {entry.kernel!r} is declared twice")
    SERVED[entry.kernel] = entry


@cache
def resolve(name: str) -> Callable[..., Any]:
    """The MindSpore function of a dotted name; of a primitive without attributes, an instance.

    Raises AttributeError or ModuleNotFoundError for a name that MindSpore does not have.
    """
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    if isinstance(found, type) and module == PRIMITIVES and attribute not in ATTRIBUTED:
        return found()
    return found


PRIMITIVES = "mindspore.ops.auto_generate"
ATTRIBUTED = ("FlashAttentionScore", "FlashAttentionScoreGrad", "RmsNorm")
"""Primitives that are made with attributes: the adapter does that."""
