"""The backward engine: runs nodes in reverse order of their creation, as soon as all their gradients are there.

Re-entrant: a backward inside a node's backward is a graph task of its own on the Python stack.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .grad_mode import mode
from .node import AccumulateGrad, Edge, Node

if TYPE_CHECKING:
    from .._tensor import Tensor


runner: Callable[[Node, list[Any]], Any] | None = None
"""What runs a node in the place of ``node.run``, while anomalies are looked for."""


class _Local(threading.local):
    def __init__(self) -> None:
        self.tasks: list[_GraphTask] = []


_local = _Local()


class _GraphTask:
    def __init__(self, keep_graph: bool, create_graph: bool) -> None:
        self.keep_graph, self.create_graph = keep_graph, create_graph
        self.dependencies: dict[Node, int] = {}
        self.buffers: dict[Node, list[Tensor | None]] = {}
        self.needed: set[Node] | None = None  # None: run everything
        self.captures: dict[Node, dict[int, list[int]]] = {}
        self.captured: list[Tensor | None] = []
        self.callbacks: list[Callable[[], None]] = []
        self.ready: list[tuple[int, int, Node]] = []  # a heap: what was made last is the first to run
        self.leaves: list[AccumulateGrad] = []  # ready, and to run before anything else
        self.pushed = 0

    def prepare(self, roots: Iterable[Edge], targets: list[Edge] | None) -> None:
        """Count each node's incoming edges; with targets, find the nodes on a way to them."""
        dependencies = self.dependencies
        stack: list[Node] = []
        parents: dict[Node, list[Node]] = {}
        for node, _ in roots:
            if node not in dependencies:
                dependencies[node] = 0
                stack.append(node)
            dependencies[node] += 1
        while stack:
            node = stack.pop()
            for edge in node.next_edges:
                if edge is None:
                    continue
                child = edge[0]
                if child not in dependencies:
                    dependencies[child] = 0
                    stack.append(child)
                dependencies[child] += 1
                if targets is not None:
                    parents.setdefault(child, []).append(node)
        if targets is None:
            return
        self.captured = [None] * len(targets)
        self.needed = set()
        for i, (node, nr) in enumerate(targets):
            self.captures.setdefault(node, {}).setdefault(nr, []).append(i)
            stack.extend(parents.get(node, ()))
        while stack:
            node = stack.pop()
            if node not in self.needed:
                self.needed.add(node)
                stack.extend(parents.get(node, ()))

    def feed(self, edge: Edge, g: Tensor | None) -> None:
        """Add a gradient to a node's input buffer; the last one makes the node ready."""
        node, nr = edge
        if g is not None:
            buffer = self.buffers.get(node)
            if buffer is None:
                n = len(node.metas)
                buffer = self.buffers[node] = [g] if n <= 1 else [None] * n
                buffer[nr] = g
            else:
                old = buffer[nr]
                buffer[nr] = g if old is None else old + g
        left = self.dependencies[node] - 1
        self.dependencies[node] = left
        if not left:
            if type(node) is AccumulateGrad:
                self.leaves.append(node)
            else:
                self.pushed += 1
                heapq.heappush(self.ready, (-node.sequence_nr, self.pushed, node))

    def loop(self) -> None:
        ready, leaves, buffers, needed, captures = self.ready, self.leaves, self.buffers, self.needed, self.captures
        leaves_run_alone = runner is None
        while leaves or ready:
            node: Node = leaves.pop(0) if leaves else heapq.heappop(ready)[2]
            grads = buffers.pop(node, None) or [None] * (len(node.metas) or 1)
            run = needed is None or node in needed
            if captures:
                capture = captures.get(node)
                if capture is not None:
                    _pre_hooks(node, grads)
                    for nr, places in capture.items():
                        for i in places:
                            self.captured[i] = grads[nr]
                elif run:
                    _pre_hooks(node, grads)
            elif node.hooked or type(node) is AccumulateGrad:
                _pre_hooks(node, grads)
            if not run:
                self._skip(node)
                continue
            if leaves_run_alone and type(node) is AccumulateGrad and not node.hooked:
                node.run(grads)
            else:
                self._run(node, grads)

    def _run(self, node: Node, grads: list[Tensor | None]) -> None:
        """Run a node and hand on what it returns."""
        outputs = node.run(grads) if runner is None else runner(node, grads)
        if type(outputs) is not tuple:
            outputs = tuple(outputs) if isinstance(outputs, list) else (outputs,)
        if type(node) is not AccumulateGrad:
            outputs = _validate(node, outputs)
        if node._post_hooks:
            outputs = _post_hooks(node, outputs, tuple(grads))
        if not self.keep_graph:
            node.release()
        for edge, g in zip(node.next_edges, outputs, strict=False):
            if edge is not None:
                self.feed(edge, g)

    def _skip(self, node: Node) -> None:
        for edge in node.next_edges:
            if edge is not None:
                self.feed(edge, None)


