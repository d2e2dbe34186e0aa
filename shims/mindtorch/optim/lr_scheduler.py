"""``torch.optim.lr_scheduler``: all schedules under PyTorch's module name."""

from __future__ import annotations

from mindtorch.optim._lr_base import EPOCH_DEPRECATION_WARNING, LRScheduler
from mindtorch.optim._lr_composed import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from mindtorch.optim._lr_cycle import CyclicLR, OneCycleLR
from mindtorch.optim._lr_epoch import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)


class _LRScheduler(LRScheduler):
    """Old name of the base class."""


__all__ = [
    "EPOCH_DEPRECATION_WARNING",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
