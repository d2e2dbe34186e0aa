"""``torch.distributed.tensor``: not there yet; its names raise when used."""

from __future__ import annotations

from typing import Any

from mindtorch.distributed.checkpoint._names import placeholder


def __getattr__(name: str) -> Any:
    return placeholder(__name__, name)
