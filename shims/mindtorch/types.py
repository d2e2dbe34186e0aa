"""Legacy tensor types: ``torch.FloatTensor`` and friends, constructors that ``isinstance`` knows."""

from __future__ import annotations

from typing import Any

from . import _dtype as dtypes
from ._tensor import Tensor


class _LegacyType(type):
    """A class per dtype: calling it makes a tensor, isinstance looks at dtype and device."""

    _dtype: Any
    _device: str

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor) and instance.dtype is cls._dtype and (instance.device.type == cls._device)
        )

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        from .ops.creation import legacy_new

        return legacy_new(Tensor, *args, device=device or cls._device, d=cls._dtype)

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__.replace('mindtorch', 'torch', 1)}.{cls.__name__}'>"


def legacy_type(name: str, d: Any, device: str = "cpu") -> Any:
    """The class ``torch.<name>`` (or ``torch.cuda.<name>``)."""
    module = "mindtorch" if device == "cpu" else f"mindtorch.{device}"
    return _LegacyType(name, (), {"_dtype": d, "_device": device, "dtype": d, "__module__": module})


NAMES = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16, "LongTensor": dtypes.int64, "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16, "CharTensor": dtypes.int8, "ByteTensor": dtypes.uint8, "BoolTensor": dtypes.bool,
}  # fmt: skip

FloatTensor = legacy_type("FloatTensor", dtypes.float32)
DoubleTensor = legacy_type("DoubleTensor", dtypes.float64)
HalfTensor = legacy_type("HalfTensor", dtypes.float16)
BFloat16Tensor = legacy_type("BFloat16Tensor", dtypes.bfloat16)
LongTensor = legacy_type("LongTensor", dtypes.int64)
IntTensor = legacy_type("IntTensor", dtypes.int32)
ShortTensor = legacy_type("ShortTensor", dtypes.int16)
CharTensor = legacy_type("CharTensor", dtypes.int8)
ByteTensor = legacy_type("ByteTensor", dtypes.uint8)
BoolTensor = legacy_type("BoolTensor", dtypes.bool)
