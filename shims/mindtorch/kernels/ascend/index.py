"""Gathering and scattering. Index operands are int64 and, unless said otherwise, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._table import ANY, FLOATS, LONG, direct, served

Function = Callable[..., Any]
MINT = "mindspore.mint"

direct(ANY, MINT, "index_select", "gather", "masked_select")


@served(f"{MINT}.nonzero", dtypes=ANY, when=lambda x: len(x.shape) > 0, only="tensors without dimensions: NumPy")
def nonzero(f: Function, x: Any) -> Any:
    return f(x)


@served(f"{MINT}.scatter", f"{MINT}.narrow", dtypes=ANY)
def scatter(f: Function, narrow: Function, x: Any, dim: int, index: Any, src: Any) -> Any:
    return f(x, dim, index, _cut(narrow, src, index.shape))


@served(f"{MINT}.scatter_add", f"{MINT}.narrow", dtypes=FLOATS | LONG)
def scatter_add(f: Function, narrow: Function, x: Any, dim: int, index: Any, src: Any) -> Any:
    return f(x, dim, index, _cut(narrow, src, index.shape))


def _cut(narrow: Function, src: Any, shape: tuple[int, ...]) -> Any:
    """The part of `src` that an index of this shape takes; MindSpore wants no more than that."""
    for d, n in enumerate(shape):
        if src.shape[d] != n:
            src = narrow(src, d, 0, n)
    return src.contiguous()


# mint.index_add looks at its operands by the rules of an older operator on hosts without a device; this one is what it
# calls on the device.
direct(FLOATS | LONG, "mindspore.ops.auto_generate", index_add="IndexAddExt")


@served(f"{MINT}.nn.functional.embedding", dtypes=FLOATS)
def embedding(f: Function, weight: Any, indices: Any) -> Any:
    return f(indices, weight)


class _Rows:
    """``x[items]`` as rows of a matrix: the indexed dimensions in front and flattened, and the rows' numbers.

    `items` are index arrays (negative entries count from the end) and full slices. MindSpore's ``index`` has the
    slices only as dimensions behind the indexed ones.
    """

    def __init__(self, f: dict[str, Function], x: Any, items: tuple[Any, ...]) -> None:
        at = [d for d, item in enumerate(items) if not isinstance(item, slice)]
        rest = [d for d in range(x.ndim) if d not in at]
        self.f = f
        self.back = tuple(sorted(range(x.ndim), key=(at + rest).__getitem__))
        self.front = tuple(x.shape[d] for d in at + rest)
        self.rest = tuple(x.shape[d] for d in rest)
        # Index arrays that stand together keep their place; others' dimensions go to the front, as in NumPy.
        together = at == list(range(at[0], at[-1] + 1))
        self.place = sum(d < at[0] for d in rest) if together else 0
        rows = 1
        number: Any = None
        for d in reversed(at):
            part = f["mul"](f["remainder"](items[d], x.shape[d]), rows)
            number = part if number is None else f["add"](number, part)
            rows *= x.shape[d]
        self.shape = tuple(number.shape)
        self.number = f["reshape"](number, (-1,))
        self.matrix = f["reshape"](f["permute"](x, tuple(at + rest)), (rows, -1))

    def gathered(self) -> Any:
        out = self.f["reshape"](self.f["index_select"](self.matrix, 0, self.number), (*self.shape, *self.rest))
        n, m = len(self.shape), self.place
        total = n + len(self.rest)
        return self.f["permute"](out, (*range(n, n + m), *range(n), *range(n + m, total)))

    def spread(self, values: Any) -> Any:
        """Values of the result's shape, or broadcast to it, as rows."""
        n, m = len(self.shape), self.place
        shape = (*self.rest[:m], *self.shape, *self.rest[m:])
        values = self.f["broadcast_to"](values, shape)
        ordered = self.f["permute"](values, (*range(m, m + n), *range(m), *range(m + n, len(shape))))
        return self.f["reshape"](ordered, (-1, self.matrix.shape[1]))

    def restored(self, matrix: Any) -> Any:
        return self.f["permute"](self.f["reshape"](matrix, self.front), self.back)


_NAMES = ("add", "mul", "remainder", "reshape", "permute", "broadcast_to", "index_select")
_BASE = tuple(f"{MINT}.{n}" for n in _NAMES)


def _indexed(x: Any, items: tuple[Any, ...], *values: Any) -> bool:
    return any(not isinstance(item, slice) for item in items)


@served(*_BASE, dtypes=ANY, when=_indexed)
def index(*args: Any) -> Any:
    """``x[items]`` for index arrays and full slices."""
    *f, x, items = args
    return _Rows(dict(zip(_NAMES, f, strict=True)), x, items).gathered()


@served(*_BASE, f"{MINT}.scatter", dtypes=ANY, when=_indexed)
def index_put(*args: Any) -> Any:
    """`values` written to a copy of x at `items`; of several at one place any may stay."""
    *f, put, x, items, values = args
    rows = _Rows(dict(zip(_NAMES, f, strict=True)), x, items)
    source = rows.spread(values)
    number = rows.f["broadcast_to"](rows.f["reshape"](rows.number, (-1, 1)), source.shape)
    return rows.restored(put(rows.matrix, 0, number, source))


@served(*_BASE, "mindspore.ops.auto_generate.IndexAddExt", dtypes=FLOATS | LONG, when=_indexed)
def index_put_accumulate(*args: Any) -> Any:
    *f, accumulate, x, items, values = args
    rows = _Rows(dict(zip(_NAMES, f, strict=True)), x, items)
    return rows.restored(accumulate(rows.matrix, 0, rows.number, rows.spread(values)))


@served(f"{MINT}.gather", f"{MINT}.broadcast_to", dtypes=ANY)
def plane_gather(gather: Function, broadcast_to: Function, x: Any, index: Any) -> Any:
    """(N, C, P) at positions (N, C or 1, L): (N, C, L)."""
    return gather(x, 2, broadcast_to(index, (*x.shape[:2], index.shape[2])))


@served(f"{MINT}.zeros", f"{MINT}.scatter_add", f"{MINT}.broadcast_to", dtypes=FLOATS)
def plane_scatter(zeros: Function, add: Function, broadcast_to: Function, g: Any, index: Any, size: int) -> Any:
    """The adjoint of plane_gather: (N, C, L) added up in (N, C, size)."""
    return add(zeros((*g.shape[:2], size), dtype=g.dtype), 2, broadcast_to(index, g.shape), g)


@served(f"{MINT}.zeros", f"{MINT}.scatter", dtypes=ANY)
def plane_put(zeros: Function, scatter: Function, x: Any, index: Any, size: int) -> Any:
    """(N, C, L) written to positions (N, C, L) of zeros (N, C, size)."""
    return scatter(zeros((*x.shape[:2], size), dtype=x.dtype), 2, index, x)
