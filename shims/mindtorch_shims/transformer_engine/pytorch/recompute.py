"""Recomputation of activations: ``transformer_engine.pytorch.checkpoint``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch import Tensor
from mindtorch.utils.checkpoint import checkpoint as _checkpoint

__all__ = ["checkpoint"]


class _RandomStates:
    """The states that a forward pass began with: the host's, the device's and a tracker's."""

    def __init__(self, get_tracker: Callable[[], Any] | None) -> None:
        self.get_tracker = get_tracker
        self.host = torch.get_rng_state()
        self.device = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        self.tracked = get_tracker().get_states() if get_tracker else None

    def restore(self) -> None:
        torch.set_rng_state(self.host)
        if self.device is not None:
            torch.cuda.set_rng_state(self.device)
        if self.get_tracker:
            self.get_tracker().set_states(self.tracked)


class _Checkpoint(torch.autograd.Function):
    """Runs a function without a graph, and again with one in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Any], get_tracker: Any, group: Any, kwargs: dict[str, Any], *args: Any
    ) -> Any:
        ctx.function, ctx.kwargs, ctx.group, ctx.get_tracker = function, kwargs, group, get_tracker
        ctx.states = _RandomStates(get_tracker)
        with torch.no_grad():
            out = function(*args, **kwargs)
        ctx.is_tensor = [isinstance(a, Tensor) for a in args]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        tensors = [a for a in args if isinstance(a, Tensor)]
        if group is not None:
            # Each rank keeps its part of the first argument: all have the same.
            ctx.shape = tensors[0].shape
            tensors[0] = _part(tensors[0], group)
        ctx.save_for_backward(*tensors)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        tensors = list(ctx.saved_tensors)
        if ctx.group is not None:
            tensors[0] = _whole(tensors[0], ctx.group).view(ctx.shape)
        saved = iter(tensors)
        args = [next(saved) if is_tensor else other for is_tensor, other in zip(ctx.is_tensor, ctx.others, strict=True)]
        wanted = ctx.needs_input_grad[4:]
        args = [a.detach().requires_grad_(w) if isinstance(a, Tensor) else a for a, w in zip(args, wanted, strict=True)]
        now = _RandomStates(ctx.get_tracker)
        ctx.states.restore()
        with torch.enable_grad():
            out = ctx.function(*args, **ctx.kwargs)
        now.restore()
        outs = out if isinstance(out, tuple) else (out,)
        pairs = [
            (o, g) for o, g in zip(outs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad
        ]
        torch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


def _part(tensor: Tensor, group: Any) -> Tensor:
    size = dist.get_world_size(group)
    flat = tensor.reshape(-1)
    if flat.numel() % size:
        raise ValueError(f"{flat.numel()} elements do not divide among {size} ranks")
    length = flat.numel() // size
    start = dist.get_rank(group) * length
    return flat[start : start + length].clone()


def _whole(part: Tensor, group: Any) -> Tensor:
    out = part.new_empty(part.numel() * dist.get_world_size(group))
    dist.all_gather_into_tensor(out, part.contiguous(), group=group)
    return out


def checkpoint(
    function: Callable[..., Any], *args: Any, distribute_saved_activations: bool = False,
    get_rng_state_tracker: Callable[[], Any] | None = None, tp_group: Any = None, use_reentrant: bool = True,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """``function(*args, **kwargs)`` whose activations are computed again when they are needed.

    The random number states, the tracker's among them, are those of the first time. With
    ``distribute_saved_activations`` each rank of ``tp_group`` keeps only its part of the first argument.
    With ``use_reentrant=False`` it is ``torch.utils.checkpoint``, which takes neither a tracker nor a group.
    """
    if not use_reentrant:
        if distribute_saved_activations or get_rng_state_tracker is not None:
            raise ValueError("use_reentrant=False has neither distribute_saved_activations nor get_rng_state_tracker")
        return _checkpoint(function, *args, use_reentrant=False, **kwargs)
    if distribute_saved_activations and tp_group is None:
        raise ValueError("distribute_saved_activations needs tp_group")
    group = tp_group if distribute_saved_activations and dist.get_world_size(tp_group) > 1 else None
    return _Checkpoint.apply(function, get_rng_state_tracker, group, kwargs, *args)
