"""``torch.distributed.fsdp``: not supported, and says so."""

from __future__ import annotations

from mindtorch._unsupported import unsupported
from mindtorch.distributed._composable.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

_HINT = "use the training stack's distributed optimizer"

FullyShardedDataParallel = unsupported("torch.distributed.fsdp.FullyShardedDataParallel", _HINT)
StateDictType = unsupported("torch.distributed.fsdp.StateDictType", _HINT)
ShardingStrategy = unsupported("torch.distributed.fsdp.ShardingStrategy", _HINT)
MixedPrecision = unsupported("torch.distributed.fsdp.MixedPrecision", _HINT)
CPUOffload = unsupported("torch.distributed.fsdp.CPUOffload", _HINT)

__all__ = [
    "CPUOffload",
    "FSDPModule",
    "FullyShardedDataParallel",
    "MixedPrecision",
    "MixedPrecisionPolicy",
    "ShardingStrategy",
    "StateDictType",
    "fully_shard",
]
