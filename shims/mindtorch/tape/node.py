"""Nodes of the backward graph."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from sys import getrefcount
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from .._array import Array
from .._dtype import contiguous_format
from ..utils.hooks import RemovableHandle
from .grad_mode import mode
from .saved import FREED, unpack_input, wrap_array

if TYPE_CHECKING:
    from .._tensor import Tensor

Edge = tuple["Node", int]
_sequence = itertools.count()


class Node:
    """A function of the backward graph: takes the gradients of its outputs and returns those of its inputs."""

    __slots__ = ("__dict__", "__weakref__", "metas", "next_edges", "sequence_nr")

    # Few nodes have any of these: such a node has them in its dictionary.
    _pre_hooks: OrderedDict[int, Callable[..., Any]] | None = None
    _post_hooks: OrderedDict[int, Callable[..., Any]] | None = None
    _tensor_hooks: dict[int, OrderedDict[int, Callable[..., Any]]] | None = None
    _retains: dict[int, weakref.ref[Tensor]] | None = None
    hooked = False
    """Whether any of them is set."""

    def __init__(self, next_edges: list[Edge | None]) -> None:
        self.next_edges = next_edges
        self.sequence_nr = next(_sequence)
        self.metas: list[tuple[tuple[int, ...], Any, Any]] = []  # shape, dtype, device of each output

    def name(self) -> str:
        """The node's name, as PyTorch spells it."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that the gradients of the inputs go to."""
        return tuple((None, 0) if e is None else e for e in self.next_edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for users."""
        return self.__dict__.setdefault("_metadata", {})

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Run ``fn(grad_inputs, grad_outputs)`` after this node; a returned tuple replaces the gradients."""
        if self._post_hooks is None:
            self._post_hooks, self.hooked = OrderedDict(), True
        handle = RemovableHandle(self._post_hooks)
        self._post_hooks[handle.id] = fn
        return handle

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Run ``fn(grad_outputs)`` before this node; a returned tuple replaces the gradients."""
        if self._pre_hooks is None:
            self._pre_hooks, self.hooked = OrderedDict(), True
        handle = RemovableHandle(self._pre_hooks)
        self._pre_hooks[handle.id] = fn
        return handle

    def tensor_hooks(self, output_nr: int) -> OrderedDict[int, Callable[..., Any]]:
        """The dictionary of hooks on the tensor that is this node's output."""
        if self._tensor_hooks is None:
            self._tensor_hooks, self.hooked = {}, True
        return self._tensor_hooks.setdefault(output_nr, OrderedDict())

    def retain_grad(self, output_nr: int, t: Tensor) -> None:
        if self._retains is None:
            self._retains, self.hooked = {}, True
        self._retains[output_nr] = weakref.ref(t)

    def meta(self, output_nr: int) -> tuple[tuple[int, ...], Any, Any]:
        return self.metas[output_nr]

    def run(self, grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs."""
        raise NotImplementedError

    def release(self) -> None:
        """Drop what was saved."""

    def __call__(self, *grads: Tensor | None) -> Any:
        out = self.run(list(grads))
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds to ``variable.grad``."""

    __slots__ = ("variable",)

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __init__(self, variable: Tensor) -> None:
        super().__init__([])
        self.variable = variable
        self.sequence_nr = 1 << 62  # runs as soon as it is ready

    @staticmethod
    def of(t: Tensor) -> AccumulateGrad:
        """The leaf's one node. The leaf holds it weakly: whoever wants it to last keeps it."""
        node = t._accumulator() if t._accumulator is not None else None
        if node is None:
            node = AccumulateGrad(t)
            t._accumulator = weakref.ref(node)
        return node

    def meta(self, output_nr: int) -> tuple[tuple[int, ...], Any, Any]:
        a = self.variable._arr
        return a.shape, a.dtype, a.device

    def tensor_hooks(self, output_nr: int) -> OrderedDict[int, Callable[..., Any]]:
        if self.variable._hooks is None:
            self.variable._hooks = OrderedDict()
        return self.variable._hooks

    def run(self, grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
        g = grads[0]
        t = self.variable
        if g is None or not t.requires_grad:
            return ()
        old = t._grad
        if old is None:
            if mode.enabled:
                t._grad = g.clone(memory_format=contiguous_format)
            elif getrefcount(g) == _OURS and _is_unshared(g._arr):
                t._grad = g  # nobody else will ever see this tensor
            else:
                # The same tensor may be on its way to other leaves. Contiguous: it may be a transposed window.
                t._grad = g.detach()
                t._grad._arr = g._arr.clone()
        elif mode.enabled:
            t._grad = old + g
        else:
            old.add_(g)
        if t._post_accumulate is not None:
            for hook in list(t._post_accumulate.values()):
                hook(t)
        return ()


NOTHING: dict[int, Any] = {}
"""What a node has saved that saves nothing."""


_OURS = 3  # references: the list of gradients, the variable, and the argument of getrefcount


def _is_unshared(a: Array) -> bool:
    """Whether a tensor that is dropped now is the only way to the memory of `a`."""
    return (
        a.in_host_memory
        and a._storage is None
        and getrefcount(a) == _OURS
        and getrefcount(a.np) == 2
        and a.np.flags.writeable
        and type(a.np.base) is not ndarray
    )


class OpNode(Node):
    """The backward of a primitive operator."""

    __slots__ = ("op", "params", "saved", "shapes")

    def __init__(
        self,
        op: Any,
        next_edges: list[Edge | None],
        metas: list[tuple[tuple[int, ...], Any, Any]],
        params: tuple[Any, ...],
        shapes: Any,
    ) -> None:
        # One is made for every recorded call: no call of the parent's constructor.
        self.next_edges = next_edges
        self.sequence_nr = next(_sequence)
        self.metas = metas
        self.op = op
        self.params = params
        self.shapes = shapes  # of the inputs
        # A tensor with its version, the array of a constant, or what :func:`.saved.save` made of a tensor.
        self.saved: dict[int, Any] | None = NOTHING

    def name(self) -> str:
        return self.op.node_name

    @property
    def needs(self) -> list[Edge | None]:
        """Something true for each input that wants a gradient."""
        return self.next_edges

    def input(self, i: int) -> Tensor:
        """The saved input `i`."""
        if self.saved is None:
            raise RuntimeError(FREED)
        kept = self.saved[i]
        if type(kept) is tuple:
            t, version = kept
            return t if t._vc[0] == version else unpack_input(t, version)
        return wrap_array(kept) if type(kept) is Array else kept.unpack(self)

    def result(self, i: int = 0) -> Tensor:
        """The saved output `i`."""
        if self.saved is None:
            raise RuntimeError(FREED)
        return self.saved[~i].unpack(self)

    def run(self, grads: list[Tensor | None]) -> tuple[Tensor | None, ...]:
        if self.saved is None:
            raise RuntimeError(FREED)
        op = self.op
        some = is_complex = False
        for g in grads:
            if g is not None:
                some = True
                is_complex = is_complex or g._arr.dtype.is_complex
        if not some:
            return (None,) * len(self.next_edges)
        if is_complex and not op.conjugates:
            # The formula multiplies with f'(z); the gradient of a holomorphic f is that with conj(f'(z)).
            return tuple(
                g if g is None else g.conj() for g in op.backward(self, *[g if g is None else g.conj() for g in grads])
            )
        return op.backward(self, *grads)

    def release(self) -> None:
        if self.saved:
            self.saved = None
