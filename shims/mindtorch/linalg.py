"""``torch.linalg``: the functions are declared with the operators (``mindtorch.ops``)."""

from __future__ import annotations

from ._support import missing_attribute
from .ops import install

__all__ = install(globals(), "linalg")


def __getattr__(name: str) -> object:
    raise missing_attribute(__name__, name)
