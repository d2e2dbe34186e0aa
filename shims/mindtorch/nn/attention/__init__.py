"""``torch.nn.attention``: which implementations scaled dot product attention may use."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """Implementations of scaled dot product attention, under PyTorch's numbers."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_EVERY = tuple(backend for backend in SDPBackend if backend is not SDPBackend.ERROR)
_allowed: list[SDPBackend] = list(_EVERY)


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    """What is allowed here, in the given order with ``with_priority``."""
    return list(_allowed) if with_priority else sorted(_allowed)


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Inside, only these implementations are allowed.

    A device has one implementation here (the fused kernel on Ascend, the formula on the CPU), which stands for all of
    them: the choice is kept for who asks, and changes no result.

    Args:
        backends: one or several.
        set_priority: the order says which one to prefer.
    """
    global _allowed
    given = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not given or not all(isinstance(backend, SDPBackend) for backend in given):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    before = _allowed
    _allowed = list(dict.fromkeys(given))
    try:
        yield
    finally:
        _allowed = before
