"""Einstein summation by permutation, batched matrix products and sums; the gradient follows from those."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor
from .linalg import bmm
from .reduce import sum_
from .view import permute

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args: Any) -> Tensor:
    """Sum of products over labelled dimensions, as ``torch.einsum``: an equation string (``...`` included) and the
    operands, or each operand and the list of its labels (numbers below 52, Ellipsis), and perhaps that of the result.

    Raises RuntimeError for an equation that does not fit the operands, ValueError when there is none.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, operands = _equation(args), tuple(args[: len(args) // 2 * 2 : 2])
    else:
        equation, operands = args[0], args[1:]
    tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise RuntimeError(
            f"einsum(): {'more' if len(tensors) > len(terms) else 'fewer'} operands were provided than specified in "
            "the equation"
        )
    for i, s in enumerate(terms):
        _check_term(s, f"operand {i}", equation)
    if arrow:
        _check_term(right, "the output", equation)
    batch = max((t.dim() - len(s.replace("...", "")) for s, t in zip(terms, tensors, strict=True) if "..." in s),
                default=0)  # fmt: skip
    dots = [chr(0x2460 + i) for i in range(batch)]  # labels that no equation uses
    labels = []
    for s, t in zip(terms, tensors, strict=True):
        if "..." in s:
            n = t.dim() - len(s.replace("...", ""))
            s = s.replace("...", "".join(dots[batch - n :]))
        if len(s) != t.dim():
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(s)}) does not match the number of "
                f"dimensions ({t.dim()}) for an operand"
            )
        labels.append(s)
    if arrow:
        out = right.replace("...", "".join(dots))
    else:
        joined = "".join(labels)
        out = "".join(dots) + "".join(sorted(c for c in set(joined) - set(dots) if joined.count(c) == 1))
    _check_sizes(labels, tensors, out)
    work = [_diagonals(t, s) for t, s in zip(tensors, labels, strict=True)]
    x, sx = work[0]
    if len(work) == 1:
        dims = [i for i, c in enumerate(sx) if c not in out]
        x, sx = (sum_(x, dims) if dims else x), "".join(c for c in sx if c in out)
    for i, (y, sy) in enumerate(work[1:], 1):
        later = set(out).union(*(s for _, s in work[i + 1 :]))
        x, sx = _contract(x, sx, y, sy, later)
    x, sx = _sum_out(x, sx, set(out))
    return permute(x, [sx.index(c) for c in out])


def _equation(args: tuple[Any, ...]) -> str:
    """The equation that lists of labels stand for."""

    def term(labels: Any) -> str:
        if any(k is not Ellipsis and not 0 <= k < len(_LETTERS) for k in labels):
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        return "".join("..." if k is Ellipsis else _LETTERS[k] for k in labels)

    equation = ",".join(term(labels) for labels in args[1 : len(args) // 2 * 2 : 2])
    return f"{equation}->{term(args[-1])}" if len(args) % 2 else equation


def _check_term(s: str, what: str, equation: str) -> None:
    """Raises RuntimeError for anything but letters and one ellipsis."""
    rest = s.replace("...", "", 1)
    if "..." in rest:
        raise RuntimeError(f"einsum(): found '.' for {what} for which an ellipsis was already found")
    if "." in rest:
        raise RuntimeError(f"einsum(): found '.' for {what} that is not part of any ellipsis")
    for c in rest:
        if c not in _LETTERS:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {equation.index(c)} in the equation string, subscripts "
                "must be in [a-zA-Z]"
            )


def _check_sizes(labels: list[str], tensors: list[Tensor], out: str) -> None:
    sizes: dict[str, int] = {}
    for s, t in zip(labels, tensors, strict=True):
        for c, n in zip(s, t.shape, strict=True):
            if sizes.setdefault(c, n) not in (n, 1) and n != 1:
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for an operand which does not broadcast with previously "
                    f"seen size {sizes[c]}"
                )
            sizes[c] = max(sizes[c], n)
    for c in out:
        if c not in sizes:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")


def _diagonals(t: Tensor, s: str) -> tuple[Tensor, str]:
    """Repeated labels of one operand: its diagonal."""
    for c in dict.fromkeys(s):
        while s.count(c) > 1:
            i = s.index(c)
            j = s.index(c, i + 1)
            t = t.diagonal(0, i, j)
            s = s[:i] + s[i + 1 : j] + s[j + 1 :] + c
    return t, s


def _sum_out(x: Tensor, s: str, keep: set[str]) -> tuple[Tensor, str]:
    """Without the labels that are not kept; integers promote only where there is something to sum."""
    dims = [i for i, c in enumerate(s) if c not in keep]
    many = [i for i in dims if x.shape[i] != 1]
    if many:
        x = sum_(x, many, True)
    if dims:
        x, s = x.squeeze(dims), "".join(c for c in s if c in keep)
    return x, s


def _contract(x: Tensor, sx: str, y: Tensor, sy: str, later: set[str]) -> tuple[Tensor, str]:
    """One pairwise product as a batched matrix product."""
    x, sx = _sum_out(x, sx, later | set(sy))
    y, sy = _sum_out(y, sy, later | set(sx))
    for c in set(sx) & set(sy) - later:
        if x.shape[sx.index(c)] == 1 or y.shape[sy.index(c)] == 1:  # broadcast: the other one's sum
            x, sx = _sum_out(x, sx, set(sx) - {c})
            y, sy = _sum_out(y, sy, set(sy) - {c})
    size = {
        c: max(n for s, t in ((sx, x), (sy, y)) for k, n in zip(s, t.shape, strict=True) if k == c) for c in sx + sy
    }
    both = [c for c in sx if c in sy]
    shared = [c for c in both if c in later]
    summed = [c for c in both if c not in later]
    rows, cols = [c for c in sx if c not in sy], [c for c in sy if c not in sx]
    order = shared + rows + cols
    if not summed:  # integers promote here, which a matrix product does not do
        return _aligned(x, sx, order) * _aligned(y, sy, order), "".join(order)

    def matrix(t: Tensor, s: str, order: list[str], groups: list[list[str]]) -> Tensor:
        t = permute(t, [s.index(c) for c in order]).expand([size[c] for c in order])
        shape = []
        for g in groups:
            n = 1
            for c in g:
                n *= size[c]
            shape.append(n)
        return t.reshape(shape)

    a = matrix(x, sx, shared + rows + summed, [shared, rows, summed])
    b = matrix(y, sy, shared + summed + cols, [shared, summed, cols])
    return bmm(a, b).view([size[c] for c in order]), "".join(order)


def _aligned(t: Tensor, s: str, order: list[str]) -> Tensor:
    """`t` with its labels in `order`, and size 1 where it has no such label."""
    t = permute(t, [s.index(c) for c in order if c in s])
    for i, c in enumerate(order):
        if c not in s:
            t = t.unsqueeze(i)
    return t
