"""Random programs over views, in-place writes, indexing, promotion and reductions, the same for both libraries.

A program is a list of steps ``(name, seed)``. A step draws its operands from the tensors made so far and its parameters
from its own seed, so dropping a step leaves the others meaningful, and both libraries draw alike as long as their
results agree.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[["World", random.Random], Any]
STEPS: dict[str, Step] = {}
SHAPES = [(), (1,), (4,), (2, 3), (3, 1), (1, 4), (0,), (2, 0, 3), (2, 3, 4), (3, 2, 2), (4, 4)]


class World:
    """One library and the tensors that a program has made with it; the first ones are leaves."""

    def __init__(self, lib: Any, seed: int) -> None:
        self.lib = lib
        rng = random.Random(seed)
        values = np.random.default_rng(seed)
        self.leaves = []
        self.pool: list[Any] = []
        for dtype in ("float64", "float64", "float32"):
            leaf = lib.tensor(values.uniform(-2, 2, rng.choice(SHAPES)), dtype=getattr(lib, dtype), requires_grad=True)
            self.leaves.append(leaf)
            self.pool.append(leaf * 1)
        shape = rng.choice(SHAPES)
        self.pool.append(lib.tensor(values.integers(-3, 4, shape)))
        self.pool.append(lib.tensor(values.integers(0, 2, rng.choice(SHAPES)) > 0))
        self.pool.append(lib.tensor(values.uniform(-2, 2, rng.choice(SHAPES))))

    def any(self, rng: random.Random) -> Any:
        """Any tensor, more often a young one."""
        n = len(self.pool)
        return self.pool[max(rng.randrange(n), rng.randrange(n))]

    def floating(self, rng: random.Random) -> Any:
        """A floating tensor."""
        for _ in range(6):
            t = self.any(rng)
            if t.is_floating_point():
                return t
        return self.pool[0]

    def with_dims(self, rng: random.Random) -> Any:
        """A tensor that is not 0-d."""
        for _ in range(8):
            t = self.any(rng)
            if t.dim():
                return t
        return self.any(rng)

    def source(self, rng: random.Random, target: Any) -> Any:
        """Any tensor to write to `target` from: of other memory, as PyTorch reads and writes in its own order."""
        t = self.any(rng)
        shared = t.untyped_storage().data_ptr() == target.untyped_storage().data_ptr()
        return t.clone() if shared and t is not target else t

    def index(self, rng: random.Random, size: int, shape: tuple[int, ...]) -> Any:
        """Positions below `size`."""
        count = math.prod(shape)
        return self.lib.tensor(
            [rng.randrange(size) if size else 0 for _ in range(count)], dtype=self.lib.int64
        ).reshape(shape)

    def like(self, rng: random.Random, shape: tuple[int, ...], t: Any) -> Any:
        """Fresh values of a shape in t's dtype."""
        count = math.prod(shape)
        return self.lib.tensor([rng.randrange(-8, 9) / 4 for _ in range(count)], dtype=self.lib.float64).reshape(
            shape
        ).to(t.dtype)


def step(f: Step) -> Step:
    """Register a step under its name."""
    STEPS[f.__name__] = f
    return f


def _named(name: str, f: Step) -> None:
    STEPS[name] = f


def _dim(rng: random.Random, t: Any) -> int:
    n = max(t.dim(), 1)
    return rng.randrange(-n, n)


