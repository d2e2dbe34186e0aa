"""Memory formats: the strides of tensors in channels_last, channels_last_3d and preserved layouts are PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from side_by_side import same, same_error

SHAPES = [(2, 3, 4, 5), (2, 1, 4, 5), (2, 3, 1, 1), (1, 1, 1, 1), (0, 3, 4, 5), (2, 0, 4, 5), (2, 3, 0, 5)]
SHAPES_3D = [(2, 3, 4, 5, 6), (2, 1, 4, 5, 6), (2, 3, 1, 1, 1), (2, 3, 4, 0, 6)]


def _layout(t: Any, lib: Any) -> list[Any]:
    formats = (lib.contiguous_format, lib.channels_last, lib.channels_last_3d)
    return [tuple(t.shape), tuple(t.stride()), [t.is_contiguous(memory_format=f) for f in formats]]


@pytest.mark.parametrize("shape", SHAPES + SHAPES_3D)
def test_layouts_of_fresh_and_copied_tensors(shape: tuple[int, ...]) -> None:
    def program(lib: Any) -> Any:
        fmt = lib.channels_last if len(shape) == 4 else lib.channels_last_3d
        plain = lib.arange(lib.Size(shape).numel(), dtype=lib.float32).reshape(shape)
        last = plain.contiguous(memory_format=fmt)
        found = [plain, last, lib.empty(shape, memory_format=fmt)]
        for t in (plain, last, last[:, :, ::2], last.transpose(0, 3), plain[:, 1:]):
            found += [t.clone(), t.double(), lib.zeros_like(t), lib.full_like(t, 2), t.contiguous(), t.to(copy=True)]
            found += [t.clone(memory_format=fmt), t.long(memory_format=fmt), lib.ones_like(t, memory_format=fmt)]
            found += [t.to(memory_format=fmt), t.float(memory_format=lib.contiguous_format), t.cpu(memory_format=fmt)]
        return [_layout(t, lib) for t in found], [t for t in found if t.numel()][:2], last

    same(program)


def test_what_needs_no_copy_is_returned_as_it_is() -> None:
    def program(lib: Any) -> Any:
        plain = lib.ones(2, 3, 4, 5)
        last = plain.to(memory_format=lib.channels_last)
        ones = lib.ones(2, 3, 1, 1)
        return [
            plain.to(memory_format=lib.contiguous_format) is plain,
            last.to(memory_format=lib.channels_last) is last,
            last.contiguous(memory_format=lib.channels_last) is last,
            last.to(memory_format=lib.preserve_format) is last,
            last.float() is last,
            ones.contiguous(memory_format=lib.channels_last) is ones,
            ones.to(memory_format=lib.channels_last) is ones,
        ]

    same(program)


def test_expanded_and_overlapping_tensors_get_dense_copies() -> None:
    def program(lib: Any) -> Any:
        a = lib.arange(6.0).reshape(1, 6).expand(4, 6)
        b = lib.arange(6.0).reshape(6, 1).expand(6, 4).t()
        c = lib.arange(192.0).reshape(4, 6, 8)[:, ::2].transpose(0, 1)
        return [(tuple(t.stride()), t) for x in (a, b, c) for t in (x.clone(), x.double(), lib.zeros_like(x))]

    same(program)


def test_resize_and_gradient() -> None:
    def program(lib: Any) -> Any:
        x = lib.ones(2, 3, 4, 5, requires_grad=True)
        y = x.contiguous(memory_format=lib.channels_last) * 2
        y.sum().backward()
        a = lib.empty(2).resize_(2, 3, 4, 5, memory_format=lib.channels_last)
        b = lib.empty(2).resize_as_(a, memory_format=lib.preserve_format)
        return x.grad, tuple(x.grad.stride()), tuple(a.stride()), tuple(b.stride())

    same(program)


def test_formats_of_another_rank_are_refused() -> None:
    same_error(lambda lib: lib.ones(2, 3).clone(memory_format=lib.channels_last), "required rank 4 tensor")
    same_error(lambda lib: lib.ones(2, 3).to(memory_format=lib.channels_last_3d), "required rank 5 tensor")
    same_error(lambda lib: lib.empty(2, 3, memory_format=lib.channels_last), "required rank 4 tensor")
    same_error(lambda lib: lib.ones(2, 3).t().contiguous(memory_format=lib.preserve_format), "preserve memory format")
    same_error(lambda lib: lib.ones(2, 3).contiguous(memory_format=3), "memory_format", TypeError)
