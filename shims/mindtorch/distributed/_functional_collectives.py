"""``torch.distributed._functional_collectives``: collectives that return new tensors.

They are complete when they return: ``wait_tensor`` gives back what it is given, and no ``AsyncCollectiveTensor`` is
ever made. ``group`` is a process group, a list of global ranks, a mesh of one dimension, or a mesh and a dimension.
"""

from __future__ import annotations

from typing import Any

import mindtorch as torch
from mindtorch._unsupported import unsupported

__all__ = [
    "AsyncCollectiveTensor",
    "all_gather_into_tensor_coalesced",
    "all_gather_tensor",
    "all_gather_tensor_autograd",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all_single",
    "all_to_all_single_autograd",
    "broadcast",
    "is_torchdynamo_compiling",
    "permute_tensor",
    "reduce_scatter_tensor",
    "reduce_scatter_tensor_autograd",
    "reduce_scatter_tensor_coalesced",
    "wait_tensor",
]  # fmt: skip

AsyncCollectiveTensor = unsupported(
    "torch.distributed._functional_collectives.AsyncCollectiveTensor", "use torch.distributed's own functions"
)


def is_torchdynamo_compiling() -> bool:
    """Whether a graph is being captured: never."""
    return False


def resolve_group(group: Any) -> Any:
    """The process group that ``group`` means; one of the ranks is made if there is none."""
    from mindtorch.distributed.device_mesh import DeviceMesh

    dist = torch.distributed
    if isinstance(group, DeviceMesh):
        return group.get_group()
    if isinstance(group, tuple) and len(group) == 2 and isinstance(group[0], DeviceMesh):
        return group[0].get_group(group[1])
    if isinstance(group, list):
        rows = group if group and isinstance(group[0], list) else [group]
        ranks = next((row for row in rows if dist.get_rank() in row), None)
        if ranks is None:
            raise ValueError(f"rank {dist.get_rank()} is not in {group}")
        for known, members in dist.distributed_c10d._world.pg_group_ranks.items():
            if list(members) == ranks:
                return known
        return dist.new_group(ranks, use_local_synchronization=True)
    return group


def _op(name: Any) -> Any:
    kinds = torch.distributed.ReduceOp
    return getattr(kinds, {"PROD": "PRODUCT"}.get(name.upper(), name.upper())) if isinstance(name, str) else name


def wait_tensor(tensor: Any) -> Any:
    """``tensor``: it is complete."""
    return tensor


def all_reduce(self: Any, reduceOp: Any, group: Any, tag: str = "") -> Any:
    """The reduction ('sum', 'avg', 'product', 'min', 'max', ...) over the group."""
    out = self.detach().clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(out, _op(reduceOp), resolve_group(group))
    return out


def broadcast(self: Any, src: int, group: Any, tag: str = "") -> Any:
    """``self`` of global rank ``src``."""
    out = self.detach().clone(memory_format=torch.contiguous_format)
    torch.distributed.broadcast(out, src, resolve_group(group))
    return out


def all_gather_tensor(self: Any, gather_dim: int, group: Any, tag: str = "") -> Any:
    """Everybody's tensor along ``gather_dim``."""
    return all_gather_tensor_autograd(self.detach(), gather_dim, group, tag)


def all_gather_tensor_autograd(self: Any, gather_dim: int, group: Any, tag: str = "") -> Any:
    """As ``all_gather_tensor``; gradients are reduced and scattered back."""
    from mindtorch.distributed.nn.functional import AllGatherInto

    gathered = AllGatherInto.apply(resolve_group(group), self.movedim(gather_dim, 0))
    if gather_dim == 0:
        return gathered
    # Rank after rank along the first dimension is rank after rank along the wanted one after moving it back.
    return gathered.movedim(0, gather_dim).contiguous()


def reduce_scatter_tensor(self: Any, reduceOp: Any, scatter_dim: int, group: Any, tag: str = "") -> Any:
    """This rank's part along ``scatter_dim`` of the reduction."""
    return reduce_scatter_tensor_autograd(self.detach(), reduceOp, scatter_dim, group, tag)


def reduce_scatter_tensor_autograd(self: Any, reduceOp: Any, scatter_dim: int, group: Any, tag: str = "") -> Any:
    """As ``reduce_scatter_tensor``; gradients are gathered back."""
    from mindtorch.distributed.nn.functional import ReduceScatterInto

    part = ReduceScatterInto.apply(resolve_group(group), _op(reduceOp), self.movedim(scatter_dim, 0))
    return part if scatter_dim == 0 else part.movedim(0, scatter_dim).contiguous()


def all_to_all_single(
    self: Any, output_split_sizes: list[int] | None, input_split_sizes: list[int] | None, group: Any, tag: str = ""
) -> Any:
    """Parts along dimension 0 exchanged."""
    return all_to_all_single_autograd(self.detach(), output_split_sizes, input_split_sizes, group, tag)


def all_to_all_single_autograd(
    self: Any, output_split_sizes: list[int] | None, input_split_sizes: list[int] | None, group: Any, tag: str = ""
) -> Any:
    """As ``all_to_all_single``; gradients go back the way the parts came."""
    from mindtorch.distributed.nn.functional import AllToAllSingle

    length = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    shape = (length, *self.shape[1:])
    return AllToAllSingle.apply(resolve_group(group), shape, output_split_sizes, input_split_sizes, self)


def permute_tensor(self: Any, src_dst: list[int], group: Any, tag: str = "") -> Any:
    """``self`` of rank i on rank ``src_dst[i]``."""
    pg = resolve_group(group)
    size, me = torch.distributed.get_world_size(pg), torch.distributed.get_rank(pg)
    sent, received = [0] * size, [0] * size
    for source, target in enumerate(src_dst):
        if source == me:
            sent[target] = self.numel()
        if target == me:
            received[source] = self.numel()
    return all_to_all_single(self.reshape(-1), received, sent, pg).view(self.shape)


def all_reduce_coalesced(self: list[Any], reduceOp: Any, group: Any, tag: str = "") -> list[Any]:
    """``all_reduce`` of each."""
    return [all_reduce(t, reduceOp, group) for t in self]


def all_gather_into_tensor_coalesced(self: list[Any], group: Any, tag: str = "") -> list[Any]:
    """``all_gather_tensor`` of each, along dimension 0."""
    return [all_gather_tensor(t, 0, group) for t in self]


def reduce_scatter_tensor_coalesced(
    inputs: list[Any], reduceOp: Any, scatter_dim: list[int], group: Any, tag: str = ""
) -> list[Any]:
    """``reduce_scatter_tensor`` of each."""
    return [reduce_scatter_tensor(t, reduceOp, dim, group) for t, dim in zip(inputs, scatter_dim, strict=True)]