def _pre_hooks(node: Node, grads: list[Tensor | None]) -> None:
    if isinstance(node, AccumulateGrad):
        table = {0: node.variable._hooks} if node.variable._hooks else None
    else:
        table = node._tensor_hooks
    if table:
        for nr, hooks in table.items():
            for hook in list(hooks.values()):
                if grads[nr] is not None:
                    new = hook(grads[nr])
                    if new is not None:
                        if not hasattr(new, "_arr"):
                            raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
                        grads[nr] = new
    if node._pre_hooks:
        for hook in list(node._pre_hooks.values()):
            replaced = hook(tuple(grads))
            if replaced is not None:
                grads[:] = replaced if isinstance(replaced, (tuple, list)) else (replaced,)
    if node._retains:
        for nr, ref in node._retains.items():
            t = ref()
            g = grads[nr]
            if t is not None and g is not None:
                t._grad = g.clone() if t._grad is None else t._grad + g


def _post_hooks(node: Node, outputs: tuple[Any, ...], grads: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook in list((node._post_hooks or {}).values()):
        new = hook(outputs, grads)
        if new is not None:
            outputs = new if isinstance(new, tuple) else (new,)
    return outputs


def _validate(node: Node, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give each gradient the shape (broadcasting undone), dtype and device of the input that it belongs to."""
    edges = node.next_edges
    if len(outputs) != len(edges):
        if len(outputs) < len(edges) or any(o is not None for o in outputs[len(edges) :]):
            raise RuntimeError(
                f"function {node.name()} returned an incorrect number of gradients (expected {len(edges)}, "
                f"got {len(outputs)})"
            )
        outputs = outputs[: len(edges)]
    fixed = None
    for i, (edge, g) in enumerate(zip(edges, outputs, strict=False)):
        if edge is None or g is None:
            continue
        shape, d, device = edge[0].meta(edge[1])
        a = g._arr
        if a.shape != shape or a.dtype is not d or a.device is not device:
            if fixed is None:
                fixed = list(outputs)
            if a.shape != shape:
                if not _expandable(shape, a.shape):
                    raise RuntimeError(
                        f"Function {node.name()} returned an invalid gradient at index {i} - got {list(a.shape)} but "
                        f"expected shape compatible with {list(shape)}"
                    )
                g = g.sum_to_size(shape)
            fixed[i] = g.to(device, d)
    return outputs if fixed is None else tuple(fixed)


def _expandable(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    if len(shape) > len(to):
        return False
    return all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))


def run_backward(
    roots: list[Edge],
    grads: list[Tensor],
    keep_graph: bool,
    create_graph: bool,
    targets: list[Edge] | None = None,
    accumulate: bool = True,
) -> list[Tensor | None]:
    """Differentiate. With `targets` only the nodes on a way to them run, and their gradients are returned;
    with `accumulate` leaves among the targets accumulate as well."""
    task = _GraphTask(keep_graph, create_graph)
    task.prepare(roots, targets)
    if targets is not None and accumulate and task.needed is not None:
        task.needed.update(node for node, _ in targets if isinstance(node, AccumulateGrad))
    previous = mode.enabled
    mode.enabled = create_graph
    _local.tasks.append(task)
    try:
        for edge, g in zip(roots, grads, strict=True):
            task.feed(edge, g)
        task.loop()
        for callback in task.callbacks:  # a callback may queue another
            callback()
    finally:
        _local.tasks.pop()
        mode.enabled = previous
    return task.captured


def queue_callback(callback: Callable[[], None]) -> None:
    """Run `callback` when the running backward is done. Raises RuntimeError outside of one."""
    if not _local.tasks:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    _local.tasks[-1].callbacks.append(callback)


def is_running() -> bool:
    """Whether a backward runs in this thread."""
    return bool(_local.tasks)


def in_checkpoint_valid() -> bool:
    """Whether the running backward, if any, is one of ``backward()`` without ``inputs``, as checkpointing needs."""
    return all(task.needed is None for task in _local.tasks)
