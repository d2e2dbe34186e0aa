"""Optimizers and schedules, ten steps side by side with PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import assert_same, leaf, plain, same, same_error  # noqa: E402

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD_momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    "SGD_nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "SGD_maximize": ("SGD", {"lr": 0.01, "maximize": True}),
    "Adam": ("Adam", {"lr": 0.05}),
    "Adam_amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 1e-6}),
    "AdamW": ("AdamW", {"lr": 0.05}),
    "AdamW_decay": ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "maximize": True}),
    "Adagrad": ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.01, "initial_accumulator_value": 0.1}),
    "RMSprop": ("RMSprop", {"lr": 0.05}),
    "RMSprop_centered": ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.5, "weight_decay": 0.01}),
}
# The sum over steps of rounding: the libraries' kernels differ in the last bits.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}


def problem(lib: Any) -> tuple[Any, Any]:
    ps = [leaf(lib, 3, 4), leaf(lib, 4, seed=1), leaf(lib, 2, seed=2)]

    def loss() -> Any:  # the last parameter has no gradient
        return ((ps[0] * ps[1]).sin() ** 2).sum() + (ps[1] ** 2).sum()

    return ps, loss


def steps(opt: Any, loss: Any, n: int) -> list[float]:
    out = []
    for _ in range(n):
        opt.zero_grad()
        value = loss()
        value.backward()
        opt.step()
        out.append(value.item())
    return out


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_steps(name: str) -> None:
    kind, options = OPTIMIZERS[name]

    def program(lib: Any) -> Any:
        ps, loss = problem(lib)
        opt = getattr(lib.optim, kind)([{"params": ps[:1]}, {"params": ps[1:], "lr": 0.02}], **options)
        losses = steps(opt, loss, 10)
        state = opt.state_dict()
        groups = [{k: v for k, v in g.items() if k in options or k == "params"} for g in state["param_groups"]]
        return losses, ps, state["state"], groups, repr(opt).split("\n")[0]

    same(program, **TOLERANCE)


def convert(state: Any, lib: Any) -> Any:
    """The same state with the other library's tensors."""
    if isinstance(state, (torch.Tensor, mindtorch.Tensor)):
        return lib.tensor(state.detach().numpy())
    if isinstance(state, dict):
        return {k: convert(v, lib) for k, v in state.items()}
    if isinstance(state, list):
        return [convert(v, lib) for v in state]
    return state


