"""The operator registry: from one declaration come the function, the method, the in-place form, ``out=`` and the
operator's line in the support table."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .._dtype import from_python_type
from .._tensor import Tensor
from ..tape import inplace
from ..tape.grad_mode import mode, no_grad
from . import _interpose
from ._in_memory import DIRECT
from ._memory import check_apart, may_repeat


@dataclass
class Operator:
    """A declared operator and the names it is reachable under."""

    name: str
    impl: Callable[..., Any]
    names: list[str] = field(default_factory=list)  # full torch names: torch.add, torch.Tensor.add_, ...


OPERATORS: dict[str, Operator] = {}
FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {"": {}, "nn.functional": {}, "special": {}, "linalg": {}}
"""Public functions by module below ``mindtorch``."""

# Python operators that autocast decides about, and that must pay for being asked.
_ASKED = ("matmul", "pow")
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input"}


def op(
    name: str | None = None,
    *,
    module: str | None = "",
    method: bool | str = True,
    inplace: bool | str = False,
    out: bool | str = False,
    dunder: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operator.

    The decorated function is its implementation with PyTorch's argument names. `module`: where the function goes
    (None: it is a method only). `method`: also ``Tensor.name`` (or the given name). `inplace`: also ``Tensor.name_``
    (and ``torch.name_`` beside the function); "constant" if it writes one value, so that elements may share memory.
    `out`: the function takes ``out=``, of a dtype that the result can be cast to (True), of the result's own ("same"),
    of bool or uint8 ("truth"), or of any, which the function then computes in ("dtype"). `dunder`: Python operators
    served. `aliases`: further names for function and methods.
    """

    def declare(impl: Callable[..., Any]) -> Callable[..., Any]:
        base = name or impl.__name__.rstrip("_")
        operator = Operator(base, impl)
        if f"{module}.{base}" in OPERATORS:
            raise ValueError(f"operator {base!r} is declared twice in {module!r}")
        OPERATORS[f"{module}.{base}"] = operator
        public = _public(base, module or "", impl, out, bool(dunder))
        written = _inplace(base, impl, inplace == "constant") if inplace else None
        for n in (base, *aliases):
            if module is not None:
                FUNCTIONS[module][n] = public
                operator.names.append(f"torch.{module}.{n}" if module else f"torch.{n}")
            if method:
                m = method if isinstance(method, str) and n == base else n
                setattr(Tensor, m, public)
                operator.names.append(f"torch.Tensor.{m}")
            if written is not None:
                setattr(Tensor, n + "_", written)
                operator.names.append(f"torch.Tensor.{n}_")
                if module == "" and method:
                    FUNCTIONS[""][n + "_"] = written
        for d in dunder:
            operate = _asked(base, impl) if base in _ASKED else impl
            setattr(Tensor, d, _reflected(d, operate) if d.startswith("__r") else operate)
            operator.names.append(f"torch.Tensor.{d}")
        return public

    return declare


def _asked(name: str, impl: Callable[..., Any]) -> Callable[..., Any]:
    """The implementation of a Python operator that autocast may stand before."""

    @functools.wraps(impl)
    def operate(*args: Any) -> Any:
        return _interpose.run(name, "", impl, args, {}) if _interpose.active else impl(*args)

    return operate


def _public(
    name: str, module: str, impl: Callable[..., Any], takes_out: bool | str, declines: bool
) -> Callable[..., Any]:
    """The function that users call: accepts NumPy's argument names and ``out=``, and is fast without them.

    `declines`: the implementation returns NotImplemented for operands that it does not know, which is right for
    Python's operators but an error here.
    """
    parameters = inspect.signature(impl).parameters
    rest = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    renames = {a: b for a, b in _NUMPY_NAMES.items() if b in parameters and a not in parameters}

    takes_dtype = "dtype" in parameters

    @functools.wraps(impl)
    def public(*args: Any, **kwargs: Any) -> Any:
        if _interpose.active:
            return _interpose.run(name, module, call, args, kwargs)
        return call(*args, **kwargs) if kwargs else impl(*args)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return impl(*args)
        out = kwargs.pop("out", None) if takes_out else None
        for a, b in renames.items():
            if a in kwargs:
                kwargs[b] = kwargs.pop(a)
        if takes_dtype and (d := kwargs.get("dtype")).__class__ is type:  # dtype=float
            kwargs["dtype"] = from_python_type(d, name)
        if rest is not None and rest in kwargs:  # flip(x, dims=(0, 1)) for flip(x, 0, 1)
            args = (*args, kwargs.pop(rest))
        if out is None:
            return impl(*args, **kwargs)
        return _into(name, takes_out, out, impl, args, kwargs)

    public.__name__ = public.__qualname__ = name
    if not declines:
        return public

    @functools.wraps(impl)
    def checked(*args: Any, **kwargs: Any) -> Any:
        result = public(*args, **kwargs) if kwargs or _interpose.active else impl(*args)
        if result is NotImplemented:
            raise invalid_operands(name, args)
        return result

    checked.__name__ = checked.__qualname__ = name
    return checked


