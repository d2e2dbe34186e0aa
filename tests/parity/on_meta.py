"""The database's samples on the meta device: what PyTorch knows of a result without data, mindtorch must know, too."""

from __future__ import annotations

from typing import Any

import mindtorch
import torch
from checks import ERRORS, Difference, samples
from translate import function, leaves, ours


def meta(entry: Any, dtype: torch.dtype, most: int | None) -> int:
    """Device, shape, dtype and, of contiguous results, strides; samples that PyTorch refuses on meta do not count."""
    f = function(entry.op)
    count = 0
    for sample in samples(entry, dtype, False, most):
        given = (sample.input, sample.args, sample.kwargs)
        theirs, mine = _moved(given, _theirs), _moved(given, _mine)
        try:
            expected = entry.op(theirs[0], *theirs[1], **theirs[2])
        except ERRORS:
            continue
        if not any(isinstance(y, torch.Tensor) and y.is_meta for y in leaves(expected)):
            continue
        _compare(f(mine[0], *mine[1], **mine[2]), expected)
        count += 1
    return count


def _elements(x: torch.Tensor) -> int:
    """How many elements of its dtype fit into a tensor's storage."""
    return x.untyped_storage().nbytes() // x.element_size()


def _theirs(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        whole = torch.empty(_elements(x), dtype=x.dtype, device="meta")
        return whole.as_strided(x.size(), x.stride(), x.storage_offset()).detach()
    return torch.device("meta") if isinstance(x, torch.device) or (isinstance(x, str) and x == "cpu") else x


def _mine(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        whole = mindtorch.empty(_elements(x), dtype=ours(x.dtype), device="meta")
        return whole.as_strided(tuple(x.size()), x.stride(), x.storage_offset()).detach()
    return mindtorch.device("meta") if isinstance(x, torch.device) or (isinstance(x, str) and x == "cpu") else ours(x)


def _moved(x: Any, move: Any) -> Any:
    if type(x) in (list, tuple):
        return type(x)(_moved(y, move) for y in x)
    if isinstance(x, dict):
        return {k: _moved(v, move) for k, v in x.items()}
    return move(x)


def _compare(found: Any, expected: Any) -> None:
    a, b = list(leaves(found)), list(leaves(expected))
    if len(a) != len(b):
        raise Difference(f"{len(a)} results, not {len(b)}")
    for x, y in zip(a, b, strict=True):
        if not isinstance(y, torch.Tensor):
            if str(x) != str(y):
                raise Difference(f"{x!r}, not {y!r}")
            continue
        if not isinstance(x, mindtorch.Tensor):
            raise Difference(f"{type(x).__name__}, not a tensor")
        for what in ("device", "dtype", "shape"):
            if str(getattr(x, what)) != str(getattr(y, what)):
                raise Difference(f"{what} {getattr(x, what)}, not {getattr(y, what)}")
        if y.is_contiguous() and not x.is_contiguous():
            raise Difference(f"strides {x.stride()}, not {y.stride()}")
