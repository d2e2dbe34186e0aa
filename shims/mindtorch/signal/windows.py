"""Window functions (``torch.signal.windows``)."""

from __future__ import annotations

from typing import Any

from .._support import missing_attribute
from ..ops import install

__all__ = install(globals(), "signal.windows")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
