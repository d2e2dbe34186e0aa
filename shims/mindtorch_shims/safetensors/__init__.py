"""safetensors with mindtorch's tensors: the installed package, whose module ``torch`` and ``safe_open`` need PyTorch.

Reading and writing of files stays the package's own; ``safe_open`` of another framework than PyTorch is the original.
"""

from __future__ import annotations

from safetensors import *  # noqa: F403
from safetensors import __version__ as __version__

from mindtorch_shims.safetensors._safe_open import safe_open as safe_open
