"""Convolutions, unfold and fold, and their layers, beside PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from side_by_side import leaf, same, same_error

SETTINGS = [
    {}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": 3}, {"groups": 2}, {"groups": 4, "stride": 2},
    {"padding": "same", "dilation": 2}, {"padding": "valid"},
]  # fmt: skip


def _gradients(lib: Any, out: Any, *inputs: Any) -> Any:
    """Gradients of a weighted sum, and of the sum of their squares: the second derivative."""
    first = lib.autograd.grad((out * out).sum(), inputs, create_graph=True)
    second = lib.autograd.grad(sum((g * g).sum() for g in first), inputs)
    return [out, *first, *second]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_convolution_and_its_derivatives(dims: int, settings: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 4, *(7, 6, 5)[:dims], seed=1).double().detach().requires_grad_()
        w = leaf(lib, 8, 4 // settings.get("groups", 1), *(3, 2, 2)[:dims], seed=2).double().detach().requires_grad_()
        b = leaf(lib, 8, seed=3).double().detach().requires_grad_()
        out = getattr(lib.nn.functional, f"conv{dims}d")(x, w, b, **settings)
        return _gradients(lib, out, x, w, b)

    same(program)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 3, "padding": 1, "output_padding": 2}, {"groups": 2, "dilation": 2}, {"stride": 2, "dilation": 3,
     "output_padding": 2}],
)  # fmt: skip
def test_transposed_convolution_and_its_derivatives(dims: int, settings: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 4, *(5, 4, 3)[:dims], seed=1).double().detach().requires_grad_()
        w = leaf(lib, 4, 3, *(3, 2, 2)[:dims], seed=2).double().detach().requires_grad_()
        b = leaf(lib, 3 * settings.get("groups", 1), seed=3).double().detach().requires_grad_()
        out = getattr(lib.nn.functional, f"conv_transpose{dims}d")(x, w, b, **settings)
        return _gradients(lib, out, x, w, b)

    same(program)


def test_large_batches_are_worked_off_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from mindtorch.kernels.reference import windows

    monkeypatch.setattr(windows, "CHUNK", 300)

    def program(lib: Any) -> Any:
        x, w = leaf(lib, 5, 2, 6, 6, seed=1), leaf(lib, 3, 2, 3, 3, seed=2)
        out = lib.conv2d(x, w, padding=1)
        return [out, *lib.autograd.grad((out * out).sum(), (x, w))]

    same(program, 1e-4, 1e-4)


def test_memory_format_follows_the_input() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3, 6, 6).detach().to(memory_format=lib.channels_last)
        out = lib.conv2d(x, leaf(lib, 4, 3, 3, 3, seed=1).detach())
        pooled = lib.nn.functional.max_pool2d(x, 2)
        return out, tuple(out.stride()), pooled, tuple(pooled.stride())

    same(program, 1e-4, 1e-5)


def test_complex_and_low_precision() -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(lib, 1, 2, 5).detach(), leaf(lib, 3, 2, 2, seed=1).detach()
        z = lib.complex(x, x * 2)
        return lib.conv1d(x.bfloat16(), w.bfloat16()).float(), lib.view_as_real(lib.conv1d(z, lib.complex(w, -w)))

    same(program, 1e-2, 1e-2)


def test_unfold_and_fold_are_adjoint() -> None:
    def program(lib: Any) -> Any:
        x = leaf(lib, 2, 3, 6, 5)
        columns = lib.nn.functional.unfold(x, (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
        back = lib.nn.functional.fold(columns, (6, 5), (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
        return [columns, back, *lib.autograd.grad((back * back).sum(), x)]

    same(program)


def test_layers_start_with_the_same_weights_and_say_the_same() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(3)
        layers = [
            lib.nn.Conv1d(4, 6, 3, padding="same", dilation=2),
            lib.nn.Conv2d(4, 6, 3, 2, 1, 2, 2, False, "reflect"),
            lib.nn.Conv3d(2, 2, (1, 2, 3), padding=(0, 1, 1), padding_mode="circular"),
            lib.nn.ConvTranspose2d(4, 6, 3, output_padding=1, stride=2),
        ]
        inputs = [(2, 4, 9), (2, 4, 9, 8), (2, 2, 4, 5, 6), (2, 4, 5, 5)]
        outs = [layer(leaf(lib, *shape)) for layer, shape in zip(layers, inputs, strict=True)]
        sized = layers[3](leaf(lib, 2, 4, 5, 5), output_size=(11, 12))
        return [repr(layer) for layer in layers], [dict(layer.state_dict()) for layer in layers], outs, sized

    same(program, 1e-4, 1e-5)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_lazy_layers_take_their_channels_from_the_input() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(3)
        layers = [lib.nn.LazyConv2d(4, 3, groups=2), lib.nn.LazyConvTranspose1d(3, 2, bias=False)]
        outs = [layers[0](leaf(lib, 1, 6, 5, 5)), layers[1](leaf(lib, 1, 5, 4))]
        return outs, [type(layer).__name__ for layer in layers], [dict(layer.state_dict()) for layer in layers]

    same(program, 1e-4, 1e-5)


def test_errors() -> None:
    x, w = (lambda lib: lib.ones(1, 2, 4, 4)), (lambda lib: lib.ones(3, 2, 3, 3))
    same_error(lambda lib: lib.conv2d(lib.ones(1, 3, 4, 4), w(lib)), "expected input[1, 3, 4, 4] to have 2 channels")
    same_error(lambda lib: lib.conv2d(x(lib), lib.ones(3, 2, 5, 5)), "Kernel size can't be greater than actual input")
    same_error(lambda lib: lib.conv2d(x(lib), w(lib), stride=2, padding="same"), "not supported for strided")
    same_error(lambda lib: lib.conv2d(x(lib), w(lib), lib.ones(2)), "expected bias to be 1-dimensional with 3 elements")
    same_error(lambda lib: lib.conv2d(x(lib), w(lib), stride=0), "non-positive stride is not supported")
    same_error(lambda lib: lib.conv2d(lib.ones(4, 4), w(lib)), "input to conv2d, but got input of size: [4, 4]")
    same_error(lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2), "in_channels must be divisible by groups", ValueError)
