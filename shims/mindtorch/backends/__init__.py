"""``torch.backends``, and which kernels a run used."""

from __future__ import annotations

from typing import Any

from mindtorch._support import missing_attribute as _missing_attribute

from ..kernels import COUNTS, table_name
from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "kernel_report", "mps", "reset_kernel_report"]


def kernel_report() -> dict[str, Any]:
    """Kernel calls since the start (or the last reset).

    ``{"table": "mindspore" | "reference", "mindspore": {kernel: calls}, "numpy": {kernel: calls}}``.
    """
    return {
        "table": table_name(),
        "mindspore": {name: n[0] for name, n in sorted(COUNTS.items()) if n[0]},
        "numpy": {name: n[1] for name, n in sorted(COUNTS.items()) if n[1]},
    }


def reset_kernel_report() -> None:
    """Start counting anew."""
    COUNTS.clear()


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
