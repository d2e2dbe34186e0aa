"""Which entries of the Ascend table MindSpore's CPU backend can run: there the table is exercised without a device.

Those kernels give the NumPy kernels' values on the CPU for the dtypes below that they declare. For the others MindSpore
has no CPU kernel of the function that the device uses, or one that is not right: ``mint.scatter`` not each time,
``mint.tanh`` to 1e-4 only, ``mint.erfinv`` not near 1.
"""

from __future__ import annotations

from ..._dtype import bool as bool_
from ..._dtype import float32, int32, int64

DTYPES = frozenset({float32, int32, int64, bool_})
RUNS_ON_CPU = frozenset({
    "abs", "adaptive_max_pool", "add", "all", "amax", "amin", "any", "atanh", "batch_norm", "bitwise_and", "cat",
    "ceil", "cos", "cosh", "cummax", "cumprod", "div", "eq", "erf", "erfc", "exp", "expm1", "flip",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "gather", "gcd", "ge", "gt", "heaviside", "hypot", "isfinite",
    "isinf", "isnan", "lcm", "le", "left_shift", "linalg_det", "linalg_slogdet", "log", "log1p", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "lt", "masked_select", "matmul", "maximum", "mean",
    "minimum", "mul", "ndtr", "ne", "neg", "nonzero", "plane_gather", "pow", "prod", "reciprocal", "relu",
    "remainder", "right_shift", "round", "rsqrt", "searchsorted", "sgn", "sigmoid", "sign", "silu", "sin", "sinc",
    "sinh", "softmax", "softplus", "sqrt", "sub", "sum", "tan", "tile", "triu", "trunc", "trunc_divide",
    "unique_consecutive", "where", "xlogy",
})  # fmt: skip
