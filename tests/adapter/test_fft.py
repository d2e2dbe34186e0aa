"""Fourier transforms and windows beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mindtorch
import numpy as np
import pytest
import torch

_RNG = np.random.default_rng(0)
REAL = _RNG.standard_normal((2, 5, 6))
COMPLEX = REAL + 1j * _RNG.standard_normal((2, 5, 6))

NORMS = (None, "backward", "ortho", "forward")
OF_COMPLEX = ("fft", "ifft", "irfft", "hfft")
OF_REAL = ("rfft", "ihfft")


def _same(program: Callable[[Any, Any], Any], data: np.ndarray) -> None:
    """Values, the gradient, and the gradient of the gradient."""
    results = []
    for t in (torch, mindtorch):
        x = t.tensor(data, requires_grad=True)
        y = program(t, x)
        (first,) = t.autograd.grad((y.abs() ** 3).sum(), x, create_graph=True)
        results.append([y, first, *t.autograd.grad((first.abs() ** 2).sum(), x)])
    for expected, found in zip(*results, strict=True):
        assert str(found.dtype) == str(expected.dtype)
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().resolve_conj().numpy(), 1e-8, 1e-10)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", OF_COMPLEX + OF_REAL)
def test_one_dimension(name: str, norm: str | None) -> None:
    data = REAL if name in OF_REAL else COMPLEX
    for n, dim in ((None, -1), (4, 1), (9, 0)):
        _same(lambda t, x, n=n, dim=dim: getattr(t.fft, name)(x, n, dim, norm), data)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", OF_COMPLEX + OF_REAL)
def test_several_dimensions(name: str, norm: str | None) -> None:
    data = REAL if name in OF_REAL else COMPLEX
    _same(lambda t, x: getattr(t.fft, name + "2")(x, norm=norm), data)
    _same(lambda t, x: getattr(t.fft, name + "n")(x, (4, 7), (2, 0), norm=norm), data)
    _same(lambda t, x: getattr(t.fft, name + "n")(x, norm=norm), data)


@pytest.mark.parametrize("settings", [{}, {"normalized": True}, {"hop_length": 3, "center": False}])
def test_short_time_transforms(settings: dict[str, Any]) -> None:
    signal = np.random.default_rng(2).standard_normal((2, 40))

    def there(t: Any, x: Any) -> Any:
        return t.stft(x, 8, window=t.hann_window(8, dtype=t.float64), return_complex=True, **settings)

    def back(t: Any, x: Any) -> Any:
        window = t.hamming_window(8, dtype=t.float64)
        spectra = t.stft(x, 8, window=window, return_complex=True, **settings)
        return t.istft(spectra * spectra.abs(), 8, window=window, **settings)

    _same(there, signal)
    _same(back, signal)


def test_a_signal_comes_back() -> None:
    x = mindtorch.tensor(np.random.default_rng(3).standard_normal(64))
    window = mindtorch.hann_window(16, dtype=mindtorch.float64)
    spectra = mindtorch.stft(x, 16, window=window, return_complex=True)
    back = mindtorch.istft(spectra, 16, window=window, length=64)
    np.testing.assert_allclose(back.numpy(), x.numpy(), 1e-10, 1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(n: int) -> None:
    for name in ("fftfreq", "rfftfreq"):
        found, expected = (getattr(t.fft, name)(n, 0.3) for t in (mindtorch, torch))
        np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-6)
    for name in ("fftshift", "ifftshift"):
        found, expected = (getattr(t.fft, name)(t.arange(2 * n).view(2, n)) for t in (mindtorch, torch))
        assert found.tolist() == expected.tolist()


WINDOWS: dict[str, dict[str, Any]] = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 2.0}, "gaussian": {"std": 0.9},
    "general_cosine": {"a": [0.4, 0.3, 0.3]}, "general_hamming": {"alpha": 0.6}, "hamming": {}, "hann": {},
    "kaiser": {"beta": 5.0}, "nuttall": {},
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    for m in (0, 1, 2, 5, 8):
        for symmetric in (True, False):
            found, expected = (
                getattr(t.signal.windows, name)(m, sym=symmetric, dtype=t.float64, **WINDOWS[name])
                for t in (mindtorch, torch)
            )
            np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-9, 1e-12)


@pytest.mark.parametrize("name", ["hann", "hamming", "bartlett", "blackman", "kaiser"])
def test_older_windows(name: str) -> None:
    for m in (0, 1, 2, 5, 8):
        for periodic in (True, False):
            found, expected = (
                getattr(t, name + "_window")(m, periodic, dtype=t.float64) for t in (mindtorch, torch)
            )
            np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-6, 1e-9)


@pytest.mark.filterwarnings("ignore:A window was not provided")
@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.fft.rfft(t.zeros(4, dtype=t.complex64)),
        lambda t: t.fft.fft(t.zeros(4), 0),
        lambda t: t.fft.fft(t.zeros(4), norm="other"),
        lambda t: t.fft.fft(t.zeros(4, dtype=t.bfloat16)),
        lambda t: t.fft.fftn(t.zeros(4, 4), (2,), (0, 1)),
        lambda t: t.fft.fftn(t.zeros(4, 4), dim=(0, 0)),
        lambda t: t.stft(t.zeros(20), 4),
        lambda t: t.stft(t.zeros(20), 50, center=False, return_complex=True),
        lambda t: t.istft(t.zeros(3, 4), 4),
        lambda t: t.hann_window(-1),
        lambda t: t.signal.windows.hann(4, dtype=t.float16),
    ],
)
def test_what_is_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises((RuntimeError, ValueError, IndexError)) as expected:
        call(torch)
    with pytest.raises(type(expected.value)):
        call(mindtorch)
