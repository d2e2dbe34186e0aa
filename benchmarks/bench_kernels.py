"""From how many elements on MindSpore's kernels are worth their launch: each against NumPy's, by size.

    python benchmarks/bench_kernels.py [KERNEL ...]

Prints microseconds of one float32 call until it is done, MindSpore's / NumPy's (the best batch), and the size
from which on MindSpore is the faster of the two. `Native.least` in `mindtorch.kernels.cpu` comes from this table.
"""

from __future__ import annotations

import argparse
from typing import Any

import mindspore
import numpy as np
from bench_fallbacks import arrays, microseconds
from mindtorch.kernels.cpu import NATIVE
from mindtorch.kernels.reference import KERNELS

SIZES = (1 << 8, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22)
ROWS = 64


def operands(name: str, size: int) -> tuple[Any, ...]:
    """Operands and parameters of a kernel, of ``size`` elements."""
    rng = np.random.default_rng(0)
    shape = (ROWS, size // ROWS)
    x, y = (rng.random(shape, np.float32) + 0.5 for _ in "xy")
    rows = rng.integers(0, ROWS, ROWS)
    return {
        "softmax": (x, 1),
        "matmul": (x, np.ascontiguousarray(x.T)),
        "layer_norm": (x, x[0].copy(), y[0].copy(), 1e-5),
        "embedding": (x, rows),
        "index_select": (x, 0, rows),
        "cat": ((x, y), 1),
    }.get(name, (x,))


def face(operand: Any) -> Any:
    """MindSpore's tensor over the memory of an array."""
    if isinstance(operand, np.ndarray):
        return mindspore.Tensor.from_numpy(operand)
    return tuple(map(face, operand)) if isinstance(operand, tuple) else operand


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="default: all that MindSpore serves")
    args = parser.parse_args()
    print("kernel".ljust(14) + "".join(f"{size:>18,}" for size in SIZES) + "   MindSpore from")
    for name in args.kernels or sorted(NATIVE):
        cells, worth = [], None
        for size in SIZES:
            given = operands(name, size)
            faces = tuple(map(face, given))
            ours = microseconds(lambda n=name, f=faces: arrays(NATIVE[n].fn(*f)))
            theirs = microseconds(lambda n=name, g=given: KERNELS[n].fn(*g))
            cells.append(f"{ours:.0f} / {theirs:.0f}".rjust(18))
            worth = (worth or size) if ours < theirs else None
        print(name.ljust(14) + "".join(cells) + f"   {'never' if worth is None else f'{worth:,}'}", flush=True)


if __name__ == "__main__":
    main()
