"""``torch.device`` and what its names mean here.

'cuda' and 'npu' both mean the MindSpore device. On a host without an NPU they exist when MINDTORCH_CUDA_ALIAS=1 is set
(then they are served by the CPU kernels and the tensors carry the name that they were asked for), else asking for them
raises, as PyTorch's CPU build does.

A host has as many devices as processes work on it, so that each local rank has one of its own. Tensors of 'cuda:0' and
'cuda:1' do not mix, as anywhere; which memory they are in is another matter: the process has its NPU, or the CPU's.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_TYPES = ("cpu", "cuda", "npu", "meta")


def has_npu() -> bool:
    """Whether the process has an NPU."""
    return _state.npu


def found_npu() -> None:
    """Kernels tell that MindSpore's target is an NPU: 'cuda' and 'npu' are there from now on."""
    _State.npu = True


def cuda_alias() -> bool:
    """Whether 'cuda' is served on this host: by its NPU, or by CPU kernels because that was asked for."""
    return _state.npu or os.environ.get("MINDTORCH_CUDA_ALIAS") == "1"


_LOCAL_PROCESSES = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")


def device_count() -> int:
    """How many devices 'cuda' has: 0 where it is not served, else one for each process that the launcher started on
    this host (at least LOCAL_RANK + 1, where it does not tell their number)."""
    if not cuda_alias():
        return 0
    given = next((os.environ[name] for name in _LOCAL_PROCESSES if name in os.environ), "1")
    return max(int(given), int(os.environ.get("LOCAL_RANK", 0)) + 1)


class device:
    """A device type with an optional index. Interned: equal devices are the same object. Also a context manager."""

    __slots__ = ("_saved", "index", "type")
    _interned: dict[tuple[str, int | None], device] = {}  # noqa: RUF012

    type: str
    index: int | None

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> device:
        if isinstance(type, device):
            return type
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, _, number = type.partition(":")
        if number:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if name not in _TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}"
            )
        self = cls._interned.get((name, index))
        if self is None:
            self = super().__new__(cls)
            self.type, self.index, self._saved = name, index, []
            cls._interned[(name, index)] = self
        return self

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (f", index={self.index})" if self.index is not None else ")")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> Any:
        # A string of its own, as PyTorch makes: a pickle would refer back to one that it has seen.
        kind = str(self.type.encode(), "ascii")
        return (device, (kind,) if self.index is None else (kind, self.index))

    def __deepcopy__(self, memo: Any) -> device:
        return self

    def __enter__(self) -> device:
        self._saved.append(_state.default)
        _state.default = self
        return self

    def __exit__(self, *exc: Any) -> None:
        _state.default = self._saved.pop()


class _State(threading.local):
    npu: bool = False  # of the process: set on the class
    default: device | None = None
    current_index: int = 0


_state = _State()
CPU = device("cpu")
META = device("meta")
"""Tensors of shape, dtype and strides without data: see ``_no_data`` and ``kernels.meta``."""


def set_default_device(d: Any) -> None:
    """Device of new tensors whose factory call names none; None restores the CPU."""
    _state.default = None if d is None else device(d)


def get_default_device() -> device:
    """Device of new tensors whose factory call names none."""
    return _state.default or CPU


def current_index() -> int:
    return _state.current_index


def set_current_index(index: int) -> None:
    """Make a device current. Raises RuntimeError for one that does not exist."""
    check_index(index)
    _state.current_index = index


def check_index(index: int) -> None:
    """Raise RuntimeError for a device that does not exist."""
    if not 0 <= index < device_count():
        raise RuntimeError(
            f"CUDA error: invalid device ordinal {index}: this host has {device_count()}, one for each process that "
            "the launcher started on it (LOCAL_WORLD_SIZE)"
        )


def resolve(d: Any = None) -> device:
    """The concrete device of a tensor made with ``device=d``: an index is filled in, availability checked."""
    if d is None:
        if _state.default is None:
            return CPU
        d = _state.default
    elif type(d) is not device:
        d = device(d)
    if d is CPU:
        return CPU
    if d.type == "cpu":
        return d
    if d.type == "meta":
        return META
    if not cuda_alias():
        raise AssertionError(
            f"device '{d}' is not available: this host has no NPU. Set MINDTORCH_CUDA_ALIAS=1 to let the CPU kernels "
            "serve 'cuda' and 'npu'"
        )
    if d.index is None:
        return device(d.type, _state.current_index)
    if d.index != _state.current_index:
        check_index(d.index)
    return d
