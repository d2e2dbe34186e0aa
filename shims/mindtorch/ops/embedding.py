"""Tables of vectors: embedding, bags of embeddings, one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._array import Array
from .._device import META
from .._dtype import int32, int64
from .._tensor import Tensor, wrap
from ..kernels import call
from ..tape.grad_mode import mode as grad_mode
from ..tape.grad_mode import no_grad
from ._prim import Prim
from ._promote import cast
from ._registry import op, type_name
from .composite import where

F = "nn.functional"


def _embedding_array(weight: Array, indices: Array, padding_idx: int, by_frequency: bool) -> Array:
    a = indices.np
    if a.size and indices.device is not META and (a.min() < 0 or a.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return call("embedding", weight, cast(indices, int64))


def _embedding_grad(c: Any, g: Tensor) -> tuple[Any, None]:
    indices = c.input(1).reshape(-1)
    padding_idx, by_frequency = c.params
    rows = g.reshape((indices.numel(), g.shape[-1]))
    if padding_idx >= 0:
        rows = rows.masked_fill((indices == padding_idx).unsqueeze(-1), 0)
    if by_frequency and indices.numel():
        counts = np.bincount(indices._arr.np, minlength=1)[indices._arr.np].astype(rows._arr.dtype._np)
        rows = rows / wrap(Array(counts, g.device, rows.dtype)).unsqueeze(-1)
    return g.new_zeros(c.shapes[0]).index_add(0, indices, rows), None


_embedding = Prim("embedding", _embedding_array, _embedding_grad, save=(1,))


def _check_indices(name: str, indices: Tensor) -> None:
    if indices.dtype not in (int64, int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{type_name(indices.dtype)}Tensor instead (while checking arguments for {name})"
        )


def _no_sparse_gradient(name: str, sparse: bool, weight: Tensor) -> None:
    if sparse and grad_mode.enabled and weight.requires_grad:
        raise NotImplementedError(
            f"torch.nn.functional.{name}(sparse=True): sparse gradients are not supported by mindtorch; use "
            "sparse=False, whose gradient is dense"
        )


def _renormalise(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up down to `max_norm`, in place and outside the graph."""
    if weight.is_meta:
        return
    with no_grad():
        used = np.unique(indices._arr.np)
        if not used.size:
            return
        rows = wrap(Array(used.astype(np.int64), weight.device))
        values = weight.detach()[rows]
        norms = values.norm(norm_type, 1, True)
        scaled = where(norms > max_norm, values * (max_norm / (norms + 1e-7)), values)
        weight.index_copy_(0, rows, scaled)


@op(module=F, method=False)
def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices("embedding", input)
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= weight.shape[0]
    _no_sparse_gradient("embedding", sparse, weight)
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    return _embedding((weight, input), -1 if padding_idx is None else padding_idx, scale_grad_by_freq)


@op("embedding", method=False)
def torch_embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    return embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq, sparse)


# ------------------------------------------------------------------ bags
def _check_bags(
    input: Tensor, weight: Tensor, offsets: Tensor | None, scale_grad_by_freq: bool, mode: str, sparse: bool,
    per_sample_weights: Tensor | None, include_last_offset: bool,
) -> None:  # fmt: skip
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
    if offsets is not None:
        _check_offsets(input, offsets, include_last_offset)


def _check_offsets(input: Tensor, offsets: Tensor, include_last_offset: bool) -> None:
    if include_last_offset and not offsets.shape[0]:
        raise RuntimeError("include_last_offset: numBags should be at least 1")
    if offsets.is_meta:
        return
    if offsets.shape[0] and int(offsets[0]) != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {int(offsets[0])}"
        )
    if offsets.shape[0] and int(offsets[-1]) > input.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({input.shape[0]}) but got offsets[-1] of "
            f"{int(offsets[-1])}"
        )


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[np.ndarray, int]:
    """The bag of every index, and how many bags there are."""
    if offsets is None:
        bags, width = input.shape
        return np.repeat(np.arange(bags), width), bags
    starts = offsets._arr.np.astype(np.int64)
    if include_last_offset:
        starts = starts[:-1]
    return np.searchsorted(starts, np.arange(input.shape[0]), side="right") - 1, starts.size


