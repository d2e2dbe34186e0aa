"""Helpers of distributed checkpoints (``torch.distributed.checkpoint.utils``)."""

from __future__ import annotations

from typing import Any

from mindtorch._unsupported import unsupported

__all__: list[str] = []

_DistWrapper = unsupported("torch.distributed.checkpoint.utils._DistWrapper", "use the object collectives")


def _is_wrapped_exception(obj: Any) -> bool:
    """Whether ``obj`` is an (error, stack) pair as ``_wrap_exception`` makes."""
    return isinstance(obj, tuple) and len(obj) == 2 and isinstance(obj[0], BaseException)


def _get_failure_dict(results: list[Any]) -> dict[int, Any]:
    """The errors among the ranks' results, by rank."""
    return {rank: result for rank, result in enumerate(results) if _is_wrapped_exception(result)}
