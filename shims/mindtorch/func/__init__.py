"""``torch.func``: functions of functions, by the tape; ``vmap`` runs the function sample by sample."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute

from .derivatives import functionalize, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .modules import functional_call, stack_module_state
from .vmap import vmap

__all__ = [
    "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
