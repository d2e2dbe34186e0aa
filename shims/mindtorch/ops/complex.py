"""Complex numbers: their parts, conjugation, and what is made of real ones.

``conj()`` computes: there is no conjugate bit, so that ``is_conj()`` is False and the result has memory of its own.
"""

from __future__ import annotations

import functools
from typing import Any

from .._array import Array, contiguous_strides
from .._dtype import complex32, float16, float32, float64
from .._tensor import Tensor
from ..kernels import call
from . import pointwise  # noqa: F401 - declares abs
from ._prim import Prim
from ._promote import cast, float_type
from ._registry import FUNCTIONS, _into, op, type_name


def _real_strides(a: Array) -> tuple[int, ...]:
    return tuple(2 * s for s in a.strides)


def _part_array(a: Array, which: int) -> Array:
    return a.as_strided(a.shape, _real_strides(a), 2 * a.offset + which, a.dtype.to_real())


def _as_real_array(a: Array) -> Array:
    return a.as_strided((*a.shape, 2), (*_real_strides(a), 1), 2 * a.offset, a.dtype.to_real())


def _as_complex_array(a: Array) -> Array:
    strides = tuple(s // 2 for s in a.strides[:-1])
    return a.as_strided(a.shape[:-1], strides, a.offset // 2, a.dtype.to_complex())


# The engine casts a real gradient to the complex dtype of the input.
_real = Prim("real", lambda a: _part_array(a, 0), lambda c, g: (g,), view="", conjugates=True)
_imag = Prim("imag", lambda a: _part_array(a, 1), lambda c, g: (g * 1j,), view="", conjugates=True)
_view_as_real = Prim(
    "view_as_real", _as_real_array, lambda c, g: (view_as_complex(g.contiguous()),), view="", conjugates=True
)
_view_as_complex = Prim(
    "view_as_complex", _as_complex_array, lambda c, g: (view_as_real(g),), view="", conjugates=True
)


@op(method=False)
def real(input: Tensor) -> Tensor:
    return _real((input,)) if input._arr.dtype.is_complex else input


@op(method=False)
def imag(input: Tensor) -> Tensor:
    if not input._arr.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag((input,))


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value)


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value)


Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]


@op(method=False)
def view_as_real(input: Tensor) -> Tensor:
    if not input._arr.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _view_as_real((input,))


@op(method=False)
def view_as_complex(input: Tensor) -> Tensor:
    a = input._arr
    if a.dtype not in (float16, float32, float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            + type_name(a.dtype)
        )
    if not a.shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if a.strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 for s in a.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if a.offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return _view_as_complex((input,))


_conj = Prim("conj", lambda a: call("conj", a), lambda c, g: (g.conj(),), conjugates=True)
_conj_physical = Prim("conj_physical", lambda a: call("conj", a), lambda c, g: (g.conj_physical(),), conjugates=True)


@op()
def conj(input: Tensor) -> Tensor:
    return _conj((input,)) if input._arr.dtype.is_complex else input


@op(inplace=True, out=True)
def conj_physical(input: Tensor) -> Tensor:
    return _conj_physical((input,)) if input._arr.dtype.is_complex else input


@op()
def resolve_conj(input: Tensor) -> Tensor:
    return input


@op()
def resolve_neg(input: Tensor) -> Tensor:
    return input


@op(method=False)
def is_conj(input: Tensor) -> bool:
    return input.is_conj()


@op(method=False)
def is_neg(input: Tensor) -> bool:
    return input.is_neg()


@op()
def adjoint(input: Tensor) -> Tensor:
    if input.dim() == 1 or (input.dim() == 0 and not input._arr.dtype.is_complex):
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.dim()}-D tensor."
        )
    return (input.transpose(-2, -1) if input.dim() else input).conj()


def _hermitian(self: Tensor) -> Tensor:
    if self.dim() not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.dim()}-D tensor.")
    return (self.transpose(0, 1) if self.dim() else self).conj()


