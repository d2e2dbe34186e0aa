"""What is compared for one entry of PyTorch's operator database; each check raises on the first difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import mindtorch
import numpy as np
import torch
from known import BY_SHAPE, FULL_SVD, UNSTABLE, VALUES_ONLY
from torch.testing._internal.opinfo import core as opinfo
from translate import Missing, as_numpy, function, leaves, ours, together

# For each list of samples PyTorch looks through the whole stack, sources and all, for a test case of its own.
opinfo.extract_test_fn = lambda: None

TOLERANCE = {
    torch.float16: (2e-3, 2e-3), torch.bfloat16: (2e-2, 2e-2), torch.float32: (3e-5, 3e-5), torch.float64: (1e-7, 1e-7),
    torch.complex64: (3e-5, 3e-5), torch.complex128: (1e-7, 1e-7), torch.complex32: (4e-3, 4e-3),
}  # fmt: skip
GRADGRAD_SAMPLES = 3  # an entry: a second derivative takes a while
# PyTorch's exceptions that a call with wrong arguments may end with.
ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError, AttributeError)


class Difference(AssertionError):
    """mindtorch does something else than PyTorch."""


class Call(NamedTuple):
    """One sample, for both libraries, and PyTorch's result."""

    given: tuple[Any, Any, Any]
    result: Any
    process: Callable[[Any], Any]  # what of the result a gradient is taken of


def full_name(entry: Any) -> str:
    """Name of an entry with its variant."""
    return f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name


def seed() -> None:
    """The same random numbers for both."""
    torch.manual_seed(7)
    mindtorch.manual_seed(7)


def samples(entry: Any, dtype: torch.dtype, grad: bool = False, most: int | None = None) -> list[Any]:
    """The samples of the database."""
    torch.manual_seed(0)
    np.random.seed(0)
    found: list[Any] = []
    for sample in entry.sample_inputs("cpu", dtype, requires_grad=grad):
        found.append(sample)
        if most is not None and len(found) == most:
            break
    return found


def _calls(entry: Any, dtype: torch.dtype, grad: bool, most: int | None, f: Any = None) -> Iterator[Call]:
    """Samples that PyTorch itself takes, with its results."""
    for sample in samples(entry, dtype, grad, most):
        given = (_copy(sample.input, grad), _copy(sample.args, grad), _copy(sample.kwargs, grad))
        kept = (_copy(sample.input, grad), _copy(sample.args, grad), _copy(sample.kwargs, grad))
        seed()
        try:
            result = (f or entry.op)(given[0], *given[1], **given[2])
        except ERRORS:
            continue
        yield Call(kept if f is not None else given if grad else kept, result, sample.output_process_fn_grad)


def _copy(x: Any, keep: bool) -> Any:
    """The value, or a copy that an in-place function may write to."""
    if keep:
        return x
    if isinstance(x, torch.Tensor):
        return x.detach().clone(memory_format=torch.preserve_format)
    if type(x) in (list, tuple):
        return type(x)(_copy(y, keep) for y in x)
    if isinstance(x, dict):
        return {k: _copy(v, keep) for k, v in x.items()}
    return x


def compare(entry: Any, found: Any, expected: Any, dtype: torch.dtype) -> None:
    """Structure, shapes, dtypes and values. Raises :class:`Difference`."""
    name = full_name(entry)
    a, b = list(leaves(found)), list(leaves(expected))
    if len(a) != len(b):
        raise Difference(f"{len(a)} results, not {len(b)}")
    rank = b[1].shape[-1] if entry.name in FULL_SVD else 0
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if not isinstance(y, torch.Tensor):
            if isinstance(y, (torch.dtype, torch.Size, torch.device)):
                same = str(x) == str(y)
            else:
                same = x == y or (x != x and y != y) or (isinstance(y, float) and np.isclose(x, y, 1e-5, 1e-6))
            if not same:
                raise Difference(f"{x!r}, not {y!r}")
            continue
        if not isinstance(x, mindtorch.Tensor):
            raise Difference(f"{type(x).__name__}, not a tensor")
        if str(x.dtype) != str(y.dtype):
            raise Difference(f"dtype {x.dtype}, not {y.dtype}")
        if tuple(x.shape) != tuple(y.shape):
            raise Difference(f"shape {tuple(x.shape)}, not {tuple(y.shape)}")
        if name in BY_SHAPE or (entry.name in VALUES_ONLY and y.dtype == torch.int64):
            continue
        left, right = as_numpy(x), as_numpy(y)
        if entry.name in FULL_SVD and i != 1:
            rows = i == 2 and FULL_SVD[entry.name]
            left, right = (_split_basis(np.swapaxes(z, -1, -2) if rows else z, rank) for z in (left, right))
        if entry.name in UNSTABLE:
            left, right = np.abs(left), np.abs(right)
        _close(left, right, dtype, y.dtype)


