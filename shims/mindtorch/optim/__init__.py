"""``torch.optim``: optimizers and learning rate schedules."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.optim import lr_scheduler, optimizer
from mindtorch.optim.adagrad import Adagrad
from mindtorch.optim.adam import Adam
from mindtorch.optim.adamw import AdamW
from mindtorch.optim.optimizer import Optimizer
from mindtorch.optim.rmsprop import RMSprop
from mindtorch.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler", "optimizer"]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