def _batch_hermitian(self: Tensor) -> Tensor:
    if self.dim() == 1:
        raise RuntimeError("tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return adjoint(self)


Tensor.H = property(_hermitian)  # type: ignore[attr-defined]
Tensor.mH = property(_batch_hermitian)  # type: ignore[attr-defined]


def _no_complex_inplace(name: str) -> None:
    """``x.abs_()`` has no place for its result in complex memory."""
    written = FUNCTIONS[""][name]

    @functools.wraps(written)
    def checked(self: Tensor) -> Tensor:
        if self._arr.dtype.is_complex:
            raise RuntimeError("In-place abs is not supported for complex tensors.")
        return written(self)

    FUNCTIONS[""][name] = checked
    setattr(Tensor, name, checked)


_no_complex_inplace("abs_")
_no_complex_inplace("absolute_")


def _angle_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    from .composite import where

    x = c.input(0)
    if not x.is_complex():
        return (g.new_zeros(g.shape),)
    size = x.abs()
    zero = size == 0
    return (where(zero, 0, g * (x / where(zero, 1, size * size)) * 1j),)


_angle = Prim("angle", lambda a: call("angle", cast(a, float_type(a.dtype))), _angle_grad, save=(0,), conjugates=True)


@op(out=True)
def angle(input: Tensor) -> Tensor:
    return _angle((input,))


def _sgn_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    from .composite import where

    x = c.input(0)
    if not x.is_complex():
        return (g.new_zeros(g.shape),)
    size, direction = x.abs(), c.result()
    zero = size == 0
    rotation = g - direction * real(direction.conj() * g)  # what is left of g across the direction
    return (where(zero, 0, rotation / where(zero, 1, size)),)


_sgn = Prim("sgn", lambda a: call("sgn", a), _sgn_grad, save=(0,), save_out=(0,), conjugates=True)


@op(inplace=True, out=True)
def sgn(input: Tensor) -> Tensor:
    return _sgn((input,))


def _complex_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    return (real(g) if c.needs[0] else None), (imag(g) if c.needs[1] else None)


def _complex_array(re: Array, im: Array) -> Array:
    if re.dtype is float16:
        out = call("complex", cast(re, float32), cast(im, float32))
        return cast(out, complex32)
    return call("complex", re, im)


_complex = Prim("complex", _complex_array, _complex_grad, conjugates=True)


def _check_parts(a: Tensor, b: Tensor) -> None:
    allowed = (float16, float32, float64)
    if a.dtype not in allowed or b.dtype not in allowed:
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {type_name(a.dtype)} and "
            f"{type_name(b.dtype)}"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {type_name(a.dtype)} but got scalar type {type_name(b.dtype)} for second "
            f"argument"
        )


def _check_out(part: Tensor, out: Tensor | None) -> None:
    """Their ``out=`` is not cast to."""
    d = part.dtype.to_complex()
    if out is not None and out.dtype is not d:
        raise RuntimeError(
            f"Expected object of scalar type {type_name(d)} but got scalar type {type_name(out.dtype)} for argument "
            "'out'"
        )


@op(name="complex", method=False)
def complex_(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    _check_parts(real, imag)
    _check_out(real, out)
    return _complex((real, imag)) if out is None else _into("complex", True, out, complex_, (real, imag), {})


@op(method=False)
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    _check_parts(abs, angle)
    _check_out(abs, out)
    if out is not None:
        return _into("polar", True, out, polar, (abs, angle), {})
    return _complex((abs * angle.cos(), abs * angle.sin()))


@op()
def isreal(input: Tensor) -> Tensor:
    return imag(input) == 0 if input._arr.dtype.is_complex else input.new_ones(input.shape, dtype=_bool())


def _bool() -> Any:
    from .._dtype import bool as bool_

    return bool_


@op(out=True)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    return input.conj().dot(other)


def window(base: Tensor, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, d: Any) -> Tensor:
    """A window of dtype `d` on the memory of `base`, where one may be complex numbers and the other their parts."""
    if base._arr.dtype is not d:
        if base.is_complex() and d is base.dtype.to_real():
            base = view_as_real(base)
        elif d.is_complex and d is base.dtype.to_complex():
            a = base._arr
            flat = (a.storage.nbytes // a.dtype.itemsize // 2, 2)
            base = view_as_complex(base.as_strided(flat, contiguous_strides(flat), 0))
        else:
            raise NotImplementedError(
                "in-place writes through views of another dtype are not supported by mindtorch yet"
            )
    return base.as_strided(shape, strides, offset)
