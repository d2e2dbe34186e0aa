"""``torch.utils.data._utils``."""

from __future__ import annotations

from mindtorch.utils.data._utils import collate

__all__ = ["collate"]
