"""One shard of a tensor (``torch.distributed._shard.metadata``)."""

from __future__ import annotations

from dataclasses import dataclass

from mindtorch.distributed.remote_device import _remote_device

__all__ = ["ShardMetadata"]


@dataclass
class ShardMetadata:
    """A box of a tensor: offsets and sizes in elements, and the device that it is on ('rank:0/cpu', or None)."""

    shard_offsets: list[int]
    shard_sizes: list[int]
    placement: _remote_device | None = None

    def __init__(
        self, shard_offsets: list[int], shard_sizes: list[int], placement: str | _remote_device | None = None
    ) -> None:
        if len(shard_offsets) != len(shard_sizes):
            raise ValueError(
                "shard_offsets and shard_sizes should have the same number of elements, "
                f"found {len(shard_offsets)} and {len(shard_sizes)} respectively"
            )
        if any(offset < 0 for offset in shard_offsets):
            raise ValueError("shard_offsets should be >=0")
        if any(size < 0 for size in shard_sizes):
            raise ValueError("shard_sizes should be >= 0")
        self.shard_offsets = list(shard_offsets)
        self.shard_sizes = list(shard_sizes)
        self.placement = _remote_device(placement) if isinstance(placement, str) else placement

    def __hash__(self) -> int:
        return hash((tuple(self.shard_offsets), tuple(self.shard_sizes), self.placement))
