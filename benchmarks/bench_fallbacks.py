"""What MindSpore would do for the kernels that NumPy serves on the CPU: right or not, bytes leaked, microseconds.

    python benchmarks/bench_fallbacks.py [KERNEL ...]

For each kernel that has a MindSpore call to compare with: the dtypes for which the call gives the NumPy kernel's values
(specials such as nan, inf and negative zero included) and dtype, what the process grows by per call, and the time of a
call until it is done, beside NumPy's, on 16x16 and on 1024x1024 elements. The reasons in `mindtorch.kernels.fallbacks`
come from this table.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import mindspore
import numpy as np
from mindspore import mint, ops
from mindtorch.kernels.cpu import NATIVE
from mindtorch.kernels.reference import KERNELS

Call = Callable[..., Any]

# MindSpore's call, and the operands it takes: x and y are elements, i positions, m a mask, c counts.
UNARY: dict[str, Call] = {
    "abs": mint.abs,
    "acos": ops.acos,
    "acosh": ops.acosh,
    "asin": ops.asin,
    "asinh": ops.asinh,
    "atan": ops.atan,
    "atanh": mint.atanh,
    "bitwise_not": mint.bitwise_not,
    "ceil": ops.ceil,
    "cos": mint.cos,
    "cosh": mint.cosh,
    "digamma": ops.digamma,
    "erfc": ops.erfc,
    "erfinv": mint.erfinv,
    "exp2": ops.exp2,
    "floor": mint.floor,
    "frac": ops.frac,
    "isfinite": mint.isfinite,
    "isinf": mint.isinf,
    "isnan": mint.isnan,
    "lgamma": ops.lgamma,
    "log10": ops.log10,
    "log2": ops.log2,
    "neg": mint.neg,
    "nonzero": mint.nonzero,
    "reciprocal": mint.reciprocal,
    "round": mint.round,
    "rsqrt": mint.rsqrt,
    "sign": mint.sign,
    "signbit": ops.signbit,
    "sin": mint.sin,
    "sinh": mint.sinh,
    "softplus": mint.nn.functional.softplus,
    "sqrt": mint.sqrt,
    "tan": mint.tan,
    "tanh": mint.tanh,
    "logical_not": mint.logical_not,
    "trunc": mint.trunc,
    "unique": lambda x: mint.unique(x, True, True, True),
}
BINARY: dict[str, Call] = {
    "add": ops.add,
    "atan2": ops.atan2,
    "bitwise_and": mint.bitwise_and,
    "bitwise_or": ops.bitwise_or,
    "bitwise_xor": ops.bitwise_xor,
    "copysign": ops.copysign,
    "eq": mint.eq,
    "floor_divide": mint.floor_divide,
    "fmax": ops.fmax,
    "fmin": ops.fmin,
    "fmod": mint.fmod,
    "ge": mint.ge,
    "gt": mint.gt,
    "hypot": ops.hypot,
    "le": mint.le,
    "left_shift": ops.bitwise_left_shift,
    "logaddexp": ops.logaddexp,
    "logical_and": mint.logical_and,
    "logical_or": mint.logical_or,
    "logical_xor": mint.logical_xor,
    "lt": mint.lt,
    "mul": ops.mul,
    "ne": mint.ne,
    "pow": mint.pow,
    "remainder": mint.remainder,
    "right_shift": ops.bitwise_right_shift,
    "sub": ops.sub,
    "trunc_divide": lambda x, y: mint.div(x, y, rounding_mode="trunc"),
}


def _log_softmax(x: Any, dim: int) -> Any:
    """Composed: ``ops.log_softmax`` takes 8 ms a call."""
    shifted = mint.sub(x, mint.amax(x, dim, True))
    return mint.sub(shifted, mint.log(mint.sum(mint.exp(shifted), dim, True)))


OTHER: dict[str, tuple[str, tuple[Any, ...], Call]] = {
    "all": ("x", ((1,), False), lambda x, d, k: mint.all(x, 1, k)),
    "any": ("x", ((1,), False), lambda x, d, k: mint.any(x, 1, k)),
    "argmax": ("x", (1,), lambda x, d: ops.argmax(x, dim=d)),
    "argmin": ("x", (1,), lambda x, d: mint.argmin(x, d)),
    "constant_pad": (
        "x",
        (((1, 1), (2, 2)), 0.5),
        lambda x, w, v: mint.nn.functional.pad(x, (2, 2, 1, 1), "constant", v),
    ),
    "cummax": ("x", (1,), ops.cummax),
    "cummin": ("x", (1,), ops.cummin),
    "cumsum": ("x", (1,), ops.cumsum),
    "cumprod": ("x", (1,), mint.cumprod),
    "flip": ("x", ((0, 1),), mint.flip),
    "gather": ("xi", (), lambda x, i: ops.gather_elements(x, 0, i)),
    "log_softmax": ("x", (1,), _log_softmax),
    "mean": ("x", ((1,), False), lambda x, d, k: mint.mean(x, d, k)),
    "sum": ("x", ((1,), False), lambda x, d, k: mint.sum(x, d, k)),
    "where": ("mxy", (), mint.where),
    "index": ("xi", (), lambda x, i: ops.gather(x, i, 0)),
    "index_add": ("xiy", (), lambda x, i, y: mint.index_add(x, 0, i, y)),
    "index_put": ("xiy", (), lambda x, i, y: x.index_put((i,), y)),
    "masked_select": ("xm", (), mint.masked_select),
    "prod": ("x", ((1,), False), lambda x, d, k: mint.prod(x, 1, k)),
    "roll": ("x", ((2,), (1,)), lambda x, s, d: mint.roll(x, s, d)),
    "scatter": ("xiy", (), lambda x, i, y: mint.scatter(x, 0, i, y)),
    "scatter_add": ("xiy", (), lambda x, i, y: mint.scatter_add(x, 0, i, y)),
    "sort": ("x", (1, False), lambda x, d, r: mint.sort(x, dim=d, descending=r, stable=True)),
    "tile": ("x", ((2, 1),), mint.tile),
    "topk": ("x", (3, 1, True), lambda x, k, d, g: ops.topk(x, k, d, g)),
    "tril": ("x", (0,), lambda x, k: ops.tril(x, k)),
    "triu": ("x", (0,), mint.triu),
}
"""Kernel: its operands, its parameters, MindSpore's call on both."""

