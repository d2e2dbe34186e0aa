"""Learning rate schedules and averaged models, in both libraries over their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import torch
from checks import Difference
from known import LATER_SCHEDULE
from translate import ours

Make = Callable[[Any, Any], Any]

# (lib.optim.lr_scheduler or lib, optimizer) -> schedule.
SCHEDULES: dict[str, Make] = {
    "StepLR": lambda lib, o: lib.optim.lr_scheduler.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda lib, o: lib.optim.lr_scheduler.MultiStepLR(o, [2, 5, 5, 9], 0.1),
    "ConstantLR": lambda lib, o: lib.optim.lr_scheduler.ConstantLR(o, 0.3, 4),
    "LinearLR": lambda lib, o: lib.optim.lr_scheduler.LinearLR(o, 0.1, 0.9, 6),
    "ExponentialLR": lambda lib, o: lib.optim.lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda lib, o: lib.optim.lr_scheduler.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingLR(o, 5, 0.01),
    "CosineAnnealingWarmRestarts": lambda lib, o: lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "LambdaLR": lambda lib, o: lib.optim.lr_scheduler.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "MultiplicativeLR": lambda lib, o: lib.optim.lr_scheduler.MultiplicativeLR(o, lambda e: 0.95),
    "OneCycleLR": lambda lib, o: lib.optim.lr_scheduler.OneCycleLR(o, [0.5, 0.3], total_steps=14),
    "OneCycleLR three_phase": lambda lib, o: lib.optim.lr_scheduler.OneCycleLR(
        o, 0.5, epochs=2, steps_per_epoch=8, three_phase=True, anneal_strategy="linear"
    ),
    "CyclicLR": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(o, 0.05, [0.5, 0.4], 3, 4),
    "CyclicLR triangular2": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(o, 0.05, 0.5, 2, mode="triangular2"),
    "CyclicLR exp_range": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(
        o, 0.05, 0.5, 3, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "CyclicLR scale_fn": lambda lib, o: lib.optim.lr_scheduler.CyclicLR(
        o, 0.05, 0.5, 3, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "SequentialLR": lambda lib, o: lib.optim.lr_scheduler.SequentialLR(
        o, [lib.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 4), lib.optim.lr_scheduler.ExponentialLR(o, 0.8)], [4]
    ),
    "ChainedScheduler": lambda lib, o: lib.optim.lr_scheduler.ChainedScheduler(
        [lib.optim.lr_scheduler.ConstantLR(o, 0.1, 3), lib.optim.lr_scheduler.ExponentialLR(o, 0.9)], optimizer=o
    ),
    "ReduceLROnPlateau": lambda lib, o: lib.optim.lr_scheduler.ReduceLROnPlateau(
        o, factor=0.5, patience=1, cooldown=1, min_lr=[0.01, 0.02]
    ),
    "SWALR": lambda lib, o: lib.optim.swa_utils.SWALR(o, [0.01, 0.02], 4),
    "SWALR linear": lambda lib, o: lib.optim.swa_utils.SWALR(o, 0.01, 3, "linear"),
    "AveragedModel": lambda lib, o: lib.optim.swa_utils.AveragedModel(o),
    "AveragedModel ema": lambda lib, o: lib.optim.swa_utils.AveragedModel(
        o, multi_avg_fn=lib.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
    ),
    "AveragedModel avg_fn": lambda lib, o: lib.optim.swa_utils.AveragedModel(
        o, avg_fn=lib.optim.swa_utils.get_ema_avg_fn(0.8)
    ),
}
METRICS = (3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5)
Same = Callable[[str, Any, Any, tuple[float, float]], None]


def _optimizer(lib: Any, tensor_lr: bool) -> Any:
    params = [lib.nn.Parameter(lib.ones(2)) for _ in range(3)]
    lr = lib.tensor(0.1, dtype=lib.float64) if tensor_lr else 0.1
    return lib.optim.SGD([{"params": params[:1], "lr": 0.2}, {"params": params[1:]}], lr=lr, momentum=0.9)


def _advance(optimizer: Any, schedule: Any, metric: float) -> Any:
    optimizer.step()
    if "Plateau" in type(schedule).__name__:
        schedule.step(metric)
    else:
        schedule.step()
    numbers = [[float(g["lr"]), float(g["momentum"])] for g in optimizer.param_groups]
    return numbers, [float(lr) for lr in schedule.get_last_lr()]


def _state(schedule: Any) -> Any:
    """The state dictionary without what is newer than API level 2.7."""

    def older(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: older(v) for k, v in sorted(x.items(), key=str) if k not in LATER_SCHEDULE}
        return [older(v) for v in x] if isinstance(x, list) else x

    return older(schedule.state_dict())


def same_schedule(name: str, same: Same) -> int:
    """Rates and momenta over thirteen steps, state dictionaries, and steps after loading the other library's."""
    if name.startswith("AveragedModel"):
        return _same_average(name, same)
    for tensor_lr in (False, True):
        optimizers = [_optimizer(lib, tensor_lr) for lib in (torch, mindtorch)]
        schedules = [SCHEDULES[name](lib, o) for lib, o in zip((torch, mindtorch), optimizers, strict=True)]
        for step, metric in enumerate(METRICS):
            theirs, mine = (_advance(o, s, metric) for o, s in zip(optimizers, schedules, strict=True))
            same(f"step {step}{' with a tensor' * tensor_lr}", mine, theirs, (1e-9, 1e-12))
            if not tensor_lr:
                same(f"the state after step {step}", _state(schedules[1]), _state(schedules[0]), (1e-9, 1e-12))
    _same_after_loading(name, same)
    return len(METRICS)


