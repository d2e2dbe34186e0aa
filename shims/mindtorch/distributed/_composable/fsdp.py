"""``torch.distributed._composable.fsdp``: not supported, and says so."""

from __future__ import annotations

from mindtorch._unsupported import unsupported, unsupported_function

__all__ = ["FSDPModule", "MixedPrecisionPolicy", "fully_shard"]

_HINT = "use the training stack's distributed optimizer"

fully_shard = unsupported_function("torch.distributed._composable.fsdp.fully_shard", _HINT)
FSDPModule = unsupported("torch.distributed._composable.fsdp.FSDPModule", _HINT)
MixedPrecisionPolicy = unsupported("torch.distributed._composable.fsdp.MixedPrecisionPolicy", _HINT)
