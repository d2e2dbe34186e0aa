"""Modes that see torch functions, objects that take part in them, and what ``torch.overrides`` tells of functions."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import mindtorch
import pytest
import torch

LIBRARIES = (torch, mindtorch)


def overrides(lib: Any) -> Any:
    return importlib.import_module(lib.__name__ + ".overrides")


def logging_mode(lib: Any, log: list[str], name: str = "") -> Any:
    class Logged(overrides(lib).TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append(name + func.__name__)
            return func(*args, **(kwargs or {}))

    return Logged()


def _calls(lib: Any) -> Any:
    log: list[str] = []
    with logging_mode(lib, log):
        x = lib.ones(2)
        lib.add(x, x + 1)
        x.sum()
        lib.nn.functional.relu(x)
        (x @ x).item()
        lib.cat([x, x])
    lib.ones(2) + 1
    return [name for name in log if name != "item"]


def _nested(lib: Any) -> Any:
    log: list[str] = []
    with logging_mode(lib, log, "outer "), logging_mode(lib, log, "inner "):
        lib.exp(lib.tensor([1.0]))
    return [entry for entry in log if entry.endswith("exp")]


def _changed_results(lib: Any) -> Any:
    class Zeros(overrides(lib).TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return lib.zeros(1) if func.__name__ == "exp" else func(*args, **(kwargs or {}))

    with Zeros():
        return lib.exp(lib.ones(1)).tolist(), lib.log(lib.ones(1)).tolist()


def _modes_before_subclasses(lib: Any) -> Any:
    log: list[str] = []

    class Sub(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append("sub " + func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = lib.ones(2).as_subclass(Sub)
    log.clear()
    with logging_mode(lib, log, "mode "):
        y = lib.exp(x)
    return log, type(y).__name__


def _gradients_under_a_mode(lib: Any) -> Any:
    log: list[str] = []
    x = lib.ones(3, requires_grad=True)
    with logging_mode(lib, log):
        loss = (x * x + 2 * x).sum()
    loss.backward()
    return x.grad.tolist(), log


def _duck(lib: Any) -> Any:
    class Duck:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func.__name__, [t.__name__ for t in types], len(args)

    duck, asked = Duck(), overrides(lib)
    with logging_mode(lib, []):
        pass
    return (
        asked.is_tensor_like(duck), asked.is_tensor_like(lib.ones(1)), asked.is_tensor_like([1.0]),
        asked.has_torch_function((duck,)), asked.has_torch_function((lib.ones(1), None)),
        asked.handle_torch_function(lib.add, (duck,), duck, 1),
    )  # fmt: skip


def _wrapped(lib: Any) -> Any:
    class Duck:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "duck", func.__name__

    @overrides(lib).wrap_torch_function(lambda x, y=None: (x, y))
    def function(x: Any, y: Any = None) -> Any:
        return "plain"

    return function(1), function(Duck()), function(1, y=Duck())


def _names(lib: Any) -> Any:
    resolve = overrides(lib).resolve_name
    functions = (lib.add, lib.nn.functional.relu, lib.linalg.norm, lib.Tensor.copy_, lib.fft.fft, lib.special.erfcx)
    return [resolve(f) for f in functions], resolve(print)


def _tables(lib: Any) -> Any:
    asked = overrides(lib)
    table, ignored = asked.get_overridable_functions(), asked.get_ignored_functions()
    return (
        lib.exp in table[lib], lib.nn.functional.relu in table[lib.nn.functional], lib.Tensor.exp in table[lib.Tensor],
        lib.linalg.norm in table[lib.linalg], lib.zeros in ignored, lib.exp in ignored, lib.zeros in table[lib],
        asked.is_tensor_method_or_property(lib.Tensor.copy_),
        asked.is_tensor_method_or_property(lib.nn.functional.relu),
    )  # fmt: skip


PROGRAMS = [
    _calls, _nested, _changed_results, _modes_before_subclasses, _gradients_under_a_mode, _duck, _wrapped, _names,
    _tables,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_side_by_side(program: Any) -> None:
    assert program(mindtorch) == program(torch)


def test_what_a_mode_changed_is_put_back() -> None:
    """Python's operators are those of before once no mode is on, also after an error."""
    before = mindtorch.Tensor.__add__
    with logging_mode(mindtorch, []):
        assert mindtorch.Tensor.__add__ is not before
    assert mindtorch.Tensor.__add__ is before
    with pytest.raises(TypeError), logging_mode(mindtorch, []):
        mindtorch.ones(1) + "1"
    assert mindtorch.Tensor.__add__ is before


@pytest.mark.parametrize("lib", LIBRARIES)
def test_a_mode_belongs_to_its_thread(lib: Any) -> None:
    log: list[str] = []
    with logging_mode(lib, log):
        other = threading.Thread(target=lambda: lib.ones(2) + lib.ones(2))
        other.start()
        other.join()
    assert log == []


@pytest.mark.parametrize("lib", LIBRARIES)
def test_disabled(lib: Any) -> None:
    log: list[str] = []
    with logging_mode(lib, log), lib._C.DisableTorchFunction():
        lib.exp(lib.ones(1))
    assert log == []
    with logging_mode(lib, log), lib._C.DisableTorchFunctionSubclass():
        lib.exp(lib.ones(1))
    assert "exp" in log


def test_dispatch_modes_and_forward_mode_are_refused() -> None:
    dispatch = importlib.import_module("mindtorch.utils._python_dispatch")
    assert not dispatch.is_traceable_wrapper_subclass(mindtorch.ones(1))
    with pytest.raises(NotImplementedError, match=r"TorchDispatchMode is not supported: torch\.overrides"):
        dispatch.TorchDispatchMode()

    class Mode(dispatch.TorchDispatchMode):  # upstream defines such classes when it is imported
        pass

    with pytest.raises(NotImplementedError, match="TorchDispatchMode"):
        Mode()
    forward_ad = mindtorch.autograd.forward_ad
    with pytest.raises(NotImplementedError, match=r"forward_ad\.dual_level is not supported: torch\.func\.jvp"):
        forward_ad.dual_level()
    with pytest.raises(NotImplementedError, match=r"forward_ad\.make_dual"):
        forward_ad.make_dual(mindtorch.ones(1), mindtorch.ones(1))