def _split_basis(basis: np.ndarray, rank: int) -> np.ndarray:
    """The first vectors (columns), and the projector on the rest."""
    rest = basis[..., rank:]
    return np.concatenate((basis[..., :rank], rest @ np.swapaxes(rest, -1, -2).conj()), -1)


def _close(left: np.ndarray, right: np.ndarray, dtype: torch.dtype, own: torch.dtype) -> None:
    """Raises :class:`Difference`; `dtype` is the samples', `own` the result's."""
    pairs = [TOLERANCE.get(d, (0.0, 0.0)) for d in (own, dtype if own.is_floating_point else own)]
    relative, absolute = max(pairs)
    if not np.allclose(left, right, relative, absolute, equal_nan=True):
        with np.errstate(all="ignore"):
            worst = np.nanmax(np.abs(left.astype(np.complex128) - right.astype(np.complex128)), initial=0)
        raise Difference(f"values differ by {worst:.3g}")


def forward(entry: Any, dtype: torch.dtype, most: int | None = None) -> int:
    """All samples; returns how many were compared."""
    f = function(entry.op)
    count = 0
    for call in _calls(entry, dtype, False, most):
        arguments = ours(call.given)
        seed()
        compare(entry, f(arguments[0], *arguments[1], **arguments[2]), call.result, dtype)
        count += 1
    return count


class Graph(NamedTuple):
    """One sample's differentiable inputs and outputs, of both libraries, and random cotangents."""

    inputs: list[tuple[Any, torch.Tensor]]
    outputs: list[tuple[Any, torch.Tensor]]
    cotangents: list[torch.Tensor]


def _graphs(entry: Any, dtype: torch.dtype, most: int | None) -> Iterator[Graph]:
    """The samples with a gradient, run by both."""
    f = function(entry.op)
    for call in _calls(entry, dtype, True, most):
        arguments = ours(call.given)
        inputs = [
            (m, t)
            for m, t in zip(leaves(arguments), leaves(call.given), strict=True)
            if isinstance(t, torch.Tensor) and t.requires_grad
        ]
        seed()
        result = f(arguments[0], *arguments[1], **arguments[2])
        process = call.process
        outputs = [
            (m, t)
            for m, t in zip(leaves(process(result)), leaves(process(call.result)), strict=True)
            if isinstance(t, torch.Tensor) and t.requires_grad
        ]
        if outputs and inputs:
            yield Graph(inputs, outputs, _weights([t for _, t in outputs], 1))


def _weights(tensors: list[Any], seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(t.shape, dtype=t.dtype, generator=generator) for t in tensors]


def _requiring(outputs: list[tuple[Any, torch.Tensor]]) -> list[Any]:
    found = [m for m, _ in outputs]
    if not all(m.requires_grad for m in found):
        raise Difference("an output does not require grad")
    return found


def gradient(entry: Any, dtype: torch.dtype = torch.float64, most: int | None = None) -> int:
    """The gradients of all outputs with respect to all inputs, for random cotangents."""
    count = 0
    for inputs, outputs, cotangents in _graphs(entry, dtype, most):
        targets = [t for _, t in inputs]
        try:
            expected = torch.autograd.grad([t for _, t in outputs], targets, cotangents, allow_unused=True)
        except RuntimeError:
            continue
        found = mindtorch.autograd.grad(
            _requiring(outputs), [m for m, _ in inputs], [ours(c) for c in cotangents], allow_unused=True
        )
        for x, y in zip(found, expected, strict=True):
            _same_gradient(x, y, dtype)
        count += 1
    return count


