"""``torch.overrides``: subclasses of Tensor with ``__torch_function__``, other objects with it, and modes.

Calls are looked at from the moment on at which a subclass is defined (``nn.Parameter`` is none of these), and while a
mode is on: programs without either pay nothing. Objects that are no tensors are asked in such programs only. Functions
and methods are seen; in-place methods (``x.add_``) and what is read from a tensor (``x.shape``) are not.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._support import missing_attribute
from ._tensor import Tensor
from .ops import FUNCTIONS, _interpose

__all__ = [
    "BaseTorchFunctionMode", "DisableTorchFunctionSubclass", "TorchFunctionMode", "get_ignored_functions",
    "get_overridable_functions", "handle_torch_function", "has_torch_function", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip


class _State(threading.local):
    disabled = 0

    def __init__(self) -> None:
        self.modes: list[TorchFunctionMode] = []


_state = _State()


@contextmanager
def DisableTorchFunction() -> Iterator[None]:
    """Functions called inside are seen neither by subclasses nor by modes."""
    modes, _state.modes = _state.modes, []
    try:
        with DisableTorchFunctionSubclass():
            yield
    finally:
        _state.modes = modes


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
    """Whether an argument overrides torch functions, or a mode is on."""
    return bool(_state.modes) or (not _state.disabled and any(_overrides(type(a)) for a in relevant_args))


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor, or of a class with ``__torch_function__``."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask the innermost mode, then the arguments' ``__torch_function__`` one after the other.

    Raises TypeError when none takes the call.
    """
    found = _overloaded(relevant_args)
    types = tuple(type(a) for a in found)
    if _state.modes:
        mode = _state.modes.pop()  # what it calls goes to the modes around it
        try:
            result = mode.__torch_function__(public_api, types, args, kwargs)
        finally:
            _state.modes.append(mode)
        if result is not NotImplemented:
            return result
    for a in found if not _state.disabled else ():
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
    if not _state.modes and (_state.disabled or not any(_overrides(type(a)) for a in _flat(args, kwargs))):
        return call(*args, **kwargs)
    if name == "from_dlpack":  # what it takes is another library's
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


_PLAIN: dict[str, Callable[..., Any]] = {
    name: getattr(Tensor, name) for name in (*_OPERATORS, *_OTHERS) if hasattr(Tensor, name)
}


def _dispatched(name: str) -> Callable[..., Any]:
    plain = _PLAIN[name]
    public = name.strip("_")
    reflected = public.removeprefix("r") if f"__{public.removeprefix('r')}__" in _OPERATORS else public

    @functools.wraps(plain)
    def operate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _state.modes and not (not _state.disabled and has_torch_function([self, *_flat(args, kwargs)])):
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
    for name in _PLAIN:
        if getattr(cls, name) is getattr(Tensor, name):
            setattr(cls, name, _dispatched(name))
    if getattr(cls, "__hash__", None) is None:
        cls.__hash__ = Tensor.__hash__  # type: ignore[method-assign]


def _init_subclass(cls: type, **kwargs: Any) -> None:
    super(Tensor, cls).__init_subclass__(**kwargs)
    _subclassed(cls)


Tensor.__init_subclass__ = classmethod(_init_subclass)  # type: ignore[assignment]


_modes_on = 0
_modes_lock = threading.Lock()


def _watch(change: int) -> None:
    """One mode more or less is on, in any thread: Python's operators of plain tensors are looked at while one is."""
    global _modes_on
    with _modes_lock:
        before, _modes_on = _modes_on, _modes_on + change
        if bool(before) == bool(_modes_on):
            return
        (_interpose.add if change > 0 else _interpose.remove)(_dispatch)
        for name, plain in _PLAIN.items():
            setattr(Tensor, name, _dispatched(name) if change > 0 else plain)


class TorchFunctionMode:
    """Sees every call of a torch function in its ``with`` block: subclasses define ``__torch_function__``.

    It is called as ``mode.__torch_function__(func, types, args, kwargs)``, with the mode itself off. Modes nest, and
    belong to the thread that they were entered in.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        _watch(1)
        _state.modes.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        _state.modes.pop()
        _watch(-1)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that calls the function."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the function is dispatched on those of its arguments that `dispatcher`, called alike, gives back."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return decorate


_IGNORED = (
    "arange", "as_tensor", "asarray", "empty", "empty_permuted", "empty_strided", "eye", "from_dlpack", "from_numpy",
    "frombuffer", "full", "is_tensor", "is_grad_enabled", "linspace", "logspace", "manual_seed", "no_grad", "ones",
    "rand", "randint", "randn", "randperm", "save", "load", "scalar_tensor", "set_grad_enabled", "tensor",
    "tril_indices", "triu_indices", "vander", "zeros",
)  # fmt: skip
"""Functions of ``torch`` that no argument is asked about."""


def get_ignored_functions() -> set[Callable[..., Any]]:
    """The functions that are not dispatched on arguments: those that make tensors of other things."""
    torch = importlib.import_module("mindtorch")
    return {getattr(torch, name) for name in _IGNORED}


@functools.cache
def _overridable() -> tuple[dict[Any, list[Any]], dict[Any, str]]:
    torch = importlib.import_module("mindtorch")
    ignored = get_ignored_functions()
    found: dict[Any, list[Any]] = defaultdict(list)
    names: dict[Any, str] = {}
    for module, functions in FUNCTIONS.items():
        owner = functools.reduce(getattr, module.split("."), torch) if module else torch
        for name, function in functions.items():
            if not name.startswith("_") and function not in ignored:
                found[owner].append(function)
                names.setdefault(function, f"torch.{module}.{name}" if module else f"torch.{name}")
    for name in dir(Tensor):
        value = getattr(Tensor, name)
        if not name.startswith("_") and isinstance(value, types.FunctionType):
            found[Tensor].append(value)
            names.setdefault(value, f"torch.Tensor.{name}")
    return found, names


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """By module (and for Tensor) the functions that are dispatched on."""
    return _overridable()[0]


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The name of an overridable function. A method that is one with a function has the function's name."""
    return _overridable()[1].get(f)


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether `func` is a method of Tensor (also one that is one with a function), or reads a property of it."""
    return func.__name__ == "__get__" or inspect.getattr_static(Tensor, func.__name__, None) is func


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
