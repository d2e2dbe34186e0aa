"""Short-time Fourier transforms."""

from __future__ import annotations

import warnings

import numpy as np

from .._array import Array
from .._dtype import FLOATING
from .._tensor import Tensor, wrap
from ..kernels import call
from ._prim import Prim
from ._registry import FUNCTIONS, op
from .complex import view_as_real
from .creation import ones, zeros
from .shape import cat

_FFT = FUNCTIONS["fft"]
_NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}

_overlap_add = Prim(
    "overlap_add", lambda a, step: call("overlap_add", a, step),
    lambda c, g: (g.unfold(-1, c.shapes[0][-1], c.params[0]),),
)  # fmt: skip


def _padded(x: Tensor, n: int, mode: str) -> Tensor:
    """`n` more values at both ends of the last dimension."""
    if mode == "constant":
        edge = zeros((*x.shape[:-1], n), dtype=x.dtype, device=x.device)
        return cat([edge, x, edge], -1)
    if mode not in _NUMPY_MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    length = x.shape[-1]
    if mode == "reflect" and n >= length:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({n}, {n}) at dimension {x.dim() - 1} of input {list(x.shape)}"
        )
    where = np.pad(np.arange(length, dtype=np.int64), n, mode=_NUMPY_MODES[mode])  # type: ignore[call-overload]
    index = wrap(Array(where))
    return x.index_select(-1, index if x.is_meta else index.to(x.device))


def _window(window: Tensor | None, win_length: int, n_fft: int, like: Tensor, name: str) -> Tensor:
    """The window, centred in `n_fft` points."""
    if window is not None and (window.dim() != 1 or window.shape[0] != win_length):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    if window is None:
        window = ones((win_length,), dtype=like.dtype.to_real(), device=like.device)
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    parts = [zeros((n,), dtype=window.dtype, device=window.device) for n in (left, n_fft - win_length - left)]
    return cat([parts[0], window, parts[1]], 0)


def _check_lengths(name: str, hop: int, win_length: int, n_fft: int) -> None:
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length}")


@op()
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """Spectra of the frames of ``input`` ([B, L] or [L]): [B, frequencies, frames], complex or as pairs of reals."""
    if align_to_window is not None:
        raise NotImplementedError("torch.stft(align_to_window=...) is not supported by mindtorch yet")
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    complex_values = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not complex_values:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if input.dtype.category < FLOATING or input.dim() not in (1, 2):
        raise RuntimeError(f"stft({input.type()}{list(input.shape)}): expected a 1D or 2D tensor of floating types")
    x = input if input.dim() == 2 else input.unsqueeze(0)
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    if not 0 < n_fft <= x.shape[1]:
        raise RuntimeError(f"stft: expected 0 < n_fft < {x.shape[1]}, but got n_fft={n_fft}")
    _check_lengths("stft", hop, win_length, n_fft)
    if complex_values and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    frames = x.unfold(-1, n_fft, hop)
    if window is not None or win_length < n_fft:
        frames = frames * _window(window, win_length, n_fft, x, "stft")
    transform = _FFT["fft"] if complex_values or onesided is False else _FFT["rfft"]
    out = transform(frames, norm="ortho" if normalized else None).transpose(1, 2)
    out = out if input.dim() == 2 else out.squeeze(0)
    return out if return_complex else view_as_real(out)


@op()
def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal ([B, L] or [L]) whose :func:`stft` comes nearest to ``input`` ([B, frequencies, frames])."""
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if not input.is_complex():
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with "
                           "return_complex=True.")  # fmt: skip
    if input.dim() not in (2, 3) or input.numel() == 0:
        raise RuntimeError(f"istft: expected a tensor with 2 or 3 dimensions and elements, but got {input.dim()}")
    onesided = input.shape[-2] != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if input.shape[-2] != expected:
        raise RuntimeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match {expected}, but "
            f"got {input.shape[-2]}"
        )
    if hop <= 0 or hop > win_length:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got hop_length={hop}")
    _check_lengths("istft", hop, win_length, n_fft)
    x = (input if input.dim() == 3 else input.unsqueeze(0)).transpose(1, 2)
    norm = "ortho" if normalized else None
    shape = _window(window, win_length, n_fft, x, "istft")
    if return_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        frames = _FFT["ifft"](x, norm=norm)
    else:
        if shape.is_complex():
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        frames = _FFT["irfft"](x if onesided else x.narrow(2, 0, n_fft // 2 + 1), n_fft, norm=norm)
    signal = _overlap_add((frames * shape,), hop)
    weight = _overlap_add(((shape * shape).expand((1, x.shape[1], n_fft)),), hop)
    total = signal.shape[1]
    start = n_fft // 2 if center else 0
    end = total if length is None else start + length
    if length is None and center:
        end = total - n_fft // 2
    stop = min(end, total)
    signal, weight = signal[:, start:stop], weight[:, start:stop]
    lowest = weight.detach().abs().min()
    if lowest.item() < 1e-11:
        raise RuntimeError("window overlap add min: 1")
    out = signal / weight
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center, hop_length and win_length settings.", stacklevel=2,
        )  # fmt: skip
        out = cat([out, zeros((out.shape[0], end - total), dtype=out.dtype, device=out.device)], 1)
    return out if input.dim() == 3 else out.squeeze(0)
