"""Microseconds that mindtorch itself takes for an operator, the kernels' own time left out.

    python benchmarks/bench_overhead.py [--repeats 100] [OPERATOR ...]

MindSpore's calls are replaced by functions that return a result made before, so that what is measured is everything
else: dispatch, type promotion, making tensors, recording, running the graph backward. The backward is that of a chain
of 64 operators, so that the fixed cost of one ``backward()`` does not count for one operator. NumPy kernels stay: their
time is in the figures. The best of many short batches counts, which a busy machine disturbs least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mindtorch as torch
import numpy as np
from mindtorch import kernels

F = torch.nn.functional
CHAIN = 64
SIZE = 16


class Ready:
    """A result that is there already."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.array = np.zeros(shape, np.float32)

    def asnumpy(self) -> np.ndarray:
        return self.array


def without_kernels() -> None:
    """Replace MindSpore's calls."""
    square, column = Ready((SIZE, SIZE)), Ready((SIZE, 1))
    for name, native in list(kernels.NATIVE.items()):
        result = (square, column, column) if name == "layer_norm" else square
        kernels.NATIVE[name] = replace(native, fn=lambda *args, result=result: result, least=0)


def microseconds(run: Callable[[], Any], repeats: int) -> float:
    """Of one operator in a chain."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / CHAIN * 1e6


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("operators", nargs="*", metavar="OPERATOR")
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    x, y = torch.randn(SIZE, SIZE), torch.ones(SIZE, SIZE)  # products of ones never become denormal numbers
    weight, bias = torch.randn(SIZE), torch.randn(SIZE)
    operators: dict[str, Callable[[Any], Any]] = {
        "exp": lambda t: t.exp(),
        "add": lambda t: t + y,
        "add a number": lambda t: t + 1.0,
        "mul": lambda t: t * y,
        "mul by a number": lambda t: t * -1.0,
        "matmul": lambda t: t @ y,
        "view": lambda t: t.view(SIZE, SIZE),
        "transpose": lambda t: t.transpose(0, 1),
        "silu": F.silu,
        "softmax": lambda t: torch.softmax(t, 1),
        "layer_norm": lambda t: F.layer_norm(t, (SIZE,), weight, bias),
    }
    unknown = set(options.operators) - set(operators)
    if unknown:
        parser.error(f"unknown operators {', '.join(sorted(unknown))}; known: {', '.join(operators)}")
    without_kernels()
    print(f"{'operator':<18}{'forward':>9}{'recorded':>10}{'and backward':>14}")
    for name in options.operators or operators:
        operator = operators[name]

        def chain(operator: Callable[[Any], Any] = operator) -> Any:
            t = x
            for _ in range(CHAIN):
                t = operator(t)
            return t

        cotangent = torch.ones(SIZE, SIZE)

        def both(chain: Callable[[], Any] = chain, cotangent: Any = cotangent) -> None:
            chain().backward(cotangent)
            x.grad = None

        plain = microseconds(chain, options.repeats)
        x.requires_grad_(True)
        recorded, whole = microseconds(chain, options.repeats), microseconds(both, options.repeats)
        x.requires_grad_(False)
        print(f"{name:<18}{plain:>9.1f}{recorded:>10.1f}{whole:>14.1f}")


if __name__ == "__main__":
    main()