def invalid_operands(name: str, args: tuple[Any, ...]) -> TypeError:
    """The error for operands of types that an operator does not take."""
    types = ", ".join(type(a).__name__ for a in args)
    return TypeError(f"{name}() received an invalid combination of arguments - got ({types})")


def _reflected(dunder: str, impl: Callable[..., Any]) -> Callable[..., Any]:
    """A reflected operator: its first operand is the tensor."""

    def reflected(self: Any, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise TypeError(
                f"descriptor '{dunder}' for 'Tensor' objects doesn't apply to a '{type(self).__name__}' object"
            )
        return impl(self, other)

    reflected.__name__ = reflected.__qualname__ = dunder
    return reflected


def _into(
    name: str, kind: bool | str, out: Any, impl: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    outs = out if isinstance(out, (tuple, list)) else (out,)
    for o in outs:
        if not isinstance(o, Tensor):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(o).__name__}")
    operands = [a for a in (*args, *kwargs.values(), *outs) if isinstance(a, Tensor)]
    if mode.enabled and any(t.requires_grad for t in operands):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if kind == "dtype" and kwargs.get("dtype") is None:
        kwargs["dtype"] = out.dtype
    with no_grad():
        result = impl(*args, **kwargs)
    if result is NotImplemented:
        return result
    results = result if isinstance(result, tuple) else (result,)
    for o, r in zip(outs, results, strict=True):
        _check_out(name, kind, r, o)
        inplace.check(o, False, may_repeat(name))
        check_apart(name, o, (*args, *kwargs.values()))
        if o.shape != r.shape:
            _resize(o, r)
        inplace.write(o, r)
    return out


def _check_out(name: str, kind: bool | str, result: Tensor, out: Tensor) -> None:
    """Raises RuntimeError when `out` is not of a dtype that the function writes."""
    r, o = result._arr.dtype, out._arr.dtype
    if out._arr.device is not result._arr.device:
        raise RuntimeError(
            f"Expected out tensor to be on device {result._arr.device}, but got {out._arr.device} instead"
        )
    if kind == "truth":
        if o.name not in ("bool", "uint8"):
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {type_name(o)}")
    elif kind == "same":
        if r is not o:
            raise RuntimeError(f"Expected out tensor to have dtype {type_name(r)}, but got {type_name(o)} instead")
    else:
        check_castable(result, out)


def _resize(out: Tensor, result: Tensor) -> None:
    if out.numel():
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
            f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
            "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse an "
            "out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            stacklevel=4,
        )
    out.resize_(result.shape)


def check_castable(result: Tensor, to: Tensor) -> None:
    """Raises RuntimeError unless the result's dtype category fits the tensor that takes it."""
    a, b = result._arr.dtype, to._arr.dtype
    if a.category > b.category:
        raise RuntimeError(f"result type {type_name(a)} can't be cast to the desired output type {type_name(b)}")


def type_name(d: Any) -> str:
    """PyTorch's name of a dtype in error texts: Float, Long, ..."""
    special = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
               "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
               "complex64": "ComplexFloat", "complex128": "ComplexDouble"}  # fmt: skip
    return special.get(d.name, d.name)


def _inplace(name: str, impl: Callable[..., Any], constant: bool = False) -> Callable[..., Any]:
    """The in-place form: the functional form, then a write into the tensor's memory.

    `constant`: elements get one value, whatever they were, and the graph keeps nothing of the tensor.
    """
    direct = DIRECT.get(name)

    @functools.wraps(impl)
    def written(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded = False
        if mode.enabled:
            recorded = self.requires_grad or any(
                isinstance(a, Tensor) and a.requires_grad for a in (*args, *kwargs.values())
            )
        inplace.check(self, recorded, constant)
        if direct is not None and not (recorded or _interpose.active) and direct(self, *args, **kwargs):
            self._vc[0] += 1
            return self
        result = impl(inplace.shadow(self, copied=not constant) if recorded else self, *args, **kwargs)
        if result is NotImplemented:
            raise invalid_operands(name + "_", (self, *args))
        check_castable(result, self)
        if result._arr.shape != self._arr.shape:
            raise RuntimeError(
                f"output with shape {list(self._arr.shape)} doesn't match the broadcast shape "
                f"{list(result._arr.shape)}"
            )
        return inplace.write(self, result)

    written.__name__ = written.__qualname__ = name + "_"
    return written


def install(namespace: dict[str, Any], module: str) -> list[str]:
    """Put the functions declared for `module` into a namespace; their names are returned."""
    functions = FUNCTIONS[module]
    namespace.update(functions)
    return sorted(functions)