def gradgrad(entry: Any, dtype: torch.dtype = torch.float64, most: int | None = None) -> int:
    """The gradients of the weighted sum of the first gradients, with respect to the inputs and the cotangents."""
    if not entry.supports_gradgrad:
        return 0
    count = 0
    for inputs, outputs, cotangents in _graphs(entry, dtype, min(most or GRADGRAD_SAMPLES, GRADGRAD_SAMPLES)):
        theirs = [c.requires_grad_() for c in cotangents]
        mine = [ours(c) for c in theirs]
        try:
            first, expected = _second(torch, [t for _, t in outputs], [t for _, t in inputs], theirs)
        except RuntimeError:  # NotImplementedError is one
            continue
        found = _second(mindtorch, _requiring(outputs), [m for m, _ in inputs], mine, first)[1]
        for x, y in zip(found, expected, strict=True):
            _same_gradient(x, y, dtype, "second gradient")
        count += 1
    return count


def _second(
    library: Any, outputs: list[Any], inputs: list[Any], cotangents: list[Any], other: Any = None
) -> tuple[Any, Any]:
    """The first gradients, and the gradients of their weighted sum.

    `other`: PyTorch's first gradients. One that only one of the libraries has is zero, and left out.
    """
    first = library.autograd.grad(outputs, inputs, cotangents, create_graph=True, allow_unused=True)
    theirs = first if other is None else other
    if other is not None:
        for x, y in zip(first, other, strict=True):
            _same_gradient(x, y, torch.float64)
    pairs = [(g, t) for g, t in zip(first, theirs, strict=True) if g is not None and t is not None]
    total: Any = library.zeros((), dtype=library.float64)
    for (g, _), w in zip(pairs, _weights([t for _, t in pairs], 2), strict=True):
        product = g * (w if library is torch else ours(w))
        total = total + (product.real if w.is_complex() else product).sum()
    return first, library.autograd.grad(total, [*inputs, *cotangents], allow_unused=True)


def _same_gradient(x: Any, y: torch.Tensor | None, dtype: torch.dtype, what: str = "gradient") -> None:
    if x is None or y is None:
        some = x if x is not None else y
        if some is not None and not np.allclose(as_numpy(some), 0, 0, 1e-7):
            raise Difference(f"{what} is {'missing' if x is None else 'not None'}")
        return
    exact = dtype == torch.float64 and y.dtype in (torch.float64, torch.complex128)
    relative, absolute = (1e-6, 1e-7) if exact else TOLERANCE[y.dtype if dtype == torch.float64 else dtype]
    same = tuple(x.shape) == tuple(y.shape)
    if not same or not np.allclose(as_numpy(x), as_numpy(y), relative, absolute, equal_nan=True):
        raise Difference(f"{what}s differ")


