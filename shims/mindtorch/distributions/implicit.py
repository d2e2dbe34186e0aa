"""Gradients of Gamma and Dirichlet samples with respect to their parameters, by implicit reparametrisation.

A sample x of the distribution function F(x; a) moves with a as ``-(dF/da) / (dF/dx)`` if its place among the samples
stays (Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients", 2018; for the Dirichlet distribution
Jankowiak and Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018). dF/da is a difference
quotient of eighth order of SciPy's functions; PyTorch uses fitted functions, which are right to three digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

import mindtorch as torch

from .._rng import gamma

__all__ = ["dirichlet", "standard_gamma"]

_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
_STEP = 0.02


def _slope(f: Callable[[np.ndarray], np.ndarray], a: np.ndarray) -> np.ndarray:
    """df/da, for a function that changes over distances of the size of a."""
    h = _STEP * a / (1 + a) ** 0.5
    return sum(w * (f(a + i * h) - f(a - i * h)) for i, w in enumerate(_WEIGHTS, 1)) / h


def gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a Gamma sample; float64 arrays."""
    with np.errstate(all="ignore"):
        below = special.gammainc(a, x) < 0.5  # the smaller of F and 1 - F keeps its digits
        moved = np.where(
            below, _slope(lambda b: special.gammainc(b, x), a), -_slope(lambda b: special.gammaincc(b, x), a)
        )
        density = np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))
        found = -moved / density
        # F is x^a / Gamma(a + 1) near 0, where it and the density may be too small for numbers.
        near = -x / a * (np.log(x) - special.digamma(a + 1))
        return np.where((x < 1e-6 * a) | ~np.isfinite(found), near, found)


def beta_slope(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a Beta sample; float64 arrays."""
    with np.errstate(all="ignore"):
        below = special.betainc(a, b, x) < 0.5
        moved = np.where(
            below, _slope(lambda c: special.betainc(c, b, x), a), -_slope(lambda c: special.betainc(b, c, 1 - x), a)
        )
        density = np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))
        found = -moved / density
        near = -x / a * (np.log(x) - special.digamma(a) - 1 / a + special.digamma(a + b))
        return np.where((x < 1e-6) | ~np.isfinite(found), near, found)


def _wide(t: Any) -> np.ndarray:
    return t.detach().cpu().double().numpy()


def _drawn(draw: Any, parameter: Any) -> Any:
    """A draw of the generator's for each element of a parameter."""
    from ..ops.random import _engine

    values = np.ascontiguousarray(parameter.detach().cpu().numpy() if parameter.dtype.itemsize > 2
                                  else parameter.detach().float().numpy())  # fmt: skip
    return torch.as_tensor(draw(_engine(None, parameter.device), values)).to(parameter.device, parameter.dtype)


class _StandardGamma(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, concentration: Any) -> Any:
        value = _drawn(gamma.standard_gamma, concentration)
        ctx.save_for_backward(value, concentration)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        value, concentration = ctx.saved_tensors
        slope = gamma_slope(_wide(concentration), _wide(value))
        return g * torch.as_tensor(slope).to(g.device, g.dtype)


class _Dirichlet(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, concentration: Any) -> Any:
        value = _drawn(gamma.dirichlet, concentration)
        ctx.save_for_backward(value, concentration)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        value, concentration = ctx.saved_tensors
        x, a = _wide(value), _wide(concentration)
        slope = beta_slope(a, a.sum(-1, keepdims=True) - a, x) / (1 - x)
        # One share grows and the others shrink in proportion.
        return torch.as_tensor(slope).to(g.device, g.dtype) * (g - (value * g).sum(-1, True))


def standard_gamma(concentration: Any) -> Any:
    """A draw for each shape parameter, with its gradient."""
    return _StandardGamma.apply(concentration)


def dirichlet(concentration: Any) -> Any:
    """Shares along the last dimension, with their gradients."""
    return _Dirichlet.apply(concentration)
