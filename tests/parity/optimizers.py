"""PyTorch's optimizer database on mindtorch: ``python tests/parity/optimizers.py [--match REGEX] [--record]``.

For every optimizer and every configuration of the database, with each implementation flag (foreach, fused,
differentiable) that PyTorch has for it: several steps from the same parameters with the same gradients end in the same
parameters and states; state dictionaries go on in the other library; and what PyTorch refuses is refused. Schedules are
compared over their steps and by their state dictionaries.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import mindtorch
import numpy as np
import torch
from checks import Difference
from known import LATER_STATE
from schedules import SCHEDULES, same_schedule
from torch.testing._internal.common_optimizers import _get_optim_inputs_including_global_cliquey_kwargs, optim_db
from translate import Missing, as_numpy, lookup, ours

RECORD = Path(__file__).parent / "failing_optimizers.json"
INFOS = {info.name: info for info in optim_db}
STEPS = 4
# Rounding of four steps. Muon computes in bfloat16, whose matrix products round differently; a step of LBFGS has many
# iterations, each from differences of gradients that are close to each other, over a loss with kinks.
TOLERANCE = {torch.float32: (2e-5, 2e-6), torch.float64: (1e-11, 1e-12), torch.complex128: (1e-11, 1e-12)}
LOOSER = {
    "Muon": {torch.float32: (2e-2, 2e-4), torch.float64: (2e-2, 2e-4)},
    "LBFGS": {torch.float32: (2e-3, 2e-4), torch.float64: (1e-6, 1e-7), torch.complex128: (1e-6, 1e-7)},
}


def as_theirs(x: Any) -> Any:
    """A value of mindtorch as one of PyTorch; containers are copied."""
    if isinstance(x, mindtorch.Tensor):
        return torch.tensor(as_numpy(x)).to(getattr(torch, str(x.dtype).split(".")[1]))
    if isinstance(x, dict):
        return {k: as_theirs(v) for k, v in x.items()}
    if type(x) in (list, tuple):
        return type(x)(map(as_theirs, x))
    return x


def same_values(name: str, found: Any, expected: Any, tolerance: tuple[float, float]) -> None:
    """Nested containers of tensors and settings are the same. Raises :class:`Difference`."""
    if isinstance(expected, torch.Tensor) and isinstance(found, mindtorch.Tensor):
        if str(found.dtype) != str(expected.dtype) or tuple(found.shape) != tuple(expected.shape):
            raise Difference(
                f"{name} is {found.dtype} {tuple(found.shape)}, not {expected.dtype} {tuple(expected.shape)}"
            )
        a, b = as_numpy(found), as_numpy(expected)
        if not np.allclose(a, b, *tolerance, equal_nan=True):
            raise Difference(f"{name} differs by {np.abs(a - b).max():.3g} of {np.abs(b).max():.3g}")
    elif isinstance(expected, dict) and isinstance(found, dict):
        if set(found) != set(expected):
            raise Difference(f"{name} has {list(found)}, not {list(expected)}")
        for key, value in expected.items():
            same_values(f"{name}[{key!r}]", found[key], value, tolerance)
    elif isinstance(expected, (list, tuple)):
        if type(found) is not type(expected) or len(found) != len(expected):
            raise Difference(f"{name} is {found!r}, not {expected!r}")
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            same_values(f"{name}[{i}]", a, b, tolerance)
    elif isinstance(expected, float) or isinstance(found, float):
        if not np.isclose(float(found), float(expected), *tolerance, equal_nan=True):
            raise Difference(f"{name} is {found!r}, not {expected!r}")
    elif found != expected:
        raise Difference(f"{name} is {found!r}, not {expected!r}")


class Problem:
    """The same parameters and gradients in both libraries: a row, a matrix, one that never has a gradient."""

    def __init__(self, info: Any, dtype: torch.dtype) -> None:
        self.generator = torch.Generator().manual_seed(3)
        self.dtype = dtype
        shapes = [(3, 4), (5, 2), (2, 2)] if info.name == "Muon" else [(3, 4), (5,), (2, 3, 2)]
        self.theirs = [torch.nn.Parameter(self._values(shape)) for shape in shapes]
        self.mine = [mindtorch.nn.Parameter(ours(p.detach())) for p in self.theirs]
        self.targets = [self._values(shape) for shape in shapes]

    def _values(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, dtype=self.dtype, generator=self.generator)

    def loss(self, lib: Any) -> tuple[Any, Callable[[], Any]]:
        """Parameters of one library and a closure: a bowl around the targets, not for the last parameter."""
        params = self.theirs if lib is torch else self.mine
        targets = self.targets if lib is torch else [ours(t) for t in self.targets]

        def closure() -> Any:
            for p in params:
                p.grad = None
            parts = [
                ((p - t).abs() ** 2).sum() + 0.1 * p.abs().sum()
                for p, t in list(zip(params, targets, strict=True))[:-1]
            ]
            out = sum(parts)
            out.backward()
            return out

        return params, closure


def groups(params: list[Any], options: dict[str, Any], split: bool) -> list[Any]:
    """All parameters, or two groups, the second with a rate of its own."""
    if not split:
        return params
    return [{"params": params[:1]}, {"params": params[1:], "lr": 0.5 * float(options.get("lr", 0.01))}]


def configurations(info: Any, most: int | None, recorded: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Description and keywords of every configuration with every implementation flag.

    Args:
        recorded: only those that are ``differentiable``, which PyTorch does not allow on leaves; else only the others.
    """
    found = _get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float32, info)
    for given in [given for given in found if given.kwargs.get("differentiable", False) is recorded][:most]:
        # A step of LBFGS goes on for 20 iterations: long before that the last bit decides at the kinks of the loss.
        few = {"max_iter": min(given.kwargs.get("max_iter", 20), 3)} if info.name == "LBFGS" else {}
        yield given.desc, {**given.kwargs, **few}


