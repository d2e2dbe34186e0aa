"""Pooling, normalisation by channel, shuffles, and their layers, beside PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from side_by_side import leaf, same, same_error


def _with_gradient(lib: Any, f: Any, *shape: int) -> Any:
    x = leaf(lib, *shape)
    out = f(x)
    values = out[0] if isinstance(out, tuple) else out
    return [out, lib.autograd.grad((values * values).sum(), x)]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "settings", [{}, {"stride": 1, "padding": 1}, {"dilation": 2, "ceil_mode": True}, {"stride": 3, "ceil_mode": True}]
)
def test_max_pool_with_positions_and_back(dims: int, settings: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        pool = getattr(lib.nn.functional, f"max_pool{dims}d")
        return _with_gradient(lib, lambda x: pool(x, 2, return_indices=True, **settings), 2, 3, *(8, 7, 6)[:dims])

    same(program)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpool(dims: int) -> None:
    def program(lib: Any) -> Any:
        functional = lib.nn.functional
        shape = (2, 3, *(8, 6, 4)[:dims])

        def there_and_back(x: Any) -> Any:
            values, indices = getattr(functional, f"max_pool{dims}d")(x, 2, return_indices=True)
            return getattr(functional, f"max_unpool{dims}d")(values, indices, 2, output_size=shape[2:])

        return _with_gradient(lib, there_and_back, *shape)

    same(program)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 1, "padding": 1}, {"count_include_pad": False, "padding": 1, "ceil_mode": True},
     {"ceil_mode": True}],
)
def test_avg_pool(dims: int, settings: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        pool = getattr(lib.nn.functional, f"avg_pool{dims}d")
        return _with_gradient(lib, lambda x: pool(x, 3, **settings), 2, 3, *(8, 7, 6)[:dims])

    same(program)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_adaptive_and_power_pools(dims: int) -> None:
    def program(lib: Any) -> Any:
        functional = lib.nn.functional
        shape, size = (2, 3, *(8, 7, 6)[:dims]), (3, 7, 4)[:dims]
        found = [
            _with_gradient(lib, lambda x: getattr(functional, f"adaptive_avg_pool{dims}d")(x, size), *shape),
            _with_gradient(lib, lambda x: getattr(functional, f"adaptive_max_pool{dims}d")(x, size, True), *shape),
            getattr(functional, f"lp_pool{dims}d")(leaf(lib, *shape).abs(), 3, 2),
        ]
        if dims > 1:
            lib.manual_seed(2)
            fractional = getattr(functional, f"fractional_max_pool{dims}d")
            found.append(_with_gradient(lib, lambda x: fractional(x, 2, size, return_indices=True), *shape[:2], 9, 9, 9)
                         if dims == 3 else
                         _with_gradient(lib, lambda x: fractional(x, 2, (3, 5), return_indices=True), *shape))
        return found

    same(program)


def test_nan_stays_in_its_windows() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 1, 1, 6, 6, requires_grad=False)
        x[0, 0, 2, 3] = float("nan")
        x[0, 0, 5, 0] = float("inf")
        functional = lib.nn.functional
        return [
            functional.avg_pool2d(x, 2), functional.max_pool2d(x, 3, 1), functional.adaptive_avg_pool2d(x, 3),
            functional.interpolate(x, size=(9, 9), mode="bilinear"),
        ]  # fmt: skip

    same(program)


@pytest.mark.parametrize("training", [True, False])
def test_batch_and_instance_norm_layers(training: bool) -> None:
    def program(lib: Any) -> Any:
        found: list[Any] = []
        for layer, shape in (
            (lib.nn.BatchNorm1d(3), (4, 3)), (lib.nn.BatchNorm2d(3, momentum=None), (4, 3, 5, 2)),
            (lib.nn.BatchNorm3d(3, affine=False, track_running_stats=False), (2, 3, 2, 3, 2)),
            (lib.nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (4, 3, 5, 2)),
            (lib.nn.InstanceNorm1d(3), (3, 5)), (lib.nn.SyncBatchNorm(3), (4, 3, 5)),
            (lib.nn.GroupNorm(3, 6), (2, 6, 4)),
        ):  # fmt: skip
            for seed in (1, 2):
                layer.train()
                layer(leaf(lib, *shape, seed=seed))
            layer.train(training)
            x = leaf(lib, *shape, seed=3)
            out = layer(x)
            grads = lib.autograd.grad((out**3).sum(), [x, *layer.parameters()])
            found.append([out, grads, dict(layer.state_dict())])
        return found

    same(program, 1e-4, 1e-4)


def test_second_derivative_of_batch_norm() -> None:
    def program(lib: Any) -> Any:
        x, w = (leaf(lib, *s).double().detach().requires_grad_() for s in ((3, 2, 4), (2,)))
        out = lib.nn.functional.batch_norm(x, None, None, w, training=True)
        (g,) = lib.autograd.grad((out**3).sum(), x, create_graph=True)
        return lib.autograd.grad((g * g).sum(), (x, w))

    same(program)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_lazy_norm_layers() -> None:
    def program(lib: Any) -> Any:
        layers = [lib.nn.LazyBatchNorm2d(), lib.nn.LazyInstanceNorm1d()]
        outs = [layers[0](leaf(lib, 2, 3, 4, 4)), layers[1](leaf(lib, 2, 3, 4))]
        return outs, [type(layer).__name__ for layer in layers], [dict(layer.state_dict()) for layer in layers]

    same(program, 1e-4, 1e-4)


def test_converting_batch_norm_keeps_the_state() -> None:
    def program(lib: Any) -> Any:
        model = lib.nn.Sequential(lib.nn.Conv2d(2, 3, 1), lib.nn.BatchNorm2d(3))
        model = lib.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return [type(m).__name__ for m in model], list(model.state_dict())

    same(program)


def test_shuffles() -> None:
    def program(lib: Any) -> Any:
        x = lib.arange(2 * 8 * 4 * 6).reshape(2, 8, 4, 6)
        return lib.pixel_shuffle(x, 2), lib.pixel_unshuffle(x, 2), lib.channel_shuffle(x, 4)

    same(program)


def test_errors() -> None:
    same_error(lambda lib: lib.nn.functional.max_pool2d(lib.ones(1, 4, 4), 2, padding=2), "pad should be at most half")
    same_error(lambda lib: lib.nn.functional.max_pool2d(lib.ones(1, 1, 2, 2), 3), "Output size is too small")
    same_error(lambda lib: lib.nn.functional.avg_pool2d(lib.ones(1, 1, 4, 4), 2, divisor_override=0), "divisor")
    same_error(lambda lib: lib.pixel_shuffle(lib.ones(3, 4, 4), 2), "divisible by the square of upscale_factor")
    same_error(
        lambda lib: lib.nn.BatchNorm2d(3)(lib.ones(1, 3, 1, 1)), "Expected more than 1 value per channel", ValueError
    )
    same_error(lambda lib: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)), "expected 4D input (got 2D input)", ValueError)
