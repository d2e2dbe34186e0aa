"""PyTorch's module database on mindtorch: ``python tests/parity/modules.py [--match REGEX] [--record]``.

For every entry and every sample, in training and in evaluation mode: the module made from the same seed has the same
parameters, the same representation and the same state; with PyTorch's state loaded it gives the same results and the
same gradients of inputs and parameters, and its own state loads into PyTorch's module. Gradients are compared in
float64.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import io
import json
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import mindtorch
import numpy as np
import torch
from checks import ERRORS, TOLERANCE, Difference, _copy, seed
from known import LATER_REPR
from torch.testing._internal.common_modules import module_db
from translate import Missing, as_numpy, leaves, lookup, ours

RECORD = Path(__file__).parent / "failing_modules.json"
NAMES = [info.name for info in module_db]


def _module(x: torch.nn.Module) -> Any:
    """A module through a file; functions of PyTorch's extension module, which files cannot name, are put in again."""
    x = copy.deepcopy(x)
    functions = []
    for path, part in x.named_modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, types.BuiltinFunctionType):
                functions.append((path, name, ours(value)))
                setattr(part, name, None)
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    module = mindtorch.load(file, weights_only=False)
    for path, name, function in functions:
        setattr(module.get_submodule(path), name, function)
    return module


def translated(x: Any) -> Any:
    """A value of PyTorch as one of mindtorch: what ``ours`` knows, modules (through a file), and settings."""
    if isinstance(x, torch.nn.Module):
        return _module(x)
    if dataclasses.is_dataclass(x):
        return lookup(f"nn.{type(x).__name__}")(**{f.name: ours(getattr(x, f.name)) for f in dataclasses.fields(x)})
    if type(x) in (list, tuple):
        return type(x)(map(translated, x))
    if isinstance(x, dict):
        return {k: translated(v) for k, v in x.items()}
    return ours(x)


@dataclasses.dataclass
class Pair:
    """One sample's module, in both libraries, and what it is called with."""

    reference: Any
    module: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def samples(info: Any, dtype: torch.dtype, training: bool, grad: bool, most: int | None) -> Iterator[Any]:
    """The samples of the database."""
    torch.manual_seed(0)
    np.random.seed(0)
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=grad, training=training)
    yield from list(found)[:most]


def pairs(info: Any, dtype: torch.dtype, grad: bool, most: int | None) -> Iterator[Pair]:
    """Every sample that PyTorch's module takes, in training and in evaluation mode."""
    cls = lookup(info.name)
    for training in (True, False):
        for sample in samples(info, dtype, training, grad, most):
            if sample.forward_input is None:
                continue
            given = sample.constructor_input
            seed()
            reference = info.module_cls(*given.args, **given.kwargs).train(training).to(dtype)
            arguments = translated(given.args), translated(given.kwargs)
            seed()
            module = cls(*arguments[0], **arguments[1]).train(training).to(ours(dtype))
            yield Pair(reference, module, sample.forward_input.args, sample.forward_input.kwargs)


def _states(module: Any) -> dict[str, Any]:
    return {k: v for k, v in module.state_dict().items() if hasattr(v, "dtype")}


def _same(name: str, found: Any, expected: Any, tolerance: tuple[float, float]) -> None:
    a, b = as_numpy(found), as_numpy(expected)
    if a.shape != b.shape or str(found.dtype) != str(expected.dtype):
        raise Difference(f"{name} is {found.dtype} {a.shape}, not {expected.dtype} {b.shape}")
    if not np.allclose(a, b, *tolerance, equal_nan=True):
        raise Difference(f"{name} differs by {np.abs(a.astype(np.float64) - b.astype(np.float64)).max():.3g}")


def _lazy(module: Any) -> bool:
    return any(type(p).__name__.startswith("Uninitialized") for p in [*module.parameters(), *module.buffers()])


def _leaves_of_graph(x: Any) -> Any:
    """The value with tensors of its own, outside the graph of what made the sample."""
    if isinstance(x, torch.Tensor):
        return x.detach().clone(memory_format=torch.preserve_format).requires_grad_(x.requires_grad)
    if type(x) in (list, tuple):
        return type(x)(map(_leaves_of_graph, x))
    if isinstance(x, dict):
        return {k: _leaves_of_graph(v) for k, v in x.items()}
    return x


def _run(pair: Pair) -> tuple[list[Any], list[Any], Any, Any]:
    """Tensors among the arguments and the results, in both libraries. Raises the reference's error as it is."""
    args, kwargs = _leaves_of_graph(pair.args), _leaves_of_graph(pair.kwargs)
    mine = translated(args), translated(kwargs)
    given = [(m, t) for m, t in zip(leaves(mine), leaves((args, kwargs)), strict=True) if isinstance(t, torch.Tensor)]
    seed()
    expected = pair.reference(*args, **kwargs)
    seed()
    found = pair.module(*mine[0], **mine[1])
    return [m for m, _ in given], [t for _, t in given], found, expected


