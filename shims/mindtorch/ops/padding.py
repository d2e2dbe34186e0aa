"""Padding by the tensor's own elements, and by a constant under its operator's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._tensor import Tensor
from ._registry import op
from .planes import pick

Positions = tuple[int, ...]


def _reflect(n: int, before: int, after: int) -> Positions:
    if before >= n or after >= n:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) at a dimension of size {n}"
        )
    period = max(2 * (n - 1), 1)
    at = np.arange(-before, n + after) % period
    return tuple(np.minimum(at, period - at if n > 1 else 0).tolist())


def _replicate(n: int, before: int, after: int) -> Positions:
    return tuple(np.clip(np.arange(-before, n + after), 0, n - 1).tolist())


def _circular(n: int, before: int, after: int) -> Positions:
    if before > n or after > n:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if n + before < 0 or n + after < 0 or n + before + after < 0:
        raise RuntimeError("Negative padding value is resulting in an empty dimension.")
    kept = np.arange(max(-before, 0), n - max(-after, 0))
    return tuple(kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % max(len(kept), 1)].tolist())


POSITIONS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}


def pad_by_mode(input: Tensor, pad: Sequence[int], mode: str, value: float | None) -> Tensor:
    """``pad`` with mode reflect, replicate or circular; ``pad[2 i]`` and ``pad[2 i + 1]`` are of dimension ``-1 - i``.

    Raises NotImplementedError for another mode or a number of dimensions that PyTorch does not pad.
    """
    if mode not in POSITIONS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if len(pad) % 2 or dims not in (1, 2, 3) or input.dim() not in (dims + 1, dims + 2):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    first = input.dim() - dims
    if 0 in tuple(input.shape)[1 if input.dim() == dims + 2 else 0 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    out = input
    for i in range(dims):
        dim = first + dims - 1 - i
        n, before, after = input.shape[dim], pad[2 * i], pad[2 * i + 1]
        if n + before + after < 1 and mode != "circular":
            raise RuntimeError(
                f"input (size: {n}) is too small. Calculated output size along dimension {dim}: {n + before + after}"
            )
        if before or after:
            out = pick(out, POSITIONS[mode](n, before, after), dim)
    return out.clone() if out is input else out


@op(method=False)
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    from ._registry import FUNCTIONS

    return FUNCTIONS["nn.functional"]["pad"](input, pad, "constant", value)
