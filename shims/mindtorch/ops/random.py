"""Random operators: draws are made in contiguous order from the generator and then laid into the tensor."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .. import _device as devices
from .._array import Array
from .._dtype import INTEGRAL, dtype, get_default_dtype, int64
from .._rng import distributions as draw
from .._tensor import Tensor, wrap
from ..tape import inplace
from ..tape.grad_mode import mode
from ._registry import op
from .view import ints


def _engine(generator: Any, device: Any) -> Any:
    """The engine of a generator, or of the device's default generator."""
    from .. import random

    if generator is not None:
        return generator._engine
    if device.type == "cpu":
        return random.default_generator._engine
    from .. import cuda

    return cuda.default_generators[device.index or 0]._engine


def _tensor(a: np.ndarray, shape: tuple[int, ...], device: Any, d: dtype, requires_grad: bool = False) -> Tensor:
    t = wrap(Array(a.reshape(shape), device, d))
    return t.requires_grad_() if requires_grad else t


def _factory(name: str, distribution: Any) -> None:
    @op(name, method=False, out=True)
    def declared(
        *size: Any, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False, names: Any = None, **kwargs: Any,
    ) -> Tensor:  # fmt: skip
        shape = ints((kwargs.pop("size"),) if "size" in kwargs else size)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        d, dev = dtype or get_default_dtype(), devices.resolve(device)
        return _tensor(distribution(_engine(generator, dev), prod(shape), d.name), shape, dev, d, requires_grad)

    @op(name + "_like", method=False)
    def like(
        input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        d, dev = dtype or input.dtype, devices.resolve(device or input.device)
        return _tensor(distribution(_engine(None, dev), input.numel(), d.name), input.shape, dev, d, requires_grad)


_factory("rand", draw.rand)
_factory("randn", draw.randn)


@op(method=False, out=True)
def randint(
    low: Any = 0, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    if size is None:  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    low, high = int(low), int(high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    shape, d, dev = ints((size,)), dtype or int64, devices.resolve(device)
    return _tensor(draw.randint(_engine(generator, dev), prod(shape), low, high, d.name), shape, dev, d, requires_grad)


@op(method=False)
def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None) -> Tensor:
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, tuple(input.shape), dtype=dtype or input.dtype, device=device or input.device)


@op(method=False, out=True)
def randperm(
    n: int, *, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    d, dev = dtype or int64, devices.resolve(device)
    return _tensor(draw.randperm(_engine(generator, dev), n, d.name), (n,), dev, d)


def _fill(t: Tensor, values: np.ndarray) -> Tensor:
    inplace.check(t, mode.enabled and t.requires_grad)
    return inplace.write(t, wrap(Array(np.asarray(values).reshape(t._arr.shape), t.device)))


@op("uniform_", module=None)
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Tensor:
    return _fill(input, draw.uniform(_engine(generator, input.device), input.numel(), from_, to, input.dtype.name))


@op("normal_", module=None)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _fill(
        input,
        draw.normal(
            _engine(generator, input.device),
            input.numel(),
            mean,
            std,
            input.dtype.name,
            contiguous=input._arr.is_contiguous,
        ),
    )


@op("random_", module=None)
def random_(input: Tensor, from_: int = 0, to: int | None = None, *, generator: Any = None) -> Tensor:
    engine, n, d = _engine(generator, input.device), input.numel(), input.dtype.name
    if to is None and from_ == 0:
        return _fill(input, draw.random(engine, n, dtype=d))
    low, high = (0, from_) if to is None else (from_, to)
    return _fill(input, draw.randint(engine, n, low, high, d))


@op("exponential_", module=None)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    return _fill(input, draw.exponential(_engine(generator, input.device), input.numel(), lambd, input.dtype.name))


@op("bernoulli_", module=None)
def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    engine, d = _engine(generator, input.device), input.dtype.name
    if isinstance(p, Tensor):
        return _fill(input, draw.bernoulli_tensor(engine, np.ascontiguousarray(p.expand_as(input)._arr.np), d))
    return _fill(input, draw.bernoulli(engine, input.numel(), p, d))


@op()
def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    out = input.detach().clone()
    return out.bernoulli_(input.detach() if p is None else p, generator=generator)


@op()
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    a = draw.multinomial(_engine(generator, input.device), input._arr.np, num_samples, replacement)
    return _tensor(a, a.shape, input.device, int64)


@op(method=False)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        like = mean if isinstance(mean, Tensor) else std
        shape = like.shape if not (isinstance(mean, Tensor) and isinstance(std, Tensor)) else (mean + std).shape
        return like.new_empty(shape).normal_(generator=generator) * std + mean
    d, dev = dtype or get_default_dtype(), devices.resolve(device)
    shape = ints((size,))
    return _tensor(draw.normal(_engine(generator, dev), prod(shape), mean, std, d.name), shape, dev, d, requires_grad)


def dropout_noise(input: Tensor, p: float) -> Tensor:
    """What dropout multiplies by: 0 or 1 / (1 - p)."""
    if input.dtype.category <= INTEGRAL:
        raise RuntimeError("result type Float can't be cast to the desired output type Long")
    noise = draw.dropout_noise(_engine(None, input.device), input.numel(), p, input.dtype.name)
    return _tensor(noise, input._arr.shape, input.device, input.dtype)
