"""Sequences of different lengths, padded and packed (``torch.nn.utils.rnn``).

A packed sequence holds the steps one after another, each with the rows of the samples that are still going, longest
sample first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import mindtorch as torch
from mindtorch._tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence_(NamedTuple):
    """The fields of a packed sequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences packed by ``pack_padded_sequence``: `data` (all steps' rows, features), `batch_sizes` of the steps.

    `sorted_indices` tells which of the given samples stands where; None: they were given longest first.
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequence in "
                "nn.utils.rnn. https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Self, or a copy whose data has another dtype or device (`batch_sizes` stays on the CPU)."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        kwargs = {k: v for k, v in kwargs.items() if k not in ("device", "dtype")}
        order = [None if t is None else t.to(data.device, **kwargs)
                 for t in (self.sorted_indices, self.unsorted_indices)]  # fmt: skip
        return type(self)(data, self.batch_sizes, *order)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the device."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the CPU."""
        return self.to("cpu", *args, **kwargs)

    def double(self) -> PackedSequence:
        """As float64."""
        return self.to(dtype=torch.double)

    def float(self) -> PackedSequence:
        """As float32."""
        return self.to(dtype=torch.float)

    def half(self) -> PackedSequence:
        """As float16."""
        return self.to(dtype=torch.half)

    def long(self) -> PackedSequence:
        """As int64."""
        return self.to(dtype=torch.long)

    def int(self) -> PackedSequence:
        """As int32."""
        return self.to(dtype=torch.int)

    def short(self) -> PackedSequence:
        """As int16."""
        return self.to(dtype=torch.short)

    def char(self) -> PackedSequence:
        """As int8."""
        return self.to(dtype=torch.int8)

    def byte(self) -> PackedSequence:
        """As uint8."""
        return self.to(dtype=torch.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on the device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in page-locked memory."""
        return self.data.is_pinned()

    def pin_memory(self) -> PackedSequence:
        """Self: there is no page-locked memory here."""
        return self


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes the given one."""
    if permutation is None:
        return None
    out = torch.empty_like(permutation)
    out[permutation] = torch.arange(permutation.numel(), device=permutation.device)
    return out


def _rows(batch_sizes: np.ndarray, batch: int) -> np.ndarray:
    """The rows of (steps * batch) that the packed rows come from."""
    return np.concatenate([step * batch + np.arange(size) for step, size in enumerate(batch_sizes)])


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (steps, batch, *) (or (batch, steps, *)) of samples that have `lengths` steps.

    Raises RuntimeError for lengths that are not positive, not decreasing (with `enforce_sorted`), or not one a sample.
    """
    lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = torch.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    n = lengths.numpy()
    if n.ndim != 1 or n.size != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {n.size} (batch_size={input.shape[1]})"
        )
    if not n.size or n.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (np.diff(n) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if n[0] > input.shape[0]:
        raise RuntimeError(f"Expected lengths up to {input.shape[0]}, the steps of the input, but got {n[0]}")
    batch_sizes = (n[None, :] > np.arange(n[0])[:, None]).sum(1)
    rows = torch.tensor(_rows(batch_sizes, n.size), device=input.device)
    data = input.reshape((-1, *input.shape[2:])).index_select(0, rows)
    return PackedSequence(data, torch.tensor(batch_sizes), sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded tensor and the lengths (int64, on the CPU), in the order in which the samples were packed.

    Raises ValueError where `total_length` is less than the longest sample.
    """
    sizes = sequence.batch_sizes.numpy()
    steps, batch = sizes.size, int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data = sequence.data
    rows = torch.tensor(_rows(sizes, batch), device=data.device)
    padded = data.new_full((steps * batch, *data.shape[1:]), padding_value).index_put((rows,), data)
    padded = padded.reshape((steps, batch, *data.shape[1:]))
    lengths = torch.tensor((sizes[None, :] > np.arange(batch)[:, None]).sum(1))
    if batch_first:
        padded = padded.transpose(0, 1)
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack tensors (length, *) of different lengths, the shorter ones padded: (longest, batch, *)."""
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f'Expected padding_side to be one of left or right, but got "{padding_side}".')
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.shape[0] for s in sequences)
    padded = []
    for s in sequences:
        fill = s.new_full((longest - s.shape[0], *s.shape[1:]), padding_value)
        padded.append(torch.cat([s, fill] if padding_side == "right" else [fill, s]))
    return torch.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The samples without their padding."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sample[: int(n)] for sample, n in zip(padded_sequences, lengths, strict=True)]


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack tensors (length, *) of different lengths."""
    sequences = list(sequences)
    lengths = torch.as_tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The samples of a packed sequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
