"""Activations in host memory (``transformer_engine.pytorch.cpu_offload``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from mindtorch import Tensor

from ..._missing import module_getattr, unsupported

__all__ = ["get_cpu_offload_context"]
__getattr__ = module_getattr(__name__)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


def get_cpu_offload_context(
    enabled: bool = False, num_layers: int = 1, model_layers: int = 1, offload_activations: bool = True,
    offload_weights: bool = True,
) -> tuple[AbstractContextManager[None], Callable[[Tensor], Tensor]]:  # fmt: skip
    """A context for the layers, and a function that is called with each layer's output.

    Switched off both do nothing; ``enabled`` raises NotImplementedError.
    """
    if enabled:
        raise unsupported("transformer_engine.pytorch.get_cpu_offload_context(enabled=True)")
    return nullcontext(), _unchanged
