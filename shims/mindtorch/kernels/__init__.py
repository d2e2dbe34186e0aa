"""The narrow table between operators and devices: ``call(name, *args)`` runs one kernel on arrays.

Every kernel has a NumPy entry (``reference``). On the CPU a MindSpore entry serves it for the dtypes for which that
was measured to be right (``cpu``), arithmetic on few elements aside, for which launching MindSpore's kernel takes many
times as long as NumPy's whole call; on the meta device there are shapes only (``meta``).
MINDTORCH_KERNELS=mindspore-always has MindSpore's entries serve operands of any size, and reference runs everything on
the NumPy entries: checks of one table by the other. Which entry serves a call is decided from these tables and never by
trying.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from .. import _array
from .._array import Array, fresh
from .._device import CPU, META, found_npu
from .._dtype import _BY_NUMPY, complex32, complex64, complex128, float16, float32
from ._allocator import keep_memory
from .reference import KERNELS, Kernel
from .reference._blocks import QUIET
from .reference.complex import FOR_HALVES, REAL_ONLY

__all__ = ["COUNTS", "TABLES", "call", "quietly", "table_name"]


class _Counts(dict[str, list[int]]):
    def __missing__(self, name: str) -> list[int]:
        self[name] = [0, 0]
        return self[name]


COUNTS = _Counts()
"""Calls per kernel: [served by MindSpore, served by NumPy]."""
_COMPLEX_NAMES = {complex32: "ComplexHalf", complex64: "ComplexFloat", complex128: "ComplexDouble"}


@cache
def _default_table() -> str:
    from .ascend.memory import on_ascend

    return "ascend" if on_ascend() else "mindspore"


TABLES = ("mindspore", "mindspore-always", "reference", "ascend")


def table_name() -> str:
    """One of ``TABLES``: MINDTORCH_KERNELS, else 'ascend' where MindSpore's target is one, else 'mindspore'."""
    name = os.environ.get("MINDTORCH_KERNELS") or _default_table()
    if name not in TABLES:
        raise ValueError(f"MINDTORCH_KERNELS={name!r}: known kernel tables are {', '.join(map(repr, TABLES))}")
    return name


if table_name().startswith("mindspore"):
    from .cpu import NATIVE, from_numpy

    if table_name() == "mindspore-always":
        NATIVE = {name: replace(native, least=0) for name, native in NATIVE.items()}
else:
    NATIVE = {}


def call(name: str, *args: Any) -> Any:
    """Run a kernel. Arrays (also inside tuples) are its operands, everything else its parameters.

    Returns an Array or a tuple of them, on the operands' device. Raises RuntimeError when operands are on two devices.
    """
    # The way of most calls: operands in the host's memory, on one device, of dtypes that NumPy computes in.
    dev = None
    size = 0
    faces = []
    for a in args:
        if type(a) is Array:
            face = a.np
            if type(face) is not _ndarray or not a.dtype.is_plain:
                return _call(name, args)
            if a.device is not dev and (a.shape or a.device is not CPU):
                if dev is not None:
                    return _call(name, args)
                dev = a.device
            if face.size > size:
                size = face.size
            faces.append(face)
        elif type(a) is tuple and Array in map(type, a):
            return _call(name, args)
        else:
            faces.append(a)
    native = NATIVE.get(name)
    if native is not None and size >= native.least and args[native.key].dtype in native.dtypes:
        operands = []
        for a in args:
            if type(a) is Array:
                face = a._ms
                if face is None:
                    face = _face(a)
                    if face is None:
                        return _call(name, args)
                operands.append(face)
            else:
                operands.append(a)
        COUNTS[name][0] += 1
        out = native.fn(*operands)
        if type(out) is tuple:
            return tuple([_result(o, dev or CPU) for o in out])
        return _result(out, dev or CPU)
    COUNTS[name][1] += 1
    out = quietly(KERNELS[name].fn, faces)
    if type(out) is tuple:
        return tuple([_from_np(o, dev or CPU, None) for o in out])
    return _from_np(out, dev or CPU, None)


_ndarray = np.ndarray


def quietly(fn: Callable[..., Any], args: list[Any]) -> Any:
    """``fn(*args)`` with NumPy's floating point warnings off: what ``np.errstate`` does, at a tenth of its time."""
    before = np.geterrobj()
    np.seterrobj(QUIET)
    try:
        return fn(*args)
    finally:
        np.seterrobj(before)


def _face(a: Array) -> Any:
    """The MindSpore tensor over the memory of `a`; None where there is none (empty, of gaps)."""
    if a.np.size and a.np.flags.c_contiguous:
        face = a._ms = from_numpy(a.np)
        return face
    return None


def _result(out: Any, dev: Any) -> Array:
    a = out.asnumpy()  # waits for the kernel and shares its memory
    result = fresh(a, dev, _BY_NUMPY[a.dtype])
    if a.size:
        result._ms = out
    return result


