"""``torch.utils``: kept import-light, because the autograd core imports ``utils.hooks``.

Subpackages are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

__all__: list[str] = []

_SUBMODULES = ("_pytree", "checkpoint", "cpp_extension", "data", "dlpack", "hooks", "tensorboard")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise _missing_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})