def _load(pair: Pair) -> None:
    """Give mindtorch's module the state of PyTorch's; a lazy one gets its sizes by it."""
    if not _lazy(pair.reference):
        state = {k: ours(v) for k, v in _states(pair.reference).items()}
        pair.module.load_state_dict(state, strict=True)


def forward(info: Any, most: int | None = None) -> int:
    """Results in float32, from the same seed and with the same state."""
    count = 0
    for pair in pairs(info, torch.float32, False, most):
        _load(pair)
        try:
            _, _, found, expected = _run(pair)
        except ERRORS as error:
            if _refused(pair):
                continue
            raise error
        a, b = list(leaves(found)), list(leaves(expected))
        if len(a) != len(b):
            raise Difference(f"{len(a)} results, not {len(b)}")
        for x, y in zip(a, b, strict=True):
            if isinstance(y, torch.Tensor):
                _same("a result", x, y, TOLERANCE[torch.float32])
            elif x is not None or y is not None:
                raise Difference(f"{x!r}, not {y!r}")
        count += 1
    return count


def _refused(pair: Pair) -> bool:
    """Whether PyTorch's module refuses the sample, too."""
    try:
        pair.reference(*_copy(pair.args, False), **_copy(pair.kwargs, False))
    except ERRORS:
        return True
    return False


def gradient(info: Any, most: int | None = None) -> int:
    """Gradients of all inputs and parameters, in float64, for random cotangents."""
    count = 0
    for pair in pairs(info, torch.float64, True, most):
        _load(pair)
        try:
            mine, given, found, expected = _run(pair)
        except ERRORS as error:
            if _refused(pair):
                continue
            raise error
        outs = [(m, t) for m, t in zip(leaves(found), leaves(expected), strict=True)
                if isinstance(t, torch.Tensor) and t.requires_grad]  # fmt: skip
        wanted = [("an input", m, t) for m, t in zip(mine, given, strict=True) if t.requires_grad]
        parameters = dict(pair.module.named_parameters())
        wanted += [(name, parameters[name], p) for name, p in pair.reference.named_parameters()]
        if not outs or not wanted:
            continue
        generator = torch.Generator().manual_seed(1)
        cotangents = [torch.randn(t.shape, dtype=t.dtype, generator=generator) for _, t in outs]
        theirs = torch.autograd.grad([t for _, t in outs], [t for *_, t in wanted], cotangents, allow_unused=True)
        own = mindtorch.autograd.grad(
            [m for m, _ in outs], [m for _, m, _ in wanted], [ours(c) for c in cotangents], allow_unused=True
        )
        for (name, *_), x, y in zip(wanted, own, theirs, strict=True):
            if x is None or y is None:
                some = x if x is not None else y
                if some is not None and np.any(as_numpy(some)):
                    raise Difference(f"the gradient of {name} is {'missing' if x is None else 'not None'}")
                continue
            _same(f"the gradient of {name}", x, y, (1e-6, 1e-7) if y.dtype == torch.float64 else TOLERANCE[y.dtype])
        count += 1
    return count


def state(info: Any, most: int | None = None) -> int:
    """The same seed gives the same names and values; states go both ways, strictly."""
    count = 0
    for pair in pairs(info, torch.float32, False, most):
        if _lazy(pair.reference):
            if not _lazy(pair.module):
                raise Difference("the module is not lazy")
            _run(pair)
        a, b = _states(pair.module), _states(pair.reference)
        if list(a) != list(b):
            raise Difference(f"the state has {list(a)}, not {list(b)}")
        for name in b:
            _same(f"the initial {name}", a[name], b[name], (1e-6, 1e-7))
        if [n for n, _ in pair.module.named_modules()] != [n for n, _ in pair.reference.named_modules()]:
            raise Difference("other submodules")
        with mindtorch.no_grad():
            for p in pair.module.parameters():
                p.add_(1)
        back = {k: torch.from_numpy(np.array(as_numpy(v))) for k, v in _states(pair.module).items()}
        pair.reference.load_state_dict(back, strict=True)
        for name, p in pair.reference.named_parameters():
            _same(f"the returned {name}", _states(pair.module)[name], p, (0, 0))
        count += 1
    return count


def representation(info: Any, most: int | None = None) -> int:
    """``repr``, which shows ``extra_repr`` of the module and all its parts."""
    count = 0
    for pair in pairs(info, torch.float32, False, most):
        expected = LATER_REPR.sub(r"\1\2", repr(pair.reference))
        if repr(pair.module) != expected:
            raise Difference(f"{pair.module!r}, not {expected}".replace("\n", " "))
        count += 1
    return count


