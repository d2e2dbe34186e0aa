"""Interpolation, padding and sampling on grids, beside PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from side_by_side import leaf, same, same_error

SHAPES = {1: (2, 3, 7), 2: (2, 3, 7, 6), 3: (1, 2, 4, 5, 6)}


def _with_gradient(lib: Any, f: Any, *tensors: Any) -> Any:
    out = f(*tensors)
    return [out, *lib.autograd.grad((out * out).sum(), tensors)]


@pytest.mark.parametrize(
    ("mode", "dims"),
    [("nearest", 1), ("nearest", 2), ("nearest", 3), ("nearest-exact", 2), ("area", 2), ("linear", 1), ("bilinear", 2),
     ("bicubic", 2), ("trilinear", 3)],
)  # fmt: skip
@pytest.mark.parametrize("how", [{"size": 5}, {"scale_factor": 1.7}, {"scale_factor": 0.6}])
@pytest.mark.parametrize("align", [False, True])
def test_interpolate(mode: str, dims: int, how: dict[str, Any], align: bool) -> None:
    settings = dict(how, mode=mode)
    if mode not in ("nearest", "nearest-exact", "area"):
        settings["align_corners"] = align

    def program(lib: Any) -> Any:
        return _with_gradient(lib, lambda x: lib.nn.functional.interpolate(x, **settings), leaf(lib, *SHAPES[dims]))

    same(program, 1e-4, 1e-5)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 4), (15, 4), (9, 11)])
def test_antialias(mode: str, size: tuple[int, int]) -> None:
    def program(lib: Any) -> Any:
        resize = lib.nn.functional.interpolate
        return _with_gradient(lib, lambda x: resize(x, size, mode=mode, antialias=True), leaf(lib, 2, 3, 11, 9))

    same(program, 1e-4, 1e-5)


def test_many_elements_along_a_dimension() -> None:
    """Longer than what goes through a dense matrix."""

    def program(lib: Any) -> Any:
        resize = lib.nn.functional.interpolate
        x = leaf(lib, 1, 2, 400, 3).double().detach().requires_grad_()  # PyTorch's float32 positions are not exact
        return _with_gradient(lib, lambda x: resize(x, (300, 5), mode="bilinear"), x)

    same(program)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(2, 1), (1, 2, 3, 0), (1, 1, 0, 2, 2, 1), (-1, 2)])
def test_pad(mode: str, pad: tuple[int, ...]) -> None:
    def program(lib: Any) -> Any:
        dims = len(pad) // 2
        found = _with_gradient(lib, lambda x: lib.nn.functional.pad(x, pad, mode), leaf(lib, *SHAPES[dims]))
        return found, lib.nn.functional.pad(lib.arange(20).reshape(4, 5), pad[:2], mode)

    same(program)


def test_padding_layers() -> None:
    def program(lib: Any) -> Any:
        nn = lib.nn
        layers = [nn.ReflectionPad2d(1), nn.ReplicationPad2d((1, 2, 0, 1)), nn.CircularPad2d(2), nn.ZeroPad2d(1),
                  nn.ConstantPad2d((1, 0, 2, 0), 3.5)]  # fmt: skip
        return [(repr(layer), layer(leaf(lib, 2, 3, 4, 5))) for layer in layers]

    same(program)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [False, True])
def test_grid_sample(mode: str, padding_mode: str, align: bool) -> None:
    def program(lib: Any) -> Any:
        sample = lib.nn.functional.grid_sample
        x = leaf(lib, 2, 3, 5, 4).double().detach().requires_grad_()
        grid = leaf(lib, 2, 6, 7, 2, seed=1).double().detach().requires_grad_()
        return _with_gradient(lib, lambda a, g: sample(a, g, mode, padding_mode, align), x, grid)

    same(program)


@pytest.mark.parametrize("align", [False, True])
def test_affine_grids_of_planes_and_volumes(align: bool) -> None:
    def program(lib: Any) -> Any:
        functional = lib.nn.functional
        plane = functional.affine_grid(leaf(lib, 2, 2, 3), (2, 3, 4, 5), align)
        volume = functional.affine_grid(leaf(lib, 2, 3, 4), (2, 3, 4, 5, 1), align)
        return plane, volume, functional.grid_sample(leaf(lib, 2, 3, 3, 4, 5), volume.detach(), align_corners=align)

    same(program, 1e-4, 1e-5)


def test_upsampling_layers() -> None:
    def program(lib: Any) -> Any:
        nn = lib.nn
        layers = [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Upsample(size=(2, 3)),
                  nn.UpsamplingNearest2d(scale_factor=2), nn.UpsamplingBilinear2d(size=(9, 9))]  # fmt: skip
        return [(repr(layer), layer(leaf(lib, 2, 3, 4, 5))) for layer in layers]

    same(program, 1e-4, 1e-5)


def test_errors() -> None:
    x = lambda lib: lib.ones(1, 1, 4, 4)  # noqa: E731
    resize = lambda lib: lib.nn.functional.interpolate  # noqa: E731
    same_error(lambda lib: resize(lib)(x(lib)), "either size or scale_factor should be defined", ValueError)
    same_error(lambda lib: resize(lib)(x(lib), 2, align_corners=True), "align_corners option can only be", ValueError)
    same_error(lambda lib: resize(lib)(x(lib), 2, mode="linear"), "Got 4D input, but linear mode", NotImplementedError)
    same_error(lambda lib: lib.nn.functional.pad(x(lib), (4, 0), "reflect"), "", Exception)
    same_error(lambda lib: lib.nn.functional.pad(x(lib), (5, 0, 0, 0), "reflect"), "Padding size should be less")
    same_error(lambda lib: lib.nn.functional.grid_sample(x(lib), lib.ones(2, 3, 3, 2)), "same batch size")
