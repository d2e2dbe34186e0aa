"""``torch.autograd.Variable``: an old name of Tensor, and the way to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..tape import engine


class _ExecutionEngine:
    """What Megatron reaches as ``Variable._execution_engine``."""

    def queue_callback(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the running backward is done."""
        engine.queue_callback(callback)

    def run_backward(
        self,
        tensors: Any,
        grad_tensors: Any,
        keep_graph: bool,
        create_graph: bool,
        inputs: Any = (),
        allow_unreachable: bool = False,
        accumulate_grad: bool = False,
    ) -> tuple[Tensor | None, ...]:
        """Differentiate `tensors`; gradients go to the leaves, or back to the caller without `accumulate_grad`."""
        edges, grads = [], []
        for t, g in zip(tensors, grad_tensors, strict=True):
            edge = t._gradient_edge()
            if edge is None:
                raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
            edges.append(edge)
            grads.append(t.detach().new_ones(t.shape) if g is None else g)
        targets = [t._gradient_edge() for t in inputs] or None
        return tuple(engine.run_backward(edges, grads, keep_graph, create_graph, targets, accumulate_grad))


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """``Variable(tensor)`` is the tensor."""

    _execution_engine = _ExecutionEngine()

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Any:
        return data.detach().requires_grad_(requires_grad) if requires_grad else data
