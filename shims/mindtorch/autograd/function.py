"""``torch.autograd.Function``: differentiable functions written by users."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._tensor import Tensor, ViewMeta, wrap
from ..tape.grad_mode import mode, no_grad
from ..tape.inplace import view_error, write_through_view
from ..tape.node import Edge, Node
from ..tape.saved import FREED, SavedTensor, save


class FunctionCtx(Node):
    """The ``ctx`` of a custom function: its node in the graph, and the place to keep things for the backward."""

    _forward_cls: Any = None

    def __init__(self) -> None:
        super().__init__([])
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self.non_differentiable: tuple[Tensor, ...] = ()
        self.dirty_tensors: tuple[Tensor, ...] = ()
        self.to_save: tuple[Tensor | None, ...] = ()
        self._saved: list[SavedTensor | None] | None = []
        self._input_tensors: list[bool] = []

    def name(self) -> str:
        return type(self).__name__

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or intermediates for the backward."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor) -> None:
        raise NotImplementedError("forward-mode automatic differentiation is not supported by mindtorch")

    def mark_dirty(self, *args: Tensor) -> None:
        """Name the inputs that the forward wrote to in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients reach the backward as zeros (default) or as None."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What ``save_for_backward`` kept. Raises RuntimeError once it has been freed or written to."""
        if self._saved is None:
            raise RuntimeError(FREED)
        return tuple(None if s is None else s.unpack(self) for s in self._saved)

    def run(self, grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
        if self._saved is None:
            raise RuntimeError(FREED)
        if self.materialize_grads:
            for i, (g, (shape, d, dev)) in enumerate(zip(grads, self.metas, strict=True)):
                if g is None:
                    from ..ops.creation import zeros

                    grads[i] = zeros(shape, dtype=d, device=dev)
        out = self._forward_cls._backward_function(self, *grads)
        outputs = out if isinstance(out, tuple) else (out,)
        count = len(self._input_tensors)
        if len(outputs) < count or any(o is not None for o in outputs[count:]):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got "
                f"{len(outputs)})"
            )
        for o in outputs:
            if o is not None and not isinstance(o, Tensor):
                raise TypeError(f"expected Variable or None (got {type(o).__name__})")
        return tuple(o for o, is_tensor in zip(outputs, self._input_tensors, strict=False) if is_tensor)

    def release(self) -> None:
        if self._saved:
            self._saved = None

    def _finish_saving(self, outputs: tuple[Any, ...], recorded: bool) -> None:
        if not recorded:
            self.to_save = ()
            return
        positions = {id(o): i for i, o in enumerate(outputs) if isinstance(o, Tensor)}
        self._saved = []
        for t in self.to_save:
            if t is None:
                self._saved.append(None)
                continue
            if not isinstance(t, Tensor):
                kind = type(t).__name__
                raise TypeError(f"save_for_backward can only save variables, but argument is of type {kind}")
            nr = positions.get(id(t))
            is_output = nr is not None and t.grad_fn is self
            self._saved.append(save(t, nr if is_output else None))
        self.to_save = ()


class _FunctionMeta(type):
    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        super().__init__(name, bases, attrs)
        cls._backward_cls = type(name + "Backward", (FunctionCtx,), {"_forward_cls": cls})


