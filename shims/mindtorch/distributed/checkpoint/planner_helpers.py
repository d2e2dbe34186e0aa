"""Helpers of the planners (``torch.distributed.checkpoint.planner_helpers``)."""

from __future__ import annotations

from mindtorch._unsupported import unsupported_function

_create_write_items = unsupported_function(
    "torch.distributed.checkpoint.planner_helpers._create_write_items", "save with torch.save"
)
_create_read_items = unsupported_function(
    "torch.distributed.checkpoint.planner_helpers._create_read_items", "load with torch.load"
)