def copies(info: Any, most: int | None = None) -> int:
    """A deep copy, and a module written to a file and read again: the same state, settings and results."""
    count = 0
    for pair in pairs(info, torch.float32, False, most):
        _load(pair)
        args, kwargs = translated(_leaves_of_graph(pair.args)), translated(_leaves_of_graph(pair.kwargs))
        file = io.BytesIO()
        mindtorch.save(pair.module, file)
        file.seek(0)
        made = [copy.deepcopy(pair.module), mindtorch.load(file, weights_only=False)]
        if _lazy(pair.module):
            if not all(map(_lazy, made)):
                raise Difference("the copy is not lazy")
            count += 1
            continue
        for other in made:
            if type(other) is not type(pair.module) or repr(other) != repr(pair.module):
                raise Difference(f"the copy is {other!r}")
            if other.training != pair.module.training:
                raise Difference("the copy is in another mode")
            a, b = _states(other), _states(pair.module)
            if list(a) != list(b):
                raise Difference(f"the copy has {list(a)}, not {list(b)}")
            for name in b:
                _same(f"the copied {name}", a[name], b[name], (0, 0))
                if b[name].numel() and a[name].data_ptr() == b[name].data_ptr():
                    raise Difference(f"the copied {name} is in the same memory")
        try:
            results = [list(leaves(run_seeded(module, args, kwargs))) for module in [*made, pair.module]]
        except ERRORS as error:
            if _refused(pair):
                continue
            raise error
        for result in results[:-1]:
            for x, y in zip(result, results[-1], strict=True):
                if isinstance(y, mindtorch.Tensor):
                    _same("a result of the copy", x, y, (0, 0))
        count += 1
    return count


def run_seeded(module: Any, args: Any, kwargs: Any) -> Any:
    """The module's result, on copies of the arguments."""
    seed()
    return module(*copy.deepcopy(args), **copy.deepcopy(kwargs))


def errors(info: Any, most: int | None = None) -> int:
    """Constructors and calls that PyTorch refuses are refused with the same class of exception."""
    if info.module_error_inputs_func is None:
        return 0
    count = 0
    cls = lookup(info.name)
    for training in (True, False):
        for wrong in list(
            info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False,
                                          training=training)
        )[:most]:  # fmt: skip
            sample = wrong.module_error_input
            given = sample.constructor_input
            try:
                module = cls(*translated(given.args), **translated(given.kwargs))
                if wrong.error_on.name == "FORWARD_ERROR":
                    call = sample.forward_input
                    module(*translated(call.args), **translated(call.kwargs))
            except wrong.error_type:
                count += 1
            except Exception as error:
                raise Difference(f"{type(error).__name__}, not {wrong.error_type.__name__}: {error}") from error
            else:
                raise Difference(f"no {wrong.error_type.__name__}: {wrong.error_regex}")
    return count


CHECKS: dict[str, Callable[..., int]] = {
    "forward": forward, "gradient": gradient, "state": state, "representation": representation, "copies": copies,
    "errors": errors,
}  # fmt: skip


def run(info: Any, check: str, most: int | None = None) -> tuple[str, str]:
    """Status (pass, none: nothing to compare, missing, unsupported, fail) and detail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            count = CHECKS[check](info, most)
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
    parser = argparse.ArgumentParser(description="PyTorch's module database on mindtorch.")
    parser.add_argument("--check", action="append", choices=sorted(CHECKS), default=None)
    parser.add_argument("--match", default="")
    parser.add_argument("--most", type=int, default=None, help="samples an entry")
    parser.add_argument("--record", action="store_true", help=f"write what does not pass into {RECORD.name}")
    options = parser.parse_args()
    wanted = [info for info in module_db if re.search(options.match, info.name)]
    failing: dict[str, dict[str, str]] = {}
    for check in options.check or CHECKS:
        results = {info.name: run(info, check, options.most) for info in wanted}
        bad = {n: f"{s}: {d}".rstrip(": ") for n, (s, d) in results.items() if s not in ("pass", "none")}
        for name, why in bad.items():
            print(f"{name} {check}: {why}", flush=True)
        some = [s for s, _ in results.values() if s != "none"]
        passed = some.count("pass")
        print(f"{check}: {passed} of {len(some)} modules, {100 * passed / max(len(some), 1):.1f} %", flush=True)
        failing[check] = bad
    every = sum(all(info.name not in bad for bad in failing.values()) for info in wanted)
    print(f"all checks: {every} of {len(wanted)} modules, {100 * every / max(len(wanted), 1):.1f} %")
    if options.record:
        RECORD.write_text(json.dumps(failing, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