def steps(optimizer: Any, closure: Callable[[], Any], count: int, by_closure: bool) -> list[float]:
    """The losses of some steps."""
    losses = []
    for _ in range(count):
        if by_closure:
            losses.append(float(optimizer.step(closure)))
        else:
            losses.append(float(closure()))
            optimizer.step()
    return losses


def state_of(optimizer: Any) -> dict[str, Any]:
    """The state dictionary without what is newer than API level 2.7."""
    state = optimizer.state_dict()
    # A list of LBFGS that every iteration writes before it reads it.
    state["state"] = {k: {n: v for n, v in s.items() if n != "al"} for k, s in state["state"].items()}
    newer = LATER_STATE.get(type(optimizer).__name__, frozenset())
    state["param_groups"] = [{k: v for k, v in g.items() if k not in newer} for g in state["param_groups"]]
    return state


def _pair(info: Any, problem: Problem, kwargs: dict[str, Any], split: bool) -> tuple[Any, Any, Any, Any]:
    (theirs, theirs_closure), (mine, my_closure) = problem.loss(torch), problem.loss(mindtorch)
    # A rate that is a tensor is the optimizer's own: schedules and states write to it.
    kwargs = copy.deepcopy(kwargs)
    mine_kwargs = {k: ours(v) for k, v in kwargs.items()}
    reference = info.optim_cls(groups(theirs, kwargs, split), **kwargs)
    optimizer = lookup(f"optim.{info.name}")(groups(mine, mine_kwargs, split), **mine_kwargs)
    return reference, optimizer, theirs_closure, my_closure


def _tolerance(info: Any, dtype: torch.dtype) -> tuple[float, float]:
    return LOOSER.get(info.name, TOLERANCE)[dtype]


def _both_refuse(info: Any, dtype: torch.dtype, kwargs: dict[str, Any]) -> bool:
    """Whether PyTorch refuses these settings for such parameters. Raises if mindtorch does not."""
    problem = Problem(info, dtype)
    params, closure = problem.loss(torch)
    try:
        steps(info.optim_cls(params, **copy.deepcopy(kwargs)), closure, 1, info.step_requires_closure)
    except (RuntimeError, ValueError) as error:
        params, closure = problem.loss(mindtorch)
        try:
            steps(lookup(f"optim.{info.name}")(params, **ours(kwargs)), closure, 1, info.step_requires_closure)
        except type(error):
            return True
        raise Difference(f"no {type(error).__name__}: {error}") from error
    return False


def _same_steps(info: Any, dtype: torch.dtype, kwargs: dict[str, Any], split: bool, by_closure: bool) -> None:
    problem = Problem(info, dtype)
    tolerance = _tolerance(info, dtype)
    reference, optimizer, theirs, mine = _pair(info, problem, kwargs, split)
    expected = steps(reference, theirs, STEPS, by_closure)
    found = steps(optimizer, mine, STEPS, by_closure)
    _same_results(problem, found, expected, optimizer, reference, tolerance)


def _all_steps(info: Any, dtype: torch.dtype, most: int | None, split: bool = False, closure: bool = False) -> int:
    count = 0
    for description, kwargs in configurations(info, most):
        if _both_refuse(info, dtype, kwargs):
            continue
        try:
            _same_steps(info, dtype, kwargs, split, closure or info.step_requires_closure)
        except Difference as error:
            raise Difference(f"{description} {kwargs}: {error}") from error
        count += 1
    return count


def float32(info: Any, most: int | None = None) -> int:
    """Steps in float32."""
    return _all_steps(info, torch.float32, most)


