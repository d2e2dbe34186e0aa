"""``torch.autograd``: reverse-mode differentiation on a tape of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

from .._tensor import Tensor
from ..tape import engine
from ..tape.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from . import anomaly_mode, forward_ad, grad_mode, graph, profiler, variable
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]  # fmt: skip


def _seq(x: Any) -> tuple[Any, ...]:
    if x is None:
        return ()
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _roots(outputs: Sequence[Any], grads: Sequence[Any]) -> tuple[list[Any], list[Tensor]]:
    """The edges to start from and their gradients. Raises RuntimeError for outputs outside the graph."""
    if len(grads) not in (0, len(outputs)):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    edges, values = [], []
    for i, (t, g) in enumerate(zip(outputs, grads or (None,) * len(outputs), strict=True)):
        if g is None:
            if not t.requires_grad:
                raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
            if t.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if not t.dtype.is_floating_point:
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype}")
            with no_grad():
                g = t.detach().new_ones(t.shape)
        elif g.shape != t.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
                f"{t.shape}."
            )
        edge = t._gradient_edge()
        if edge is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        edges.append(edge)
        values.append(g)
    return edges, values


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves (or into `inputs` only)."""
    if inputs is not None and len(_seq(inputs)) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    outputs = _seq(tensors)
    edges, grads = _roots(outputs, _seq(grad_tensors if grad_tensors is not None else grad_variables))
    keep = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        targets = []
        for t in _seq(inputs):
            edge = t._gradient_edge()
            if edge is None:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            targets.append(edge)
    found = engine.run_backward(edges, grads, keep, create_graph, targets)
    for t, g in zip(_seq(inputs), found, strict=False):
        if g is not None and not t.is_leaf:  # leaves have accumulated already
            t._grad = g if t._grad is None else t._grad + g


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, without accumulating."""
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    edges, grads = _roots(_seq(outputs), _seq(grad_outputs))
    keep = create_graph if retain_graph is None else retain_graph
    targets = []
    for t in _seq(inputs):
        edge = t._gradient_edge()
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        targets.append(edge)
    found = engine.run_backward(edges, grads, keep, create_graph, targets, accumulate=False)
    out = []
    for t, g in zip(_seq(inputs), found, strict=True):
        if g is None:
            if materialize_grads:
                g = t.detach().new_zeros(t.shape)
            elif not allow_unused:
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
        out.append(g)
    return tuple(out)


def _batched(
    outputs: Any, inputs: Any, grad_outputs: Any, retain_graph: bool | None, *options: Any
) -> tuple[Tensor | None, ...]:
    """``grad`` for every entry of the first dimension of `grad_outputs`, one after the other, stacked."""
    from ..ops import FUNCTIONS

    vectors = _seq(grad_outputs)
    counts = {len(v) for v in vectors if v is not None}
    if len(counts) != 1:
        raise ValueError(f"grad_outputs must be of one size in their first dimension, which is the batch: {counts}")
    count = counts.pop()
    create_graph, allow_unused, materialize = options
    keep = create_graph if retain_graph is None else retain_graph
    rows = []
    for i in range(count):
        one = [None if v is None else v[i] for v in vectors]
        retain = keep or i + 1 < count
        rows.append(grad(outputs, inputs, one, retain, create_graph, True, allow_unused, False, materialize))
    columns = zip(*rows, strict=True)
    return tuple(None if column[0] is None else FUNCTIONS[""]["stack"](column) for column in columns)


class set_multithreading_enabled:
    """Accepted, as a function and as a context manager: a backward runs in the thread that calls it anyway."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        pass


def _is_checkpoint_valid() -> bool:
    return engine.in_checkpoint_valid()


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
