"""Gamma and Dirichlet draws as PyTorch's CPU kernels make them (Marsaglia and Tsang, "A simple method for generating
gamma variables", 2000), one element after the other."""

from __future__ import annotations

import math

import numpy as np

from .continuous import _normal_pairs, standard_uniform64
from .dtypes import DOUBLE, FLOAT, FLOATING, as_dtype, round_to
from .engine import MT19937Engine

__all__ = ["dirichlet", "standard_gamma"]

_THIRD = np.float32(1) / np.float32(3)
_SQUEEZE = float(np.float32(0.0331))


def standard_gamma(engine: MT19937Engine, shapes: np.ndarray) -> np.ndarray:
    """``torch._standard_gamma``: one draw for each shape parameter; at least the dtype's smallest normal number."""
    dtype = as_dtype(shapes.dtype, FLOATING, "_standard_gamma")
    compute = DOUBLE if dtype == DOUBLE else FLOAT
    flat = shapes.astype(compute).reshape(-1)
    drawn = np.array([_one(engine, alpha) for alpha in flat], DOUBLE)
    smallest = np.finfo(compute).tiny
    return round_to(np.maximum(drawn, smallest), dtype).reshape(shapes.shape)


def dirichlet(engine: MT19937Engine, concentration: np.ndarray) -> np.ndarray:
    """``torch._sample_dirichlet``: float64 gammas over their sum along the last dimension."""
    dtype = as_dtype(concentration.dtype, FLOATING, "_sample_dirichlet")
    wide = concentration.astype(DOUBLE)
    gammas = np.array([_one(engine, alpha) for alpha in wide.reshape(-1)], DOUBLE).reshape(wide.shape)
    gammas = np.maximum(gammas, np.finfo(DOUBLE).tiny)
    shares = round_to(gammas / gammas.sum(-1, keepdims=True), dtype)
    if dtype in (FLOAT, DOUBLE):
        info = np.finfo(dtype)
        shares = np.clip(shares, info.tiny, dtype.type(1) - info.eps)
    return shares


def _one(engine: MT19937Engine, alpha: np.floating) -> float:
    """One draw; `alpha` in the type that PyTorch computes its constants in."""
    kind = type(alpha)
    scale = 1.0
    if alpha < 1:
        if alpha == 0:
            return 0.0
        scale = (1 - _uniform(engine)) ** float(kind(1) / alpha)
        alpha = kind(alpha + kind(1))
    d = float(kind(alpha - kind(_THIRD)))
    c = 1 / math.sqrt(9 * d)
    while True:
        x = float(_normal_pairs(engine, 1, 0.0, 1.0)[0])
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - _uniform(engine)
        xx = x * x
        if u < 1 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1 - v + math.log(v)):
            return scale * d * v


def _uniform(engine: MT19937Engine) -> float:
    return float(standard_uniform64(engine, 1)[0])
