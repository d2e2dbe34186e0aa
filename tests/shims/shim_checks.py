"""Comparisons of stand-ins on mindtorch with what PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mindtorch
import numpy as np
import torch

Arrays = Sequence[np.ndarray]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def array(tensor: Any) -> np.ndarray:
    """A tensor of either library as a NumPy array of float32 (or of its own dtype, if that is no float)."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()


def close(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Equal shapes and dtypes, and numbers within the tolerance."""
    assert str(ours.dtype).rsplit(".", 1)[-1] == str(theirs.dtype).rsplit(".", 1)[-1]
    np.testing.assert_allclose(array(ours), array(theirs), rtol=rtol, atol=atol)


def leaves(lib: Any, arrays: Arrays, dtype: str = "float32") -> list[Any]:
    """The arrays as tensors of a library that want gradients."""
    return [lib.from_numpy(a.copy()).to(getattr(lib, dtype)).requires_grad_() for a in arrays]


def same_with_gradients(
    ours: Callable[..., Any], theirs: Callable[..., Any], arrays: Arrays, dtype: str = "float32",
    rtol: float = 1e-5, atol: float = 1e-5,
) -> None:  # fmt: skip
    """``ours(*tensors)`` on mindtorch is ``theirs(*tensors)`` on PyTorch; so are the gradients of all tensors."""
    made, given = leaves(mindtorch, arrays, dtype), leaves(torch, arrays, dtype)
    mine, right = ours(*made), theirs(*given)
    close(mine, right, rtol, atol)
    weights = numbers(*right.shape, seed=9)
    (mine * mindtorch.from_numpy(weights).to(mine.dtype)).sum().backward()
    (right * torch.from_numpy(weights).to(right.dtype)).sum().backward()
    for a, b in zip(made, given, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            close(a.grad, b.grad, rtol, atol)