def _same_after_loading(name: str, same: Same) -> None:
    reference = _optimizer(torch, False)
    schedule = SCHEDULES[name](torch, reference)
    for metric in METRICS[:5]:
        _advance(reference, schedule, metric)
    optimizer = _optimizer(mindtorch, False)
    loaded = SCHEDULES[name](mindtorch, optimizer)
    optimizer.load_state_dict(ours(reference.state_dict()))
    loaded.load_state_dict(schedule.state_dict())
    for step, metric in enumerate(METRICS[5:]):
        theirs, mine = _advance(reference, schedule, metric), _advance(optimizer, loaded, metric)
        same(f"step {step} after loading", mine, theirs, (1e-9, 1e-12))


def _same_average(name: str, same: Same) -> int:
    """Averages of a model that changes, in parameters and buffers, and the statistics computed anew."""
    models = []
    for lib in (torch, mindtorch):
        lib.manual_seed(0)
        models.append(lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2)))
    averages = [SCHEDULES[name](lib, model) for lib, model in zip((torch, mindtorch), models, strict=True)]
    generator = torch.Generator().manual_seed(5)
    batches = [torch.randn(6, 3, generator=generator) for _ in range(4)]
    for batch in batches:
        for model, average, x in zip(models, averages, (batch, ours(batch)), strict=True):
            model(x)
            for p in model.parameters():
                p.data.mul_(1.5)
            average.update_parameters(model)
        same("the average", dict(averages[1].state_dict()), dict(averages[0].state_dict()), (1e-5, 1e-6))
    torch.optim.swa_utils.update_bn(batches, averages[0])
    mindtorch.optim.swa_utils.update_bn([(ours(b), 0) for b in batches], averages[1])
    same("the statistics", dict(averages[1].state_dict()), dict(averages[0].state_dict()), (1e-5, 1e-6))
    if [b.momentum for b in averages[1].modules() if hasattr(b, "momentum")] != [0.1]:
        raise Difference("update_bn left another momentum")
    for average, x in zip(averages, (batches[0], ours(batches[0])), strict=True):
        average.result = average.eval()(x)
    same("the result", averages[1].result, averages[0].result, (1e-4, 1e-5))
    return len(batches)
