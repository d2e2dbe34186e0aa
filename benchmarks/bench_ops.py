"""Microseconds per operator: mindtorch forward, and forward + backward, over the bare MindSpore call; PyTorch beside.

    python benchmarks/bench_ops.py [--repeats 9] [--size 16 --size 1024] [OPERATOR ...]

The bare call is the one that the kernel table makes, or would make if it were faster than NumPy's, waited for. Float32.
PyTorch has one thread: two thread pools on few processors wait for each other. The five measurements of an operator
take turns, and the best batch of each counts, so that a busy moment hits all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import mindspore
import mindtorch
import numpy as np
import torch
from bench_fallbacks import BINARY, OTHER
from mindtorch.kernels.cpu import NATIVE

Call = Callable[..., Any]

# Operator: the kernel that serves it with its operands and parameters (None: it runs no kernel), and the call on a
# framework t with x, y [n, n], w and b [n] and int64 indices i [n].
OPERATORS: dict[str, tuple[str | None, str, tuple[Any, ...], Call]] = {
    "exp": ("exp", "x", (), lambda t, x, y, w, b, i: t.exp(x)),
    "silu": ("silu", "x", (), lambda t, x, y, w, b, i: t.nn.functional.silu(x)),
    "add": ("add", "xy", (), lambda t, x, y, w, b, i: x + y),
    "mul": ("mul", "xy", (), lambda t, x, y, w, b, i: x * y),
    "matmul": ("matmul", "xy", (), lambda t, x, y, w, b, i: x @ y),
    "softmax": ("softmax", "x", (1,), lambda t, x, y, w, b, i: t.softmax(x, 1)),
    "layer_norm": (
        "layer_norm", "xwb", (1e-5,),
        lambda t, x, y, w, b, i: t.nn.functional.layer_norm(x, (len(w),), w, b, 1e-5),
    ),
    "sum": ("sum", "x", ((1,), False), lambda t, x, y, w, b, i: x.sum(1)),
    "embedding": ("embedding", "xi", (), lambda t, x, y, w, b, i: t.nn.functional.embedding(i, x)),
    "transpose": (None, "x", (), lambda t, x, y, w, b, i: x.transpose(0, 1)),
    "view": (None, "x", (), lambda t, x, y, w, b, i: x.view(-1)),
}  # fmt: skip

# MindSpore's calls, also for what mindtorch has NumPy compute.
MINDSPORE = {**BINARY, "sum": OTHER["sum"][2], **{name: native.fn for name, native in NATIVE.items()}}


def operands(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in
            {"x": (n, n), "y": (n, n), "w": (n,), "b": (n,)}.items()}  # fmt: skip
    return {**made, "i": rng.integers(0, n, n)}


def bare(kernel: str, kinds: str, params: tuple[Any, ...], data: dict[str, np.ndarray]) -> Callable[[], Any]:
    """MindSpore's call alone, until its result is there."""
    fn = MINDSPORE[kernel]
    tensors = [mindspore.Tensor.from_numpy(data[k].copy()) for k in kinds]

    def run() -> None:
        out = fn(*tensors, *params)
        (out[0] if isinstance(out, tuple) else out).asnumpy()

    return run


def forward(framework: Any, call: Call, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    tensors = [framework.from_numpy(v.copy()) for v in data.values()]
    return lambda: call(framework, *tensors)


def both_ways(framework: Any, call: Call, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    """Forward and backward with a given cotangent."""
    tensors = [framework.from_numpy(v.copy()) for v in data.values()]
    leaves = [t.requires_grad_() for t in tensors if t.is_floating_point()]
    cotangent = framework.ones_like(call(framework, *tensors).detach())

    def run() -> None:
        call(framework, *tensors).backward(cotangent)
        for leaf in leaves:
            leaf.grad = None

    return run


def batch(function: Callable[[], Any]) -> float:
    """Microseconds a call, over about 10 ms of calls."""
    count, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < 0.01 or not count:
        function()
        count += 1
    return taken / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="OPERATOR", nargs="*", help="operators to measure (default: all)")
    parser.add_argument("--repeats", type=int, default=9, help="batches of calls; the best counts (default: 9)")
    parser.add_argument("--size", type=int, action="append", help="rows and columns (default: 16 and 1024)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(OPERATORS):
        parser.error(f"unknown operators: {', '.join(sorted(unknown))}; known: {', '.join(OPERATORS)}")
    torch.set_num_threads(1)
    head = ("MindSpore", "mindtorch", "fwd+bwd", "PyTorch", "fwd+bwd")
    print(f"{'microseconds':<22}" + "".join(f"{h:>11}" for h in head))
    for n in options.size or (16, 1024):
        data = operands(n)
        for name in options.names or OPERATORS:
            kernel, kinds, params, call = OPERATORS[name]
            runs = [bare(kernel, kinds, params, data) if kernel else None]
            for framework in (mindtorch, torch):
                runs += [forward(framework, call, data), both_ways(framework, call, data)]
            best = [float("inf")] * len(runs)
            for repeat in range(options.repeats + 1):  # the first round warms up
                taken = [batch(run) if run else float("inf") for run in runs]
                best = [min(b, t) for b, t in zip(best, taken, strict=True)] if repeat else best
            row = "".join(f"{v:>11.1f}" if v < float("inf") else f"{'-':>11}" for v in best)
            print(f"{name + f' {n}x{n}':<22}" + row, flush=True)


if __name__ == "__main__":
    main()
