"""Normalisation by channel: batch, instance and local response normalisation, and the native forms."""

from __future__ import annotations

import math
from typing import Any

from .._array import Array
from .._dtype import uint8
from .._tensor import Tensor
from ..kernels import call
from ..tape.grad_mode import mode, no_grad
from ._prim import Prim
from ._registry import FUNCTIONS, op
from ._widen import in_float32
from .aten import register
from .memory_format import follow

F = "nn.functional"


def _array(
    x: Array, w: Array | None, b: Array | None, mean: Array | None, var: Array | None, eps: float
) -> tuple[Array, ...]:
    out, *statistics = call("batch_norm", x, w, b, mean, var, eps)
    return (follow(out, x), *statistics)


def _grad(c: Any, g: Any, *_: Any) -> tuple[Any, ...]:
    x, w = c.input(0), c.input(1) if c.shapes[1] is not None else None
    if g is None:  # the statistics have no gradients of their own
        return None, None, None, None, None
    if x.dtype.is_low:
        x, g = x.float(), g.float()
    dims = (0, *range(2, x.dim()))
    spread = (1, -1, *(1,) * (x.dim() - 2))
    trained = c.shapes[3] is None
    if trained and mode.enabled:  # to be differentiated again: the statistics depend on x
        centred = x - x.mean(dims, keepdim=True)
        rstd = ((centred * centred).mean(dims, keepdim=True) + c.params[0]).rsqrt()
    else:
        mean, rstd = c.result(1).view(spread), c.result(2).view(spread)
        centred = x - mean.to(x.dtype)
    normal = centred * rstd
    gw = g if w is None else g * w.view(spread)
    gx = None
    if c.needs[0]:
        gx = gw * rstd
        if trained:
            gx = rstd * (gw - gw.mean(dims, keepdim=True) - normal * (gw * normal).mean(dims, keepdim=True))
    return (
        gx, (g * normal).sum(dims) if c.needs[1] else None, g.sum(dims) if c.needs[2] else None, None, None,
    )  # fmt: skip


_batch_norm = Prim(
    "native_batch_norm", _array, _grad, save=(0, 1), save_out=(1, 2), node_name="NativeBatchNormBackward0"
)


def _check(input: Tensor, **per_channel: Tensor | None) -> None:
    if input.dim() < 2:
        raise RuntimeError(f"Expected 2D or more dimensional input, but got input of size {list(input.shape)}")
    for name, t in per_channel.items():
        if t is not None and t.numel() != input.shape[1]:
            raise RuntimeError(f"{name} should contain {input.shape[1]} elements not {t.numel()}")


