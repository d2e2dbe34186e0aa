"""``torch.nn.functional``: the functions are declared with the operators (``mindtorch.ops``)."""

from __future__ import annotations

from .._support import missing_attribute
from ..ops import install

__all__ = install(globals(), "nn.functional")


def __getattr__(name: str) -> object:
    raise missing_attribute(__name__, name)
