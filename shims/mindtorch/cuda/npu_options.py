"""Names that only ``torch.npu`` has: options of torch_npu's compiler and its ways to recover from faults."""

from __future__ import annotations

from typing import Any

from .._unsupported import unsupported_function

_HINT = "MindSpore has no such call"

restart_device = unsupported_function("torch.npu.restart_device", _HINT)
stop_device = unsupported_function("torch.npu.stop_device", _HINT)
check_uce_in_memory = unsupported_function("torch.npu.check_uce_in_memory", _HINT)


class _Config:
    """``torch.npu.config``."""

    @property
    def allow_internal_format(self) -> bool:
        """Whether kernels may keep tensors in formats of the device's own: never, tensors are strided."""
        return False

    @allow_internal_format.setter
    def allow_internal_format(self, value: bool) -> None:
        """True is a permission that is not used."""


config = _Config()


def set_compile_mode(jit_compile: bool = False) -> None:
    """Kernels come compiled. Raises NotImplementedError when they are to be compiled at run time."""
    if jit_compile:
        raise NotImplementedError("torch.npu.set_compile_mode(jit_compile=True) is not supported")


_KNOWN_OPTIONS = {"jitCompile": ("disable",), "ALLOW_INTERNAL_FORMAT": ("disable", "enable")}


def set_option(option: dict[str, Any]) -> None:
    """Options that ask for what is done anyway. Raises NotImplementedError for others."""
    for name, value in option.items():
        if value not in _KNOWN_OPTIONS.get(name, ()):
            raise NotImplementedError(f"torch.npu.set_option({{{name!r}: {value!r}}}) is not supported")
