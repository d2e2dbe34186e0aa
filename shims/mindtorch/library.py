"""``torch.library`` and ``torch.ops``: operators that users register, called as ``torch.ops.namespace.name``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

from ._tensor import Tensor
from .autograd.function import Function
from .tape.grad_mode import no_grad

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "get_ctx", "impl", "register_autograd", "register_fake",
    "register_kernel",
]  # fmt: skip

_NAME = re.compile(r"^([A-Za-z_]\w*)::([A-Za-z_]\w*)(?:\.(\w+))?$")
# Names under which a kernel for the devices that there are may be registered.
_HERE = ("", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "CPU", "CUDA", "PrivateUse1", "default", "cpu",
         "cuda", "npu")  # fmt: skip


class _Operator:
    """One registered operator: ``torch.ops.namespace.name``, callable, also as its overload ``default``."""

    def __init__(self, name: str, schema: str | None) -> None:
        self._qualified_op_name = name
        self.__name__ = name.rpartition("::")[2]
        self.schema = schema
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.fake: Callable[..., Any] | None = None
        self.backward: Callable[..., Any] | None = None
        self.setup_context: Callable[..., Any] | None = None
        self.differentiated = True

    @property
    def default(self) -> _Operator:
        """The only overload."""
        return self

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self._qualified_op_name.replace('::', '.')}')>"

    def _kernel(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any]:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        for key in (device, device.upper(), *(k for k in _HERE if k not in ("CPU", "CUDA", "cpu", "cuda"))):
            if key in self.kernels:
                return self.kernels[key]
        raise NotImplementedError(
            f"Could not run '{self._qualified_op_name}' with arguments from the '{device.upper()}' backend: no kernel "
            f"was registered for it, only for {sorted(self.kernels) or 'none'}"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kernel = self._kernel(args, kwargs)
        if not self.differentiated:
            return kernel(*args, **kwargs)
        tensors = any(isinstance(a, Tensor) and a.requires_grad for a in (*args, *kwargs.values()))
        if not tensors:
            with no_grad():
                return kernel(*args, **kwargs)
        if kwargs:
            raise NotImplementedError(
                f"{self._qualified_op_name}: keyword arguments of differentiated custom operators"
            )
        return _function(self, kernel).apply(*args)


def _function(operator: _Operator, kernel: Callable[..., Any]) -> Any:
    """The differentiable function of an operator."""

    class CustomOperator(Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            output = kernel(*args)
            if operator.setup_context is not None:
                operator.setup_context(ctx, args, output)
            return output

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            if operator.backward is None:
                raise RuntimeError(
                    f"Trying to backward through {operator._qualified_op_name} but no autograd formula was registered. "
                    "Please use register_autograd to add one."
                )
            return operator.backward(ctx, *grads)

    return CustomOperator


_OPERATORS: dict[str, _Operator] = {}


def _split(name: str) -> str:
    found = _NAME.match(name)
    if found is None:
        raise ValueError(f"{name!r}: expected a name of the form 'namespace::name'")
    if found[3] not in (None, "default"):
        raise NotImplementedError(f"{name}: overloads of custom operators are not supported by mindtorch")
    return f"{found[1]}::{found[2]}"


def _find(name: str) -> _Operator:
    qualified = _split(name)
    if qualified not in _OPERATORS:
        raise RuntimeError(f"There was no operator {qualified}: define it first")
    return _OPERATORS[qualified]


def _declare(name: str, schema: str | None) -> _Operator:
    qualified = _split(name)
    if qualified in _OPERATORS:
        raise RuntimeError(f"Tried to register an operator ({qualified}) with the same name multiple times.")
    operator = _OPERATORS[qualified] = _Operator(qualified, schema)
    return operator


class Library:
    """A namespace to define operators in (kind 'DEF' or 'FRAGMENT') or to give kernels to (kind 'IMPL')."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("DEF", "IMPL", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if kind == "DEF" and ns in ("aten", "prim"):
            raise ValueError(f"{ns} is a reserved namespace. Please try creating a library with another name.")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Declare an operator by its schema, ``name(Tensor x, ...) -> Tensor``; the name is returned."""
        name = schema.partition("(")[0].strip()
        _declare(f"{self.ns}::{name}", schema).differentiated = False
        return name

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Give an operator a kernel. ``'Autograd'`` and ``'Meta'`` kernels take the place PyTorch gives them."""
        name = op_name if isinstance(op_name, str) else op_name._qualified_op_name
        operator = _find(name if "::" in name else f"{self.ns}::{name}")
        _register(operator, fn, dispatch_key or self.dispatch_key)

    def _destroy(self) -> None:
        for name in [n for n in _OPERATORS if n.startswith(self.ns + "::")]:
            del _OPERATORS[name]


