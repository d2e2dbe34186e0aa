"""Random operators: numbers are drawn in the order in which PyTorch fills memory, and then laid into the tensor."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .. import _device as devices
from .._array import Array, meta_array
from .._device import META
from .._dtype import INTEGRAL, dtype, get_default_dtype, int64
from .._rng import distributions as draw
from .._tensor import Tensor, wrap
from ..tape import inplace
from ..tape.grad_mode import mode, no_grad
from ._prim import Prim
from ._registry import FUNCTIONS, op
from .view import ints

_PARTS = {"complex64": "float32", "complex128": "float64"}


def _engine(generator: Any, device: Any) -> Any:
    """The engine of a generator, or of the device's default generator."""
    from .. import random

    if generator is not None:
        if generator.device.type != device.type and device is not META:
            raise RuntimeError(
                f"Expected a '{device.type}' device type for generator but found '{generator.device.type}'"
            )
        return generator._engine
    if device is META:
        return None  # nothing is drawn
    if device.type == "cpu":
        return random.default_generator._engine
    from .. import cuda

    return cuda.default_generators[device.index or 0]._engine


def _tensor(a: np.ndarray, shape: tuple[int, ...], device: Any, d: dtype, requires_grad: bool = False) -> Tensor:
    t = wrap(Array(a.reshape(shape), device, d))
    return t.requires_grad_() if requires_grad else t


def _memory_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """The dimensions from the outermost to the innermost as PyTorch's TensorIterator walks through memory.

    Sorted by stride; where strides are equal the longer dimension is outside, and among those the first stays first.
    """
    inside_out = list(reversed(range(len(shape))))
    for i in range(1, len(shape)):
        place = i
        for other in range(i - 1, -1, -1):
            a, b = inside_out[other], inside_out[place]
            if strides[a] == 0 or strides[b] == 0:
                continue
            if strides[a] < strides[b] or (strides[a] == strides[b] and shape[a] <= shape[b]):
                if strides[a] < strides[b]:
                    break
                continue
            inside_out[other], inside_out[place] = b, a
            place = other
    return inside_out[::-1]


def _laid_out(values: np.ndarray, array: Array) -> np.ndarray:
    """Values drawn one after the other, arranged as a fill of `array` in memory order puts them."""
    if array.is_contiguous:
        return values.reshape(array.shape)
    order = _memory_order(array.shape, array.strides)
    return values.reshape([array.shape[i] for i in order]).transpose(np.argsort(order))


def _on_meta(shape: tuple[int, ...], d: dtype, requires_grad: bool = False) -> Tensor:
    t = wrap(meta_array(shape, d))
    return t.requires_grad_() if requires_grad else t


def _fill(t: Tensor, values: np.ndarray) -> Tensor:
    return inplace.write(t, wrap(Array(np.asarray(_laid_out(values, t._arr), order="C"), t.device)))


def _may_write(t: Tensor) -> Tensor:
    """Asked before anything is drawn, so that a refused call leaves the generator as it was."""
    inplace.check(t, mode.enabled and t.requires_grad)
    return t


def _not_drawn(t: Tensor) -> Tensor:
    """A fill on the meta device: a write, for the version counter and the graph, and no numbers."""
    return inplace.write(t, wrap(t._arr))


# ------------------------------------------------------------------ factories
def _numbers(distribution: Callable[..., np.ndarray], engine: Any, count: int, d: dtype) -> np.ndarray:
    """Numbers of a floating dtype, or pairs of them as complex numbers (of variance 1 in all when normal)."""
    part = _PARTS.get(d.name)
    if part is None:
        return distribution(engine, count, dtype=d.name)
    if distribution is draw.randn:
        return draw.normal(engine, 2 * count, 0.0, 2**-0.5, part).view(d.name)
    return distribution(engine, 2 * count, dtype=part).view(d.name)


def _factory(name: str, distribution: Callable[..., np.ndarray]) -> None:
    @op(name, method=False, out=True)
    def declared(
        *size: Any, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False, names: Any = None, **kwargs: Any,
    ) -> Tensor:  # fmt: skip
        shape = ints((kwargs.pop("size"),) if "size" in kwargs else size)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        d, dev = dtype or get_default_dtype(), devices.resolve(device)
        _check_sizes(shape)
        if dev is META:
            return _on_meta(shape, d, requires_grad)
        return _tensor(_numbers(distribution, _engine(generator, dev), prod(shape), d), shape, dev, d, requires_grad)

    @op(name + "_like", method=False)
    def like(
        input: Tensor, *, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        out = _empty_like(input, dtype, device, memory_format)
        if out.is_meta:
            return out.requires_grad_() if requires_grad else out
        engine, d = _engine(generator, out.device), out.dtype
        if distribution is draw.randn and not out._arr.is_contiguous and d.name not in _PARTS:
            values = draw.normal(engine, out.numel(), dtype=d.name, contiguous=False)
        else:
            values = _numbers(distribution, engine, out.numel(), d)
        _fill(out, values)
        return out.requires_grad_() if requires_grad else out


def _check_sizes(shape: tuple[int, ...]) -> None:
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {next(n for n in shape if n < 0)}: {list(shape)}"
        )


