"""``torch.autograd.graph``: nodes and hooks on what is saved."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from .._tensor import Tensor
from ..tape.node import Node
from ..tape.saved import save_on_cpu, saved_tensors_hooks

__all__ = ["GradientEdge", "Node", "get_gradient_edge", "save_on_cpu", "saved_tensors_hooks"]

GradientEdge = namedtuple("GradientEdge", ("node", "output_nr"))


def get_gradient_edge(tensor: Tensor) -> Any:
    """The node and output that a tensor's gradient belongs to."""
    edge = tensor._gradient_edge()
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*edge)
