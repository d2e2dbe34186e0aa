"""A softmax over many classes whose rare ones share clusters (``torch.nn.modules.adaptive``; Grave et al., 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import mindtorch as torch
from mindtorch._tensor import Tensor
from mindtorch.nn.modules.container import ModuleList, Sequential
from mindtorch.nn.modules.linear import Linear
from mindtorch.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """Log probabilities of the targets, and the mean negative one."""

    output: Tensor
    loss: Tensor


_ASMoutput.__name__ = "ASMoutput"


class AdaptiveLogSoftmaxWithLoss(Module):
    """Classes below the first of `cutoffs` have logits of their own; each further cluster has one in the head, and a
    tail of a projection ``div_value`` times narrower than the one before."""

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        factory = {"device": device, "dtype": dtype}
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(a < b for a, b in itertools.pairwise(cutoffs))
        if not rising or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            narrow = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, narrow, bias=False, **factory), Linear(narrow, size, bias=False, **factory)
                )
            )

    def reset_parameters(self) -> None:
        """As ``Linear``, for head and tails."""
        self.head.reset_parameters()
        for projection, out in self.tail:
            projection.reset_parameters()
            out.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """``input_`` (N, in_features) or (in_features), ``target_`` (N) or () of class indices."""
        batched = input_.dim() > 1
        if target_.dim() == 1 and batched:
            if input_.shape[0] != target_.shape[0]:
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
        elif target_.dim() == 0:
            if batched:
                raise RuntimeError("0D target tensor expects 1D input")
        elif target_.dim() == 1:
            raise RuntimeError(
                f"1D target tensor expects 2D input tensors, but found inputs with size {input_.shape}"
            )
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        if target.numel() and (int(target.min()) < 0 or int(target.max()) >= self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{int(target.min())}, {int(target.max())}] were found. "
            )
        # The head's class of each target, and what its cluster adds.
        place = target.clone()
        within = input.new_zeros((target.shape[0],))
        for i, tail in enumerate(self.tail):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel():
                place[rows] = self.shortlist_size + i
                log_p = torch.nn.functional.log_softmax(tail(input.index_select(0, rows)), 1)
                inside = log_p.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
                within = within.index_add(0, rows, inside)
        head = torch.nn.functional.log_softmax(self.head(input), 1)
        output = head.gather(1, place.unsqueeze(1)).squeeze(1) + within
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = torch.nn.functional.log_softmax(head_output, 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(torch.nn.functional.log_softmax(tail(input), 1) + cluster)
        return torch.cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """(N, in_features) to the log probabilities of all classes (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable classes (N)."""
        return self.log_prob(input).argmax(1)
