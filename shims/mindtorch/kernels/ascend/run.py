"""Running kernels with the Ascend table: MindSpore's functions for tensors on the device, NumPy for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._array import Array
from ..._device import CPU, META, device
from ..._dtype import _BY_NUMPY, complex32
from ..reference import KERNELS
from ..reference.complex import REAL_ONLY
from ._table import SERVED, resolve
from .memory import HOST_ONLY, face, from_tensor, on_device
from .stand_in import DTYPES, RUNS_ON_CPU

COUNTS: dict[str, list[int]] = {}
"""Calls per kernel: [served by MindSpore, served by NumPy]."""
_COMPLEX_NAMES = {"complex32": "ComplexHalf", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}


def _available() -> dict[str, Any]:
    """The entries that MindSpore's target can run: all of them on Ascend."""
    mindspore = resolve("mindspore.get_context")
    if mindspore("device_target") == "Ascend":
        return SERVED
    resolve("mindspore.runtime.launch_blocking")()
    return {name: entry for name, entry in SERVED.items() if name in RUNS_ON_CPU}


_ENTRIES: dict[str, Any] = {}
_everything = False


def _entry(name: str) -> Any:
    global _ENTRIES, _everything
    if not _ENTRIES:
        _ENTRIES = _available()
        _everything = _ENTRIES is SERVED
    return _ENTRIES.get(name)


def call(name: str, *args: Any) -> Any:
    """``kernels.call`` for this table."""
    kernel = KERNELS[name]
    operands = [x for a in args for x in (a if type(a) is tuple else (a,)) if type(x) is Array]
    dev = _device_of(operands)
    if dev is META:
        from .. import meta

        return meta.run(name, args)
    count = COUNTS.setdefault(name, [0, 0])
    for x in operands:
        if x.dtype.is_complex and (name in REAL_ONLY or (x.dtype is complex32 and not kernel.exact)):
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{_COMPLEX_NAMES[x.dtype.name]}'")
    if dev.type != "cpu" and all(on_device(x) or not x.shape for x in operands) and not any(
        0 in x.shape or x.dtype in HOST_ONLY for x in operands
    ):
        entry = _entry(name)
        if entry is not None and entry.takes(args) and (_everything or _key_dtype(entry, args) in DTYPES):
            count[0] += 1
            out = entry(*[_face(a) for a in args])
            if isinstance(out, (tuple, list)):
                return tuple(from_tensor(o, dev) for o in out)
            return from_tensor(out, dev)
    count[1] += 1
    low = next((x.dtype for x in reversed(operands) if x.dtype.is_low), None) if not kernel.exact else None
    with np.errstate(all="ignore"):
        out = kernel.fn(*[_host(a, low is not None) for a in args])
    if type(out) is tuple:
        return tuple(_from_host(o, dev, low) for o in out)
    return _from_host(out, dev, low)


def _key_dtype(entry: Any, args: tuple[Any, ...]) -> Any:
    key = args[entry.key]
    return (key[0] if type(key) is tuple else key).dtype


def _device_of(operands: list[Array]) -> device:
    """The one device of the operands; 0-d operands of the CPU go with any. Raises RuntimeError for two devices."""
    dev = CPU
    seen = False
    for x in operands:
        if x.device is CPU and not x.shape:
            continue
        if seen and x.device is not dev:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{dev} and {x.device}!"
            )
        dev, seen = x.device, True
    return dev


def _face(a: Any) -> Any:
    if type(a) is Array:
        return face(a)
    return tuple(_face(x) for x in a) if type(a) is tuple else a


def _host(a: Any, widen: bool) -> Any:
    if type(a) is Array:
        x = np.asarray(a.np)
        return x.astype(np.float32) if widen and a.dtype.is_low else x
    return tuple(_host(x, widen) for x in a) if type(a) is tuple else a


def _from_host(out: Any, dev: device, low: Any) -> Array:
    a = np.asarray(out)
    if low is not None and a.dtype == np.float32:
        a = a.astype(low._np)
    if not a.flags.owndata or not a.flags.writeable:
        a = a.copy()
    return Array(a, dev, _BY_NUMPY[a.dtype])
