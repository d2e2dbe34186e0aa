"""Softmax and what is made of it."""

from __future__ import annotations

from typing import Any

from .._array import Array
from .._dtype import FLOATING
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ._fused import fused, usable
from ._prim import Prim
from ._promote import cast
from ._registry import op, type_name

F = "nn.functional"


def _softmax_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    return (softmax_backward(g, c.result(), c.params[0]),)


def _log_softmax_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    return (log_softmax_backward(g, c.result(), c.params[0]),)


def softmax_backward(grad_output: Tensor, output: Tensor, dim: int) -> Tensor:
    """The gradient of a softmax's input, from that of its output."""
    if usable(grad_output) and output._arr.shape:
        return fused("softmax_backward", grad_output, output, dim)
    if output._arr.dtype.is_low:
        return softmax_backward(grad_output.float(), output.float(), dim).to(output.dtype)
    gy = grad_output * output
    return gy - output * gy.sum(dim, keepdim=True)


def log_softmax_backward(grad_output: Tensor, output: Tensor, dim: int) -> Tensor:
    """The gradient of a log-softmax's input, from that of its output."""
    if usable(grad_output) and output._arr.shape:
        return fused("log_softmax_backward", grad_output, output, dim)
    if output._arr.dtype.is_low:
        return log_softmax_backward(grad_output.float(), output.float(), dim).to(output.dtype)
    return grad_output - output.exp() * grad_output.sum(dim, keepdim=True)


def _along(kernel: str) -> Any:
    def forward(a: Array, dim: int, d: Any) -> Array:
        if not a.shape:
            return call(kernel, cast(a, d).clone().as_strided((1,), (1,), 0), 0).as_strided((), (), 0).clone()
        return call(kernel, cast(a.contiguous(), d), dim)

    return forward


_softmax = Prim("softmax", _along("softmax"), _softmax_grad, save_out=(0,))
_log_softmax = Prim("log_softmax", _along("log_softmax"), _log_softmax_grad, save_out=(0,))


def _normalised(prim: Prim, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        dim = 0 if input.dim() in (0, 1, 3) else 1
    d = dtype or input.dtype
    if d.category < FLOATING:
        raise NotImplementedError(f"\"{prim.name}_kernel_impl\" not implemented for '{type_name(d)}'")
    return prim((input,), _wrap_dim(dim, input.dim()), d)


@op(out=True)
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return _normalised(_softmax, input, dim, dtype)


@op(out=True)
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return _normalised(_log_softmax, input, dim, dtype)


@op("softmax", module=F, method=False)
def f_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    return _normalised(_softmax, input, dim, dtype)


@op("log_softmax", module=F, method=False)
def f_log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    return _normalised(_log_softmax, input, dim, dtype)


@op(module=F, method=False)
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    return _normalised(_softmax, -input, dim, dtype)


@op(module=F, method=False)
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    noise = -logits.new_empty(tuple(logits.shape)).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = logits.new_zeros(tuple(logits.shape)).scatter(dim, soft.detach().argmax(dim, keepdim=True), 1.0)
    return chosen - soft.detach() + soft  # the value of the first, the gradient of the last
