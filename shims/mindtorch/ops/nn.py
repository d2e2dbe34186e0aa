"""Operators of neural network layers: ``torch.nn.functional`` and what lies beside it."""

from __future__ import annotations

import math
from typing import Any

from .._dtype import finfo
from .._tensor import Tensor
from ..kernels import call
from ..tape.grad_mode import mode
from ._fused import fused, usable
from ._prim import Prim
from ._registry import op

F = "nn.functional"


def _maybe_inplace(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result


# ------------------------------------------------------------------ linear, dropout
@op(module=F, method=False, out=True)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out = input.matmul(weight) if weight.dim() == 1 else input.matmul(weight.t())
    return out if bias is None else out + bias


@op(module=F, method=False)
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    from .random import dropout_noise

    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input if not training or inplace else input * 1
    if p == 1:
        return _maybe_inplace(input, input * input.new_zeros(()), inplace)
    return _maybe_inplace(input, input * dropout_noise(input, p), inplace)


@op("dropout", method=False)
def torch_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    return dropout(input, p, train)


# ------------------------------------------------------------------ normalisation
def _layer_norm_grad(c: Any, g: Any, *_: Any) -> tuple[Any, ...]:
    x, w = c.input(0), c.input(1)
    if usable(g):
        return fused("layer_norm_backward", g, x, w, c.result(1), c.result(2))
    if mode.enabled:  # to be differentiated again: the statistics depend on x
        mean = x.mean(-1, True)
        rstd = (((x - mean) ** 2).mean(-1, True) + c.params[0]).rsqrt()
    else:
        mean, rstd = c.result(1), c.result(2)
    normal = (x - mean) * rstd
    gw = g * w
    gx = rstd * (gw - gw.mean(-1, True) - normal * (gw * normal).mean(-1, True)) if c.needs[0] else None
    rows = tuple(range(x.dim() - 1))
    return gx, ((g * normal).sum(rows) if c.needs[1] else None), (g.sum(rows) if c.needs[2] else None)


_layer_norm = Prim(
    "native_layer_norm", lambda x, w, b, eps: call("layer_norm", x, w, b, eps), _layer_norm_grad,
    save=(0, 1), save_out=(1, 2),
)  # fmt: skip


def _check_normalized(input: Tensor, shape: tuple[int, ...], **affine: Tensor | None) -> None:
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, t in affine.items():
        if t is not None and t._arr.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(t.shape)} and "
                f"normalized_shape = {list(shape)}"
            )
    if tuple(input.shape[input.dim() - len(shape) :]) != shape or input.dim() < len(shape):
        wanted = "".join(f", {n}" for n in shape)
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{wanted}], but got input of size"
            f"{list(input.shape)}"
        )


@op(module=F, method=False)
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    given = input._arr.shape
    affine = (t for t in (weight, bias) if t is not None)
    if not shape or given[-len(shape) :] != shape or any(t._arr.shape != shape for t in affine):
        _check_normalized(input, shape, weight=weight, bias=bias)
    n = math.prod(shape)
    if len(shape) == 1 and len(given) > 1 and n:
        w = input.new_ones((n,)) if weight is None else weight
        return _layer_norm((input, w, input.new_zeros((n,)) if bias is None else bias), eps)[0]
    x = input.reshape((input.numel() // n if n else 0, n))
    w = input.new_ones((n,)) if weight is None else weight.reshape((n,))
    b = input.new_zeros((n,)) if bias is None else bias.reshape((n,))
    return _layer_norm((x, w, b), eps)[0].view(input.shape)


@op(module=F, method=False)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    _check_normalized(input, shape, weight=weight)
    dims = tuple(range(input.dim() - len(shape), input.dim()))
    x = input.float() if input.dtype.is_low else input
    eps = finfo(x.dtype).eps if eps is None else eps
    normal = x * ((x * x).mean(dims, keepdim=True) + eps).rsqrt()
    if input.dtype.is_low:
        normal = normal.to(input.dtype) if weight is None else (normal * weight).to(input.dtype)
        return normal
    return normal if weight is None else normal * weight


@op(module=F, method=False, out=True)
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    return input / input.norm(p, dim, True).clamp_min(eps).expand_as(input)