@pytest.mark.parametrize("source", ["torch", "mindtorch"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_dicts_pass_between_the_libraries(name: str, source: str) -> None:
    """Five steps in one library and five in the other end where ten in one end."""
    kind, options = OPTIMIZERS[name]
    a, b = (torch, mindtorch) if source == "torch" else (mindtorch, torch)
    whole, loss = problem(a)
    opt = getattr(a.optim, kind)(whole, **options)
    steps(opt, loss, 5)
    state = convert(opt.state_dict(), b)
    moved, loss_b = problem(b)
    for p, q in zip(moved, whole, strict=True):
        p.data = convert(q, b)
    opt_b = getattr(b.optim, kind)(moved, **{**options, "lr": 9.0})
    opt_b.load_state_dict(state)
    steps(opt, loss, 5)
    steps(opt_b, loss_b, 5)
    assert_same(plain(moved), plain(whole), **TOLERANCE)


def test_bfloat16_parameters_and_closures() -> None:
    def program(lib: Any) -> Any:
        p = leaf(lib, 6).detach().to(lib.bfloat16).requires_grad_(True)
        opt = lib.optim.SGD([p], lr=0.125)

        def closure() -> Any:
            opt.zero_grad()
            out = (p.float() * 2).sum()
            out.backward()
            return out

        value = opt.step(closure)
        return p, value, p.dtype

    same(program, rtol=1e-2)


def test_hooks_and_param_groups() -> None:
    def program(lib: Any) -> Any:
        ps, loss = problem(lib)
        opt, seen = lib.optim.AdamW(ps[:1], lr=0.1), []
        opt.add_param_group({"params": ps[1], "weight_decay": 0.5})
        opt.register_step_pre_hook(lambda o, args, kw: seen.append("pre"))
        opt.register_step_post_hook(lambda o, args, kw: seen.append("post"))
        steps(opt, loss, 2)
        opt.zero_grad(set_to_none=False)
        zero = ps[0].grad.clone()
        opt.zero_grad()
        return seen, zero, ps[0].grad, len(opt.param_groups), [g["weight_decay"] for g in opt.param_groups], ps

    same(program, **TOLERANCE)


def test_errors() -> None:
    same_error(lambda lib: lib.optim.SGD([], lr=0.1), "optimizer got an empty parameter list", ValueError)
    same_error(lambda lib: lib.optim.SGD([leaf(lib, 2)], lr=-1.0), "Invalid learning rate: -1.0", ValueError)
    same_error(lambda lib: lib.optim.Adam([leaf(lib, 2)], betas=(1.0, 0.9)), "Invalid beta parameter", ValueError)
    same_error(lambda lib: lib.optim.SGD([leaf(lib, 2) * 1], lr=0.1), "can't optimize a non-leaf Tensor", ValueError)
    same_error(lambda lib: lib.optim.SGD(leaf(lib, 2), lr=0.1), "should be an iterable of Tensors or dicts", TypeError)

    def twice(lib: Any) -> None:
        p = leaf(lib, 2)
        lib.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)

    same_error(twice, "some parameters appear in more than one parameter group", ValueError)

    def other_groups(lib: Any) -> None:
        a, b = leaf(lib, 2), leaf(lib, 2)
        lib.optim.SGD([a, b], lr=0.1).load_state_dict(lib.optim.SGD([a], lr=0.1).state_dict())

    same_error(other_groups, "loaded state dict contains a parameter group that doesn't match the size", ValueError)


SCHEDULES: dict[str, Any] = {
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5], 0.1),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 4),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, 1.0, 6),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2),
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=13),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 4), s.ExponentialLR(o, 0.8)], [4]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    def program(lib: Any) -> Any:
        ps, loss = problem(lib)

        def make() -> Any:
            return lib.optim.SGD([{"params": ps[:1], "lr": 0.2}, {"params": ps[1:]}], lr=0.1, momentum=0.9)

        opt = make()
        schedule = SCHEDULES[name](lib.optim.lr_scheduler, opt)
        rates, momenta = [], []
        for _ in range(12):
            rates.append([g["lr"] for g in opt.param_groups])
            momenta.append([g["momentum"] for g in opt.param_groups])
            steps(opt, loss, 1)
            schedule.step()
        last = schedule.get_last_lr()
        return rates, momenta, last, sorted(k for k in schedule.state_dict() if not k.startswith("_"))

    same(program)


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "LinearLR", "SequentialLR"])
def test_a_schedule_goes_on_from_its_state(name: str) -> None:
    def program(lib: Any) -> Any:
        ps, loss = problem(lib)
        opt = lib.optim.SGD(ps, lr=0.1)
        schedule = SCHEDULES[name](lib.optim.lr_scheduler, opt)
        for _ in range(5):
            steps(opt, loss, 1)
            schedule.step()
        fresh = lib.optim.SGD(ps, lr=0.1)
        again = SCHEDULES[name](lib.optim.lr_scheduler, fresh)
        fresh.load_state_dict(opt.state_dict())
        again.load_state_dict(schedule.state_dict())
        rates = []
        for _ in range(4):
            steps(fresh, loss, 1)
            again.step()
            rates.append(again.get_last_lr())
        return rates

    same(program)


def test_reduce_on_plateau() -> None:
    def program(lib: Any) -> Any:
        opt = lib.optim.SGD([leaf(lib, 2)], lr=1.0)
        schedule = lib.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1, cooldown=1, min_lr=0.2)
        rates = []
        for metric in (3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
            schedule.step(metric)
            rates.append(opt.param_groups[0]["lr"])
        return rates

    same(program)
