"""Programs for the spatial operators that PyTorch's operator database does not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RANDOM = np.random.RandomState(5)
LINE, PLANE, VOLUME = (RANDOM.randn(2, 4, *(7, 6, 5)[:n]) for n in (1, 2, 3))
KERNEL = RANDOM.randn(4, 3, 2, 3)
SAMPLES = {2: RANDOM.rand(2, 4, 2), 3: RANDOM.rand(2, 4, 3)}
POINTS = RANDOM.randn(2, 3, 3, 2)
THETA = RANDOM.randn(2, 2, 3)


def _with_gradient(f: Callable[[Any, Any], Any], array: np.ndarray) -> Callable[[Any], Any]:
    """Outputs, and the gradient of the first one's sum of squares."""

    def program(t: Any) -> Any:
        x = t.tensor(array, requires_grad=True)
        out = f(t, x)
        outs = list(out) if isinstance(out, tuple) else [out]
        (outs[0] * outs[0]).sum().backward()
        return [*outs, x.grad]

    return program


def _pools(dims: int, array: np.ndarray) -> dict[str, list[Callable[[Any], Any]]]:
    def called(name: str, *settings: Any, **named: Any) -> list[Callable[[Any], Any]]:
        return [_with_gradient(lambda t, x: getattr(t.nn.functional, name)(x, *settings, **named), array)]

    found = {
        f"max_pool{dims}d_with_indices": called(f"max_pool{dims}d_with_indices", 2, 1),
        f"adaptive_max_pool{dims}d_with_indices": called(f"adaptive_max_pool{dims}d_with_indices", 3),
        f"lp_pool{dims}d": called(f"lp_pool{dims}d", 2, 2),
    }
    if dims > 1:
        name = f"fractional_max_pool{dims}d_with_indices"
        found[name] = [
            _with_gradient(
                lambda t, x: getattr(t.nn.functional, name)(x, 2, 3, _random_samples=t.tensor(SAMPLES[dims])), array
            )
        ]
    return found


def _max_pool_backward(t: Any) -> Any:
    x = t.tensor(PLANE)
    out, indices = t.nn.functional.max_pool2d_with_indices(x, 2)
    return t.ops.aten.max_pool2d_with_indices_backward(out, x, [2, 2], [2, 2], [0, 0], [1, 1], False, indices)


PROGRAMS: dict[str, list[Callable[[Any], Any]]] = {
    **_pools(1, LINE), **_pools(2, PLANE), **_pools(3, VOLUME),
    "max_pool2d_with_indices_backward": [_max_pool_backward],
    "convolution": [
        _with_gradient(
            lambda t, x: t.convolution(x, t.tensor(KERNEL), None, [2, 1], [1, 0], [1, 1], True, [1, 0], 1), PLANE
        )
    ],
    "conv_tbc": [
        _with_gradient(
            lambda t, x: t.conv_tbc(x, t.tensor(KERNEL[:2, :, 0]), t.ones(3, dtype=t.float64), 1),
            np.ascontiguousarray(LINE[:, :3].transpose(2, 0, 1)),
        )
    ],
    "fold": [_with_gradient(lambda t, x: t.nn.functional.fold(x, (4, 4), 2, stride=2), RANDOM.randn(2, 8, 4))],
    "interpolate": [_with_gradient(lambda t, x: t.nn.functional.interpolate(x, 5, mode="bicubic"), PLANE)],
    "upsample": [_with_gradient(lambda t, x: t.nn.functional.upsample(x, scale_factor=2, mode="bilinear"), PLANE)],
    "affine_grid": [_with_gradient(lambda t, x: t.nn.functional.affine_grid(x, (2, 1, 3, 4), True), THETA)],
    "grid_sampler": [_with_gradient(lambda t, x: t.grid_sampler(x, t.tensor(POINTS), 0, 1, False), PLANE)],
    "native_channel_shuffle": [lambda t: t.native_channel_shuffle(t.tensor(PLANE), 2)],
}  # fmt: skip
