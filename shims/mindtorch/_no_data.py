"""What stands where a meta tensor's bytes would be: a shape and a dtype, and nothing to read."""

from __future__ import annotations

from math import prod
from typing import Any, NoReturn

import numpy as np

NO_DATA = "Cannot copy out of meta tensor; no data!"
_BYTE = np.dtype(np.uint8)


class _Flags:
    """NumPy's flags of an array without bytes."""

    c_contiguous = writeable = owndata = True


class NoData:
    """The NumPy face of a meta array: answers what a shape and a dtype answer, in constant memory.

    Everything that would need elements raises NotImplementedError, also NumPy's functions on it, so that no operator
    can take made-up values for data.
    """

    __slots__ = ("dtype", "shape")

    flags = _Flags()
    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def reshape(self, *shape: Any) -> NoData:
        """The same number of elements in another shape; one entry may be -1."""
        new = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if -1 in new:
            known = prod(n for n in new if n != -1)
            new = tuple(self.size // max(known, 1) if n == -1 else n for n in new)
        return NoData(new, self.dtype)

    def view(self, dtype: Any) -> NoData:
        """One dimension of elements as those of another dtype."""
        dtype = np.dtype(dtype)
        (n,) = self.shape
        return NoData((n * self.dtype.itemsize // dtype.itemsize,), dtype)

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(NO_DATA)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise NotImplementedError(NO_DATA)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(NO_DATA)

    def __bool__(self) -> NoReturn:
        raise NotImplementedError(NO_DATA)

    def __getitem__(self, key: Any) -> NoReturn:
        raise NotImplementedError(NO_DATA)

    def __len__(self) -> int:
        return self.shape[0]

    def __eq__(self, other: object) -> NoReturn:  # type: ignore[override]
        raise NotImplementedError(NO_DATA)

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]
