"""``vmap``: a function of one sample as a function of a batch. The function runs once for each sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch.utils import _pytree as pytree

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """`func` over the samples along `in_dims`, with results stacked along `out_dims`.

    `in_dims`: a dimension, None for what all samples share, or nested as the arguments are. Keyword arguments are
    mapped over their first dimension. Costs as many calls as there are samples. Randomness follows from that: each
    sample draws its own numbers, so ``randomness='same'`` is refused with NotImplementedError.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if randomness == "same":
        raise NotImplementedError("torch.vmap(randomness='same') is not supported by mindtorch")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs))
        dims = [*_spread(in_dims, args), *(0 for _ in pytree.tree_flatten(kwargs)[0])]
        dims = [d if isinstance(x, torch.Tensor) else _no_dimension(d, x, kwargs) for d, x in
                zip(dims, leaves, strict=True)]  # fmt: skip
        sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
        if not sizes:
            raise ValueError(
                f"vmap({getattr(func, '__name__', func)}, in_dims={in_dims}, ...)(<inputs>): got no mapped inputs"
            )
        if len(sizes) > 1:
            raise ValueError(
                f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sorted(sizes)} "
                "for the mapped dimension"
            )
        samples = []
        for i in range(sizes.pop()):
            one = [x if d is None else x.select(d, i) for x, d in zip(leaves, dims, strict=True)]
            positional, named = pytree.tree_unflatten(one, spec)
            samples.append(func(*positional, **named))
        return _stacked(samples, out_dims, func)

    return mapped


def _no_dimension(d: Any, x: Any, kwargs: Any) -> None:
    if d not in (None, 0):
        raise ValueError(f"Got in_dim={d} for an input of type {type(x)}: only tensors are mapped over")


def _spread(dims: Any, args: Any) -> list[Any]:
    """A dimension for each leaf of `args`."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(pytree.tree_flatten(args)[0])
    if isinstance(args, dict):
        return [d for key in args for d in _spread(dims[key], args[key])]
    if not isinstance(args, (tuple, list)) or len(dims) != len(args):
        raise ValueError(f"in_dims is not compatible with the structure of inputs: in_dims={dims}")
    return [d for one, a in zip(dims, args, strict=True) for d in _spread(one, a)]


def _stacked(samples: list[Any], out_dims: Any, func: Any) -> Any:
    if not samples:
        raise NotImplementedError("torch.vmap over a dimension of size 0 is not supported by mindtorch")
    flat = [pytree.tree_flatten(s) for s in samples]
    spec = flat[0][1]
    dims = _spread(out_dims, samples[0])
    out = []
    for position, d in enumerate(dims):
        column = [leaves[position] for leaves, _ in flat]
        if not isinstance(column[0], torch.Tensor):
            raise ValueError(
                f"vmap({getattr(func, '__name__', func)}, ...): `func` must only return Tensors, "
                f"got type {type(column[0])} as a return"
            )
        out.append(column[0] if d is None else torch.stack(column, d))
    return pytree.tree_unflatten(out, spec)
