"""``torch.overrides``: subclasses of Tensor with ``__torch_function__``.

Calls are looked at from the moment on at which a subclass is defined (``nn.Parameter`` is none of these): programs
without one pay nothing. Objects that are no tensors, and ``TorchFunctionMode``, are not dispatched on.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._support import missing_attribute
from ._tensor import Tensor
from .ops import FUNCTIONS, _interpose

__all__ = ["DisableTorchFunctionSubclass", "handle_torch_function", "has_torch_function", "is_tensor_like"]


class _State(threading.local):
    disabled = 0


_state = _State()


@contextmanager
def DisableTorchFunctionSubclass() -> Iterator[None]:
    """Functions called inside treat subclasses as plain tensors."""
    _state.disabled += 1
    try:
        yield
    finally:
        _state.disabled -= 1


@functools.lru_cache(maxsize=1024)
def _overrides(cls: type) -> bool:
    """Whether instances of a class are dispatched on."""
    function = getattr(cls, "__torch_function__", None)
    if cls is Tensor or function is None:
        return False
    if not issubclass(cls, Tensor):
        return True
    default = getattr(function, "__func__", function) is Tensor.__torch_function__.__func__  # type: ignore[attr-defined]
    # Parameters and buffers give plain tensors.
    return not (default and any(c.__module__ == "mindtorch.nn.parameter" for c in cls.__mro__))


def _overloaded(values: Iterable[Any]) -> list[Any]:
    """One argument of each type that overrides, subclasses before their bases."""
    found: list[Any] = []
    for v in values:
        if _overrides(type(v)) and all(type(v) is not type(w) for w in found):
            at = next((i for i, w in enumerate(found) if isinstance(v, type(w))), len(found))
            found.insert(at, v)
    return found


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether an argument overrides torch functions."""
    return not _state.disabled and any(_overrides(type(a)) for a in relevant_args)


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor, or of a class with ``__torch_function__``."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask the arguments' ``__torch_function__`` one after the other. Raises TypeError when none takes the call."""
    found = _overloaded(relevant_args)
    types = tuple(type(a) for a in found)
    for a in found:
        result = type(a).__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"{getattr(public_api, '__module__', '')}.{getattr(public_api, '__name__', '')}"
    raise TypeError(f"no implementation found for '{name}' on types that implement __torch_function__: {list(types)}")


def _flat(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    for a in (*args, *kwargs.values()):
        if isinstance(a, (list, tuple)):
            yield from a
        else:
            yield a


def _dispatch(name: str, module: str, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Stands between a caller and an operator (see ``ops._interpose``)."""
    if _state.disabled or not any(_overrides(type(a)) for a in _flat(args, kwargs)):
        return call(*args, **kwargs)
    public = FUNCTIONS.get(module or "", {}).get(name) or getattr(Tensor, name, call)
    return handle_torch_function(public, list(_flat(args, kwargs)), *args, **kwargs)


def _torch_function(cls: Any, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The default ``__torch_function__``: the results are of the subclass, too."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    kwargs = kwargs or {}
    with DisableTorchFunctionSubclass():
        result = func(*args, **kwargs)
        return result if func is Tensor.as_subclass else _as(cls, result, list(_flat(args, kwargs)))


def _as(cls: Any, result: Any, given: list[Any]) -> Any:
    if isinstance(result, Tensor):
        if isinstance(result, cls):
            return result
        if any(result is g for g in given):
            return result.as_subclass(cls)
        result.__class__ = cls
        return result
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(_as(cls, r, given) for r in result))
    if isinstance(result, (tuple, list)):
        return type(result)(_as(cls, r, given) for r in result)
    return result


Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]

# Python's operators and methods that do not go through `_interpose`: a subclass gets its own, which do.
_OPERATORS = [f"__{r}{n}__" for n in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or",
                                      "xor", "lshift", "rshift") for r in ("", "r")]  # fmt: skip
_OTHERS = ["__neg__", "__invert__", "__abs__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "detach"]


def _dispatched(name: str) -> Callable[..., Any]:
    plain = getattr(Tensor, name)
    public = name.strip("_")
    reflected = public.removeprefix("r") if f"__{public.removeprefix('r')}__" in _OPERATORS else public

    @functools.wraps(plain)
    def operate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _state.disabled:
            return plain(self, *args, **kwargs)
        return handle_torch_function(shown, [self, *_flat(args, kwargs)], self, *args, **kwargs)

    @functools.wraps(plain)
    def shown(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    shown.__name__ = {"truediv": "div", "floordiv": "floor_divide", "and": "__and__", "or": "__or__"}.get(
        reflected, reflected
    )
    return operate


def _subclassed(cls: type) -> None:
    """A subclass of Tensor was defined."""
    if not _overrides(cls):
        return
    if _dispatch not in _interpose.active:
        _interpose.add(_dispatch)
    for name in (*_OPERATORS, *_OTHERS):
        plain = getattr(Tensor, name, None)
        if plain is not None and getattr(cls, name) is plain:
            setattr(cls, name, _dispatched(name))
    if getattr(cls, "__hash__", None) is None:
        cls.__hash__ = Tensor.__hash__  # type: ignore[method-assign]


def _init_subclass(cls: type, **kwargs: Any) -> None:
    super(Tensor, cls).__init_subclass__(**kwargs)
    _subclassed(cls)


Tensor.__init_subclass__ = classmethod(_init_subclass)  # type: ignore[assignment]


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