def float64(info: Any, most: int | None = None) -> int:
    """Steps in float64."""
    return _all_steps(info, torch.float64, most)


def complex128(info: Any, most: int | None = None) -> int:
    """Steps of complex parameters."""
    return _all_steps(info, torch.complex128, most) if info.supports_complex else 0


def param_groups(info: Any, most: int | None = None) -> int:
    """Two groups with rates of their own, stepped by a closure."""
    return _all_steps(info, torch.float64, most, info.supports_param_groups, closure=True)


def states(info: Any, most: int | None = None) -> int:
    """Steps in one library, the state dictionary loaded into fresh optimizers of both, and further steps there."""
    count = 0
    for description, kwargs in configurations(info, most):
        for source in (torch, mindtorch):
            try:
                _same_after_loading(info, kwargs, source)
            except Difference as error:
                raise Difference(f"{description}, from {source.__name__}: {error}") from error
            count += 1
    return count


def _same_after_loading(info: Any, kwargs: dict[str, Any], source: Any) -> None:
    problem = Problem(info, torch.float64)
    tolerance = _tolerance(info, torch.float64)
    by_closure = info.step_requires_closure
    first = _pair(info, problem, kwargs, False)
    steps(*(first[::2] if source is torch else first[1::2]), 2, by_closure)
    reference, optimizer, theirs, mine = _pair(info, problem, kwargs, False)
    with torch.no_grad(), mindtorch.no_grad():
        for a, b in zip(problem.mine, problem.theirs, strict=True):
            if source is torch:
                a.copy_(ours(b.detach()))
            else:
                b.copy_(as_theirs(a))
    state = copy.deepcopy(first[0 if source is torch else 1].state_dict())
    reference.load_state_dict(state if source is torch else as_theirs(state))
    optimizer.load_state_dict(ours(state) if source is torch else state)
    same_values("the loaded state", state_of(optimizer), state_of(reference), tolerance)
    expected, found = steps(reference, theirs, 2, by_closure), steps(optimizer, mine, 2, by_closure)
    _same_results(problem, found, expected, optimizer, reference, tolerance)


def _same_results(
    problem: Problem, found: Any, expected: Any, optimizer: Any, reference: Any, tolerance: tuple[float, float]
) -> None:
    """Losses, parameters and states."""
    same_values("the losses", found, expected, tolerance)
    for i, (a, b) in enumerate(zip(problem.mine, problem.theirs, strict=True)):
        same_values(f"parameter {i}", a, b, tolerance)
    same_values("the state", state_of(optimizer), state_of(reference), tolerance)


def differentiable(info: Any, most: int | None = None) -> int:
    """The derivative of what three differentiable steps lead to, with respect to where they start."""
    count = 0
    for description, kwargs in configurations(info, most, recorded=True):
        mine = {k: ours(v) for k, v in kwargs.items()}
        for length in (3, 1):
            try:
                expected = _derivative(info.optim_cls, torch, copy.deepcopy(kwargs), length)
            except RuntimeError:
                # Some of PyTorch's keep what their next step writes to.
                continue
            break
        found = _derivative(lookup(f"optim.{info.name}"), mindtorch, mine, length)
        try:
            # PyTorch computes with the step count in float32 there.
            same_values("the gradient", found, expected, (1e-6, 1e-7))
        except Difference as error:
            raise Difference(f"{description}: {error}") from error
        count += 1
    return count


def _derivative(cls: Any, lib: Any, kwargs: dict[str, Any], length: int) -> Any:
    """d(sum of squares after some steps) by the starting point, in float64."""
    start = lib.tensor([[0.5, -1.5], [2.0, 0.25]], dtype=lib.float64, requires_grad=True)
    gradients = [lib.tensor([[0.1, -0.2], [0.3, 0.4]], dtype=lib.float64) * k for k in (1, 2, -1)]
    param = start.clone()
    optimizer = cls([param], **kwargs)
    for gradient in gradients[:length]:
        param.grad = gradient + 0.01 * start
        optimizer.step()
    (out,) = lib.autograd.grad((param**2).sum(), [start])
    return out


def representation(info: Any, most: int | None = None) -> int:
    """``repr``, the defaults and the names of their settings."""
    count = 0
    newer = LATER_STATE.get(info.name, frozenset())
    for _, kwargs in configurations(info, most):
        reference, optimizer, *_ = _pair(info, Problem(info, torch.float32), kwargs, info.supports_param_groups)
        expected = "".join(
            line for line in repr(reference).splitlines(keepends=True) if line.split(":")[0].strip() not in newer
        )
        if repr(optimizer) != expected:
            raise Difference(f"{optimizer!r}, not {expected}".replace("\n", " "))
        count += 1
    return count


