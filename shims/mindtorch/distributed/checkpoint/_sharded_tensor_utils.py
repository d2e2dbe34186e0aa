"""Sharded tensors of one part (``torch.distributed.checkpoint._sharded_tensor_utils``)."""

from __future__ import annotations

from typing import Any

from mindtorch.distributed._shard.sharded_tensor import ShardedTensor
from mindtorch.distributed.checkpoint._traverse import OBJ_PATH, set_element, traverse_state_dict

__all__: list[str] = []


def _flatten_sharded_tensors(state_dict: dict[str, Any]) -> dict[str, Any]:
    """A state dictionary in which no shard is a sharded tensor itself.

    Raises NotImplementedError for nested ones: FSDP's two-dimensional mode makes them, which does not exist here.
    """
    copy: dict[str, Any] = {}

    def visit(path: OBJ_PATH, value: Any) -> None:
        if isinstance(value, ShardedTensor) and any(isinstance(s.tensor, ShardedTensor) for s in value.local_shards()):
            raise NotImplementedError(f"a ShardedTensor within a ShardedTensor ({path}) is not supported")
        set_element(copy, path, value)

    traverse_state_dict(state_dict, visit)
    return copy