@op(module=F, method=False)
def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    if weight.dtype is int64 and input.dtype.is_floating_point:  # the order of arguments of old versions
        input, weight = weight, input
    _check_bags(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset)
    _check_indices("embedding_bag", input)
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise RuntimeError("padding_idx must be within the number of embeddings")
        padding_idx %= weight.shape[0]
    _no_sparse_gradient("embedding_bag", sparse, weight)
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    if weight.is_meta:
        return _bags_on_meta(input, weight, offsets, include_last_offset, per_sample_weights)
    bag_of, bags = _bags(input, offsets, include_last_offset)
    flat = input.reshape(-1)
    if padding_idx is not None:
        kept = flat._arr.np != padding_idx
        chosen = wrap(Array(np.flatnonzero(kept), input.device))
        flat, bag_of = flat[chosen], bag_of[kept]
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)[chosen]
    rows = _embedding((weight, flat), -1, scale_grad_by_freq)
    if rows.dtype.is_low:
        rows = rows.float()
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if mode == "max":
        return _largest(rows, bag_of, bags).to(weight.dtype)
    out = rows.new_zeros((bags, rows.shape[1]))
    out = out.index_add(0, wrap(Array(bag_of.astype(np.int64), input.device)), rows)
    if mode == "sum":
        return out.to(weight.dtype)
    counts = np.maximum(np.bincount(bag_of, minlength=bags), 1).astype(np.float64)
    return (out / wrap(Array(counts, input.device)).to(rows.dtype).unsqueeze(1)).to(weight.dtype)


def _bags_on_meta(
    input: Tensor, weight: Tensor, offsets: Tensor | None, include_last_offset: bool, factors: Tensor | None
) -> Tensor:
    """Sums of bags that nobody knows: what is common to all modes' shapes and gradients."""
    bags = input.shape[0] if offsets is None else offsets.shape[0] - include_last_offset
    rows = _embedding((weight, input.reshape(-1)), -1, False)
    if factors is not None:
        rows = rows * factors.reshape(-1, 1)
    bag_of = rows.new_empty(rows.shape[:1], dtype=int64)
    return rows.new_zeros((bags, rows.shape[1])).index_add(0, bag_of, rows)


def _largest(rows: Tensor, bag_of: np.ndarray, bags: int) -> Tensor:
    """The largest value of each bag, the first of equal ones; 0 for an empty bag."""
    width = rows.shape[1]
    position = np.zeros((bags, width), np.int64)
    filled = np.zeros((bags, 1), np.bool_)
    values = rows.detach()._arr.np
    for bag in np.unique(bag_of):
        members = np.flatnonzero(bag_of == bag)
        position[bag] = members[np.argmax(values[members], axis=0)]
        filled[bag] = True
    if not rows.shape[0]:
        return rows.new_zeros((bags, width)) + rows.sum() * 0
    picked = rows.gather(0, wrap(Array(position, rows.device)))
    return where(wrap(Array(filled, rows.device)), picked, 0.0)


@op("embedding_bag", method=False)
def torch_embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The bags (`mode` 0 sum, 1 mean, 2 max), the bag of every index, the bags' sizes, and what was the largest.

    As PyTorch on the CPU: the second is empty, and the last two are zeros, for sums that need none of them.
    """
    name = ("sum", "mean", "max")[mode]
    out = embedding_bag(
        indices, weight, offsets, None, 2, scale_grad_by_freq, name, sparse, per_sample_weights, include_last_offset,
        padding_idx,
    )  # fmt: skip
    bag_of, bags = _bags(indices, offsets, include_last_offset)
    flat = indices._arr.np.reshape(-1)
    kept = np.ones(flat.shape, np.bool_) if padding_idx is None else flat != padding_idx % weight.shape[0]
    sizes = np.bincount(bag_of[kept], minlength=bags) if mode else np.zeros(offsets.shape[0])
    largest = sizes
    if mode == 2:
        values, largest = weight.detach()._arr.np, np.zeros((bags, weight.shape[1]))
        for bag in np.unique(bag_of[kept]):
            members = flat[kept & (bag_of == bag)]
            largest[bag] = members[np.argmax(values[members], axis=0)]
    whole = mode == 0 and padding_idx is None
    found = (bag_of[:0] if whole else bag_of, sizes, largest)
    a, b, c = (wrap(Array(np.asarray(x).astype(indices.dtype._np), indices.device)) for x in found)
    return out, a, b, c


@op(module=F, method=False)
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    if tensor.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not tensor.numel():
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    if tensor.is_meta and num_classes > 0:
        return tensor.new_zeros((*tensor.shape, num_classes))
    if int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    n = int(tensor.max()) + 1 if num_classes == -1 else num_classes
    if n < 1:
        raise RuntimeError("num_classes should be positive")
    if int(tensor.max()) >= n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return tensor.new_zeros((*tensor.shape, n)).scatter(-1, tensor.unsqueeze(-1), 1)
