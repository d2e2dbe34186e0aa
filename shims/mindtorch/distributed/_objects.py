"""Collectives on picklable Python objects."""

from __future__ import annotations

import io
import pickle
from typing import Any

import mindtorch as torch
from mindtorch.distributed._collectives import warn_not_in_group
from mindtorch.distributed._group import canonical_rank, group_or_default, not_in_group, root_rank

__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "recv_object_list", "scatter_object_list",
    "send_object_list",
]  # fmt: skip


def object_to_tensor(obj: Any, device: Any = None, group: Any = None) -> tuple[Any, Any]:
    """A pickled object as a uint8 tensor, and its length as an int64 one."""
    buffer = io.BytesIO()
    pickle.Pickler(buffer).dump(obj)
    data = torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)
    if device is not None:
        data = data.to(device)
    return data, torch.tensor([data.numel()], dtype=torch.int64, device=device)


def tensor_to_object(tensor: Any, tensor_size: Any, group: Any = None) -> Any:
    """The object of the first ``tensor_size`` bytes of ``tensor``."""
    return pickle.loads(tensor.cpu().numpy().tobytes()[: int(tensor_size)])


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Copy rank i's ``obj`` into ``object_list[i]``, everywhere."""
    if not_in_group(group):
        warn_not_in_group("all_gather_object")
        return
    pg = group_or_default(group)
    for i, payload in enumerate(pg._backend.allgather_bytes(pickle.dumps(obj))):
        object_list[i] = pickle.loads(payload)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Copy rank i's ``obj`` into ``object_gather_list[i]`` of global rank ``dst`` (default 0)."""
    if not_in_group(group):
        warn_not_in_group("gather_object")
        return
    pg = group_or_default(group)
    root = root_rank(pg, dst, group_dst)
    if pg.rank() == root:
        if not object_gather_list:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    elif object_gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    payloads = pg._backend.allgather_bytes(pickle.dumps(obj))
    if pg.rank() == root:
        for i, payload in enumerate(payloads):
            object_gather_list[i] = pickle.loads(payload)  # type: ignore[index]


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Copy ``object_list`` of global rank ``src`` into everybody's, element by element."""
    if not_in_group(group):
        warn_not_in_group("broadcast_object_list")
        return
    pg = group_or_default(group)
    root = root_rank(pg, src, group_src)
    is_root = pg.rank() == root
    payload = pg._backend.broadcast_bytes(pickle.dumps(list(object_list)) if is_root else None, root)
    if not is_root:
        for i, obj in enumerate(pickle.loads(payload)):
            object_list[i] = obj


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Copy ``scatter_object_input_list[i]`` of global rank ``src`` into ``scatter_object_output_list[0]`` of rank i."""
    if not_in_group(group):
        warn_not_in_group("scatter_object_list")
        return
    if not isinstance(scatter_object_output_list, list) or len(scatter_object_output_list) < 1:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    pg = group_or_default(group)
    root = root_rank(pg, src, group_src)
    payload = None
    if pg.rank() == root:
        if scatter_object_input_list is None:
            raise ValueError("source rank must provide non-None scatter_object_input_list")
        if len(scatter_object_input_list) != pg.size():
            raise ValueError(
                f"scatter_object_input_list has {len(scatter_object_input_list)} objects, the group {pg.size()} ranks"
            )
        payload = pickle.dumps([pickle.dumps(obj) for obj in scatter_object_input_list])
    parts = pickle.loads(pg._backend.broadcast_bytes(payload, root))
    scatter_object_output_list[0] = pickle.loads(parts[pg.rank()])


def send_object_list(
    object_list: list[Any],
    dst: int | None = None,
    group: Any = None,
    device: Any = None,
    group_dst: int | None = None,
) -> None:
    """Send the objects to global rank ``dst``."""
    pg = group_or_default(group)
    rank = canonical_rank(pg, dst, group_dst)
    if pg.rank() == rank:
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    data, size = object_to_tensor(list(object_list), device)
    pg._backend.send(size, rank, 0).wait()
    pg._backend.send(data, rank, 0).wait()


def recv_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> int:
    """Receive the objects from global rank ``src``; returns the sender."""
    pg = group_or_default(group)
    if src is None and group_src is None:
        raise NotImplementedError(
            "torch.distributed.recv_object_list from any rank is not supported: name the source rank"
        )
    rank = canonical_rank(pg, src, group_src)
    if pg.rank() == rank:
        raise ValueError("Invalid source rank: source rank should not be the same as the rank of the current process.")
    size = torch.empty(1, dtype=torch.int64, device=device)
    pg._backend.recv(size, rank, 0).wait()
    data = torch.empty(int(size.item()), dtype=torch.uint8, device=device)
    pg._backend.recv(data, rank, 0).wait()
    for i, obj in enumerate(tensor_to_object(data, size.item())):
        object_list[i] = obj
    return list(pg._ranks)[rank]
