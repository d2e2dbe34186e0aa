"""Descriptions of sharded tensors (``torch.distributed._shard.sharded_tensor.metadata``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mindtorch as torch
from mindtorch.distributed._shard.metadata import ShardMetadata

__all__ = ["ShardedTensorMetadata", "TensorProperties"]


@dataclass
class TensorProperties:
    """What a tensor needs besides its size to be made anew."""

    dtype: Any = field(default_factory=lambda: torch.get_default_dtype())
    layout: Any = field(default_factory=lambda: torch.strided)
    requires_grad: bool = False
    memory_format: Any = field(default_factory=lambda: torch.contiguous_format)
    pin_memory: bool = False

    @staticmethod
    def create_from_tensor(tensor: Any) -> TensorProperties:
        """The properties of ``tensor``."""
        return TensorProperties(
            dtype=tensor.dtype,
            layout=tensor.layout,
            requires_grad=tensor.requires_grad,
            memory_format=torch.contiguous_format,
            pin_memory=tensor.is_pinned(),
        )


@dataclass
class ShardedTensorMetadata:
    """All shards of a tensor, its size and properties."""

    shards_metadata: list[ShardMetadata] = field(default_factory=list)
    size: Any = field(default_factory=lambda: torch.Size([]))
    tensor_properties: TensorProperties = field(default_factory=TensorProperties)
