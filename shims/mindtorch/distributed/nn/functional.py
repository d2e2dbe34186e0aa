"""Collectives that gradients flow through: the backward of each is the collective that carries data the other way.

Every rank of the group has to run both directions. ``src`` and ``dst`` are global ranks.
"""

from __future__ import annotations

from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
from mindtorch.autograd import Function
from mindtorch.distributed._group import get_group_rank, group_or_default
from mindtorch.distributed._types import ReduceOp

__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce", "reduce_scatter",
    "scatter",
]  # fmt: skip


def _at(group: Any, root: int) -> bool:
    pg = group_or_default(group)
    return pg.rank() == get_group_rank(pg, root)


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, op: Any, tensor: Any) -> Any:
        ctx.group, ctx.op = group, op
        out = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(out, op, group)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, _AllReduce.apply(ctx.group, ctx.op, grad)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: Any, tensor: Any) -> Any:
        ctx.src, ctx.group = src, group
        out = tensor.clone()
        dist.broadcast(out, src, group)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        total = _Reduce.apply(ctx.src, ReduceOp.SUM, ctx.group, grad)
        return None, None, total if _at(ctx.group, ctx.src) else torch.zeros_like(total)


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, op: Any, group: Any, tensor: Any) -> Any:
        ctx.dst, ctx.group = dst, group
        out = tensor.clone()
        dist.reduce(out, dst, op, group)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, None, _Broadcast.apply(ctx.dst, ctx.group, grad)


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, group: Any, tensor: Any) -> Any:
        ctx.dst, ctx.group = dst, group
        outputs = [torch.zeros_like(tensor) for _ in range(dist.get_world_size(group))]
        dist.gather(tensor.contiguous(), outputs if _at(group, dst) else None, dst, group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, None, _Scatter.apply(ctx.dst, ctx.group, *grads)


class _Scatter(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: Any, *tensors: Any) -> Any:
        ctx.src, ctx.group = src, group
        output = torch.zeros_like(tensors[0])
        dist.scatter(output, [t.contiguous() for t in tensors] if _at(group, src) else None, src, group)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, *_Gather.apply(ctx.src, ctx.group, grad)


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, op: Any, group: Any, output: Any, *tensors: Any) -> Any:
        ctx.group = group
        out = torch.empty_like(output)
        dist.reduce_scatter(out, [t.contiguous() for t in tensors], op, group)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, None, *_AllGather.apply(ctx.group, grad)


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, tensor: Any) -> Any:
        ctx.group = group
        outputs = [torch.empty_like(tensor) for _ in range(dist.get_world_size(group))]
        dist.all_gather(outputs, tensor.contiguous(), group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        mine = grads[dist.get_rank(ctx.group)]
        return None, _ReduceScatter.apply(ReduceOp.SUM, ctx.group, mine, *grads)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, shapes: Any, *tensors: Any) -> Any:
        ctx.group, ctx.shapes = group, [t.shape for t in tensors]
        outputs = [tensors[0].new_empty(shape) for shape in shapes]
        dist.all_to_all(outputs, [t.contiguous() for t in tensors], group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, None, *_AllToAll.apply(ctx.group, ctx.shapes, *grads)


class AllToAllSingle(Function):
    """``apply(group, shape of the output, its splits, the input's splits, input)``."""

    @staticmethod
    def forward(ctx: Any, group: Any, shape: Any, output_splits: Any, input_splits: Any, tensor: Any) -> Any:
        ctx.arguments = group, tensor.shape, input_splits, output_splits
        output = tensor.new_empty(shape)
        dist.all_to_all_single(output, tensor.contiguous(), output_splits, input_splits, group)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, None, None, AllToAllSingle.apply(*ctx.arguments, grad)


class AllGatherInto(Function):
    """``apply(group, input)``: everybody's along dimension 0."""

    @staticmethod
    def forward(ctx: Any, group: Any, tensor: Any) -> Any:
        ctx.group = group
        output = tensor.new_empty((tensor.shape[0] * dist.get_world_size(group), *tensor.shape[1:]))
        dist.all_gather_into_tensor(output, tensor.contiguous(), group)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, ReduceScatterInto.apply(ctx.group, ReduceOp.SUM, grad)


class ReduceScatterInto(Function):
    """``apply(group, op, input)``: this rank's part along dimension 0 of the reduction."""

    @staticmethod
    def forward(ctx: Any, group: Any, op: Any, tensor: Any) -> Any:
        ctx.group, ctx.op, size = group, op, dist.get_world_size(group)
        if tensor.shape[0] % size:
            raise RuntimeError(f"input dimension 0 ({tensor.shape[0]}) must be a multiple of the group size {size}")
        output = tensor.new_empty((tensor.shape[0] // size, *tensor.shape[1:]))
        dist.reduce_scatter_tensor(output, tensor.contiguous(), op, group)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if ctx.op == ReduceOp.AVG:
            grad = grad / dist.get_world_size(ctx.group)
        return None, None, AllGatherInto.apply(ctx.group, grad)


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """``tensor`` of rank ``src``; its gradient is the sum of all."""
    return _Broadcast.apply(src, group, tensor)


def gather(tensor: Any, dst: int = 0, group: Any = None) -> Any:
    """Everybody's ``tensor`` on rank ``dst``, zeros elsewhere."""
    return _Gather.apply(dst, group, tensor)


def scatter(tensors: Any, src: int = 0, group: Any = None) -> Any:
    """``tensors[i]`` of rank ``src`` on group rank i."""
    return _Scatter.apply(src, group, *tensors)


def reduce(tensor: Any, dst: int, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The reduction on rank ``dst``; elsewhere ``tensor``."""
    return _Reduce.apply(dst, op, group, tensor)


def reduce_scatter(output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The reduction of ``input_list[i]`` on group rank i, in the shape of ``output``."""
    return _ReduceScatter.apply(op, group, output, *input_list)


def all_gather(tensor: Any, group: Any = None) -> Any:
    """Everybody's ``tensor``."""
    return _AllGather.apply(group, tensor)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None) -> Any:
    """``input_tensor_list[j]`` of rank i as i-th output of rank j, in the shapes of ``output_tensor_list``."""
    return _AllToAll.apply(group, [t.shape for t in output_tensor_list], *input_tensor_list)


def all_to_all_single(
    output: Any, input: Any, output_split_sizes: Any = None, input_split_sizes: Any = None, group: Any = None
) -> Any:
    """Parts of ``input`` exchanged, in the shape of ``output``."""
    return AllToAllSingle.apply(group, output.shape, output_split_sizes, input_split_sizes, input)


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The reduction, everywhere; its gradient is reduced in the same way."""
    return _AllReduce.apply(group, op, tensor)
