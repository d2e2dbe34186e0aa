"""Example calls of the kernels that the Ascend table serves: operands as NumPy arrays, made per dtype."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from mindtorch._dtype import dtype
from mindtorch.kernels.ascend import SERVED


class Maker:
    """Operands of one dtype, the same in every run."""

    def __init__(self, kernel: str, d: dtype) -> None:
        self.rng = np.random.default_rng(zlib.crc32(kernel.encode()))
        self.dtype = d

    def any(self, *shape: int) -> np.ndarray:
        """Numbers of both signs; small, so that low precision and eight bits hold their products."""
        if self.dtype.name == "bool":
            return self.rng.random(shape) < 0.5
        if self.dtype.category == 1:
            low = 0 if not self.dtype.is_signed else -5
            return self.rng.integers(low, 6, shape).astype(self.dtype._np)
        return self.rng.uniform(-2, 2, shape).astype(np.float32).astype(self.dtype._np)

    def distinct(self, *shape: int) -> np.ndarray:
        """No two elements are equal: positions of extremes are determined."""
        n = int(np.prod(shape))
        return (self.rng.permutation(n).reshape(shape) - n // 3).astype(self.dtype._np)

    def positive(self, *shape: int) -> np.ndarray:
        if self.dtype.category == 1:
            return self.rng.integers(1, 6, shape).astype(self.dtype._np)
        return self.rng.uniform(0.3, 2, shape).astype(np.float32).astype(self.dtype._np)

    def unit(self, *shape: int) -> np.ndarray:
        return self.rng.uniform(-0.9, 0.9, shape).astype(np.float32).astype(self.dtype._np)

    def at(self, n: int, *shape: int) -> np.ndarray:
        return self.rng.integers(0, n, shape)

    def order(self, n: int) -> np.ndarray:
        return self.rng.permutation(n)

    def truth(self, *shape: int) -> np.ndarray:
        return self.rng.random(shape) < 0.5

    def regular(self, *shape: int) -> np.ndarray:
        """Square matrices far from singular."""
        return self.unit(*shape) + (3 * np.eye(shape[-1])).astype(self.dtype._np)


Calls = Callable[[Maker], list[tuple[Any, ...]]]
EVERY = slice(None)

EXAMPLES: dict[str, Calls] = {
    "gelu": lambda m: [(m.any(3, 4), False), (m.any(3, 4), True)],
    "where": lambda m: [(m.truth(3, 4), m.any(3, 4), m.any(4)), (m.truth(3, 1), m.any(), m.any(3, 4))],
    "left_shift": lambda m: [(m.positive(6), np.array([0, 1, 3, -1, 64, 40]).astype(m.dtype._np))],
    "right_shift": lambda m: [(m.any(6), np.array([0, 1, 3, -1, 64, 40]).astype(m.dtype._np))],
    "logit": lambda m: [(abs(m.unit(3, 4)), 0.1), (abs(m.unit(5)), None)],
    "sum": lambda m: _reductions(m.any),
    "mean": lambda m: _reductions(m.any),
    "prod": lambda m: _reductions(m.any),
    "amax": lambda m: _reductions(m.any),
    "amin": lambda m: _reductions(m.any),
    "any": lambda m: _reductions(m.any),
    "all": lambda m: _reductions(m.any),
    "argmax": lambda m: [(m.distinct(3, 4), 1), (m.distinct(2, 3, 4), 0)],
    "argmin": lambda m: [(m.distinct(3, 4), 1), (m.distinct(2, 3, 4), 0)],
    "cummax": lambda m: [(m.distinct(3, 4), 1), (m.distinct(2, 3, 4), 0)],
    "cummin": lambda m: [(m.distinct(3, 4), 1), (m.distinct(2, 3, 4), 0)],
    "cumsum": lambda m: [(m.any(3, 4), 1), (m.any(2, 3, 4), 0)],
    "cumprod": lambda m: [(m.any(3, 4), 1), (m.any(2, 3, 4), 0)],
    "sort": lambda m: [(m.any(3, 4), 1, False), (m.any(2, 3, 4), 0, True)],
    "topk": lambda m: [(m.distinct(3, 4), 2, 1, True), (m.distinct(4, 3), 3, 0, False)],
    "kthvalue": lambda m: [(m.distinct(3, 4), 2, 1), (m.distinct(2, 3, 4), 1, 0)],
    "median": lambda m: [(m.distinct(3, 5), 1, False), (m.distinct(2, 3, 4), 2, False)],
    "histc": lambda m: [(m.any(20), 5, -1.0, 1.5)],
    "bincount": lambda m: [(m.positive(12), 0), (m.positive(12), 9)],
    "unique": lambda m: [(m.any(3, 4),)],
    "unique_dim": lambda m: [(m.truth(6, 2).astype(m.dtype._np), 0), (m.truth(2, 5).astype(m.dtype._np), 1)],
    "unique_consecutive": lambda m: [(np.sort(m.any(12)), 0)],
    "searchsorted": lambda m: [
        (np.sort(m.any(7)), m.any(3, 4), False),
        (np.sort(m.any(2, 5), axis=-1), m.any(2, 3), True),
    ],
    "cat": lambda m: [((m.any(2, 3), m.any(2, 1)), 1), ((m.any(2, 3), m.any(1, 3), m.any(2, 3)), 0)],
    "tril": lambda m: [(m.any(4, 3), 0), (m.any(2, 3, 4), -1)],
    "triu": lambda m: [(m.any(4, 3), 0), (m.any(2, 3, 4), 1)],
    "flip": lambda m: [(m.any(3, 4), (0,)), (m.any(2, 3, 4), (0, 2))],
    "roll": lambda m: [(m.any(3, 4), (1,), (0,)), (m.any(2, 3, 4), (1, -2), (0, 2))],
    "tile": lambda m: [(m.any(3, 4), (2, 1)), (m.any(3), (2, 2))],
    "repeat": lambda m: [(m.any(3, 4), m.at(4, 3), 0), (m.any(2, 3), m.at(4, 3), 1)],
    "constant_pad": lambda m: [(m.any(3, 4), ((0, 0), (1, 2)), 1.0), (m.any(2, 3, 4), ((0, 1), (2, 0), (1, 1)), 0.0)],
    "index_select": lambda m: [(m.any(3, 4), 1, m.at(4, 6)), (m.any(2, 3, 4), 0, m.at(2, 3))],
    "gather": lambda m: [(m.any(3, 4), 1, m.at(4, 3, 2)), (m.any(2, 3, 4), 0, m.at(2, 1, 3, 4))],
    "scatter": lambda m: [
        (m.any(5, 4), 0, np.stack([m.order(5)[:3] for _ in range(4)], 1), m.any(3, 4)),
        (m.any(2, 4), 1, np.stack([m.order(4)[:2] for _ in range(2)]), m.any(2, 3)),
    ],
    "scatter_add": lambda m: [
        (m.any(5, 4), 0, m.at(5, 3, 4), m.any(3, 4)),
        (m.any(2, 4), 1, m.at(4, 2, 2), m.any(2, 3)),
    ],
    "index_add": lambda m: [(m.any(5, 4), 0, m.at(5, 3), m.any(3, 4)), (m.any(2, 4), 1, m.at(4, 3), m.any(2, 3))],
    "index": lambda m: [
        (m.any(5, 4), (m.at(5, 3) - 5,)),
        (m.any(5, 4, 3), (EVERY, m.at(4, 2, 1), m.at(3, 6))),
        (m.any(2, 3, 4), (m.at(2, 6), EVERY, m.at(4, 6))),
    ],
    "index_put": lambda m: [
        (m.any(5, 4), (m.order(5)[:3] - 5,), m.any(3, 4)),
        (m.any(5, 4, 3), (EVERY, m.order(4)[:2], m.order(3)[:2]), m.any()),
        (m.any(2, 3, 4), (m.order(2), EVERY, m.order(4)[:2]), m.any(2, 3)),
    ],
    "index_put_accumulate": lambda m: [
        (m.any(5, 4), (m.at(5, 9) - 5,), m.any(4)),
        (m.any(5, 4, 3), (EVERY, m.at(4, 6), m.at(3, 6)), m.any(5, 6)),
    ],
    "nonzero": lambda m: [(m.any(3, 4),), (m.any(2, 3, 4),)],
    "masked_select": lambda m: [(m.any(3, 4), m.truth(3, 4)), (m.any(2, 3, 4), m.truth(4))],
    "embedding": lambda m: [(m.any(7, 3), m.at(7, 2, 4))],
    "plane_gather": lambda m: [(m.any(2, 3, 6), m.at(6, 2, 3, 4)), (m.any(2, 3, 6), m.at(6, 2, 1, 4))],
    "plane_scatter": lambda m: [(m.any(2, 3, 4), m.at(6, 2, 3, 4), 6), (m.any(2, 3, 4), m.at(6, 2, 1, 4), 6)],
    "plane_put": lambda m: [(m.any(2, 3, 4), np.broadcast_to(m.order(6)[:4], (2, 3, 4)).copy(), 6)],
    "matmul": lambda m: [
        (m.any(3, 4), m.any(4, 5)),
        (m.any(2, 3, 4), m.any(2, 4, 5)),
        (m.any(4, 3), m.any(4, 5), True, False),
        (m.any(2, 3, 4), m.any(2, 5, 4), False, True),
    ],
    "softmax": lambda m: [(m.any(3, 4), 1), (m.any(2, 3, 4), 0)],
    "log_softmax": lambda m: [(m.any(3, 4), 1), (m.any(2, 3, 4), 0)],
    "layer_norm": lambda m: [(m.any(2, 3, 8), m.positive(8), m.any(8), 1e-5)],
    "batch_norm": lambda m: [
        (m.any(4, 3, 5), m.positive(3), m.any(3), None, None, 1e-5),
        (m.any(4, 3, 2, 2), None, None, m.any(3), m.positive(3), 1e-3),
    ],
    "convolution": lambda m: [
        (m.any(2, 4, 6, 7), m.unit(6, 2, 3, 2), m.any(6), (2, 1), (1, 0), (1, 2), 2),
        (m.any(2, 3, 9), m.unit(4, 3, 3), None, (2,), (1,), (1,), 1),
        (m.any(1, 2, 4, 5, 4), m.unit(3, 2, 2, 2, 2), m.any(3), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    ],
    "convolution_input": lambda m: [
        (m.any(2, 6, 3, 5), m.unit(6, 2, 3, 2), (6, 7), (2, 1), (1, 0), (1, 2), 2),
        (m.any(2, 4, 5), m.unit(4, 3, 3), (9,), (2,), (1,), (1,), 1),
    ],
    "convolution_weight": lambda m: [
        (m.any(2, 4, 6, 7), m.any(2, 6, 3, 5), (3, 2), (2, 1), (1, 0), (1, 2), 2),
        (m.any(2, 3, 9), m.any(2, 4, 5), (3,), (2,), (1,), (1,), 1),
    ],
    "unfold": lambda m: [(m.any(2, 3, 5, 6), (2, 3), (1, 2), (1, 0), (1, 1))],
    "fold": lambda m: [(m.any(2, 12, 12), (4, 5), (2, 2), (1, 1), (0, 0), (1, 1))],
    "max_pool": lambda m: [
        (m.distinct(1, 2, 6, 7), (2, 3), (3, 3), (2, 2), (0, 0), (1, 1)),
        (m.distinct(1, 2, 5, 5), (2, 2), (3, 3), (2, 2), (0, 0), (1, 1)),
    ],
    "adaptive_max_pool": lambda m: [(m.distinct(1, 2, 6, 7), (3, 2))],
    "linalg_triangular": lambda m: [
        (m.regular(3, 3), m.any(3, 2), True, False),
        (m.regular(2, 3, 3), m.any(2, 3, 2), False, True),
    ],
    "linalg_qr": lambda m: [(m.any(4, 3), "reduced"), (m.any(3, 3), "complete")],
    "linalg_det": lambda m: [(m.regular(3, 3),), (m.regular(2, 3, 3),)],
    "linalg_slogdet": lambda m: [(m.regular(3, 3),), (m.regular(2, 3, 3),)],
}


def _reductions(make: Callable[..., np.ndarray]) -> list[tuple[Any, ...]]:
    return [(make(3, 4), (1,), False), (make(2, 3, 4), (0, 2), True), (make(2, 3), (0, 1), False)]


POSITIVE = {"sqrt", "rsqrt", "log", "log10", "log1p", "log2", "reciprocal"}
UNIT = {"acos", "asin", "atanh", "erfinv"}
NONZERO_SECOND = {"div", "trunc_divide", "floor_divide", "fmod", "remainder"}
POSITIVE_BOTH = {"xlogy", "pow"}
BINARY = {
    "add", "sub", "mul", "maximum", "minimum", "fmax", "fmin", "eq", "ne", "lt", "le", "gt", "ge", "logical_and",
    "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "hypot", "atan2",
    "logaddexp", "logaddexp2", "heaviside", *NONZERO_SECOND, *POSITIVE_BOTH,
}  # fmt: skip


def _pointwise(kernel: str, m: Maker) -> list[tuple[Any, ...]]:
    if kernel in BINARY:
        first = m.positive if kernel in POSITIVE_BOTH else m.any
        second = m.positive if kernel in NONZERO_SECOND | POSITIVE_BOTH else m.any
        return [(first(3, 4), second(3, 4)), (first(3, 1), second(4)), (first(3, 4), second())]
    if kernel == "acosh":
        return [(m.positive(3, 4) + m.dtype._np.type(1),)]
    make = m.positive if kernel in POSITIVE else m.unit if kernel in UNIT else m.any
    return [(make(3, 4),), (make(),)]


def examples(kernel: str, d: dtype) -> list[tuple[Any, ...]]:
    """Calls of a kernel of the table with operands of dtype `d`."""
    assert kernel in SERVED
    m = Maker(kernel, d)
    calls = EXAMPLES[kernel](m) if kernel in EXAMPLES else _pointwise(kernel, m)
    return calls