class Function(metaclass=_FunctionMeta):
    """Base of custom differentiable functions: static ``forward`` and ``backward`` (and ``setup_context``)."""

    _backward_cls: Any

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The computation; the first argument is ``ctx`` unless ``setup_context`` is overridden."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep what the backward needs, when ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, one per argument of ``forward``."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @classmethod
    def _backward_function(cls, ctx: Any, *grads: Any) -> Any:
        fn = cls.backward if cls.backward is not Function.backward else cls.vjp
        return fn(ctx, *grads)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and put the outputs into the graph."""
        ctx: FunctionCtx = cls._backward_cls()
        edges: list[Edge | None] = []
        recorded = False
        for a in args:
            is_tensor = isinstance(a, Tensor)
            ctx._input_tensors.append(is_tensor)
            if is_tensor:
                edge = a._gradient_edge() if mode.enabled else None
                edges.append(edge)
                recorded = recorded or edge is not None
        ctx.next_edges = edges
        ctx.needs_input_grad = tuple(
            isinstance(a, Tensor) and a.requires_grad and mode.enabled for a in args
        )
        separate = cls.setup_context is not Function.setup_context
        if kwargs:
            bound = inspect.signature(cls.forward).bind(*(() if separate else (ctx,)), *args, **kwargs)
            bound.apply_defaults()
            args = bound.args if separate else bound.args[1:]
        with no_grad():
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        single = not isinstance(output, tuple)
        outputs = _wrap_outputs(ctx, args, (output,) if single else output, recorded)
        ctx._finish_saving(outputs, recorded)
        return outputs[0] if single else outputs


def _wrap_outputs(ctx: FunctionCtx, inputs: tuple[Any, ...], raw: tuple[Any, ...], recorded: bool) -> tuple[Any, ...]:
    input_ids = {id(a) for a in inputs if isinstance(a, Tensor)}
    dirty = {id(t) for t in ctx.dirty_tensors}
    constant = {id(t) for t in ctx.non_differentiable}
    outputs = []
    saved_again = {}
    for nr, o in enumerate(raw):
        if not isinstance(o, Tensor):
            outputs.append(o)
            ctx.metas.append(((), None, None))
            continue
        original = o
        if id(o) in input_ids and id(o) not in dirty:
            o = wrap(o._arr)  # an input returned as it is becomes an alias
            o._vc = original._vc
            o._view = ViewMeta(original if original._view is None else original._view.base, "custom", o._vc[0])
            saved_again[id(original)] = o
        ctx.metas.append((o._arr.shape, o._arr.dtype, o._arr.device))
        if id(original) in constant or o._arr.dtype.category < 2:
            if id(original) not in input_ids:
                o._grad_fn, o._requires_grad = None, False
        elif recorded:
            _place(ctx, o, nr, id(original) in dirty)
        outputs.append(o)
    ctx.dirty_tensors = ctx.non_differentiable = ()
    if saved_again:
        ctx.to_save = tuple(saved_again.get(id(t), t) if t is not None and id(t) not in input_ids else t
                            for t in ctx.to_save)  # fmt: skip
    return tuple(outputs)


def _place(ctx: FunctionCtx, o: Tensor, nr: int, dirty: bool) -> None:
    if dirty:
        if o.is_leaf and o.requires_grad:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        o._vc[0] += 1
        if o._view is not None:
            if o._view.creation:
                raise RuntimeError(view_error(o._view.creation))
            if o._view.base.requires_grad and o._view.base.is_leaf:
                raise RuntimeError(
                    "a view of a leaf Variable that requires grad is being used in an in-place operation."
                )
            write_through_view(o, (ctx, nr))
            return
    elif o._view is not None:
        o._view.creation, o._view.version = "custom", o._vc[0]
    o._grad_fn, o._output_nr = ctx, nr


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of ``backward``: it cannot be differentiated again."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            outputs = fn(ctx, *args)
        if not mode.enabled or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        node = _DelayedError([a._gradient_edge() for a in args if isinstance(a, Tensor)])
        single = not isinstance(outputs, tuple)
        out = []
        for o in (outputs,) if single else outputs:
            if isinstance(o, Tensor):
                o = o.detach()
                o._grad_fn, o._output_nr = node, len(node.metas)
                node.metas.append((o._arr.shape, o._arr.dtype, o._arr.device))
            out.append(o)
        return out[0] if single else tuple(out)

    return wrapper


class _DelayedError(Node):
    __slots__ = ()

    def run(self, grads: list[Any]) -> tuple[Any, ...]:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class NestedIOFunction(Function):
    """Raises: nested inputs and outputs were a feature of legacy functions."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("torch.autograd.function.NestedIOFunction is not supported by mindtorch")


class InplaceFunction(Function):
    """A function with an ``inplace`` flag."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace
