"""``torch.testing``: comparing tensors, and making them."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from ._comparison import assert_allclose, assert_close
from ._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