def errors(info: Any, most: int | None = None) -> int:
    """Settings and parameters that PyTorch refuses are refused with its class and message."""
    count = 0
    for wrong in info.optim_error_inputs_func("cpu", torch.float32)[:most]:
        given = wrong.optimizer_error_input
        params = given.params
        if params is None:
            params = [torch.nn.Parameter(torch.randn(2, 3, dtype=torch.float32)) for _ in range(2)]
        if not _representable(params):
            continue
        count += 1
        _refused(info, wrong, _translated(params), {k: ours(v) for k, v in given.kwargs.items()})
    return count


def _representable(params: Any) -> bool:
    found = [params] if isinstance(params, torch.Tensor) else list(params)
    flat = [t for p in found for t in (p["params"] if isinstance(p, dict) else [p])]
    return all(not isinstance(t, torch.Tensor) or t.layout == torch.strided for t in flat)


def _translated(params: Any) -> Any:
    """Parameters with their gradients; one that is there twice stays one."""
    made: dict[int, Any] = {}

    def one(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            if id(x) not in made:
                made[id(x)] = ours(x)
                if x.grad is not None:
                    made[id(x)].grad = ours(x.grad)
            return made[id(x)]
        if type(x) in (list, tuple):
            return type(x)(map(one, x))
        return {k: one(v) for k, v in x.items()} if isinstance(x, dict) else ours(x)

    return one(params)


def _refused(info: Any, wrong: Any, params: Any, kwargs: dict[str, Any]) -> None:
    cls = lookup(f"optim.{info.name}")
    try:
        with warnings.catch_warnings():
            if issubclass(wrong.error_type, Warning):
                warnings.simplefilter("error", wrong.error_type)
            optimizer = cls(params, **kwargs)
            if wrong.error_on.name == "STEP_ERROR":
                optimizer.step()
    except wrong.error_type as error:
        if not re.search(wrong.error_regex, str(error)):
            raise Difference(f"{error}, not {wrong.error_regex}") from error
    except Exception as error:
        raise Difference(f"{type(error).__name__}, not {wrong.error_type.__name__}: {error}") from error
    else:
        raise Difference(f"no {wrong.error_type.__name__}: {wrong.error_regex}")


CHECKS: dict[str, Callable[..., int]] = {
    "float32": float32, "float64": float64, "complex128": complex128, "param_groups": param_groups, "states": states,
    "differentiable": differentiable, "representation": representation, "errors": errors,
}  # fmt: skip
# Every case: the optimizers with their checks, and the schedules.
CASES = [(name, check) for name in INFOS for check in CHECKS] + [(name, "schedule") for name in SCHEDULES]


def run(name: str, check: str, most: int | None = None) -> tuple[str, str]:
    """Status (pass, none: nothing to compare, missing, unsupported, fail) and detail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            count = same_schedule(name, same_values) if check == "schedule" else CHECKS[check](INFOS[name], most)
        except Missing as error:
            return "missing", str(error)
        except NotImplementedError as error:
            return "unsupported", str(error).splitlines()[0][:200] if str(error) else ""
        except Difference as error:
            return "fail", str(error)[:300]
        except Exception as error:
            return "fail", f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return ("pass", str(count)) if count else ("none", "")


def main() -> None:
    """Run, and print a summary."""
    parser = argparse.ArgumentParser(description="PyTorch's optimizer database on mindtorch.")
    parser.add_argument("--check", action="append", choices=[*sorted(CHECKS), "schedule"], default=None)
    parser.add_argument("--match", default="")
    parser.add_argument("--most", type=int, default=None, help="configurations an optimizer")
    parser.add_argument("--record", action="store_true", help=f"write what does not pass into {RECORD.name}")
    options = parser.parse_args()
    failing: dict[str, dict[str, str]] = {}
    passed = counted = 0
    names: dict[str, bool] = {}
    for name, check in CASES:
        if not re.search(options.match, name) or (options.check and check not in options.check):
            continue
        status, detail = run(name, check, options.most)
        if status == "none":
            continue
        counted += 1
        passed += status == "pass"
        names[name] = names.get(name, True) and status == "pass"
        if status != "pass":
            failing.setdefault(check, {})[name] = f"{status}: {detail}".rstrip(": ")
            print(f"{name} {check}: {status}: {detail}", flush=True)
    print(f"checks: {passed} of {counted}, {100 * passed / max(counted, 1):.1f} %")
    whole = sum(names.values())
    share = 100 * whole / max(len(names), 1)
    print(f"optimizers and schedules with all checks: {whole} of {len(names)}, {share:.1f} %")
    if options.record:
        RECORD.write_text(json.dumps(failing, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
