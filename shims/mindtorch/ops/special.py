"""Special functions: ``torch.special`` and those of them that stand in ``torch``, too.

Formulas of the derivatives: NIST Digital Library of Mathematical Functions (dlmf.nist.gov), chapters 5 to 12 and 25.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._array import Array
from .._dtype import BOOL
from .._tensor import Tensor
from ..kernels import call
from ._prim import Prim
from ._promote import cast, float_type, to_array
from ._registry import FUNCTIONS, op, type_name
from .binary import _common
from .composite import where
from .pointwise import unary

_SQRT_PI = math.sqrt(math.pi)


def _sgn_over(x: Tensor, scaled: bool) -> Tensor:
    """1 / x, and for the scaled functions sgn(x) + 1 / x."""
    return (x.sign() + 1 / x) if scaled else 1 / x


def _i1_grad(c: Any, g: Tensor, zeroth: str, scaled: bool) -> Tensor:
    x = c.input(0)
    zero = x == 0
    safe = where(zero, 1.0, x)
    value = _function(zeroth)(safe) - c.result() * _sgn_over(safe, scaled)
    return g * where(zero, 0.5, value)


def _function(name: str) -> Callable[..., Any]:
    """A declared function by its name in ``torch.special`` or ``torch``."""
    return FUNCTIONS["special"].get(name) or FUNCTIONS[""][name]


def _sinc_grad(c: Any, g: Tensor) -> Tensor:
    x = c.input(0)
    zero = x == 0
    p = math.pi * where(zero, 1.0, x)
    return g * where(zero, x * (-math.pi * math.pi / 3), (p * p.cos() - p.sin()) / (p * where(zero, 1.0, x)))


unary("i0", lambda c, g: g * _function("i1")(c.input(0)))
unary("sinc", _sinc_grad)
unary("i0e", lambda c, g: g * (_function("i1e")(c.input(0)) - c.input(0).sign() * c.result()),
      module="special", save="both")  # fmt: skip
unary("i1", lambda c, g: _i1_grad(c, g, "i0", False), module="special", save="both")
unary("i1e", lambda c, g: _i1_grad(c, g, "i0e", True), module="special", save="both")
unary("entr", lambda c, g: g * (-(1 + c.input(0).log())), module="special")
unary("erfcx", lambda c, g: g * (2 * c.input(0) * c.result() - 2 / _SQRT_PI), module="special", save="both",
      takes="wide")  # fmt: skip
unary("ndtr", lambda c, g: g * (c.input(0).square() * -0.5).exp() * (1 / math.sqrt(2 * math.pi)), module="special")
unary("ndtri", lambda c, g: g * math.sqrt(2 * math.pi) * (c.result().square() / 2).exp(),
      module="special", save="result", takes="wide")  # fmt: skip
unary("log_ndtr", lambda c, g: g / _function("erfcx")(c.input(0) * -math.sqrt(0.5)) * math.sqrt(2 / math.pi),
      module="special", takes="wide")  # fmt: skip
for _name, _kernel in {
    "airy_ai": "airy_ai", "bessel_j0": "bessel_j0", "bessel_j1": "bessel_j1", "bessel_y0": "bessel_y0",
    "bessel_y1": "bessel_y1", "modified_bessel_i0": "i0", "modified_bessel_i1": "i1", "modified_bessel_k0": "bessel_k0",
    "modified_bessel_k1": "bessel_k1", "scaled_modified_bessel_k0": "bessel_k0e",
    "scaled_modified_bessel_k1": "bessel_k1e", "spherical_bessel_j0": "spherical_bessel_j0",
}.items():  # fmt: skip
    unary(_name, None, module="special", kernel=_kernel, save="", takes="wide")


def _binary(
    name: str, grad: Callable[..., tuple[Any, Any]] | None, *, module: str = "special", floats_only: bool = False,
    low: bool = True,
) -> None:  # fmt: skip
    """Declare a function of two operands, either of which may be a number unless `floats_only`, which refuses integers,
    too; `low`: whether it takes float16 and bfloat16."""
    prim = Prim(name, lambda a, b, d: call(name, cast(a, d), cast(b, d)), grad, save=() if grad is None else (0, 1))

    @op(name, module=module, method=module == "", inplace=module == "", out=True)
    def declared(input: Any, other: Any) -> Tensor:
        d = _common(input, other, name, "both" if floats_only else "either")
        if floats_only and d is not float_type(d):
            raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(d)}'")
        d = float_type(d)
        if d.is_low and not low:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(d)}'")
        return prim((to_array(input, d), to_array(other, d)), d)


def _underivable(argument: str) -> Any:
    raise NotImplementedError(f"the derivative for '{argument}' is not implemented.")


def _xlogy_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    x, y = c.input(0), c.input(1)
    return (
        FUNCTIONS[""]["xlogy"](g, y).masked_fill((x == 0) & (y <= 0), 0) if c.needs[0] else None,
        g * x / y if c.needs[1] else None,
    )


def _xlog1py_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    x, y = c.input(0), c.input(1)
    return (
        _function("xlog1py")(g, y).masked_fill((x == 0) & (y <= -1), 0) if c.needs[0] else None,
        g * x / (y + 1) if c.needs[1] else None,
    )


def _zeta_grad(c: Any, g: Tensor) -> tuple[Any, Any]:
    s, q = c.input(0), c.input(1)
    return (
        _underivable("zeta") if c.needs[0] else None,
        g * -s * _function("zeta")(s + 1, q) if c.needs[1] else None,
    )


def _igamma_grad(sign: int, name: str) -> Callable[..., tuple[Any, Any]]:
    def grad(c: Any, g: Tensor) -> tuple[Any, Any]:
        a, x = c.input(0), c.input(1)
        return (
            _underivable(f"{name}: input") if c.needs[0] else None,
            g * sign * ((a - 1) * x.log() - x - a.lgamma()).exp() if c.needs[1] else None,
        )

    return grad


_binary("xlogy", _xlogy_grad, module="")
_binary("xlog1py", _xlog1py_grad)
_binary("zeta", _zeta_grad, low=False)
_binary("igamma", _igamma_grad(1, "igamma"), module="", floats_only=True)
_binary("igammac", _igamma_grad(-1, "igammac"), module="", floats_only=True)
for _name in (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
):  # fmt: skip
    _binary(_name, None, low=False)


def _logit_array(a: Array, eps: float | None) -> Array:
    return call("logit", cast(a, float_type(a.dtype)), eps)


def _logit_grad(c: Any, g: Tensor) -> tuple[Tensor]:
    (eps,) = c.params
    x = c.input(0)
    slope = g / (x * (1 - x))
    if eps is None:
        return (where((x < 0) | (x > 1), math.nan, slope),)
    return (where((x < eps) | (x > 1 - eps), 0.0, slope),)


_logit = Prim("logit", _logit_array, _logit_grad, save=(0,))


@op(inplace=True, out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); `eps` clamps x to [eps, 1 - eps] before."""
    return _logit((input,), eps)


_polygamma = Prim(
    "polygamma", lambda a, n: call("polygamma", cast(a, float_type(a.dtype)), n),
    lambda c, g: (g * polygamma_of(c.input(0), c.params[0] + 1),), save=(0,),
)  # fmt: skip


def polygamma_of(x: Tensor, n: int) -> Tensor:
    """The n-th derivative of digamma. Raises RuntimeError for negative n."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return x.digamma() if n == 0 else _polygamma((x,), n)


@op("polygamma", method=False, out=True)
def _polygamma_function(n: int, input: Tensor) -> Tensor:
    return polygamma_of(input, n)


@op("polygamma", module=None, inplace=True)
def _polygamma_method(input: Tensor, n: int) -> Tensor:
    return polygamma_of(input, n)


@op(inplace=True, out=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p` >= 1. Raises RuntimeError for other `p`."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if input.dtype.category == BOOL:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    x = input if input.dtype.is_floating_point else input.to(float_type(input.dtype))
    steps = (input.new_tensor(range(p), dtype=x.dtype) - (p - 1)) * 0.5
    return (x.unsqueeze(-1) + steps).lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