def method(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """``x.add(...)``."""
    return _variant(entry, entry.method_variant, dtype, most)


def inplace(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """``x.add_(...)``: the same tensor comes back, its memory written and its version one higher."""
    return _variant(entry, entry.inplace_variant, dtype, most, same=True)


def _variant(entry: Any, f: Any, dtype: torch.dtype, most: int | None, same: bool = False) -> int:
    if f is None:
        return 0
    mine = function(f)
    count = 0
    for call in _calls(entry, dtype, False, most, f):
        arguments = ours(call.given)
        if same:
            arguments = (arguments[0], *arguments[1:])
        seed()
        found = mine(arguments[0], *arguments[1], **arguments[2])
        if same and isinstance(found, mindtorch.Tensor) and found is not arguments[0]:
            raise Difference("another tensor than the one written to")
        compare(entry, found, call.result, dtype)
        count += 1
    return count


def out(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """``add(..., out=y)`` with a ``y`` of the right size and with an empty one."""
    if not entry.supports_out:
        return 0
    f = function(entry.op)
    count = 0
    for call in _calls(entry, dtype, False, most):
        tensors = list(leaves(call.result))
        if not tensors or not all(isinstance(t, torch.Tensor) for t in tensors):
            continue
        if not _takes_out(entry.op, call):
            continue
        for empty in (False, True):
            outs = [mindtorch.zeros((0,) if empty else tuple(t.shape), dtype=ours(t.dtype)) for t in tensors]
            given = outs[0] if isinstance(call.result, torch.Tensor) else tuple(outs)
            arguments = ours(call.given)
            seed()
            f(arguments[0], *arguments[1], **arguments[2], out=given)
            compare(entry, given, call.result if isinstance(call.result, torch.Tensor) else tuple(tensors), dtype)
        count += 1
    return count


def _takes_out(f: Any, call: Call) -> bool:
    """Whether PyTorch's function takes ``out=``, which the database says of some that do not."""
    try:
        f(call.given[0], *call.given[1], **call.given[2], out=_copy(call.result, False))
    except TypeError:
        return False
    except RuntimeError as error:  # torch.ops: each result has an argument of its own
        if "failed to match any schema" not in str(error):
            raise
        return False
    return True


def noncontiguous(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """The same samples with every other element of a larger memory, and transposed."""
    f = function(entry.op)
    count = 0
    for sample in samples(entry, dtype, False, most):
        spread = sample.noncontiguous()
        seed()
        try:
            expected = entry.op(spread.input, *spread.args, **spread.kwargs)
        except ERRORS:
            continue
        spread = sample.noncontiguous()
        arguments = ours((spread.input, spread.args, spread.kwargs))
        seed()
        compare(entry, f(arguments[0], *arguments[1], **arguments[2]), expected, dtype)
        count += 1
    return count


def errors(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """Calls that PyTorch refuses are refused with the same class of exception."""
    if entry.error_inputs_func is None:
        return 0
    f = function(entry.op)
    count = 0
    for wrong in entry.error_inputs("cpu"):
        sample = wrong.sample_input
        if not _refuses(entry.op, sample):
            continue
        try:
            arguments = together((sample.input, sample.args, sample.kwargs))
            f(arguments[0], *arguments[1], **arguments[2])
        except wrong.error_type:
            count += 1
        except Exception as error:
            raise Difference(f"{type(error).__name__}, not {wrong.error_type.__name__}: {error}") from error
        else:
            raise Difference(f"no {wrong.error_type.__name__}: {wrong.error_regex}")
    return count


def _refuses(f: Any, sample: Any) -> bool:
    """Whether PyTorch raises: the database says so of some calls that it takes."""
    try:
        f(sample.input, *sample.args, **sample.kwargs)
    except Exception:
        return True
    return False


def meta(entry: Any, dtype: torch.dtype = torch.float32, most: int | None = None) -> int:
    """The samples on the meta device: shapes, dtypes and strides without data."""
    import on_meta

    return on_meta.meta(entry, dtype, most)


CHECKS: dict[str, Callable[..., int]] = {
    "forward": forward, "gradient": gradient, "gradgrad": gradgrad, "method": method, "inplace": inplace, "out": out,
    "noncontiguous": noncontiguous, "errors": errors, "meta": meta,
}  # fmt: skip


def run(entry: Any, check: str, dtype: torch.dtype | None, most: int | None) -> tuple[str, str]:
    """Status (pass, none: nothing to compare, missing, unsupported, fail) and detail of one check."""
    options: dict[str, Any] = {"most": most}
    if dtype is not None:
        options["dtype"] = dtype
    try:
        count = CHECKS[check](entry, **options)
    except Missing as error:
        return "missing", str(error)
    except NotImplementedError as error:
        return "unsupported", str(error).splitlines()[0][:200] if str(error) else ""
    except Difference as error:
        return "fail", str(error)[:200]
    except Exception as error:
        return "fail", f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return ("pass", str(count)) if count else ("none", "")


def applicable(entries: Iterable[Any]) -> list[Any]:
    """The entries that PyTorch runs on dense CPU tensors."""
    apart = ("sparse", "quantize", "masked.", "_refs.", "torch.ops", "nested", "jiterator")
    return [entry for entry in entries if not any(word in entry.name for word in apart) and entry.dtypes]
