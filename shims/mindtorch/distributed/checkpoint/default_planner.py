"""The default planners (``torch.distributed.checkpoint.default_planner``)."""

from __future__ import annotations

from mindtorch._unsupported import unsupported

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner"]

DefaultSavePlanner = unsupported("torch.distributed.checkpoint.DefaultSavePlanner", "save with torch.save")
DefaultLoadPlanner = unsupported("torch.distributed.checkpoint.DefaultLoadPlanner", "load with torch.load")