def _call(name: str, args: tuple[Any, ...]) -> Any:
    """Any call: operands of low precision or complex, on several devices, with gaps, empty, in tuples."""
    native = NATIVE.get(name)
    kernel = KERNELS[name]
    size = 0
    dev = CPU
    low = complex_ = None
    empty = False
    for a in args:
        if type(a) is Array:
            operands: tuple[Any, ...] = (a,)
        elif type(a) is tuple:
            operands = tuple(x for x in a if type(x) is Array)
        else:
            continue
        elements = 0
        for x in operands:
            elements += x.np.size
            if x.device is not dev and not (x.device is CPU and not x.shape):
                if dev is CPU and _all_scalars_before(args, x):
                    dev = x.device
                    if dev is META:
                        from . import meta

                        return meta.run(name, args)
                else:
                    raise RuntimeError(
                        "Expected all tensors to be on the same device, but found at least two devices, "
                        f"{dev} and {x.device}!"
                    )
            if x.dtype.is_low:
                low = x.dtype
            elif x.dtype.is_complex:
                complex_ = x.dtype
            if 0 in x.shape:
                empty = True
        size = max(size, elements)
    count = COUNTS[name]
    if complex_ is complex32 and name in FOR_HALVES:
        return _by_complex64(name, args)
    if complex_ is not None and (name in REAL_ONLY or (complex_ is complex32 and not kernel.exact)):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{_COMPLEX_NAMES[complex_]}'")
    widen = low is not None and not kernel.exact
    if native is not None and not empty and size >= native.least:
        key = args[native.key]
        d = (key[0] if type(key) is tuple else key).dtype
        if d in native.dtypes or (widen and d.is_low and float32 in native.dtypes):
            count[0] += 1
            out = native.fn(*[_ms_face(a, widen) for a in args])
            if type(out) is tuple:
                return tuple(_from_ms(o, dev, low if widen else None) for o in out)
            return _from_ms(out, dev, low if widen else None)
    count[1] += 1
    return _run_numpy(kernel, args, dev, low if widen else None)


def _by_complex64(name: str, args: tuple[Any, ...]) -> Array:
    """A kernel of complex32 operands, computed in complex64 and rounded."""
    out = call(name, *[a.cast(complex64) if type(a) is Array and a.dtype is complex32 else a for a in args])
    return out.cast({complex64: complex32, float32: float16}.get(out.dtype, out.dtype))


def _all_scalars_before(args: tuple[Any, ...], x: Array) -> bool:
    """Whether only 0-d CPU operands, which go with any device, stand before `x`."""
    for a in args:
        for y in a if type(a) is tuple else (a,):
            if y is x:
                return True
            if type(y) is Array and y.shape:
                return False
    return True


def _ms_face(a: Any, widen: bool) -> Any:
    if type(a) is Array:
        if widen and a.dtype.is_low:
            return from_numpy(np.ascontiguousarray(a.np, np.float32).reshape(a.shape))
        ms = a._ms
        if ms is None:
            if a.np.flags.c_contiguous:
                ms = a._ms = from_numpy(a.np)
            else:
                ms = from_numpy(np.ascontiguousarray(a.np))
        return ms
    if type(a) is tuple:
        return tuple(_ms_face(x, widen) for x in a)
    return a


def _from_ms(out: Any, dev: Any, low: Any) -> Array:
    a = out.asnumpy()  # waits for the kernel and shares its memory
    if low is not None and a.dtype == np.float32:
        return Array(a.astype(low._np), dev, low)
    result = Array(a, dev)
    if a.size:
        result._ms = out
    return result


def _np_face(a: Any, widen: bool) -> Any:
    if type(a) is Array:
        return a.np.astype(np.float32) if widen and a.dtype.is_low else a.np
    if type(a) is tuple:
        return tuple(_np_face(x, widen) for x in a)
    return a


def _run_numpy(kernel: Kernel, args: tuple[Any, ...], dev: Any, low: Any) -> Any:
    out = quietly(kernel.fn, [_np_face(a, low is not None) for a in args])
    if type(out) is tuple:
        return tuple(_from_np(o, dev, low) for o in out)
    return _from_np(out, dev, low)


def _from_np(out: Any, dev: Any, low: Any) -> Array:
    a = np.asarray(out)
    if low is not None and a.dtype == np.float32:
        a = a.astype(low._np)
    if not a.flags.owndata:
        a = a.copy()  # a view of an operand, or of a broadcast: tensors made by kernels own their memory
    if _array.memory is None and a.flags.c_contiguous:
        return fresh(a, dev, _BY_NUMPY[a.dtype])
    return Array(a, dev, _BY_NUMPY[a.dtype])


if table_name() == "ascend":
    from .ascend import memory
    from .ascend.run import COUNTS, call

    _array.memory = memory
    if memory.on_ascend():
        found_npu()
else:
    keep_memory()
