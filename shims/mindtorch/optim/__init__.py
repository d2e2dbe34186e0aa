"""``torch.optim``: optimizers and learning rate schedules."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.optim import lr_scheduler, optimizer, swa_utils
from mindtorch.optim._adafactor import Adafactor
from mindtorch.optim._muon import Muon
from mindtorch.optim.adadelta import Adadelta
from mindtorch.optim.adagrad import Adagrad
from mindtorch.optim.adam import Adam
from mindtorch.optim.adamax import Adamax
from mindtorch.optim.adamw import AdamW
from mindtorch.optim.asgd import ASGD
from mindtorch.optim.lbfgs import LBFGS
from mindtorch.optim.nadam import NAdam
from mindtorch.optim.optimizer import Optimizer
from mindtorch.optim.radam import RAdam
from mindtorch.optim.rmsprop import RMSprop
from mindtorch.optim.rprop import Rprop
from mindtorch.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "optimizer",
    "swa_utils",
]


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
