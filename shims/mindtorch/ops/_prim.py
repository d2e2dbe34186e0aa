"""Primitive operators: a forward on arrays and a backward formula written with differentiable operators."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .._array import Array
from .._tensor import wrap, wrap_view
from ..tape.grad_mode import mode
from ..tape.node import AccumulateGrad, OpNode
from ..tape.saved import hooks, save

Backward = Callable[..., tuple[Any, ...]]


def _upper(letter: re.Match[str]) -> str:
    return letter[1].upper()


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

    __slots__ = (
        "backward", "conjugates", "forward", "name", "node_class", "node_name", "save", "save_out", "saves", "view",
    )  # fmt: skip

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
        self.saves = bool(save or save_out)
        self.conjugates = conjugates
        self.view = view  # None, or the creation kind of the views that this returns
        # PyTorch writes a letter after a digit large, too: Log1PBackward0.
        self.node_name = node_name or re.sub(r"(?:^|_|(?<=\d))([a-z])", _upper, name) + "Backward0"
        self.node_class: type[OpNode] = type(self.node_name, (OpNode,), {"__slots__": ()})

    def __call__(self, tensors: tuple[Any, ...], *params: Any) -> Any:
        """Run on tensors (constants may be Arrays, absent ones None), recording if grad mode says so."""
        out = self.forward(*[t if t is None or type(t) is Array else t._arr for t in tensors], *params)
        if type(out) is Array:
            result = wrap(out) if self.view is None else wrap_view(out, tensors[0], self.view)
            if mode.enabled and self.backward is not None:
                self._record(tensors, params, (result,))
            return result
        results = tuple([wrap(o) if self.view is None else wrap_view(o, tensors[0], self.view) for o in out])
        if mode.enabled and self.backward is not None:
            self._record(tensors, params, results)
        return results

    def _record(self, tensors: tuple[Any, ...], params: tuple[Any, ...], results: tuple[Any, ...]) -> None:
        """Make the node of this call, if any operand requires grad."""
        edges = []
        recorded = False
        for t in tensors:
            edge = None
            if t is not None and type(t) is not Array:
                if t._view is not None:
                    edge = t._gradient_edge()
                    recorded = recorded or t.requires_grad
                elif t._grad_fn is not None:
                    edge = t._grad_fn, t._output_nr
                elif t._requires_grad:
                    edge = AccumulateGrad.of(t), 0
                if edge is not None:
                    recorded = True
            edges.append(edge)
        if not recorded:
            return
        shapes = [None if t is None else t.shape if type(t) is Array else t._arr.shape for t in tensors]
        metas = []
        node = self.node_class(self, edges, metas, params, shapes)
        for nr, r in enumerate(results):
            a = r._arr
            d = a.dtype
            metas.append((a.shape, d, a.device))
            if d.category >= 2:  # integer outputs (indices) are not differentiable
                r._grad_fn, r._output_nr = node, nr
        if self.saves:
            saved = node.saved = {}
            for i, wanted_by in self.save.items():
                t = tensors[i]
                if t is None or (wanted_by and not any([edges[j] is not None for j in wanted_by])):  # noqa: C419
                    continue
                if type(t) is Array:
                    saved[i] = t
                else:
                    saved[i] = save(t) if hooks.stack else (t, t._vc[0])
            for nr in self.save_out:
                saved[~nr] = save(results[nr], nr)