def _normalise(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Output, mean and 1 / sqrt(var + eps); in training the running statistics move towards those of the input."""
    if input.shape[0] == 0:  # nothing to normalise, whatever the rank
        out = input.clone() if weight is None else input * weight[0]
        empty = input.new_empty((0,))
        return out if bias is None else out + bias[0], empty, empty
    _check(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean must be defined in evaluation mode")
        mean, var = running_mean.detach(), running_var.detach()
        out, mean, rstd, _ = _batch_norm((input, weight, bias, mean, var), eps)
        return out, mean, rstd
    out, mean, rstd, var = _batch_norm((input, weight, bias, None, None), eps)
    with no_grad():
        n = input.numel() // max(input.shape[1], 1)
        if running_mean is not None:
            running_mean.copy_(running_mean * (1 - momentum) + mean.detach() * momentum)
        if running_var is not None:
            unbiased = var.detach() * (n / (n - 1) if n > 1 else math.nan)
            running_var.copy_(running_var * (1 - momentum) + unbiased * momentum)
    return out, mean, rstd


@op(module=F, method=False)
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    if training and input.shape[0] * math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return _normalise(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


@op("batch_norm", method=False)
def torch_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    return _normalise(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


@op(method=False, out=True)
def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """``batch_norm`` with the statistics that it used; they are empty outside training."""
    out, mean, rstd = _normalise(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return (out, mean, rstd) if training else (out, mean.new_empty((0,)), rstd.new_empty((0,)))


def _legit(input: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    running = rest[:2] if not isinstance(rest[0], bool) else (None, None)
    training, momentum, eps = rest[-3:]
    return native_batch_norm(input, weight, bias, *running, training, momentum, eps)


@op("_native_batch_norm_legit", method=False, out=True)
def native_batch_norm_legit(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any, **named: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """``(running_mean, running_var,) training, momentum, eps`` follow."""
    order = ("running_mean", "running_var", "training", "momentum", "eps")
    return _legit(input, weight, bias, *rest, *(named[n] for n in order if n in named))


def _with_update(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor, running_var: Tensor,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Training; the fourth result is the reserve that other backends keep for the backward: empty."""
    out, mean, rstd = _normalise(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return out, mean, rstd, input.new_empty((0,), dtype=uint8)


@op(module=F, method=False)
def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    return torch_instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False
    )


@op("instance_norm", method=False)
def torch_instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """Every sample is a batch of its own: its channels become channels of one large sample."""
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, channels = input.shape[:2]

    def repeated(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.repeat(n)

    means, variances = repeated(running_mean), repeated(running_var)
    out = _normalise(
        input.reshape((1, n * channels, *input.shape[2:])), repeated(weight), repeated(bias), means, variances,
        use_input_stats, momentum, eps,
    )[0]  # fmt: skip
    if use_input_stats:
        with no_grad():
            for running, moved in ((running_mean, means), (running_var, variances)):
                if running is not None and moved is not None:
                    running.copy_(moved.view((n, channels)).mean(0))
    return out.view(input.shape)


@op(module=F, method=False)
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    dim = input.dim()
    if dim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {dim} dimensions)")
    if input.numel() == 0:
        return input
    pad, avg_pool2d = FUNCTIONS[F]["pad"], FUNCTIONS[F]["avg_pool2d"]
    n, channels = input.shape[:2]
    squares = pad((input * input).reshape((n, 1, channels, -1)), (0, 0, size // 2, (size - 1) // 2))
    mean = avg_pool2d(squares, (size, 1), 1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


@op(method=False)
def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``layer_norm`` with the mean and 1 / sqrt(var + eps) of every row."""
    from .nn import _check_normalized, _layer_norm

    shape = tuple(normalized_shape)
    _check_normalized(input, shape, weight=weight, bias=bias)
    n, lead = math.prod(shape), tuple(input.shape[: input.dim() - len(shape)])
    x = input.reshape((math.prod(lead), n))
    w = input.new_ones((n,)) if weight is None else weight.reshape((n,))
    b = input.new_zeros((n,)) if bias is None else bias.reshape((n,))
    out, mean, rstd = _layer_norm((x, w, b), eps)
    kept = (*lead, *(1,) * len(shape))
    return out.view(input.shape), mean.view(kept), rstd.view(kept)


@op(method=False)
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``group_norm`` with the mean and 1 / sqrt(var + eps) of every group: (N, group)."""
    return _by_group(input, weight, bias, N, C, HxW, group, eps)


@in_float32
def _by_group(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    if group <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {group}")
    if C % group:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={group}"
        )
    x = input.reshape((N, group, C // group * HxW))
    if x.numel() == 0:
        mean = x.sum(2)
        return input * 1, mean, mean + math.nan
    mean = x.mean(2)
    centred = x - mean.unsqueeze(2)
    rstd = ((centred * centred).mean(2) + eps).rsqrt()
    out = (centred * rstd.unsqueeze(2)).view(input.shape)
    return _affine(out, weight, bias), mean, rstd


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    spread = (1, x.shape[1], *(1,) * (x.dim() - 2))
    if weight is not None:
        x = x * weight.view(spread)
    return x if bias is None else x + bias.view(spread)


@op(module=F, method=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    n, channels = input.shape[:2]
    if num_groups > 0 and n * channels // num_groups * math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if num_groups <= 0 or channels % num_groups or input.numel() == 0:
        return native_group_norm(input, weight, bias, n, channels, math.prod(input.shape[2:]), num_groups, eps)[0]
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._arr.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(t.shape)} and input of shape {list(input.shape)}"
            )
    return _grouped(input, num_groups, weight, bias, eps)


@in_float32
def _grouped(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    rows = input.shape[0] * num_groups
    x = input.reshape((1, rows, input.numel() // rows))
    return _affine(_batch_norm((x, None, None, None, None), eps)[0].view(input.shape), weight, bias)


op("group_norm", method=False)(
    lambda input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True: group_norm(
        input, num_groups, weight, bias, eps
    )
)
register("_batch_norm_with_update", default=_with_update)
register("_native_batch_norm_legit", default=native_batch_norm_legit, no_stats=native_batch_norm_legit)
