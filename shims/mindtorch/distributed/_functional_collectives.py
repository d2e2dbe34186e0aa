"""``torch.distributed._functional_collectives``: what eager code asks of it."""

from __future__ import annotations

from mindtorch._unsupported import unsupported

__all__ = ["AsyncCollectiveTensor", "is_torchdynamo_compiling"]

AsyncCollectiveTensor = unsupported(
    "torch.distributed._functional_collectives.AsyncCollectiveTensor", "use torch.distributed's own functions"
)


def is_torchdynamo_compiling() -> bool:
    """Whether a graph is being captured: never."""
    return False
