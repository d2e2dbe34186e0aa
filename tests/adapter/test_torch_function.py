"""Subclasses of Tensor and ``__torch_function__``, as PyTorch dispatches on them."""

from __future__ import annotations

import importlib
from typing import Any

import mindtorch
import pytest
import torch

LIBRARIES = (torch, mindtorch)


def _names(values: Any) -> list[str]:
    return [type(v).__name__ for v in values]


def _plain(lib: Any) -> Any:
    class Plain(lib.Tensor):
        pass

    x = lib.ones(2).as_subclass(Plain)
    results = (
        x + 1, 1 - x, lib.ones(2) * x, x.sum(), x.clone(), x.detach(), x.view(1, 2), x.to(lib.float64), x[0], -x,
        lib.cat([x, lib.ones(1)]), *x.split(1), x.add_(1), x == x, lib.nn.functional.relu(x), lib.ones(2),
    )  # fmt: skip
    return _names(results), type(x.tolist()).__name__


def _logged(lib: Any) -> Any:
    log: list[str] = []

    class Logged(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = lib.ones(2).as_subclass(Logged)
    results = (x + 1, lib.add(x, lib.ones(2)), x.sum(), lib.ones(2) * x, x[0], lib.stack([x, x]))
    return log, _names(results)


def _parameters(lib: Any) -> Any:
    p = lib.nn.Parameter(lib.ones(2))
    return _names((p + 1, p.detach(), p.view(2), p.clone(), p.data))


def _disabled(lib: Any) -> Any:
    class Wrapped(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            with lib._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))

    return type(lib.ones(2).as_subclass(Wrapped) + 1).__name__


def _gradients(lib: Any) -> Any:
    class Graph(lib.Tensor):
        pass

    leaf = lib.ones(2, requires_grad=True)
    y = (leaf.as_subclass(Graph) * 3).sum()
    y.backward()
    return type(y).__name__, leaf.grad.tolist()


def _queries(lib: Any) -> Any:
    overrides = importlib.import_module(lib.__name__ + ".overrides")

    class Mine(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "mine"

    x = lib.ones(1).as_subclass(Mine)
    return (
        overrides.has_torch_function((x,)), overrides.has_torch_function((lib.ones(1), 3)),
        overrides.is_tensor_like(x), overrides.is_tensor_like(3), lib.exp(x),
        overrides.handle_torch_function(lib.add, (x,), x, 1),
    )  # fmt: skip


@pytest.mark.parametrize("program", [_plain, _logged, _parameters, _disabled, _gradients, _queries])
def test_subclasses(program: Any) -> None:
    assert program(mindtorch) == program(torch)


@pytest.mark.parametrize("lib", LIBRARIES)
def test_nobody_takes_the_call(lib: Any) -> None:
    class Refuses(lib.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented

    with pytest.raises(TypeError):
        lib.exp(lib.ones(1).as_subclass(Refuses))
