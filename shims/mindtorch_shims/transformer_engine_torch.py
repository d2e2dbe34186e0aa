"""TransformerEngine's extension module: the few functions that programs call themselves."""

from __future__ import annotations

from itertools import pairwise

import mindtorch as torch
from mindtorch import Tensor

from ._kernels.multi_tensor import (
    multi_tensor_adam,
    multi_tensor_l2norm,
    multi_tensor_scale,
    multi_tensor_sgd,
    multi_tensor_unscale_l2norm,
)
from ._kernels.rotary import positions_of_rank
from ._missing import module_getattr

__all__ = [
    "multi_tensor_adam", "multi_tensor_l2norm", "multi_tensor_scale", "multi_tensor_sgd",
    "multi_tensor_unscale_l2norm", "thd_get_partitioned_indices",
]  # fmt: skip
__getattr__ = module_getattr(__name__)


def thd_get_partitioned_indices(cu_seqlens: Tensor, total_tokens: int, world_size: int, rank: int) -> Tensor:
    """Which tokens of packed sequences a rank of context parallelism has: int32, [total_tokens / world_size].

    ``cu_seqlens`` [n + 1] are the sequences' ends, padding counted; lengths must divide by twice the number of ranks.
    """
    ends = cu_seqlens.tolist()
    if ends[-1] > total_tokens:
        raise ValueError(f"the sequences end at {ends[-1]}, behind the {total_tokens} tokens")
    indices = [
        start + p
        for start, end in pairwise(ends)
        for p in positions_of_rank(end - start, world_size, rank)
    ]
    return torch.tensor(indices, dtype=torch.int32, device=cu_seqlens.device)
