"""``torch.distributed.distributed_c10d``: the package's functions under the name of PyTorch's module."""

from __future__ import annotations

from mindtorch.distributed._collectives import (
    _all_gather_base,
    _reduce_scatter_base,
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
)
from mindtorch.distributed._collectives import check_single_tensor as _check_single_tensor
from mindtorch.distributed._collectives import check_tensor_list as _check_tensor_list
from mindtorch.distributed._collectives import warn_not_in_group as _warn_not_in_group
from mindtorch.distributed._group import (
    GroupMember,
    ProcessGroup,
    get_backend,
    get_backend_config,
    get_global_rank,
    get_group_rank,
    get_pg_count,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
)
from mindtorch.distributed._group import World as _World
from mindtorch.distributed._group import default_group as _get_default_group
from mindtorch.distributed._group import group_or_default as _group_or_default_group
from mindtorch.distributed._group import not_in_group as _rank_not_in_group
from mindtorch.distributed._group import world as _world
from mindtorch.distributed._objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from mindtorch.distributed._objects import object_to_tensor as _object_to_tensor
from mindtorch.distributed._objects import tensor_to_object as _tensor_to_object
from mindtorch.distributed._p2p import CoalescingManager as _CoalescingManager
from mindtorch.distributed._p2p import P2POp, batch_isend_irecv, irecv, isend, recv, send
from mindtorch.distributed._p2p import coalescing_manager as _coalescing_manager
from mindtorch.distributed._setup import (
    destroy_process_group,
    get_node_local_rank,
    init_process_group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_hccl_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    rendezvous,
    split_group,
)
from mindtorch.distributed._types import (
    Backend,
    DebugLevel,
    DistBackendError,
    DistError,
    DistNetworkError,
    DistStoreError,
    ProcessGroupGloo,
    ProcessGroupNCCL,
    RedOpType,
    ReduceOp,
    Work,
    default_pg_nccl_timeout,
    default_pg_timeout,
    reduce_op,
)
from mindtorch.distributed._types import make_premul_sum as _make_nccl_premul_sum
from mindtorch.distributed.store import FileStore, HashStore, PrefixStore, Store, TCPStore

__all__ = [
    "Backend", "DebugLevel", "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "FileStore",
    "GroupMember", "HashStore", "P2POp", "PrefixStore", "ProcessGroup", "ProcessGroupGloo", "ProcessGroupNCCL",
    "RedOpType", "ReduceOp", "Store", "TCPStore", "Work", "all_gather", "all_gather_coalesced",
    "all_gather_into_tensor", "all_gather_object", "all_reduce", "all_reduce_coalesced", "all_to_all",
    "all_to_all_single", "barrier", "batch_isend_irecv", "broadcast", "broadcast_object_list",
    "default_pg_nccl_timeout", "default_pg_timeout", "destroy_process_group", "gather", "gather_object",
    "get_backend", "get_backend_config", "get_global_rank", "get_group_rank", "get_node_local_rank", "get_pg_count",
    "get_process_group_ranks", "get_rank", "get_world_size", "group", "init_process_group", "irecv", "is_available",
    "is_backend_available", "is_gloo_available", "is_hccl_available", "is_initialized", "is_mpi_available",
    "is_nccl_available", "is_torchelastic_launched", "is_ucc_available", "is_xccl_available", "isend",
    "monitored_barrier", "new_group", "new_subgroups", "new_subgroups_by_enumeration", "recv", "recv_object_list",
    "reduce", "reduce_op", "reduce_scatter", "reduce_scatter_tensor", "rendezvous", "scatter", "scatter_object_list",
    "send", "send_object_list", "split_group",
]  # fmt: skip

# Private names that upstream code is known to use.
__all__ += [
    "_CoalescingManager", "_World", "_all_gather_base", "_check_single_tensor", "_check_tensor_list",
    "_coalescing_manager", "_get_default_group", "_get_default_store", "_get_process_group_name",
    "_group_or_default_group", "_make_nccl_premul_sum", "_object_to_tensor", "_rank_not_in_group",
    "_reduce_scatter_base", "_tensor_to_object", "_warn_not_in_group", "_world",
]  # fmt: skip


def _get_default_store() -> Store:
    """The store the ranks met at; ValueError before initialisation."""
    return _world.pg_map[_get_default_group()][1]


def _get_process_group_name(pg: ProcessGroup) -> str:
    """The group's unique name."""
    return _world.pg_names.get(pg, "None")
