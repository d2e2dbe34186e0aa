"""Which kernels an operator calls, found by reading its code: the functions that it names, and their primitives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from mindtorch import kernels
from mindtorch.kernels import KERNELS
from mindtorch.ops._prim import Prim

OURS = "mindtorch.ops"


@functools.cache
def kernels_of(function: Callable[..., Any]) -> frozenset[str]:
    """The kernels that `function` and what it names in ``mindtorch.ops`` may call, backward formulas left out.

    What it does with methods of tensors is not followed: an operator that is composed of others calls no kernel itself.
    """
    found: set[str] = set()
    seen: set[int] = set()
    todo: list[Any] = [function]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Prim):
            todo.append(value.forward)
        elif isinstance(value, functools.partial):
            todo += [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, FunctionType) and value.__module__.startswith(OURS):
            named = list(_named(value))
            if any(part is kernels.call for part in named):
                found.update(part for part in named if isinstance(part, str) and part in KERNELS)
            todo += [part for part in named if isinstance(part, (Prim, functools.partial, FunctionType))]
    return frozenset(found)


def _named(function: FunctionType) -> Iterator[Any]:
    """The globals, cells, defaults and strings that a function's code uses."""
    yield from (function.__defaults__ or ())
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a function that names itself before it is there
            continue
    codes: list[CodeType] = [function.__code__]
    while codes:
        code = codes.pop()
        for name in code.co_names:
            if name in function.__globals__:
                yield function.__globals__[name]
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                codes.append(constant)
            elif isinstance(constant, tuple):
                yield from constant
            else:
                yield constant
