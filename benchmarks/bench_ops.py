"""Microseconds per operator: mindtorch forward, and forward + backward, over the bare MindSpore call; PyTorch beside.

    python benchmarks/bench_ops.py [--repeats 7]
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
from mindspore import mint, ops

BARE: dict[str, Callable[..., Any]] = {
    "exp": mint.exp,
    "add": ops.add,
    "mul": ops.mul,
    "matmul": ops.MatMul(),
    "softmax": ops.Softmax(-1),
    "silu": mint.nn.functional.silu,
    "sum": lambda x: mint.sum(x, (1,), False),
}
CALLS: dict[str, Callable[..., Any]] = {
    "exp": lambda t, x, y: t.exp(x),
    "add": lambda t, x, y: x + y,
    "mul": lambda t, x, y: x * y,
    "matmul": lambda t, x, y: x @ y,
    "softmax": lambda t, x, y: t.softmax(x, -1),
    "silu": lambda t, x, y: t.nn.functional.silu(x),
    "sum": lambda t, x, y: x.sum(1),
}


def best(function: Callable[[], Any], repeats: int) -> float:
    """Microseconds a call: the minimum over the repeats of the mean of a batch of calls."""
    function()
    started = time.perf_counter()
    function()
    once = max(time.perf_counter() - started, 1e-7)
    count = max(1, min(200, int(0.02 / once)))
    results = []
    for _ in range(repeats):
        started = time.perf_counter()
        for _ in range(count):
            function()
        results.append((time.perf_counter() - started) / count)
    return min(results) * 1e6


def both_ways(framework: Any, call: Callable[..., Any], x: Any, y: Any) -> Callable[[], Any]:
    """Forward and backward of one operator with a given cotangent."""
    cotangent = framework.ones_like(call(framework, x, y))

    def run() -> None:
        call(framework, x, y).backward(cotangent)
        x.grad = None
        y.grad = None

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="batches of calls; the best counts (default: 7)")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    head = ("MindSpore", "mindtorch", "fwd+bwd", "PyTorch", "fwd+bwd")
    print(f"{'microseconds':<22}" + "".join(f"{h:>11}" for h in head))
    for n in (16, 1024):
        a, b = (np.random.RandomState(s).randn(n, n).astype("float32") for s in (0, 1))
        for name, call in CALLS.items():
            bare_args = [mindspore.Tensor.from_numpy(v) for v in ((a, b) if name in ("add", "mul", "matmul") else (a,))]
            row = [best(lambda f=BARE[name], v=bare_args: f(*v).asnumpy(), repeats)]
            for framework in (mindtorch, torch):
                x, y = (framework.from_numpy(v.copy()) for v in (a, b))
                row.append(best(lambda c=call, t=framework, p=x, q=y: c(t, p, q), repeats))
                row.append(best(both_ways(framework, call, x.requires_grad_(), y.requires_grad_()), repeats))
            print(f"{name + f' {n}x{n}':<22}" + "".join(f"{v:>11.1f}" for v in row), flush=True)


if __name__ == "__main__":
    main()
