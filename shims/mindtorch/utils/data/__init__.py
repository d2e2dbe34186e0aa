"""``torch.utils.data``: data sets, samplers and the loader of batches."""

from __future__ import annotations

from mindtorch._support import missing_attribute as _missing_attribute
from mindtorch.utils.data import _utils, dataloader, dataset, distributed, sampler
from mindtorch.utils.data.dataloader import DataLoader, default_collate, default_convert, get_worker_info
from mindtorch.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from mindtorch.utils.data.distributed import DistributedSampler
from mindtorch.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset",
    "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "_utils", "dataloader", "dataset", "default_collate", "default_convert", "distributed",
    "get_worker_info", "random_split", "sampler",
]  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_attribute(__name__, name)