# ------------------------------------------------------------------ views
@step
def reshape(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    n = t.numel()
    return t.reshape(rng.choice([(-1,), (1, n), (n, 1), (2, -1) if n and n % 2 == 0 else (n,)]))


@step
def view(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.view(rng.choice([(t.numel(),), (1, *t.shape), (*t.shape, 1), tuple(t.shape)]))


@step
def transpose(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.transpose(_dim(rng, t), _dim(rng, t))


@step
def permute(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.permute(rng.sample(range(t.dim()), t.dim()))


@step
def movedim(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    return t.movedim(_dim(rng, t), _dim(rng, t))


@step
def select(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    n = max(t.shape[d], 1)
    return t.select(d, rng.randrange(-n, n))


@step
def narrow(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    start = rng.randrange(t.shape[d] + 1)
    return t.narrow(d, start, rng.randrange(t.shape[d] - start + 1))


@step
def expand(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    shape = [rng.choice([n, -1]) if n != 1 else rng.choice([1, 1, 2, 3]) for n in t.shape]
    return t.expand([*([rng.choice([1, 2])] if t.dim() < 3 and rng.random() < 0.5 else []), *shape])


@step
def squeeze(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.squeeze() if rng.random() < 0.5 else t.squeeze(_dim(rng, t))


@step
def unsqueeze(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.unsqueeze(rng.randrange(-t.dim() - 1, t.dim() + 1))


@step
def diagonal(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    return t.diagonal(rng.randrange(-2, 3), _dim(rng, t), _dim(rng, t))


@step
def unfold(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    size = rng.randrange(0, t.shape[d] + 1)
    # Windows that share elements have no defined result when they are written to.
    return t.unfold(d, size, max(size, rng.randrange(1, 3)))


@step
def split(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    pieces = t.split(rng.randrange(1, 3), _dim(rng, t))
    return pieces[rng.randrange(len(pieces))]


@step
def chunk(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    pieces = t.chunk(rng.randrange(1, 4), _dim(rng, t))
    return pieces[rng.randrange(len(pieces))]


@step
def unbind(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    pieces = t.unbind(_dim(rng, t))
    return pieces[rng.randrange(len(pieces))] if pieces else None


@step
def flatten(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.flatten(*sorted([rng.randrange(max(t.dim(), 1)), rng.randrange(max(t.dim(), 1))]))


@step
def detach(w: World, rng: random.Random) -> Any:
    return w.any(rng).detach()


@step
def view_in_no_grad(w: World, rng: random.Random) -> Any:
    with w.lib.no_grad():
        t = w.any(rng)
        return t.view(t.shape)


@step
def as_strided(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    if not t.is_contiguous():
        return None
    return t.as_strided((2, 2), (1, 2)) if t.numel() > 3 else None


# ------------------------------------------------------------------ pointwise and promotion
for _op in ("add", "sub", "mul", "eq", "lt"):
    _named(_op, lambda w, rng, op=_op: getattr(w.lib, op)(w.any(rng), w.any(rng)))
for _op in ("maximum", "minimum"):
    _named(_op, lambda w, rng, op=_op: getattr(w.lib, op)(w.any(rng).nan_to_num(), w.any(rng).nan_to_num()))
for _op in ("sin", "tanh", "neg", "abs", "sigmoid", "square", "floor", "isnan"):
    _named(_op, lambda w, rng, op=_op: getattr(w.any(rng), op)())
for _op in ("add", "mul", "div", "sub"):
    _named(
        f"{_op}_number",
        lambda w, rng, op=_op: getattr(w.any(rng), op)(rng.choice([2, 0.5, True, -1.5])),
    )


@step
def relu(w: World, rng: random.Random) -> Any:
    return w.any(rng).nan_to_num().relu()


@step
def to(w: World, rng: random.Random) -> Any:
    return w.any(rng).to(getattr(w.lib, rng.choice(["float32", "float64", "int64", "bool", "int32", "float16"])))


@step
def where(w: World, rng: random.Random) -> Any:
    a, b = w.any(rng), w.any(rng)
    return w.lib.where(a > 0, a, b)


@step
def clone(w: World, rng: random.Random) -> Any:
    return w.any(rng).clone()


@step
def contiguous(w: World, rng: random.Random) -> Any:
    return w.any(rng).contiguous()


# ------------------------------------------------------------------ reductions
for _op in ("sum", "mean", "prod", "amax", "amin", "logsumexp", "any", "all", "std", "var"):
    _named(
        _op,
        lambda w, rng, op=_op: (lambda t: getattr(t, op)(_dim(rng, t), keepdim=rng.random() < 0.5))(w.any(rng)),
    )
for _op in ("sum", "mean", "prod", "any", "all", "amax", "max", "min", "norm", "count_nonzero", "argmax"):
    _named(f"{_op}_all", lambda w, rng, op=_op: getattr(w.any(rng), op)())
for _op in ("cumsum", "cumprod", "sort", "max", "min", "median", "logcumsumexp", "argmin"):
    _named(f"{_op}_dim", lambda w, rng, op=_op: (lambda t: _first(getattr(t, op)(_dim(rng, t))))(w.any(rng)))


def _first(x: Any) -> Any:
    return x[0] if isinstance(x, tuple) else x


# ------------------------------------------------------------------ rearranging
@step
def cat(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    return w.lib.cat([t, rng.choice([t, t * 2, w.any(rng)])], _dim(rng, t))


@step
def stack(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return w.lib.stack([t, t.detach() * 2, t], rng.randrange(t.dim() + 1))


@step
def roll(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.roll(rng.randrange(-3, 4), _dim(rng, t) if t.dim() else ())


@step
def flip(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.flip(_dim(rng, t))


@step
def repeat(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.repeat([rng.randrange(0, 3) for _ in range(t.dim() + rng.randrange(2))])


@step
def tril(w: World, rng: random.Random) -> Any:
    return w.any(rng).tril(rng.randrange(-1, 2))


@step
def softmax(w: World, rng: random.Random) -> Any:
    t = w.floating(rng)
    return t.softmax(_dim(rng, t))


@step
def matmul(w: World, rng: random.Random) -> Any:
    t = w.floating(rng)
    return t @ t.transpose(-1, -2) if t.dim() > 1 else t @ t


# ------------------------------------------------------------------ indexing
def _key(w: World, rng: random.Random, t: Any) -> tuple[Any, ...]:
    """A random index: ints, slices, None, Ellipsis, positions, lists and masks."""
    key: list[Any] = []
    d = 0
    ellipsis = False
    shape = rng.choice([(2,), (3,), (2, 1), (0,), ()])
    while d < t.dim() and rng.random() < 0.8:
        n = t.shape[d]
        kind = rng.randrange(9)
        if kind == 0:
            key.append(rng.randrange(-n, n) if n else 0)
        elif kind in (1, 2):
            key.append(slice(rng.choice([None, rng.randrange(-n - 1, n + 2)]),
                             rng.choice([None, rng.randrange(-n - 1, n + 2)]), rng.choice([None, 1, 2, 3])))
        elif kind == 3:
            key.append(None)
            continue
        elif kind == 4 and not ellipsis:
            key.append(Ellipsis)
            ellipsis = True
            d += rng.randrange(2)
            continue
        elif kind in (5, 6):
            key.append(w.index(rng, n, shape) - (n if rng.random() < 0.2 else 0))
        elif kind == 7:
            key.append([rng.randrange(n) if n else 0 for _ in range(shape[0] if shape else 1)])
        else:
            key.append(w.lib.tensor([rng.random() < 0.5 for _ in range(n)], dtype=w.lib.bool))
        d += 1
    return tuple(key)


@step
def getitem(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t[_key(w, rng, t)]


@step
def getitem_mask(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t[t > 0]


@step
def setitem(w: World, rng: random.Random) -> None:
    t = w.any(rng)
    key = _key(w, rng, t)
    window = t.detach()[key]
    kind = rng.randrange(4)
    if kind == 0:
        t[key] = rng.choice([1, 2.5, True])
    elif kind == 1:
        t[key] = w.source(rng, t)
    elif kind == 2:
        t[key] = w.like(rng, tuple(window.shape), window)
    else:
        source = w.floating(rng)
        t[key] = source.mean() if source.numel() else 0


@step
def setitem_mask(w: World, rng: random.Random) -> None:
    t = w.any(rng)
    t[t < 0] = rng.choice([0, 1.5])


@step
def index_select(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    return t.index_select(d, w.index(rng, t.shape[d] if t.dim() else 1, (rng.randrange(4),)))


@step
def gather(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    return t.gather(d, w.index(rng, t.shape[d] if t.dim() else 1, tuple(t.shape)))


@step
def take(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.take(w.index(rng, t.numel(), rng.choice([(2,), (2, 2), (0,)])))


@step
def masked_select(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.masked_select(t.abs() > 0.5)


# ------------------------------------------------------------------ in-place writes
for _op in ("add_", "mul_", "sub_", "copy_"):
    _named(_op, lambda w, rng, op=_op: (lambda t: getattr(t, op)(w.source(rng, t)))(w.any(rng)))
    if _op != "copy_":
        _named(_op + "number", lambda w, rng, op=_op: getattr(w.any(rng), op)(rng.choice([2, 0.5, -1])))
for _op in ("sin_", "zero_", "neg_", "tanh_", "square_", "t_", "squeeze_", "exp_"):
    _named(_op, lambda w, rng, op=_op: getattr(w.any(rng), op)())


@step
def unsqueeze_(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.unsqueeze_(_dim(rng, t)) if t.dim() < 4 else None


@step
def transpose_(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.transpose_(_dim(rng, t), _dim(rng, t))


@step
def fill_(w: World, rng: random.Random) -> Any:
    return w.any(rng).fill_(rng.choice([1, 0.25, w.any(rng)]))


@step
def masked_fill_(w: World, rng: random.Random) -> Any:
    t = w.any(rng)
    return t.masked_fill_(t > 0.5, rng.choice([0, 2]))


@step
def write_in_no_grad(w: World, rng: random.Random) -> Any:
    with w.lib.no_grad():
        return w.any(rng).mul_(2)


@step
def index_put_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    n = t.shape[0] if t.dim() else 1
    values = w.like(rng, (3, *t.shape[1:]), t) if rng.random() < 0.7 else w.like(rng, (), t)
    return t.index_put_((w.index(rng, n, (3,)),), values, accumulate=True)


@step
def index_add_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    n = t.shape[d] if t.dim() else 1
    index = w.lib.tensor(list(range(n)), dtype=w.lib.int64).flip(0)
    source = w.source(rng, t) if rng.random() < 0.3 else t.detach().clone()
    return t.index_add_(d, index, source, alpha=rng.choice([1, 2]))


@step
def index_fill_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    if t.numel() == 0:
        return None
    d = _dim(rng, t)
    return t.index_fill_(d, w.index(rng, t.shape[d] if t.dim() else 1, (2,)), rng.choice([0, 3]))


@step
def index_copy_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    n = t.shape[d] if t.dim() else 1
    index = w.lib.tensor(list(range(n)), dtype=w.lib.int64).flip(0)
    return t.index_copy_(d, index, t.detach().clone() * 2)


@step
def scatter_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    return t.scatter_(_dim(rng, t), t.detach().to(w.lib.int64) * 0, rng.choice([2, 0]))


@step
def scatter_add_(w: World, rng: random.Random) -> Any:
    t = w.with_dims(rng)
    d = _dim(rng, t)
    return t.scatter_add_(d, w.index(rng, t.shape[d] if t.dim() else 1, tuple(t.shape)), (t * 1).sin().to(t.dtype))


@step
def addcmul_(w: World, rng: random.Random) -> Any:
    t = w.floating(rng)
    return t.addcmul_(w.any(rng), w.any(rng), value=rng.choice([1, 0.5]))