def _empty_like(input: Tensor, dtype: Any = None, device: Any = None, memory_format: Any = None) -> Tensor:
    options = {} if memory_format is None else {"memory_format": memory_format}
    with no_grad():
        return FUNCTIONS[""]["empty_like"](input.detach(), dtype=dtype, device=device, **options)


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
    _check_sizes(shape)
    if dev is META:
        return _on_meta(shape, d, requires_grad)
    return _tensor(draw.randint(_engine(generator, dev), prod(shape), low, high, d.name), shape, dev, d, requires_grad)


@op(method=False)
def randint_like(
    input: Tensor, low: Any = 0, high: Any = None, *, generator: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    low, high = (0, low) if high is None else (low, high)
    out = _empty_like(input, dtype, device, memory_format)
    if not out.is_meta:
        _fill(out, draw.randint(_engine(generator, out.device), out.numel(), int(low), int(high), out.dtype.name))
    return out.requires_grad_() if requires_grad else out


@op(method=False, out=True)
def randperm(
    n: int, *, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    d, dev = dtype or int64, devices.resolve(device)
    if dev is META:
        return _on_meta((n,), d, requires_grad)
    return _tensor(draw.randperm(_engine(generator, dev), n, d.name), (n,), dev, d, requires_grad)


# ------------------------------------------------------------------ fills
@op("uniform_", module=None)
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **bounds: float) -> Tensor:
    low = bounds.pop("from", from_)
    if bounds:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(bounds))}'")
    if _may_write(input).is_meta:
        return _not_drawn(input)
    engine, name = _engine(generator, input.device), input.dtype.name
    if name in _PARTS:
        return _fill(input, draw.uniform(engine, 2 * input.numel(), low, to, _PARTS[name]).view(name))
    return _fill(input, draw.uniform(engine, input.numel(), low, to, name))


