"""PyTorch's CPU random numbers in NumPy: the engine, and the distributions on it."""

from .engine import MT19937Engine

__all__ = ["MT19937Engine"]