def _register(operator: _Operator, fn: Callable[..., Any], key: str) -> None:
    if key in ("Meta", "meta"):
        operator.fake = fn
    elif key.startswith("Autograd"):
        raise NotImplementedError(
            f"{operator._qualified_op_name}: kernels for {key} are not supported by mindtorch; use "
            "torch.library.register_autograd"
        )
    else:
        operator.kernels[key] = fn


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Declare ``namespace::name``; the schema is without the name: ``(Tensor x) -> Tensor``."""
    _declare(qualname, schema).differentiated = False


def impl(qualname: str, types: Any, func: Callable[..., Any] | None = None, *, lib: Any = None) -> Any:
    """Give an operator a kernel for device types ('cpu', 'cuda', 'default', ...); a decorator without `func`."""
    keys = (types,) if isinstance(types, str) else tuple(types)

    def register(fn: Callable[..., Any]) -> None:
        for key in keys:
            _register(_find(qualname), fn, key)

    return register if func is None else register(func)


register_kernel = impl


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, **kwargs: Any) -> Any:
    """Keep a function of shapes for an operator; nothing asks for it here."""

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        _of(op).fake = fn
        return fn

    return register if func is None else register(func)


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """Give an operator its backward ``(ctx, *grads)``, and ``setup_context(ctx, inputs, output)``."""
    operator = _of(op)
    operator.backward, operator.differentiated = backward, True
    if setup_context is not None:
        operator.setup_context = lambda ctx, inputs, output: setup_context(ctx=ctx, inputs=inputs, output=output)


def _of(op: Any) -> _Operator:
    if isinstance(op, CustomOpDef):
        return op._operator
    return op if isinstance(op, _Operator) else _find(op)


class CustomOpDef:
    """What ``custom_op`` makes of a function: callable, and to be given kernels and a backward."""

    def __init__(self, operator: _Operator, fn: Callable[..., Any]) -> None:
        self._operator, self._init_fn = operator, fn
        self.__name__, self.__doc__ = fn.__name__, fn.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._operator(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._operator._qualified_op_name})>"

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Keep a function of shapes."""
        return register_fake(self, fn)

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """A kernel for device types."""
        return impl(self._operator._qualified_op_name, device_types, fn)

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        """The backward."""
        register_autograd(self, backward, setup_context=setup_context)

    def register_vmap(self, func: Any = None, /) -> Any:
        """Raises: ``vmap`` runs operators sample by sample."""
        raise NotImplementedError("torch.library.CustomOpDef.register_vmap is not supported by mindtorch")


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
    device_types: Any = None, schema: str | None = None,
) -> Any:  # fmt: skip
    """Make a function the operator ``namespace::name``; a decorator without `fn`."""

    def register(function: Callable[..., Any]) -> CustomOpDef:
        operator = _declare(name, schema)
        for key in ("default",) if device_types is None else _tuple(device_types):
            operator.kernels[key] = function
        return CustomOpDef(operator, function)

    return register if fn is None else register(fn)


def _tuple(x: Any) -> tuple[str, ...]:
    return (x,) if isinstance(x, str) else tuple(x)


def get_ctx() -> Any:
    """Raises: there are no fake tensors."""
    raise NotImplementedError("torch.library.get_ctx is not supported by mindtorch: there are no fake tensors")


class Namespace:
    """``torch.ops.name``: the operators registered in it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> _Operator:
        if name.startswith("__"):
            raise AttributeError(name)
        found = _OPERATORS.get(f"{self._name}::{name}")
        if found is None:
            raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")
        return found


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
