"""safetensors with mindtorch's tensors: the installed package, whose module ``torch`` and ``safe_open`` need PyTorch.

Reading and writing of files stays the package's own; ``safe_open`` of another framework than PyTorch is the original.
"""

from __future__ import annotations

from types import ModuleType

import safetensors
from safetensors import __version__ as __version__

# Not its submodules: those that somebody has imported are among its names, and "torch" has a stand-in here.
globals().update(
    {
        name: value
        for name, value in vars(safetensors).items()
        if not (name.startswith("_") or isinstance(value, ModuleType))
    }
)

from mindtorch_shims.safetensors._safe_open import safe_open as safe_open  # noqa: E402
