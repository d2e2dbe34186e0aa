"""``torch.utils``: kept import-light, because the autograd core imports ``utils.hooks``.

Subpackages (``data``, ``checkpoint``, ``_pytree``, ...) are imported by whoever needs them.
"""

from __future__ import annotations

__all__: list[str] = []
