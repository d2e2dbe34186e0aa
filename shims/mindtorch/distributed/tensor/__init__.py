"""``torch.distributed.tensor``: placements; distributed tensors themselves are not supported and say so."""

from __future__ import annotations

from mindtorch._unsupported import unsupported, unsupported_function
from mindtorch.distributed.tensor import placement_types
from mindtorch.distributed.tensor.placement_types import Partial, Placement, Replicate, Shard

_HINT = "keep plain tensors, one shard a rank, and use the collectives"

DTensor = unsupported("torch.distributed.tensor.DTensor", _HINT)
distribute_tensor = unsupported_function("torch.distributed.tensor.distribute_tensor", _HINT)
distribute_module = unsupported_function("torch.distributed.tensor.distribute_module", _HINT)

__all__ = [
    "DTensor",
    "Partial",
    "Placement",
    "Replicate",
    "Shard",
    "distribute_module",
    "distribute_tensor",
    "placement_types",
]
