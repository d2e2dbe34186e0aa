"""The collectives on tensors. Each checks its arguments and hands over to the group's backend."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps
from operator import index
from typing import Any

import mindtorch as torch
from mindtorch.distributed._group import get_global_rank, group_or_default, not_in_group, root_rank, world
from mindtorch.distributed._types import RedOpType, ReduceOp, Work

__all__ = [
    "all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_reduce", "all_reduce_coalesced", "all_to_all",
    "all_to_all_single", "barrier", "broadcast", "gather", "monitored_barrier", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "scatter",
]  # fmt: skip


def check_single_tensor(param: Any, name: str) -> None:
    """TypeError unless ``param`` is a tensor."""
    if not isinstance(param, torch.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(param)} instead."
        )


def check_tensor_list(param: Any, name: str) -> None:
    """TypeError unless ``param`` is a list of tensors."""
    if not isinstance(param, list):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(param)} instead."
        )
    if not all(isinstance(p, torch.Tensor) for p in param):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(param)} with elements of type {[type(p) for p in param]}."
        )


def _check_op(op: Any) -> ReduceOp:
    if isinstance(op, ReduceOp):
        return op
    if isinstance(op, RedOpType):
        return ReduceOp(op)
    raise TypeError(f"Invalid function argument. Expected parameter `op` of type ReduceOp but got {type(op)} instead.")


def _check_same_dtype(*tensors: Any) -> None:
    dtypes = {t.dtype for t in tensors}
    if len(dtypes) > 1:
        raise ValueError(f"Invalid usage of tensors with different dtypesFound {', '.join(sorted(map(str, dtypes)))}")


def _check_count(tensors: list[Any], size: int, name: str) -> None:
    if len(tensors) != size:
        raise ValueError(f"{name} has {len(tensors)} tensors, the group has {size} ranks")


def _real(tensor: Any) -> Any:
    """Complex tensors travel as pairs of reals."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def warn_not_in_group(op_name: str) -> None:
    """Warn that a collective of a group this rank is not in does nothing."""
    warnings.warn(
        f"Running {op_name} on global rank {world.default_pg.rank() if world.default_pg else -1} "
        "which does not belong to the given group.",
        stacklevel=3,
    )


def finish(pg: Any, work: Work | None, async_op: bool) -> Work | None:
    """Return the work of an asynchronous call, wait for that of another; inside a coalescing manager, collect it."""
    coalescing = world.pg_coalesce_state.get(pg)
    if coalescing is not None:
        coalescing.append(work)
        return work if async_op else None
    if async_op:
        return work
    if work is not None:
        work.wait()
    return None


