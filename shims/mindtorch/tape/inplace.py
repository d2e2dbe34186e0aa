"""In-place writes: what may be written to, and how the graph changes when it is.

Every in-place operator is its functional form followed by :func:`write`: the result's bytes are copied into the
tensor's memory, the version counter is bumped, and the tensor takes the result's place in the graph. For a view the
base's history becomes a :class:`CopySlices` node and the view's own history is derived from it when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._dtype import FLOATING
from .grad_mode import mode
from .node import Edge, Node, OpNode

if TYPE_CHECKING:
    from .._tensor import Tensor

_DIRECT = "is being modified inplace"
_INDIRECT = "its base or another view of its base has been modified inplace"
_VIEW_ERRORS = {
    "no_grad": (
        "A view was created in no_grad mode and {what} with grad mode enabled. Given that this use case is ambiguous "
        "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either "
        "both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
    ),
    "multi": (
        "Output 0 of a function that returns multiple views is a view and {what}. This view is the output of a "
        "function that returns multiple views. Such functions do not allow the output views to be modified inplace. "
        "You should replace the inplace operation by an out-of-place one."
    ),
    "custom": (
        "Output 0 of a custom Function is a view and {what}. This view was created inside a custom Function (or "
        "because an input was returned as-is) and the autograd logic to handle view+inplace would override the "
        "custom backward associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function."
    ),
}


def view_error(creation: str, indirect: bool = False) -> str:
    """Why a view of this kind must not be written to, or (`indirect`) be used after its base was."""
    return _VIEW_ERRORS[creation].format(what=_INDIRECT if indirect else _DIRECT)


def check(t: Tensor, recorded: bool, constant: bool = False) -> None:
    """Raises RuntimeError when `t` must not be written to.

    `recorded`: the write goes into the graph. `constant`: all elements get one value, so they may share memory.
    """
    if not t._arr.np.flags.writeable:
        raise RuntimeError("this tensor's memory is read-only: clone() it before the in-place operation")
    if not constant and t._arr.np.size > 1 and 0 in t._arr.strides and any(
        s == 0 and n > 1 for s, n in zip(t._arr.strides, t._arr.shape, strict=True)
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    if not recorded:
        return
    v = t._view
    if v is not None:
        if v.creation:
            raise RuntimeError(view_error(v.creation))
        if t.requires_grad and v.base.is_leaf:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
    if t.requires_grad and t.is_leaf:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


class CopySlices(Node):
    """History of a base that was written to through a view: the window's gradient goes to what was written, the rest
    to what the base was before."""

    __slots__ = ("base_shape", "base_strides", "whole", "window")

    def __init__(self, base: Tensor, view: Tensor, old: Edge | None, written: Edge | None) -> None:
        super().__init__([old, written])
        b, a = base._arr, view._arr
        self.base_shape, self.base_strides = b.shape, b.strides
        start = b.offset * b.dtype.itemsize // a.dtype.itemsize
        self.window = (a.shape, a.strides, a.offset - start, a.dtype)
        self.whole = a.dtype is b.dtype and a.size == b.size and a.is_contiguous and b.is_contiguous
        self.metas = [(b.shape, b.dtype, b.device)]

    def run(self, grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
        from ..ops.complex import window as window_of

        g = grads[0]
        if g is None:
            return None, None
        if self.whole:
            return g.new_zeros(()).expand(self.base_shape), g.reshape(self.window[0])
        rest = g.new_empty_strided(self.base_shape, self.base_strides)
        rest.copy_(g)
        window = window_of(rest, *self.window)
        written = window.clone()
        window.zero_()
        return rest, written


def shadow(t: Tensor, copied: bool = True) -> Tensor:
    """`t` as it is now, to compute from while `t` itself is overwritten: same place in the graph, bytes of its own
    (unless nothing of it is kept for the backward: then not `copied`)."""
    from .._tensor import wrap

    out = wrap(t._arr.clone() if copied else t._arr)
    out._set_edge(t._gradient_edge())
    return out


def write(t: Tensor, result: Tensor) -> Tensor:
    """Put `result`, broadcast to `t`'s shape and cast to its dtype, into `t` in place."""
    a, r = t._arr, result._arr
    a.write(r)
    t._vc[0] += 1
    if not mode.enabled or not (result.requires_grad or t.requires_grad) or a.dtype.category < FLOATING:
        return t
    direct = t._view is None and r.shape == a.shape and r.dtype is a.dtype and result._view is None
    edge = result._gradient_edge()
    if direct and edge is not None and not result.is_leaf:
        move_history(t, edge)
        if isinstance(edge[0], OpNode) and edge[0].saved and ~edge[1] in edge[0].saved:
            edge[0].saved[~edge[1]].rebind(t)
        return t
    v = t._view
    if v is None:
        # The old history stays, with a gradient of zeros: its leaves are reached also when a constant took its place.
        move_history(t, _copy_edge(t, edge, t._gradient_edge()))
        return t
    write_through_view(t, None if edge is None else _copy_edge(t, edge))
    return t


def write_through_view(t: Tensor, written: Edge | None) -> None:
    """Give the base of a view that was written to its new history; `written`: the edge of what was written."""
    v = t._view
    assert v is not None
    move_history(v.base, (CopySlices(v.base, t, v.base._gradient_edge(), written), 0))


def move_history(t: Tensor, edge: Edge) -> None:
    """Give a tensor that was written to its new place in the graph; a kept ``.grad`` is from now on that of this."""
    old, nr = t._grad_fn, t._output_nr
    t._grad_fn, t._output_nr = edge
    if old is not None and old._retains and nr in old._retains and old._retains[nr]() is t:
        del old._retains[nr]
        edge[0].retain_grad(edge[1], t)


def _copy_edge(t: Tensor, written: Edge | None, old: Edge | None = None) -> Edge:
    """The edge to a node that undoes the broadcast and the cast of a copy (which the engine does at every edge)."""
    node = CopyBackwards([written, old])
    a = t._arr
    node.metas = [(a.shape, a.dtype, a.device)]
    return node, 0


class CopyBackwards(Node):
    __slots__ = ()

    def run(self, grads: list[Any]) -> tuple[Any, ...]:
        g, old = grads[0], self.next_edges[1]
        return g, None if old is None or g is None else g.new_zeros(g.shape)
