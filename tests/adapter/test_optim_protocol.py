"""What optimizers and schedules promise beside their numbers: state, resumption, errors, warnings, memory."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from side_by_side import same, same_error  # noqa: E402

LIBS = (mindtorch, torch)


def params_of(lib: Any) -> list[Any]:
    values = np.random.default_rng(0).standard_normal((3, 4, 3)).astype(np.float32)
    return [lib.nn.Parameter(lib.tensor(v.tolist())) for v in values]


def test_adamw_by_hand() -> None:
    p = mindtorch.nn.Parameter(mindtorch.tensor([1.0]))
    optimizer = mindtorch.optim.AdamW([p], lr=0.1, betas=(0.9, 0.99), eps=0.0, weight_decay=0.5)
    p.grad = mindtorch.tensor([4.0])
    optimizer.step()
    # Decay 1 - 0.1 * 0.5, and a first step of lr * sign(grad) whatever the betas.
    assert float(p) == pytest.approx(0.95 - 0.1, abs=1e-7)
    state = optimizer.state[p]
    assert list(state) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["step"].dtype == mindtorch.float32
    assert float(state["exp_avg"]) == pytest.approx(0.4, abs=1e-7)
    assert float(state["exp_avg_sq"]) == pytest.approx(0.16, abs=1e-7)


def test_loaded_state_takes_the_parameters_dtype_but_the_step_keeps_its_own() -> None:
    def program(lib: Any) -> Any:
        p = lib.nn.Parameter(lib.ones(3, dtype=lib.bfloat16))
        optimizer = lib.optim.AdamW([p])
        p.grad = lib.ones(3, dtype=lib.bfloat16)
        optimizer.step()
        state = copy.deepcopy(optimizer.state_dict())
        state["state"][0]["step"] = lib.tensor(1001.0)
        state["state"][0]["exp_avg"] = lib.ones(3, dtype=lib.float64)
        optimizer.load_state_dict(state)
        return optimizer.state_dict()["state"]

    same(program)


def test_groups_with_names() -> None:
    def program(lib: Any) -> Any:
        a, b, c = params_of(lib)
        optimizer = lib.optim.SGD([{"params": [("a", a)], "lr": 0.5}, {"params": [("b", b)]}], lr=0.1)
        optimizer.add_param_group({"params": [("c", c)], "momentum": 0.5})
        a.grad = lib.ones(4, 3)
        optimizer.zero_grad(set_to_none=False)
        zeroed = a.grad
        optimizer.zero_grad()
        return zeroed, a.grad, optimizer.state_dict()["param_groups"], repr(optimizer)

    same(program)
    same_error(
        lambda lib: lib.optim.SGD([{"params": [("a", lib.ones(1))]}, {"params": [lib.ones(1)]}]),
        "all optimizer param groups should be with/without names",
        ValueError,
    )


ERRORS: dict[str, tuple[Callable[[Any], Any], str, type[Exception]]] = {
    "tensor": (lambda t: t.optim.SGD(t.ones(1)), "params argument given to the optimizer should be an", TypeError),
    "number": (lambda t: t.optim.SGD([1]), "can only optimize Tensors, but one of the params is int", TypeError),
    "non_leaf": (lambda t: t.optim.SGD([t.ones(1, requires_grad=True) * 2]), "optimize a non-leaf Tensor", ValueError),
    "set": (lambda t: t.optim.SGD([{"params": {t.ones(1)}}]), "organized in ordered collections", TypeError),
    "nesterov": (lambda t: t.optim.SGD([t.ones(1)], nesterov=True), "Nesterov momentum requires", ValueError),
    "beta": (lambda t: t.optim.AdamW([t.ones(1)], betas=(2.0, 0.9)), "beta parameter at index 0: 2.0", ValueError),
    "scheduler": (lambda t: t.optim.lr_scheduler.StepLR(3, 1), "int is not an Optimizer", TypeError),
    "twice": (
        lambda t: t.optim.SGD([{"params": [p := t.ones(1)]}, {"params": [p]}]),
        "some parameters appear in more than one parameter group",
        ValueError,
    ),
    "misfit": (
        lambda t: t.optim.SGD([t.ones(1)]).load_state_dict(t.optim.SGD([t.ones(1), t.ones(1)]).state_dict()),
        "loaded state dict contains a parameter group that doesn't match the size",
        ValueError,
    ),
    "resume": (
        lambda t: t.optim.lr_scheduler.StepLR(t.optim.SGD([t.ones(1)]), 1, last_epoch=3),
        "param 'initial_lr' is not specified in param_groups[0] when resuming",
        KeyError,
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    same_error(*ERRORS[case])


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: e * 0.1]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "step": lambda s, o: s.StepLR(o, 3),
    "multi_step": lambda s, o: s.MultiStepLR(o, [3, 3, 8]),
    "constant": lambda s, o: s.ConstantLR(o),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.9, 7),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 10, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 9, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2),
    "sequential": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 5), s.CosineAnnealingLR(o, 20)], [5]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=3),
    "one_cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=31, three_phase=True, anneal_strategy="linear"),
}


def two_groups(lib: Any) -> Any:
    a, b, _ = params_of(lib)
    return lib.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1, momentum=0.9)


def advance(name: str, scheduler: Any, i: int) -> None:
    if name == "plateau":
        scheduler.step(float(i % 7))
    else:
        scheduler.step()


@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call of")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_resume_as_if_never_stopped(name: str) -> None:
    def program(lib: Any) -> Any:
        s = lib.optim.lr_scheduler
        optimizer = two_groups(lib)
        scheduler = SCHEDULES[name](s, optimizer)
        for i in range(8):
            optimizer.step()
            advance(name, scheduler, i)
        other = two_groups(lib)
        resumed = SCHEDULES[name](s, other)
        other.load_state_dict(optimizer.state_dict())
        resumed.load_state_dict(scheduler.state_dict())
        rates = []
        for i in range(8, 14):
            advance(name, scheduler, i)
            advance(name, resumed, i)
            rates.append([(g["lr"], g["momentum"]) for g in other.param_groups])
            assert rates[-1] == [(g["lr"], g["momentum"]) for g in optimizer.param_groups]
        return rates

    same(program, rtol=1e-12, atol=0)


def test_a_tensor_learning_rate_is_filled_in_place() -> None:
    def program(lib: Any) -> Any:
        p = params_of(lib)[0]
        rate = lib.tensor(0.5)
        optimizer = lib.optim.SGD([p], lr=rate)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        for _ in range(2):
            p.grad = lib.ones(4, 3)
            optimizer.step()
            scheduler.step()
        return p, rate, optimizer.param_groups[0]["lr"] is rate

    same(program)


def test_only_the_wrong_order_of_steps_warns() -> None:
    for lib in LIBS:
        scheduler = lib.optim.lr_scheduler.StepLR(two_groups(lib), 1)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
            scheduler.step()
        optimizer = two_groups(lib)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            optimizer.step()
            scheduler.step()


def test_optimizers_die_with_the_last_reference() -> None:
    gc.disable()
    try:
        p = params_of(mindtorch)[0]
        optimizer = mindtorch.optim.AdamW([p])
        scheduler = mindtorch.optim.lr_scheduler.StepLR(optimizer, 1)
        p.grad = mindtorch.ones(4, 3)
        optimizer.step()
        ref = weakref.ref(optimizer.state[p]["exp_avg"])
        del optimizer, scheduler
        assert ref() is None
    finally:
        gc.enable()
