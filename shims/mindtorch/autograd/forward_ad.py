"""``torch.autograd.forward_ad``: forward-mode differentiation, which mindtorch does not have."""

from __future__ import annotations

from .._unsupported import unsupported, unsupported_function

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_HINT = "torch.func.jvp computes the same products by reverse mode"
_PATH = "torch.autograd.forward_ad."
UnpackedDualTensor = unsupported(_PATH + "UnpackedDualTensor", _HINT)
dual_level = unsupported(_PATH + "dual_level", _HINT)
enter_dual_level = unsupported_function(_PATH + "enter_dual_level", _HINT)
exit_dual_level = unsupported_function(_PATH + "exit_dual_level", _HINT)
make_dual = unsupported_function(_PATH + "make_dual", _HINT)
unpack_dual = unsupported_function(_PATH + "unpack_dual", _HINT)