def _collective(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do nothing, with a warning, on a rank that is not in the group."""

    position = function.__code__.co_varnames.index("group")

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        pg = kwargs.get("group", args[position] if len(args) > position else None)
        if not_in_group(pg):
            warn_not_in_group(function.__name__)
            return None
        return function(*args, **kwargs)

    return wrapper


@_collective
def broadcast(
    tensor: Any, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """Copy ``tensor`` of global rank ``src`` (group rank ``group_src``) into everybody's."""
    pg = group_or_default(group)
    check_single_tensor(tensor, "tensor")
    return finish(pg, pg._backend.broadcast(_real(tensor), root_rank(pg, src, group_src)), async_op)


@_collective
def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Reduce ``tensor`` over the group into itself, everywhere."""
    check_single_tensor(tensor, "tensor")
    op = _check_op(op)
    if tensor.is_complex() and op.op not in (RedOpType.SUM, RedOpType.AVG, RedOpType.PREMUL_SUM, RedOpType.UNUSED):
        raise ValueError(f"all_reduce does not support {op} on complex tensors")
    pg = group_or_default(group)
    return finish(pg, pg._backend.allreduce(_real(tensor), op), async_op)


def all_reduce_coalesced(
    tensors: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """``all_reduce`` of each of ``tensors``."""
    tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
    check_tensor_list(tensors, "tensor")
    works = [all_reduce(t, op, group, async_op=True) for t in tensors]
    return finish(group_or_default(group), WorkList(works), async_op)


@_collective
def reduce(
    tensor: Any,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Reduce ``tensor`` over the group into that of global rank ``dst`` (group rank ``group_dst``)."""
    pg = group_or_default(group)
    check_single_tensor(tensor, "tensor")
    return finish(pg, pg._backend.reduce(_real(tensor), root_rank(pg, dst, group_dst), _check_op(op)), async_op)


@_collective
def all_gather(tensor_list: list[Any], tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """Copy rank i's ``tensor`` into ``tensor_list[i]``, everywhere."""
    check_tensor_list(tensor_list, "tensor_list")
    check_single_tensor(tensor, "tensor")
    _check_same_dtype(*tensor_list, tensor)
    pg = group_or_default(group)
    _check_count(tensor_list, pg.size(), "tensor_list")
    return finish(pg, pg._backend.allgather([_real(t) for t in tensor_list], _real(tensor)), async_op)


def all_gather_coalesced(
    output_tensor_lists: list[list[Any]], input_tensor_list: list[Any], group: Any = None, async_op: bool = False
) -> Work | None:
    """``all_gather`` of each of ``input_tensor_list``."""
    works = [
        all_gather([outputs[i] for outputs in output_tensor_lists], tensor, group, async_op=True)
        for i, tensor in enumerate(input_tensor_list)
    ]
    return finish(group_or_default(group), WorkList(works), async_op)


@_collective
def all_gather_into_tensor(
    output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy all ranks' ``input_tensor`` one after the other into ``output_tensor``.

    The output is (size * n, ...) or (size, n, ...) for inputs (n, ...); only the number of elements counts.
    """
    check_single_tensor(input_tensor, "input_tensor")
    check_single_tensor(output_tensor, "output_tensor")
    pg = group_or_default(group)
    if output_tensor.dtype != input_tensor.dtype:
        raise ValueError("output tensor must have the same type as input tensor")
    if output_tensor.numel() != input_tensor.numel() * pg.size():
        raise ValueError("output tensor size must be equal to world_size times input tensor size")
    return finish(pg, pg._backend.allgather_into(_real(output_tensor), _real(input_tensor)), async_op)


@_collective
def reduce_scatter(
    output: Any, input_list: list[Any], op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Reduce ``input_list[i]`` over the group into ``output`` of rank i."""
    check_single_tensor(output, "output")
    check_tensor_list(input_list, "input_list")
    _check_same_dtype(output, *input_list)
    pg = group_or_default(group)
    _check_count(input_list, pg.size(), "input_list")
    return finish(pg, pg._backend.reduce_scatter(output, input_list, _check_op(op)), async_op)


@_collective
def reduce_scatter_tensor(
    output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Reduce ``input`` over the group; ``output`` of rank i gets its i-th part."""
    check_single_tensor(output, "output")
    check_single_tensor(input, "input")
    pg = group_or_default(group)
    if output.dtype != input.dtype:
        raise ValueError("input tensor must be the same type as the output tensor.")
    if input.numel() != output.numel() * pg.size():
        raise ValueError("input tensor must be the same size as output size times world size")
    return finish(pg, pg._backend.reduce_scatter_into(output, input, _check_op(op)), async_op)


@_collective
def gather(
    tensor: Any,
    gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Copy rank i's ``tensor`` into ``gather_list[i]`` of global rank ``dst`` (default 0)."""
    check_single_tensor(tensor, "tensor")
    pg = group_or_default(group)
    root = root_rank(pg, dst, group_dst)
    if pg.rank() == root:
        if not gather_list:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
        check_tensor_list(gather_list, "gather_list")
        _check_same_dtype(tensor, *gather_list)
        _check_count(gather_list, pg.size(), "gather_list")
    elif gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    return finish(pg, pg._backend.gather(gather_list, tensor, root), async_op)


@_collective
def scatter(
    tensor: Any,
    scatter_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Copy ``scatter_list[i]`` of global rank ``src`` (default 0) into ``tensor`` of rank i."""
    check_single_tensor(tensor, "tensor")
    pg = group_or_default(group)
    root = root_rank(pg, src, group_src)
    if pg.rank() == root:
        if not scatter_list:
            raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
        check_tensor_list(scatter_list, "scatter_list")
        _check_same_dtype(tensor, *scatter_list)
        _check_count(scatter_list, pg.size(), "scatter_list")
    elif scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    return finish(pg, pg._backend.scatter(tensor, scatter_list, root), async_op)


@_collective
def all_to_all(
    output_tensor_list: list[Any], input_tensor_list: list[Any], group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy ``input_tensor_list[j]`` of rank i into ``output_tensor_list[i]`` of rank j."""
    check_tensor_list(output_tensor_list, "output_tensor_list")
    check_tensor_list(input_tensor_list, "input_tensor_list")
    _check_same_dtype(*output_tensor_list, *input_tensor_list)
    pg = group_or_default(group)
    _check_count(output_tensor_list, pg.size(), "output_tensor_list")
    _check_count(input_tensor_list, pg.size(), "input_tensor_list")
    return finish(pg, pg._backend.alltoall(output_tensor_list, input_tensor_list), async_op)


def _check_splits(tensor: Any, given: Sequence[int] | None, size: int) -> list[int]:
    """The sizes as integers; they may come in any sequence of integers, arrays included, but not as a tensor."""
    length = tensor.size(0) if tensor.dim() else 1
    if isinstance(given, torch.Tensor) or not (given is None or hasattr(given, "__getitem__")):
        raise TypeError(f"all_to_all_single(): split sizes have to be a list of integers, not {type(given).__name__}")
    splits = [index(n) for n in given] if given is not None else []
    if not splits:
        if length % size:
            raise RuntimeError("Tensor's dim 0 does not divide equally across group size")
        return []
    if len(splits) != size:
        raise RuntimeError("Number of tensor splits not equal to group size")
    if sum(splits) != length:
        raise RuntimeError("Split sizes doesn't match total dim 0 size")
    return splits


@_collective
def all_to_all_single(
    output: Any,
    input: Any,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Exchange parts of ``input`` and ``output`` along dimension 0; no split sizes: equal parts."""
    check_single_tensor(output, "output")
    check_single_tensor(input, "input")
    _check_same_dtype(output, input)
    pg = group_or_default(group)
    output_splits = _check_splits(output, output_split_sizes, pg.size())
    input_splits = _check_splits(input, input_split_sizes, pg.size())
    return finish(pg, pg._backend.alltoall_into(_real(output), _real(input), output_splits, input_splits), async_op)


@_collective
def barrier(group: Any = None, async_op: bool = False, device_ids: list[int] | None = None) -> Work | None:
    """Wait until every rank of the group came here."""
    if device_ids is not None and not isinstance(device_ids, list):
        raise TypeError("Invalid function argument: device_ids type should be List[int]")
    pg = group_or_default(group)
    return finish(pg, pg._backend.barrier(), async_op)


@_collective
def monitored_barrier(group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False) -> None:
    """``barrier`` that names who did not come.

    Raises:
        RuntimeError: on rank 0: ranks did not come within ``timeout`` (default: of the group); on the others: rank 0
            did not answer.
    """
    pg = group_or_default(group)
    limit = timeout or pg._backend.timeout
    missing = pg._backend.monitored_barrier(limit, wait_all_ranks)
    if not missing:
        return
    if pg.rank() == 0:
        ranks = ", ".join(str(get_global_rank(pg, rank)) for rank in missing)
        raise RuntimeError(
            f"[Rank 0]: Rank{'s' if len(missing) > 1 else ''} {ranks} failed to pass monitoredBarrier in "
            f"{int(limit.total_seconds() * 1000)} ms"
        )
    raise RuntimeError(
        f"Rank {get_global_rank(pg, pg.rank())} successfully reached monitoredBarrier, but received errors while "
        "waiting for send/recv from rank 0. Please check rank 0 logs for faulty rank."
    )


class WorkList(Work):
    """Several works as one."""

    def __init__(self, works: list[Work | None]) -> None:
        super().__init__()
        self.works = [work for work in works if work is not None]

    def is_completed(self) -> bool:
        """Whether all finished."""
        return all(work.is_completed() for work in self.works)

    def result(self) -> Any:
        """The outputs of each."""
        return [work.result() for work in self.works]

    def wait(self, timeout: Any = None) -> bool:
        """Wait for all."""
        # A list: every work has to be waited for, whatever the ones before it say.
        outcomes = [work.wait() if timeout is None else work.wait(timeout) for work in self.works]
        return all(outcomes)


def _all_gather_base(output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """Old name of ``all_gather_into_tensor``."""
    return all_gather_into_tensor(output_tensor, input_tensor, group, async_op)


def _reduce_scatter_base(
    output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Old name of ``reduce_scatter_tensor``."""
    return reduce_scatter_tensor(output, input, op, group, async_op)


def global_source(pg: Any, work: Work) -> int:
    """The global rank that a finished receive got its data from."""
    return get_global_rank(pg, work.source_rank())
