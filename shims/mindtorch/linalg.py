"""``torch.linalg``: the functions are declared with the operators (``mindtorch.ops``)."""

from __future__ import annotations

from ._support import missing_attribute
from .ops import install
from .ops.linalg_common import LinAlgError

__all__ = ["LinAlgError", *install(globals(), "linalg")]


def __getattr__(name: str) -> object:
    raise missing_attribute(__name__, name)
