"""The memory of tensors as a collectives library on the host reads and writes it: contiguous NumPy arrays.

Everything is taken when the collective is started. A caller who gives a tensor other memory afterwards (``t.data = u``)
neither loses what is being sent nor gets what is being received.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mindtorch._array import Array
from mindtorch._device import META
from mindtorch.tape import inplace

__all__ = ["Target", "as_bytes", "overlap", "source"]


def source(tensor: Any) -> np.ndarray:
    """The elements in row-major order: the tensor's own memory where they lie so, else a copy."""
    array = tensor._arr
    if array.device is META:
        raise NotImplementedError("collectives of tensors on the meta device: there is no data to send")
    return np.ascontiguousarray(np.asarray(array.np))


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array; shares its memory."""
    return array.reshape(-1).view(np.uint8)


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two contiguous arrays have bytes in common."""
    return bool(a.size and b.size and np.may_share_memory(a, b))


class Target:
    """Where a result goes: ``array`` is contiguous and has the tensor's shape; ``finish`` is called when it is filled.

    The array is the tensor's own memory if that is contiguous and on the host, and ``apart`` does not forbid it.
    """

    def __init__(self, tensor: Any, apart: bool = False) -> None:
        if tensor._arr.device is META:
            raise NotImplementedError("collectives of tensors on the meta device: there is nowhere to receive to")
        inplace.check(tensor, recorded=False)
        tensor._vc[0] += 1
        self._array: Array = tensor._arr
        memory = self._array.np
        self.direct = isinstance(memory, np.ndarray) and memory.flags.c_contiguous and not apart
        self.array = memory if self.direct else np.empty(self._array.shape, self._array.dtype._np)

    def load(self) -> np.ndarray:
        """As ``array``, filled with what the tensor holds now."""
        if not self.direct:
            np.copyto(self.array, np.asarray(self._array.np))
        return self.array

    def finish(self) -> None:
        """Bring the result to the tensor."""
        if not self.direct:
            self._array.write(Array(self.array, d=self._array.dtype))


def finish_all(targets: list[Target]) -> Callable[[], None]:
    """The function that finishes all of them."""

    def finish() -> None:
        for target in targets:
            target.finish()

    return finish
