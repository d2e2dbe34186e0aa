"""Tensors whose parts lie on several ranks (``torch.distributed._shard.sharded_tensor.api``)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.distributed import distributed_c10d as c10d
from mindtorch.distributed._group import group_or_default
from mindtorch.distributed._shard._utils import narrow_tensor
from mindtorch.distributed._shard.sharded_tensor._check import check_boxes, check_local, check_placements
from mindtorch.distributed._shard.sharded_tensor.metadata import ShardedTensorMetadata, TensorProperties
from mindtorch.distributed._shard.sharded_tensor.shard import Shard

__all__ = ["ShardedTensor"]


class ShardedTensor(Tensor):
    """A tensor cut into boxes, of which this process holds the ``local_shards()``.

    It is made by ``init_from_local_shards`` or ``_init_from_local_shards_and_global_metadata``, saved and loaded by
    ``torch.distributed.checkpoint``. Operators do not take it: they raise RuntimeError.
    """

    # Plain tensors need not be looked at for it: whatever takes one fails by itself.
    __torch_function__ = None  # type: ignore[assignment]

    _local_shards: list[Shard]
    _metadata: ShardedTensorMetadata
    _process_group: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            "torch.distributed._shard.sharded_tensor.ShardedTensor(sharding_spec, ...) is not supported: make it of "
            "local tensors with init_from_local_shards"
        )

    @classmethod
    def _of(cls, shards: list[Shard], metadata: ShardedTensorMetadata, group: Any) -> ShardedTensor:
        self: ShardedTensor = object.__new__(cls)
        self._vc = [0]
        self._requires_grad = metadata.tensor_properties.requires_grad
        self._grad = self._grad_fn = self._view = self._hooks = self._post_accumulate = self._accumulator = None
        self._output_nr = 0
        self._local_shards, self._metadata, self._process_group = list(shards), metadata, group
        return self

    @property
    def _arr(self) -> Any:
        # What every operator asks a tensor for.
        raise RuntimeError(
            "this function is not supported for ShardedTensor: use the tensors of its local_shards(), or gather()"
        )

    @property
    def shape(self) -> Any:
        return torch.Size(self._metadata.size)

    def size(self, dim: int | None = None) -> Any:
        """The shape of the whole, or its entry ``dim``."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return len(self._metadata.size)

    @property
    def ndim(self) -> int:
        return len(self._metadata.size)

    @property
    def dtype(self) -> Any:
        return self._metadata.tensor_properties.dtype

    @property
    def device(self) -> Any:
        return self._local_shards[0].tensor.device if self._local_shards else torch.device("cpu")

    is_cpu = property(lambda self: self.device.type == "cpu")  # type: ignore[assignment]
    is_cuda = is_npu = property(lambda self: self.device.type in ("cuda", "npu"))  # type: ignore[assignment]
    is_meta = property(lambda self: self.device.type == "meta")  # type: ignore[assignment]

    @classmethod
    def _init_from_local_shards_and_global_metadata(
        cls,
        local_shards: list[Shard],
        sharded_tensor_metadata: ShardedTensorMetadata,
        process_group: Any = None,
        init_rrefs: bool = False,
        sharding_spec: Any = None,
    ) -> ShardedTensor:
        """One from local parts, without communication: all ranks give the same description of the whole.

        Raises RuntimeError when the description has another number of parts for this rank, ValueError when parts
        overlap, do not fill the tensor, or have other properties than the whole.
        """
        _refuse(init_rrefs=init_rrefs, sharding_spec=sharding_spec)
        group = process_group if process_group is not None else group_or_default(None)
        rank = c10d.get_rank()
        boxes = sharded_tensor_metadata.shards_metadata
        check_placements(boxes, group)
        here = sum(box.placement.rank() == rank for box in boxes)  # type: ignore[union-attr]
        if here != len(local_shards):
            raise RuntimeError(
                f"Number of local shards ({len(local_shards)}) does not match number of local shards metadata in "
                f"sharded_tensor_metadata ({here}) on rank ({rank}) "
            )
        check_local(local_shards, sharded_tensor_metadata.tensor_properties, rank)
        check_boxes(sharded_tensor_metadata)
        return cls._of(local_shards, sharded_tensor_metadata, process_group)

    @classmethod
    def _init_from_local_shards(
        cls, local_shards: list[Shard], *global_size: Any, process_group: Any = None, init_rrefs: bool = False
    ) -> ShardedTensor:
        """One from local parts; the ranks of the group tell each other theirs. Raises as its sibling does."""
        _refuse(init_rrefs=init_rrefs)
        sizes = global_size[0] if len(global_size) == 1 and not isinstance(global_size[0], int) else global_size
        mine = None
        if local_shards:
            properties = TensorProperties.create_from_tensor(local_shards[0].tensor)
            mine = [shard.metadata for shard in local_shards], properties
        all_parts: list[Any] = [None] * c10d.get_world_size(process_group)
        c10d.all_gather_object(all_parts, mine, group=process_group)
        known = [part for part in all_parts if part is not None]
        if not known:
            raise ValueError("at least one rank has to hold a shard")
        metadata = ShardedTensorMetadata([m for part in known for m in part[0]], torch.Size(sizes), known[0][1])
        return cls._init_from_local_shards_and_global_metadata(local_shards, metadata, process_group)

    def metadata(self) -> ShardedTensorMetadata:
        """The description of all parts."""
        return self._metadata

    def local_shards(self) -> list[Shard]:
        """The parts that this process holds."""
        return self._local_shards

    def local_tensor(self) -> Tensor:
        """The tensor of the only local part. Raises NotImplementedError when there are more or none."""
        if len(self._local_shards) != 1:
            raise NotImplementedError("Only single local shard is supported.")
        return self._local_shards[0].tensor

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def __repr__(self) -> str:  # type: ignore[override]
        return f"ShardedTensor({self._metadata})"

    def _map(self, function: Callable[[Tensor], Tensor]) -> ShardedTensor:
        """The same of other local tensors."""
        shards = []
        for shard in self._local_shards:
            tensor = function(shard.tensor)
            box = copy.copy(shard.metadata)
            if box.placement is not None and tensor.device != shard.tensor.device:
                box = type(box)(box.shard_offsets, box.shard_sizes, f"rank:{box.placement.rank()}/{tensor.device}")
            shards.append(Shard(tensor, box))
        metadata = copy.deepcopy(self._metadata)
        if shards:
            metadata.tensor_properties.requires_grad = shards[0].tensor.requires_grad
            metadata.tensor_properties.dtype = shards[0].tensor.dtype
        return self._of(shards, metadata, self._process_group)

    def detach(self) -> ShardedTensor:  # type: ignore[override]
        """One that shares the local tensors, outside of the graph."""
        return self._map(lambda tensor: tensor.detach())

    def clone(self, *, memory_format: Any = torch.preserve_format) -> ShardedTensor:
        """One with copies of the local tensors."""
        return self._map(lambda tensor: tensor.clone(memory_format=memory_format))

    def cpu(self, memory_format: Any = torch.preserve_format, process_group: Any = None) -> ShardedTensor:
        """One with its local tensors on the CPU."""
        return self._map(lambda tensor: tensor.cpu())

    def to(self, *args: Any, **kwargs: Any) -> ShardedTensor:
        """One with its local tensors converted or moved."""
        return self._map(lambda tensor: tensor.to(*args, **kwargs))

    def gather(  # type: ignore[override]
        self, dst: int = 0, out: Tensor | None = None, enforce_dtype: bool = False, dtype: Any = None
    ) -> None:
        """Bring all parts together in ``out``, a tensor of the whole size, on rank ``dst`` of the group.

        Raises ValueError when ``out`` is missing there or has another size.
        """
        group = self._process_group
        rank, world = c10d.get_rank(group), c10d.get_world_size(group)
        parts: list[Any] | None = [None] * world if rank == dst else None
        target = dst if group is None else c10d.get_global_rank(group, dst)
        mine = [(shard.metadata, shard.tensor.detach().cpu()) for shard in self._local_shards]
        c10d.gather_object(mine, parts, dst=target, group=group)
        if parts is None:
            return
        if out is None or out.size() != self.size():
            raise ValueError(f"`out` Tensor must be given on rank {dst} with size {tuple(self.size())}")
        with torch.no_grad():
            for metadata, tensor in (piece for part in parts for piece in part):
                if math.prod(metadata.shard_sizes):
                    narrow_tensor(out, metadata).copy_(tensor if dtype is None else tensor.to(dtype))


def _refuse(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value:
            raise NotImplementedError(f"ShardedTensor with {name}={value!r} is not supported: leave it out")
