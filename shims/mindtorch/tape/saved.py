"""Saved tensors: what a node keeps for its backward, version-checked and open to pack/unpack hooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .node import Node

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class _HookStack(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Callable[..., Any], Callable[..., Any]]] = []


hooks = _HookStack()


class SavedTensor:
    """One saved tensor.

    An input is kept as the tensor itself. An output of the saving node is kept as its data: keeping the tensor would
    make a cycle through its ``grad_fn``, and memory must die with the last reference.
    """

    __slots__ = (
        "array", "edge", "is_output", "packed", "requires_grad", "tensor", "unpack_hook", "vc", "version",
    )  # fmt: skip

    def __init__(self, t: Tensor, is_output: bool, output_nr: int = 0) -> None:
        self.vc = t._vc
        self.version = t._vc[0]
        self.is_output = is_output
        self.requires_grad = t.requires_grad
        self.edge: Any = None
        self.tensor: Tensor | None = None
        self.array: Any = None
        self.unpack_hook: Callable[..., Any] | None = None
        if hooks.stack:
            pack, self.unpack_hook = hooks.stack[-1]
            self.edge = output_nr if is_output else t._gradient_edge()
            self.packed = pack(t.detach())
        elif is_output:
            self.array, self.edge = t._arr, output_nr
        else:
            self.tensor = t

    def rebind(self, t: Tensor) -> None:
        """The saved output's bytes now live in `t` (its node's result was written into `t` in place)."""
        if self.unpack_hook is None:
            self.array, self.vc, self.version = t._arr, t._vc, t._vc[0]

    def unpack(self, node: Node) -> Tensor:
        """The tensor, with its place in the graph. Raises RuntimeError if it was written to since it was saved."""
        from .._tensor import Tensor, wrap

        if self.unpack_hook is not None:
            data = self.unpack_hook(self.packed)
            if not isinstance(data, Tensor):
                raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got {type(data)}")
            out = wrap(data._arr)
            out._vc = data._vc
            if self.requires_grad:
                out._set_edge((node, self.edge) if self.is_output else self.edge)
            return out
        if self.vc[0] != self.version:
            raise RuntimeError(self._modified(node))
        if self.tensor is not None:
            return self.tensor
        out = wrap(self.array)
        out._vc = self.vc
        if self.requires_grad:
            out._set_edge((node, self.edge))
        return out

    def _modified(self, node: Node) -> str:
        t = self.tensor
        array = self.array if t is None else t._arr
        kind = "torch.cuda" if array.device.type != "cpu" else "torch"
        name = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
                "int32": "Int"}.get(array.dtype.name, array.dtype.name.capitalize())  # fmt: skip
        origin = ""
        if self.is_output:
            origin = f", which is output {self.edge} of {node.name()},"
        elif t is not None and t.grad_fn is not None:
            origin = f", which is output {t._output_nr} of {t.grad_fn.name()},"
        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{kind}.{name}Tensor {list(array.shape)}]{origin} is at version {self.vc[0]}; "
            f"expected version {self.version} instead. Hint: enable anomaly detection to find the operation that "
            "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True)."
        )


class saved_tensors_hooks:
    """Context manager: tensors saved for backward inside go through ``pack_hook``, and ``unpack_hook`` when needed."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        hooks.stack.append((self.pack_hook, self.unpack_hook))

    def __exit__(self, *exc: Any) -> None:
        hooks.stack.pop()


class save_on_cpu(saved_tensors_hooks):
    """Saved tensors are moved to the CPU and back."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1].to(packed[0]))
