"""Full backward hooks of modules: the boundary nodes put around a module's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.autograd.function import Function

__all__ = ["BackwardHook", "BackwardHookFunction"]


class BackwardHookFunction(Function):
    """Identity that lets a callback see, and replace, the gradients that flow back through it."""

    @staticmethod
    def forward(ctx: Any, callback: Callable[..., Any], *tensors: Any) -> tuple[Any, ...]:
        ctx.callback = callback
        # Hooks are to see None for an output that took no part in the loss, not a tensor of zeros.
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        return (None, *ctx.callback(grads))


class BackwardHook:
    """One module call's full backward hooks.

    The output boundary runs first in backward: it records (after the pre-hooks) the gradients of the outputs.
    The input boundary runs last: it calls the hooks with both sides. A module none of whose inputs needs a
    gradient has no input boundary, so its hooks run at the output with ``None`` for every input.
    """

    def __init__(self, module: Any, user_hooks: Sequence[Any], user_pre_hooks: Sequence[Any]) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.n_inputs = 0
        self.n_outputs = 0
        self.has_input_boundary = False

    def _apply_boundary(self, args: tuple[Any, ...], callback: Callable[..., Any]) -> tuple[tuple[Any, ...], list[int]]:
        indices = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        if not (torch.is_grad_enabled() and any(args[i].requires_grad for i in indices)):
            return args, []

        def on_grads(grads: tuple[Any, ...]) -> tuple[Any, ...]:
            return callback(indices, grads)

        wrapped = BackwardHookFunction.apply(on_grads, *[args[i] for i in indices])
        result = list(args)
        for i, tensor in zip(indices, wrapped, strict=True):
            result[i] = tensor
        return tuple(result), indices

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Wrap the positional tensor arguments of the call."""
        self.n_inputs = len(args)
        wrapped, indices = self._apply_boundary(args, self._on_input_grads)
        self.has_input_boundary = bool(indices)
        return wrapped

    def setup_output_hook(self, result: Any) -> Any:
        """Wrap the result: a tensor, or a tuple or list that holds tensors."""
        is_tuple = isinstance(result, tuple)
        args = result if is_tuple else (result,)
        self.n_outputs = len(args)
        wrapped, _ = self._apply_boundary(args, self._on_output_grads)
        if not is_tuple:
            return wrapped[0]
        if type(result) is not tuple and hasattr(result, "_fields"):
            return type(result)(*wrapped)
        return wrapped

    @staticmethod
    def _spread(indices: Sequence[int], values: Sequence[Any], size: int) -> tuple[Any, ...]:
        full: list[Any] = [None] * size
        for i, value in zip(indices, values, strict=True):
            full[i] = value
        return tuple(full)

    def _on_output_grads(self, indices: list[int], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_outputs = self._spread(indices, grads, self.n_outputs)
        for pre_hook in self.user_pre_hooks:
            replaced = pre_hook(self.module, grad_outputs)
            if replaced is None:
                continue
            if not isinstance(replaced, tuple):
                replaced = (replaced,)
            if len(replaced) != len(grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(replaced)}, but expected {len(grad_outputs)}"
                )
            grad_outputs = replaced
        if self.has_input_boundary:
            self.grad_outputs = grad_outputs
        else:
            self._run_hooks((None,) * self.n_inputs, grad_outputs, may_replace=False)
        return tuple(grad_outputs[i] for i in indices)

    def _on_input_grads(self, indices: list[int], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:
            # Backward reached the inputs without passing the outputs (an inner tensor was differentiated).
            return grads
        grad_inputs = self._spread(indices, grads, self.n_inputs)
        grad_outputs, self.grad_outputs = self.grad_outputs, None
        grad_inputs = self._run_hooks(grad_inputs, grad_outputs, may_replace=True)
        return tuple(grad_inputs[i] for i in indices)

    def _run_hooks(self, grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...], may_replace: bool) -> Any:
        for hook in self.user_hooks:
            replaced = hook(self.module, grad_inputs, grad_outputs)
            if replaced is None:
                continue
            if not may_replace:
                if any(value is not None for value in replaced):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or "
                        "None for all gradients."
                    )
                continue
            if not isinstance(replaced, tuple):
                replaced = (replaced,)
            if len(replaced) != len(grad_inputs):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(replaced)}, but expected {len(grad_inputs)}"
                )
            grad_inputs = replaced
        return grad_inputs