@op("normal_", module=None)
def normal_(input: Tensor, mean: Any = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if _may_write(input).is_meta:
        return _not_drawn(input)
    engine, name, count = _engine(generator, input.device), input.dtype.name, input.numel()
    solid = input._arr.is_contiguous
    if name not in _PARTS:
        return _fill(input, draw.normal(engine, count, mean, std, name, contiguous=solid))
    # The mean is that of the real and of the imaginary parts, the variance that of the two together.
    return _fill(input, draw.normal(engine, 2 * count, mean, std * 2**-0.5, _PARTS[name], contiguous=solid).view(name))


@op("random_", module=None)
def random_(input: Tensor, *bounds: int | None, generator: Any = None, **named: int | None) -> Tensor:
    given = dict(zip(("to",) if len(bounds) == 1 and "to" not in named else ("from", "to"), bounds, strict=False))
    given.update(named)
    if len(bounds) > 2 or given.keys() - {"from", "to"}:
        raise TypeError("random_() takes from and to")
    low, to = given.get("from"), given.get("to")
    if low is None and to is not None:
        low = 0
    if _may_write(input).is_meta:
        return _not_drawn(input)
    engine = _engine(generator, input.device)
    return _fill(input, draw.random(engine, input.numel(), low, to, input.dtype.name))


def _filler(name: str, distribution: Callable[..., np.ndarray], *defaults: tuple[str, Any]) -> None:
    """Declare an in-place fill with a distribution of one or two numbers."""

    def fill(input: Tensor, *args: float, generator: Any = None, **kwargs: float) -> Tensor:
        values = [*args, *(None for _ in defaults[len(args) :])]
        if len(args) > len(defaults):
            raise TypeError(f"{name}() takes {len(defaults)} parameters, but {len(args)} were given")
        for i, (parameter, default) in enumerate(defaults):
            given = kwargs.pop(parameter, default) if i >= len(args) else args[i]
            if given is None:
                raise TypeError(f"{name}() missing 1 required positional arguments: '{parameter}'")
            values[i] = given
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if _may_write(input).is_meta:
            return _not_drawn(input)
        engine = _engine(generator, input.device)
        return _fill(input, distribution(engine, input.numel(), *map(float, values), dtype=input.dtype.name))

    op(name, module=None)(fill)


_filler("exponential_", draw.exponential, ("lambd", 1.0))
_filler("geometric_", draw.geometric, ("p", None))
_filler("cauchy_", draw.cauchy, ("median", 0.0), ("sigma", 1.0))
_filler("log_normal_", draw.log_normal, ("mean", 1.0), ("std", 2.0))


@op("bernoulli_", module=None)
def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    if _may_write(input).is_meta:
        return _not_drawn(input)
    engine, d = _engine(generator, input.device), input.dtype.name
    if not isinstance(p, Tensor):
        return _fill(input, draw.bernoulli(engine, input.numel(), p, d))
    chances = p.detach().expand_as(input)._arr.np
    if input._arr.is_contiguous:
        return _fill(input, draw.bernoulli_tensor(engine, np.ascontiguousarray(chances), d))
    order = _memory_order(input._arr.shape, input._arr.strides)
    return _fill(input, draw.bernoulli_tensor(engine, np.ascontiguousarray(chances.transpose(order)).reshape(-1), d))


# ------------------------------------------------------------------ functions of tensors
def _constant(name: str) -> Prim:
    """A primitive whose result is given as its last parameter and has gradients of zero, as PyTorch's draws have."""
    return Prim(
        name,
        lambda *given: given[-1],
        lambda ctx, g: tuple(g.new_zeros(s) if s is not None and n else None
                             for s, n in zip(ctx.shapes, ctx.needs, strict=True)),
    )  # fmt: skip


_BERNOULLI, _NORMAL, _POISSON = _constant("bernoulli"), _constant("normal"), _constant("poisson")


@op(out=True)
def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    drawn = input.detach().new_empty(input.shape)  # contiguous, whatever the layout of the chances
    with no_grad():
        drawn.bernoulli_(input.detach() if p is None else p, generator=generator)
    return _BERNOULLI((input,), drawn._arr)


@op(method=False)
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    if input.is_meta:
        return _POISSON((input,), input._arr.clone())
    drawn = draw.poisson(_engine(generator, input.device), np.ascontiguousarray(input._arr.np))
    return _POISSON((input,), Array(drawn, input.device, input.dtype))


@op(out="same")
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    if input.is_meta:
        return _on_meta((*input._arr.shape[:-1], num_samples), int64)
    a = draw.multinomial(_engine(generator, input.device), input._arr.np, num_samples, replacement)
    return _tensor(a, a.shape, input.device, int64)


@op(method=False, out=True)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    given = [t if isinstance(t, Tensor) else None for t in (mean, std)]
    if given == [None, None]:
        d, dev = dtype or get_default_dtype(), devices.resolve(device or devices.CPU)  # whatever the default device is
        shape = ints((size,))
        out = _on_meta(shape, d) if dev is META else _tensor(np.empty(prod(shape), d._np), shape, dev, d)
        out.normal_(mean, std, generator=generator)
        return out.requires_grad_() if requires_grad else out
    if given[1] is None and not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if given[1] is not None and std.numel() and not std.is_meta and bool((std.detach() < 0).any()):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    with no_grad():
        out = _normal_around(mean, std, generator)
    return _NORMAL(tuple(given), out._arr)


def _normal_around(mean: Any, std: Any, generator: Any) -> Tensor:
    """Standard normals scaled and moved; with one number for all, already drawn with that deviation."""
    if not isinstance(std, Tensor):
        return _empty_like(mean).normal_(0.0, std, generator=generator).add_(mean)
    if not isinstance(mean, Tensor):
        return _empty_like(std).normal_(generator=generator).mul_(std).add_(mean)
    shape = np.broadcast_shapes(mean._arr.shape, std._arr.shape)
    out = _empty_like(mean) if mean._arr.shape == shape else mean.new_empty(shape)
    return out.normal_(generator=generator).mul_(std).add_(mean)


def dropout_noise(input: Tensor, p: float) -> Tensor:
    """What dropout multiplies by: 0 or 1 / (1 - p)."""
    if input.dtype.category <= INTEGRAL:
        raise RuntimeError("result type Float can't be cast to the desired output type Long")
    name = input.dtype.name
    engine = _engine(None, input.device)
    if engine is None:
        return _empty_like(input)
    noise = draw.dropout_noise(engine, input.numel(), p, _PARTS.get(name, name))
    if input._arr.is_contiguous:
        return _tensor(noise.astype(input.dtype._np, copy=False), input._arr.shape, input.device, input.dtype)
    out = _empty_like(input)
    return _fill(out, noise)