DTYPES = ("float32", "float64", "int32", "int64", "bool")
SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 0.0, 0.5, -0.5, 2.5, -3.0, 1e30)


def values(shape: tuple[int, int], dtype: str, seed: int, special: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype.startswith("int"):
        return rng.integers(1 if seed == 1 else -9, 9, shape).astype(dtype)
    x = rng.standard_normal(shape).astype(dtype)
    if special:
        x.reshape(-1)[: len(SPECIAL)] = np.roll(SPECIAL, 3 * seed)
    return x


def operands(kinds: str, shape: tuple[int, int], dtype: str, special: bool, full_index: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    positions = np.stack([rng.permutation(shape[0]) for _ in range(shape[1])], 1) if full_index else None
    made = {
        "x": values(shape, dtype, 0, special),
        "y": values(shape, dtype, 1, special),
        "i": rng.permutation(shape[0]) if positions is None else positions,
        "m": rng.random(shape) < 0.5,
    }
    return [made[k] for k in kinds]


def numpy_call(name: str, xs: list[np.ndarray], params: tuple[Any, ...]) -> Any:
    """The NumPy kernel, which takes its operands in PyTorch's order."""
    fn = KERNELS[name].fn
    with np.errstate(all="ignore"):
        if name == "index":
            return fn(xs[0], (xs[1],))
        if name == "index_put":
            return fn(xs[0], (xs[1],), xs[2])
        if name in ("gather", "index_add", "scatter", "scatter_add"):
            return fn(xs[0], 0, *xs[1:])
        return fn(*xs, *params)


def arrays(out: Any) -> list[np.ndarray]:
    outs = out if isinstance(out, tuple) else (out,)
    return [o.asnumpy() if isinstance(o, mindspore.Tensor) else np.asarray(o) for o in outs]


def verdict(name: str, kinds: str, params: tuple[Any, ...], call: Call, dtype: str) -> str:
    """'ok', or what is wrong with MindSpore's call for a dtype."""
    full_index = name.startswith(("gather", "scatter"))
    for special in (False, True):
        xs = operands(kinds, (16, 16), dtype, special, full_index)
        try:
            want = arrays(numpy_call(name, xs, params))
        except (TypeError, RuntimeError):  # the operator refuses this dtype before it calls the kernel
            return "-"
        try:
            got = arrays(call(*[mindspore.Tensor.from_numpy(v.copy()) for v in xs], *params))
        except Exception as error:  # MindSpore raises all kinds for a kernel that it does not have
            said = next((line for line in str(error).splitlines() if any(map(str.isalpha, line))), "")
            return f"{type(error).__name__} ({said.strip()[:80]})"
        for g, w in zip(got, want, strict=True):
            if g.shape != w.shape:
                return f"shape {g.shape} for {w.shape}"
            if g.dtype != w.dtype:
                return f"{g.dtype} for {w.dtype}"
            tolerance = 1e-12 if w.dtype == np.float64 else 2e-6
            same = np.isclose(g.astype(float), w.astype(float), tolerance, tolerance, equal_nan=True)
            if not same.all():
                k = int(np.argmin(same.reshape(-1)))
                where = ", ".join(str(v.reshape(-1)[k]) for v in xs if v.size == w.size)
                return f"{'special ' if special else ''}values ({where} -> {g.reshape(-1)[k]}, not {w.reshape(-1)[k]})"
    return "ok"


def microseconds(function: Callable[[], Any]) -> float:
    function()
    best = float("inf")
    for _ in range(5):
        count, started = 0, time.perf_counter()
        while (taken := time.perf_counter() - started) < 0.01:
            function()
            count += 1
        best = min(best, taken / count)
    return best * 1e6


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def leak(function: Callable[[], Any], count: int = 10000) -> float:
    """Bytes by which the process grows per call, after as many calls to warm up."""
    for _ in range(count):
        function()
    before = resident()
    for _ in range(count):
        function()
    return (resident() - before) / count


def main() -> None:
    cases = {n: ("x", (), c) for n, c in UNARY.items()} | {n: ("xy", (), c) for n, c in BINARY.items()} | OTHER
    chosen = sys.argv[1:] or sorted(cases)
    print(f"{'kernel':<16}{'leak':>7}{'16x16':>9}{'NumPy':>9}{'1024^2':>10}{'NumPy':>10}  dtypes")
    for name in chosen:
        kinds, params, call = cases[name]
        found = {d: verdict(name, kinds, params, call, d) for d in DTYPES}
        good = [d for d, v in found.items() if v == "ok"]
        row = ""
        if good:
            for shape in ((16, 16), (1024, 1024)):
                xs = operands(kinds, shape, good[0], False, name.startswith(("gather", "scatter")))
                ms = [mindspore.Tensor.from_numpy(v) for v in xs]

                def run(ms: list[Any] = ms, call: Call = call, params: tuple[Any, ...] = params) -> Any:
                    return arrays(call(*ms, *params))

                if shape[0] == 16:
                    row += f"{leak(run):>7.0f}"
                other = microseconds(lambda n=name, v=xs, p=params: numpy_call(n, v, p))
                row += f"{microseconds(run):>9.1f} {other:>9.1f}"
        bad = "; ".join(f"{d}: {v}" for d, v in found.items() if v not in ("ok", "-"))
        print(f"{name:<16}{row or ' ' * 45}  {','.join(good) or 'none'}  {bad}", flush=True)
    unknown = set(KERNELS) - set(NATIVE) - set(cases)
    print("not compared:", ", ".join(sorted(unknown)))


if __name__ == "__main__":
    main()
