"""Types that programs ask about (``transformer_engine.pytorch.tensor.quantized_tensor``); there are no such tensors."""

from __future__ import annotations

from typing import Any

from mindtorch import Tensor

from ...._missing import module_getattr, unsupported

__all__ = ["QuantizedTensor", "Quantizer"]
__getattr__ = module_getattr(__name__)


class Quantizer:
    """Makes quantized tensors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise unsupported(f"quantization (transformer_engine's {type(self).__name__})")


class QuantizedTensor(Tensor):
    """A tensor with data of low precision and scales. ``isinstance`` tells that no tensor is one."""

    # There are none, so operators need not look for them among their arguments.
    __torch_function__ = None  # type: ignore[assignment]

    def __new__(cls, *args: Any, **kwargs: Any) -> QuantizedTensor:
        raise unsupported(f"quantized tensors (transformer_engine's {cls.__name__})")

    @classmethod
    def make_like(cls, *args: Any, **kwargs: Any) -> QuantizedTensor:
        """Raises NotImplementedError."""
        raise unsupported(f"quantized tensors (transformer_engine's {cls.__name__})")
