"""``torch.autograd.graph``: nodes and hooks on what is saved."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from .._support import missing_attribute
from .._tensor import Tensor
from ..tape import engine
from ..tape.node import Node
from ..tape.saved import save_on_cpu, saved_tensors_hooks
from ..utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge", "Node", "get_gradient_edge", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip

GradientEdge = namedtuple("GradientEdge", ("node", "output_nr"))


def get_gradient_edge(tensor: Tensor) -> Any:
    """The node and output that a tensor's gradient belongs to."""
    edge = tensor._gradient_edge()
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*edge)


def _reaches(task: Any, node: Node) -> bool:
    """Whether a backward computes a gradient for a node."""
    return node in task.dependencies and (task.needed is None or node in task.needed or node in task.captures)


class _Handles(RemovableHandle):
    """Removes several hooks."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __exit__(self, *exc: Any) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Run ``fn`` in a backward once the gradients of several tensors are there.

    ``mode`` 'all': with the list of gradients, None for tensors that get none in that backward. 'any': with the first
    gradient that is there. Raises ValueError for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    edges = [get_gradient_edge(t) for t in tensors]
    # By backward what came so far: a hook may stay for many, and a backward may run inside another.
    seen: WeakKeyDictionary[Any, list[Tensor | None]] = WeakKeyDictionary()
    lock = threading.Lock()

    def hook(position: int, grad: Tensor) -> None:
        task = engine._local.tasks[-1]  # the innermost backward of this thread
        with lock:
            first = task not in seen
            found = seen.setdefault(task, [None] * len(edges))
            found[position] = grad
            complete = all(
                g is not None or not _reaches(task, edge.node) for g, edge in zip(found, edges, strict=True)
            )
        if mode == "any" and first:
            fn(grad)
        elif mode == "all" and complete:
            fn(list(found))

    return _Handles([t.register_hook(lambda g, i=i: hook(i, g)) for i, t in enumerate(tensors)])


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
