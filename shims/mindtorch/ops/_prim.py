"""Primitive operators: a forward on arrays and a backward formula written with differentiable operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._array import Array
from .._tensor import Tensor, wrap, wrap_view
from ..tape.grad_mode import mode
from ..tape.node import OpNode
from ..tape.saved import SavedTensor

Backward = Callable[..., tuple[Any, ...]]


class Prim:
    """One primitive.

    ``forward(*arrays, *params)`` returns an Array or a tuple of them. ``backward(ctx, *grads)`` returns one gradient
    per tensor input (None where there is none); broadcasting and casts of the forward need no undoing in it, the engine
    does that at every edge. ``save`` maps an input to the inputs whose gradients need it (an empty tuple: any);
    ``save_out`` lists the outputs that are needed.

    PyTorch's gradient for a complex z is dL/d(re z) + i dL/d(im z). ``backward`` may be written as for real numbers
    (``g * f'(z)``) where the primitive is holomorphic: complex gradients are conjugated before it and after it. With
    ``conjugates`` the formula is left alone: it says where to conjugate, or the primitive is not holomorphic.
    """

    __slots__ = ("backward", "conjugates", "forward", "name", "node_class", "node_name", "save", "save_out", "view")

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        backward: Backward | None = None,
        save: tuple[int, ...] | dict[int, tuple[int, ...]] = (),
        save_out: tuple[int, ...] = (),
        view: str | None = None,
        node_name: str | None = None,
        conjugates: bool = False,
    ) -> None:
        self.name = name
        self.forward = forward
        self.backward = backward
        self.save = dict.fromkeys(save, ()) if isinstance(save, tuple) else save
        self.save_out = save_out
        self.conjugates = conjugates
        self.view = view  # None, or the creation kind of the views that this returns
        self.node_name = node_name or "".join(p.capitalize() for p in name.split("_")) + "Backward0"
        self.node_class: type[OpNode] = type(self.node_name, (OpNode,), {"__slots__": ()})

    def __call__(self, tensors: tuple[Any, ...], *params: Any) -> Any:
        """Run on tensors (constants may be Arrays, absent ones None), recording if grad mode says so."""
        out = self.forward(*[t._arr if isinstance(t, Tensor) else t for t in tensors], *params)
        if type(out) is Array:
            results: tuple[Any, ...] = (self._wrap(out, tensors),)
        else:
            results = tuple(self._wrap(o, tensors) for o in out)
        if mode.enabled and self.backward is not None:
            for t in tensors:
                if isinstance(t, Tensor) and t.requires_grad:
                    self._record(tensors, params, results)
                    break
        return results[0] if type(out) is Array else results

    def _wrap(self, out: Array, tensors: tuple[Any, ...]) -> Tensor:
        return wrap(out) if self.view is None else wrap_view(out, tensors[0], self.view)

    def _record(self, tensors: tuple[Any, ...], params: tuple[Any, ...], results: tuple[Any, ...]) -> None:
        edges = [t._gradient_edge() if isinstance(t, Tensor) else None for t in tensors]
        shapes = tuple(None if t is None else (t._arr if isinstance(t, Tensor) else t).shape for t in tensors)
        node = self.node_class(self, edges, params, shapes)
        node.metas = [(r._arr.shape, r._arr.dtype, r._arr.device) for r in results]
        for nr, r in enumerate(results):
            if r._arr.dtype.category >= 2:  # integer outputs (indices) are not differentiable
                r._grad_fn, r._output_nr = node, nr
        saved = node.saved
        assert saved is not None
        for i, wanted_by in self.save.items():
            if tensors[i] is not None and (not wanted_by or any(edges[j] is not None for j in wanted_by)):
                t = tensors[i]
                saved[i] = SavedTensor(t if isinstance(t, Tensor) else wrap(t), False)
        for nr in self.save_out:
            saved[~nr] = SavedTensor(results[nr], True, nr)
