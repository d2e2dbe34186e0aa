"""Operators of neural network layers: ``torch.nn.functional`` and what lies beside it."""

from __future__ import annotations

import math
from typing import Any

from .._array import Array
from .._dtype import FLOATING, INTEGRAL, finfo, int32, int64
from .._tensor import Tensor, _wrap_dim
from ..kernels import call
from ..tape.grad_mode import mode
from ._prim import Prim
from ._promote import cast
from ._registry import op

F = "nn.functional"


# ------------------------------------------------------------------ softmax
def _softmax_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    y, dim = c.result(), c.params[0]
    gy = g * y
    return (gy - y * gy.sum(dim, keepdim=True),)


def _log_softmax_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    y, dim = c.result(), c.params[0]
    return (g - y.exp() * g.sum(dim, keepdim=True),)


def _along(kernel: str) -> Any:
    def forward(a: Array, dim: int, d: Any) -> Array:
        if not a.shape:
            return call(kernel, cast(a, d).as_strided((1,), (1,), 0), 0).as_strided((), (), 0).clone()
        return call(kernel, cast(a.contiguous(), d), dim)

    return forward


_softmax = Prim("softmax", _along("softmax"), _softmax_grad, save_out=(0,))
_log_softmax = Prim("log_softmax", _along("log_softmax"), _log_softmax_grad, save_out=(0,))


