"""Kernels on Ascend: which MindSpore function serves which kernel, for which dtypes.

A kernel that has an entry in ``SERVED`` runs on the device; the others are computed by NumPy on the host, with a copy
there and back, for the reason in ``HOST_REASONS``. MindSpore is imported when the first call is made.
"""

from __future__ import annotations

from . import index, linalg, nn, pointwise, reduce, shape
from ._table import SERVED, Entry, resolve
from .host import HOST_REASONS

__all__ = ["HOST_REASONS", "SERVED", "Entry", "resolve"]
