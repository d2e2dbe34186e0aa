"""Values and functions of PyTorch as those of mindtorch, for running both on the same samples."""

from __future__ import annotations

import builtins
import functools
import os
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mindtorch
import numpy as np
import torch

# Namespaces in which functions of the operator database live.
_NAMESPACES = (
    "", "nn.functional", "linalg", "fft", "special", "nn.init", "signal.windows", "functional", "_C._nn", "Tensor",
    "ops.aten", "nested", "_VF",
)  # fmt: skip


DEVICE = os.environ.get("PARITY_DEVICE")
"""Where mindtorch's tensors are: 'cuda' (with MINDTORCH_CUDA_ALIAS=1 and MINDTORCH_KERNELS=ascend) or the CPU."""


class Missing(Exception):
    """mindtorch has no such function."""


def leaves(x: Any) -> Iterator[Any]:
    """The values in nested lists, tuples and mappings."""
    if isinstance(x, (list, tuple)):
        for y in x:
            yield from leaves(y)
    elif isinstance(x, dict):
        yield from leaves(list(x.values()))
    else:
        yield x


_shared: dict[int, Any] | None = None  # by address: the memory made for storages, while tensors of one call share it


def together(x: Any) -> Any:
    """:func:`ours`, with tensors that share memory where PyTorch's do."""
    global _shared
    _shared = {}
    try:
        return ours(x)
    finally:
        _shared = None


def ours(x: Any) -> Any:
    """A value of PyTorch as one of mindtorch: the same elements, dtype, strides and ``requires_grad``."""
    if isinstance(x, torch.Tensor):
        return _tensor(x)
    if isinstance(x, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(mindtorch, str(x).split(".")[1])
    if isinstance(x, torch.device):
        return mindtorch.device(str(x))
    if isinstance(x, torch.Generator):
        generator = mindtorch.Generator()
        generator.set_state(_tensor(x.get_state()))
        return generator
    if isinstance(x, torch.Size):
        return mindtorch.Size(x)
    if type(x) in (list, tuple):
        return type(x)(map(ours, x))
    if isinstance(x, tuple):
        return tuple(map(ours, x))
    if isinstance(x, dict):
        return {k: ours(v) for k, v in x.items()}
    if isinstance(x, slice):
        return slice(*map(ours, (x.start, x.stop, x.step)))
    if isinstance(x, torch.nn.Module):
        module = getattr(mindtorch.nn, type(x).__name__)()
        module.__dict__.update({k: v for k, v in x.__dict__.items() if isinstance(v, (bool, int, float, str))})
        return module
    if isinstance(x, (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)):
        return function(x)
    return x


def _tensor(x: torch.Tensor) -> Any:
    plain = x.detach().resolve_conj().resolve_neg()
    dtype = getattr(mindtorch, str(x.dtype).split(".")[1])
    if x.is_meta:
        return mindtorch.empty_strided(tuple(x.shape), x.stride(), dtype=dtype, device="meta")
    storage = torch.empty(0, dtype=plain.dtype).set_(plain.untyped_storage())
    flat = _shared.get(storage.data_ptr()) if _shared is not None else None
    if flat is not None and flat.dtype == dtype:
        pass
    elif storage.dtype == torch.bfloat16:
        flat = mindtorch.tensor(storage.view(torch.int16).numpy().copy()).view(dtype)
    elif storage.dtype == torch.complex32:
        flat = mindtorch.tensor(storage.view(torch.float16).numpy().copy()).view(dtype)
    else:
        flat = mindtorch.tensor(storage.numpy().copy())
    if DEVICE is not None:
        flat = flat.to(DEVICE)
    if _shared is not None:
        _shared[storage.data_ptr()] = flat
    result = flat.as_strided(tuple(plain.shape), plain.stride(), plain.storage_offset()).detach()
    if isinstance(x, torch.nn.Parameter):
        result = mindtorch.nn.Parameter(result, x.requires_grad)
    return result.requires_grad_() if x.requires_grad else result


@functools.cache
def _paths() -> dict[int, str]:
    found: dict[int, str] = {}
    for namespace in _NAMESPACES:
        home: Any = torch
        for part in filter(None, namespace.split(".")):
            home = getattr(home, part)
        for name in dir(home):
            try:
                value = getattr(home, name)
            except Exception:
                continue
            if callable(value):
                found.setdefault(id(value), f"{namespace}.{name}".lstrip("."))
    return found


def lookup(path: str) -> Any:
    """mindtorch's object at a dotted path below ``torch``. Raises :class:`Missing`."""
    value: Any = mindtorch
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except (AttributeError, NotImplementedError) as error:
            raise Missing(f"torch.{path} is missing") from error
    return value


def function(f: Any) -> Callable[..., Any]:
    """mindtorch's counterpart of a function of PyTorch, or of a function of the database that calls PyTorch's."""
    if isinstance(f, functools.partial):
        return functools.partial(function(f.func), *ours(f.args), **ours(f.keywords))
    path = _paths().get(id(f))
    if path is None and hasattr(f, "_qualified_op_name"):
        path = "ops." + f._qualified_op_name.replace("::", ".")
    if path is None and isinstance(f, torch._ops.OpOverload):
        path = "ops." + str(f)
    if path is not None:
        return lookup(path)
    if not isinstance(f, types.FunctionType):
        raise Missing(f"no counterpart of {f!r}")
    if f.__module__.startswith("torch.") and ".testing." not in f.__module__:
        return lookup(f"{f.__module__.removeprefix('torch.')}.{f.__qualname__}")
    return _rebuilt(f)


def _rebuilt(f: types.FunctionType) -> types.FunctionType:
    """A function of the database, with mindtorch where it says torch."""
    names = {name: _global(f.__globals__[name]) for name in _names(f.__code__) if name in f.__globals__}
    cells = tuple(types.CellType(_global(cell.cell_contents)) for cell in f.__closure__ or ())
    rebuilt = types.FunctionType(
        f.__code__, {**names, "__builtins__": builtins}, f.__name__, ours(f.__defaults__), cells
    )
    rebuilt.__kwdefaults__ = ours(f.__kwdefaults__)
    return rebuilt


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


@contextmanager
def _freeze_rng_state() -> Iterator[None]:
    state = mindtorch.get_rng_state()
    try:
        yield
    finally:
        mindtorch.set_rng_state(state)


def _global(value: Any) -> Any:
    if getattr(value, "__name__", "") == "freeze_rng_state":
        return _freeze_rng_state
    if isinstance(value, types.ModuleType):
        if value.__name__ == "torch":
            return mindtorch
        return lookup(value.__name__.removeprefix("torch.")) if value.__name__.startswith("torch.") else value
    if callable(value) and not isinstance(value, type):
        return function(value) if (getattr(value, "__module__", None) or "torch").startswith("torch") else value
    return ours(value)


def as_numpy(t: Any) -> np.ndarray:
    """The elements of a tensor of either library; bfloat16 as float32, halves of complex numbers as floats."""
    t = t.detach()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    if str(t.dtype) == "torch.complex32":
        t = t.cfloat()
    return np.asarray(t.numpy(force=True))
