"""``torch.jit``: there is no TorchScript here. Scripting returns the Python object, which computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .._support import missing_attribute
from .._unsupported import unsupported, unsupported_function

T = TypeVar("T")
_HINT = "TorchScript files need PyTorch; save and load state_dict() instead"
load = unsupported_function("torch.jit.load", _HINT)
save = unsupported_function("torch.jit.save", _HINT)
ScriptModule = unsupported("torch.jit.ScriptModule", _HINT)
ScriptFunction = unsupported("torch.jit.ScriptFunction", _HINT)


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """`obj` itself."""
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """`func` itself: it runs as Python each time, for inputs of any shape."""
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """`mod` itself."""
    return mod


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorator that changes nothing."""
    return drop if callable(drop) else (lambda fn: fn)


def unused(fn: Any) -> Any:
    """`fn` itself."""
    return fn


export = interface = unused


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """`mod` itself."""
    return mod


optimize_for_inference = freeze


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's ``isinstance`` for plain types."""
    import builtins

    return builtins.isinstance(obj, target_type)


def annotate(the_type: Any, the_value: T) -> T:
    """`the_value` itself."""
    return the_value


def Attribute(value: T, type: Any = None) -> T:
    """`value` itself."""
    return value


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A future with the result of ``func(...)``, which has run when this returns."""
    from ..futures import Future

    future: Any = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The result of a future."""
    return future.wait()


def is_scripting() -> bool:
    """Whether the code is being scripted: no."""
    return False


def is_tracing() -> bool:
    """Whether the code is being traced: no."""
    return False


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
