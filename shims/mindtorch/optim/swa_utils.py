"""Stochastic weight averaging (Izmailov et al. 2018) and exponential averages (``torch.optim.swa_utils``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import mindtorch as torch
from mindtorch.nn import Module
from mindtorch.optim._lr_base import LRScheduler, format_param
from mindtorch.optim.optimizer import Optimizer

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip

Average = Callable[[Any, Any, Any], Any]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _per_tensor(update: Average) -> Callable[[Any, Any, Any], None]:
    """The rule for two lists, in place, of a rule for two tensors."""

    @torch.no_grad()
    def update_lists(averaged: Any, current: Any, num_averaged: Any) -> None:
        for mean, value in zip(averaged, current, strict=True):
            mean.copy_(update(mean, value, num_averaged))

    return update_lists


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """``decay * mean + (1 - decay) * value``, of two tensors."""
    _check_decay(decay)

    @torch.no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all values so far, of two tensors."""

    @torch.no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], None]:
    """As :func:`get_ema_avg_fn`, for two lists of tensors; numbers that are no fractions are taken over."""
    _check_decay(decay)

    def ema_update(mean: Any, value: Any, num_averaged: Any) -> Any:
        fractions = torch.is_floating_point(mean) or torch.is_complex(mean)
        return mean.lerp(value, 1 - decay) if fractions else value * (1 - decay) + mean * decay

    return _per_tensor(ema_update)


def get_swa_multi_avg_fn() -> Callable[[Any, Any, Any], None]:
    """As :func:`get_swa_avg_fn`, for two lists of tensors."""

    def swa_update(mean: Any, value: Any, num_averaged: Any) -> Any:
        fractions = torch.is_floating_point(mean) or torch.is_complex(mean)
        share = 1 / (float(num_averaged) + 1)
        return mean.lerp(value, share) if fractions else mean + (value - mean) * share

    return _per_tensor(swa_update)


class AveragedModel(Module):
    """A copy of a model that holds the average of its parameters.

    Args:
        device: where the copy lives; the model's own place when None.
        avg_fn: (mean, value, how many were averaged) -> new mean, of tensors.
        multi_avg_fn: the same for lists of tensors, in place. Only one of the two may be given.
        use_buffers: average the buffers too, instead of taking over the model's.
    """

    n_averaged: Any

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Callable[[Any, Any, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", torch.tensor(0, dtype=torch.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The copy's."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Any) -> list[Any]:
        values = model.parameters()
        return list(itertools.chain(values, model.buffers()) if self.use_buffers else values)

    def update_parameters(self, model: Module) -> None:
        """Average the model's parameters into the copy's; the first time they are taken over."""
        means = [mean.detach() for mean in self._averaged(self.module)]
        values = [
            value.detach().to(mean.device) for mean, value in zip(means, self._averaged(model), strict=False)
        ]
        if self.n_averaged == 0:
            for mean, value in zip(means, values, strict=False):
                mean.copy_(value)
        elif self.avg_fn is not None:
            count = self.n_averaged
            for mean, value in zip(means, values, strict=False):
                mean.copy_(self.avg_fn(mean, value, count.to(mean.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(means, values, self.n_averaged)
        if not self.use_buffers:
            for mean, value in zip(self.module.buffers(), model.buffers(), strict=False):
                mean.detach().copy_(value.detach().to(mean.device))
        self.n_averaged += 1


@torch.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations anew, by one pass over the batches."""
    normalisations = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    if not normalisations:
        return
    momenta = [module.momentum for module in normalisations]
    was_training = model.training
    model.train()
    for module in normalisations:
        module.reset_running_stats()
        # None: the plain average of all batches.
        module.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(inputs if device is None else inputs.to(device))
    for module, momentum in zip(normalisations, momenta, strict=True):
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the current rates to ``swa_lr`` in ``anneal_epochs`` epochs, and then constant."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, swa in zip(optimizer.param_groups, format_param("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = swa
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _alpha(self, t: float) -> float:
        """The share of ``swa_lr`` after the part ``t`` of the annealing."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        """One a group; undoes the last share of ``swa_lr`` first, so that it composes with other schedules."""
        self._warn_get_lr_called_within_step()
        step = self._step_count - 1
        length = max(1, self.anneal_epochs)
        now = self._alpha(max(0, min(1, step / length)))
        before = self._alpha(max(0, min(1, (step - 1) / length)))
        rates = []
        for group in self._groups:
            swa, lr = group["swa_lr"], group["lr"]
            base = swa if before == 1 else (lr - before * swa) / (1 - before)
            rates.append(swa * now + base * (1 - now))
        return rates
