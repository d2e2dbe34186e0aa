"""Channels against pixels: pixel_shuffle, pixel_unshuffle, channel_shuffle."""

from __future__ import annotations

from .._tensor import Tensor
from ._registry import op

F = "nn.functional"


def _lead(name: str, input: Tensor, factor: int, factor_name: str) -> tuple[int, ...]:
    if input.dim() < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {input.dim()} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {factor_name}, but got {factor}")
    return tuple(input.shape[:-3])


@op(method=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r^2, H, W) to (*, C, H r, W r)."""
    r = upscale_factor
    lead = _lead("pixel_shuffle", input, r, "upscale_factor")
    c, h, w = input.shape[-3:]
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    split = input.reshape((*lead, c // (r * r), r, r, h, w))
    return split.permute((*range(n), n, n + 3, n + 1, n + 4, n + 2)).reshape((*lead, c // (r * r), h * r, w * r))


@op(method=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r^2, H, W)."""
    r = downscale_factor
    lead = _lead("pixel_unshuffle", input, r, "downscale_factor")
    c, h, w = input.shape[-3:]
    for name, n in (("height", h), ("width", w)):
        if n % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size("
                f"{-2 if name == 'height' else -1})={n} is not divisible by {r}"
            )
    n = len(lead)
    split = input.reshape((*lead, c, h // r, r, w // r, r))
    return split.permute((*range(n), n, n + 2, n + 4, n + 1, n + 3)).reshape((*lead, c * r * r, h // r, w // r))


@op(method=False, aliases=("native_channel_shuffle",))
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *): channels of the groups take turns."""
    if input.dim() < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c = input.shape[:2]
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    rest = tuple(input.shape[2:])
    return input.reshape((n, groups, c // groups, *rest)).transpose(1, 2).reshape(input.shape)


for _name, _function in (
    ("pixel_shuffle", pixel_shuffle), ("pixel_unshuffle", pixel_unshuffle), ("channel_shuffle", channel_shuffle),
    ("native_channel_shuffle", channel_shuffle),
):  # fmt: skip
    op(_name, module=F, method=False)(_function)
