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


def wrap(array: Any) -> Tensor:
    """``_tensor.wrap``: that module, which is built on this one, puts it here."""
    raise NotImplementedError


class SavedTensor:
    """A tensor that a node keeps for its backward; :func:`save` makes them."""

    __slots__ = ()

    def unpack(self, node: Node) -> Tensor:
        """The tensor, with its place in the graph. Raises RuntimeError if it was written to since it was saved."""
        raise NotImplementedError

    def rebind(self, t: Tensor) -> None:
        """The saved output's bytes now live in `t` (its node's result was written into `t` in place)."""


class SavedInput(SavedTensor):
    """An input, or an output of another node: the tensor itself."""

    __slots__ = ("tensor", "version")

    def __init__(self, t: Tensor) -> None:
        self.tensor = t
        self.version = t._vc[0]

    def unpack(self, node: Node) -> Tensor:
        return unpack_input(self.tensor, self.version)


def unpack_input(t: Tensor, version: int) -> Tensor:
    """A tensor that was saved at `version`. Raises RuntimeError if it was written to since."""
    if t._vc[0] != version:
        origin = ""
        if t.grad_fn is not None:
            origin = f", which is output {t._output_nr} of {t.grad_fn.name()},"
        raise RuntimeError(_modified(t._arr, origin, t._vc[0], version))
    return t


class SavedOutput(SavedTensor):
    """An output of the saving node, kept as its data: keeping the tensor would make a cycle through its ``grad_fn``,
    and memory must die with the last reference."""

    __slots__ = ("array", "output_nr", "requires_grad", "vc", "version")

    def __init__(self, t: Tensor, output_nr: int) -> None:
        self.output_nr = output_nr
        self.requires_grad = t.requires_grad
        self.rebind(t)

    def rebind(self, t: Tensor) -> None:
        self.array, self.vc = t._arr, t._vc
        self.version = t._vc[0]

    def unpack(self, node: Node) -> Tensor:
        if self.vc[0] != self.version:
            origin = f", which is output {self.output_nr} of {node.name()},"
            raise RuntimeError(_modified(self.array, origin, self.vc[0], self.version))
        out = wrap(self.array)
        out._vc = self.vc
        if self.requires_grad:
            out._grad_fn, out._output_nr = node, self.output_nr
        return out


class SavedPacked(SavedTensor):
    """What a pack hook made of a tensor."""

    __slots__ = ("edge", "output_nr", "packed", "requires_grad", "unpack_hook")

    def __init__(self, t: Tensor, output_nr: int | None) -> None:
        pack, self.unpack_hook = hooks.stack[-1]
        self.requires_grad = t.requires_grad
        self.output_nr = output_nr
        self.edge = t._gradient_edge() if output_nr is None else None
        self.packed = pack(t.detach())

    def unpack(self, node: Node) -> Tensor:
        data = self.unpack_hook(self.packed)
        if not hasattr(data, "_arr"):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got {type(data)}")
        out = wrap(data._arr)
        out._vc = data._vc
        if self.requires_grad:
            out._set_edge(self.edge if self.output_nr is None else (node, self.output_nr))
        return out


def save(t: Tensor, output_nr: int | None = None) -> SavedTensor:
    """Keep an input, or the output `output_nr` of the saving node."""
    if hooks.stack:
        return SavedPacked(t, output_nr)
    return SavedInput(t) if output_nr is None else SavedOutput(t, output_nr)


def wrap_array(array: Any) -> Tensor:
    """A tensor over a constant's array."""
    return wrap(array)


def _modified(array: Any, origin: str, version: int, expected: int) -> str:
    kind = "torch.cuda" if array.device.type != "cpu" else "torch"
    name = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
            "int32": "Int"}.get(array.dtype.name, array.dtype.name.capitalize())  # fmt: skip
    return (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind}.{name}Tensor {list(array.shape)}]{origin} is at version {version}; "
        f"expected version {expected} instead. Hint: enable anomaly detection to find the operation that "
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