def _normalised(prim: Prim, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        dim = 0 if input.dim() in (0, 1, 3) else 1
    d = dtype or input.dtype
    if d.category < FLOATING:
        from ._registry import type_name

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


# ------------------------------------------------------------------ activations
@op("relu", module=F, method=False)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    return input.relu_() if inplace else input.relu()


def _silu_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    x = c.input(0)
    s = x.sigmoid()
    return (g * (s * (1 + x * (1 - s))),)


_silu = Prim("silu", lambda a: call("silu", a), _silu_grad, save=(0,))


def _maybe_inplace(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result


@op(module=F, method=False)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    return _maybe_inplace(input, _silu((input,)), inplace)


@op(module=F, method=False)
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * (input * input * input))
        return 0.5 * input * (1 + inner.tanh())
    if approximate != "none":
        raise RuntimeError("approximate argument must be either none or tanh.")
    return input * 0.5 * (1 + (input * math.sqrt(0.5)).erf())


@op("sigmoid", module=F, method=False)
def f_sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()


@op("tanh", module=F, method=False)
def f_tanh(input: Tensor) -> Tensor:
    return input.tanh()


@op(module=F, method=False)
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    from .composite import where

    return _maybe_inplace(input, where(input > 0, input, input * negative_slope), inplace)


@op(module=F, method=False)
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    from .composite import where

    negative = where(input > 0, 0.0, input)
    return _maybe_inplace(input, where(input > 0, input, alpha * negative.expm1()), inplace)


_softplus = Prim("softplus", lambda a: call("softplus", a), lambda c, g: (g * c.input(0).sigmoid(),), save=(0,))


@op(module=F, method=False)
def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    from .composite import where

    scaled = input * beta
    return where(scaled > threshold, input, _softplus((scaled,)) / beta)


@op(module=F, method=False)
def logsigmoid(input: Tensor) -> Tensor:
    return -_softplus((-input,))


@op(module=F, method=False)
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    return hardtanh(input, 0.0, 6.0, inplace)


@op(module=F, method=False)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    if input.dtype.category <= INTEGRAL:
        min_val, max_val = int(min_val), int(max_val)
    return _maybe_inplace(input, input.clamp(min_val, max_val), inplace)


@op(module=F, method=False)
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    return _maybe_inplace(input, (input + 3).clamp(0, 6) / 6, inplace)


@op(module=F, method=False)
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    return _maybe_inplace(input, input * ((input + 3).clamp(0, 6) / 6), inplace)


@op(module=F, method=False)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    return _maybe_inplace(input, input * softplus(input).tanh(), inplace)


@op(module=F, method=False)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


# ------------------------------------------------------------------ linear, embedding, dropout
@op(module=F, method=False)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out = input.matmul(weight) if weight.dim() == 1 else input.matmul(weight.t())
    return out if bias is None else out + bias


def _embedding_array(weight: Array, indices: Array, padding_idx: int) -> Array:
    a = indices.np
    if a.size and (a.min() < 0 or a.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return call("embedding", weight, cast(indices, int64))


def _embedding_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    indices, padding_idx = c.input(1).reshape(-1), c.params[0]
    rows = g.reshape((-1, g.shape[-1]))
    if padding_idx >= 0:
        rows = rows.masked_fill((indices == padding_idx).unsqueeze(-1), 0)
    return g.new_zeros(c.shapes[0]).index_add(0, indices, rows), None


_embedding = Prim("embedding", _embedding_array, _embedding_grad, save=(1,))


@op(module=F, method=False)
def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError(
            "torch.nn.functional.embedding with max_norm, scale_grad_by_freq or sparse is not supported by mindtorch "
            "yet"
        )
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input.dtype not in (int64, int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{input.type()} instead (while checking arguments for embedding)"
        )
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= weight.shape[0]
    return _embedding((weight, input), -1 if padding_idx is None else padding_idx)


@op(module=F, method=False)
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    if tensor.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    n = int(tensor.max()) + 1 if num_classes == -1 else num_classes
    if tensor.numel() and int(tensor.max()) >= n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return tensor.new_zeros((*tensor.shape, n)).scatter(-1, tensor.unsqueeze(-1), 1)


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


def _check_normalized(name: str, input: Tensor, shape: tuple[int, ...]) -> None:
    if not shape or tuple(input.shape[input.dim() - len(shape) :]) != shape or input.dim() < len(shape):
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
    _check_normalized("layer_norm", input, shape)
    n = math.prod(shape)
    x = input.reshape((input.numel() // n if n else 0, n))
    w = input.new_ones((n,)) if weight is None else weight.reshape((n,))
    b = input.new_zeros((n,)) if bias is None else bias.reshape((n,))
    return _layer_norm((x, w, b), eps)[0].view(input.shape)


@op(module=F, method=False)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    _check_normalized("rms_norm", input, shape)
    dims = tuple(range(input.dim() - len(shape), input.dim()))
    x = input.float() if input.dtype.is_low else input
    eps = finfo(x.dtype).eps if eps is None else eps
    normal = x * ((x * x).mean(dims, keepdim=True) + eps).rsqrt()
    if input.dtype.is_low:
        normal = normal.to(input.dtype) if weight is None else (normal * weight).to(input.dtype)
        return normal
    return normal if weight is None else normal * weight


@op(module=F, method=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    n, channels = input.shape[:2]
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    x = input.reshape((n * num_groups, -1))
    out = layer_norm(x, (x.shape[1],), None, None, eps).view(input.shape)
    broadcast = (1, channels) + (1,) * (input.dim() - 2)
    if weight is not None:
        out = out * weight.view(broadcast)
    return out if bias is None else out + bias.view(broadcast)


@op(module=F, method=False, out=True)
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    return input / input.norm(p, dim, True).clamp_min(eps).expand_as(input)


# ------------------------------------------------------------------ losses
def _reduce(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"{reduction} is not a valid value for reduction")


@op(module=F, method=False)
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    _deprecated(size_average, reduce)
    from .composite import where

    dim = 0 if input.dim() == 1 else 1
    classes = input.shape[dim]
    ignored = target == ignore_index
    outside = ((target < 0) | (target >= classes)) & ~ignored
    if bool(outside.any()):
        bad = int(target.reshape(-1)[outside.reshape(-1)][0])
        raise IndexError(f"Target {bad} is out of bounds.")
    index = target.masked_fill(ignored, 0)
    picked = -input.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    factor = None if weight is None else weight[index]
    if factor is not None:
        picked = picked * factor
    any_ignored = bool(ignored.any())
    if any_ignored:
        picked = where(ignored, 0.0, picked)
    if reduction != "mean":
        return _reduce(picked, reduction)
    if factor is None:
        return picked.sum() / (~ignored).sum() if any_ignored else picked.mean()
    return picked.sum() / (where(ignored, 0.0, factor).sum())


def _deprecated(size_average: Any, reduce: Any) -> None:
    if size_average is not None or reduce is not None:
        raise NotImplementedError("size_average and reduce are not supported by mindtorch: use reduction=")


@op(module=F, method=False)
def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    _deprecated(size_average, reduce)
    dim = 0 if input.dim() == 1 else 1
    log_p = log_softmax(input, dim)
    if target.dtype.is_floating_point:
        return _soft_target_loss(log_p, target, weight, reduction, label_smoothing, dim)
    loss = nll_loss(log_p, target, weight, None, ignore_index, None, reduction)
    if label_smoothing == 0:
        return loss
    from .composite import where

    classes = input.shape[dim]
    shape = [1] * input.dim()
    shape[dim] = classes
    smooth = -(log_p if weight is None else log_p * weight.view(shape)).sum(dim)
    ignored = target == ignore_index
    smooth = where(ignored, 0.0, smooth)
    if reduction == "mean":
        if weight is None:
            smooth = smooth.sum() / (~ignored).sum()
        else:
            smooth = smooth.sum() / where(ignored, 0.0, weight[target.masked_fill(ignored, 0)]).sum()
    else:
        smooth = _reduce(smooth, reduction)
    return (1 - label_smoothing) * loss + smooth * (label_smoothing / classes)


def _soft_target_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int
) -> Tensor:
    classes = log_p.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        shape = [1] * log_p.dim()
        shape[dim] = classes
        log_p = log_p * weight.view(shape)
    loss = -(log_p * target).sum(dim)
    if reduction == "mean":
        return loss.sum() / max(loss.numel(), 1)
    return _reduce(loss, reduction)


def _elementwise_loss(name: str, formula: Any) -> None:
    @op(name, module=F, method=False)
    def declared(
        input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> Tensor:
        _deprecated(size_average, reduce)
        return _reduce(formula(input - target), reduction)


_elementwise_loss("mse_loss", lambda d: d * d)
_elementwise_loss("l1_loss", lambda d: d.abs())


@op(module=F, method=False)
def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:  # fmt: skip
    from .composite import where

    _deprecated(size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta == 0:
        return _reduce(distance, reduction)
    return _reduce(where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta), reduction)


@op(module=F, method=False)
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    _deprecated(size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    log_weight = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input - log_weight * logsigmoid(input)
    return _reduce(loss if weight is None else loss * weight, reduction)


@op(module=F, method=False)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    _deprecated(size_average, reduce)
    if bool(((input < 0) | (input > 1)).any()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = -(target * input.log().clamp(min=-100) + (1 - target) * (1 - input).log().clamp(min=-100))
    return _reduce(loss if weight is None else loss * weight, reduction)


@op(module=F, method=False)
def kl_div(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    from .composite import where

    _deprecated(size_average, reduce)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        safe = where(target > 0, target, 1.0)
        loss = where(target > 0, target * safe.log(), 0.0) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0]
    return _reduce(loss, reduction)


@op(module=F, method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    from .shape import broadcast_tensors

    x1, x2 = broadcast_tensors(x1, x2)
    n1 = (x1 * x1).sum(dim).sqrt().clamp_min(eps)
    n2 = (x2 * x2).sum(dim).sqrt().clamp_min(eps)
    return (x1 * x2).sum(dim) / (n1 * n2)


@op(module=F, method=False)
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    from .creation import ones

    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scores = (query * math.sqrt(scale)) @ (key * math.sqrt(scale)).transpose(-2, -1)
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )
        attn_mask = ones(query.shape[-2], key.shape[-2], device=query.device).tril() > 0
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype.category == 0 else scores + attn_mask
    weights = softmax(scores, -1)
    if attn_mask is not None and attn_mask.dtype.category == 0:
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0)  # a row with nothing to attend to
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return weights @ value
