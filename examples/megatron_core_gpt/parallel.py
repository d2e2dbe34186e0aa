"""The processes: how they meet, and which micro-batches each of them sees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from configs import MICRO_BATCH_SIZE, PADDED_VOCABULARY, SEED, Config, Layout
from megatron.core import parallel_state, tensor_parallel
from megatron.core.num_microbatches_calculator import init_num_microbatches_calculator
from megatron.core.rerun_state_machine import initialize_rerun_state_machine

Batch = dict[str, torch.Tensor]


def start(layout: Layout, global_batch_size: int) -> None:
    """Meet the other processes, take a device and lay out the groups; alone where no launcher started this."""
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if {"WORLD_SIZE", "PMI_SIZE"} & os.environ.keys():  # torchrun, mindtorchrun; mpiexec
        torch.distributed.init_process_group(backend)
    else:
        torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
    torch.cuda.set_device(torch.distributed.get_rank() % torch.cuda.device_count())
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=layout.tensor,
        pipeline_model_parallel_size=layout.pipeline,
        virtual_pipeline_model_parallel_size=layout.virtual_pipeline,
        expert_model_parallel_size=layout.expert,
        create_gloo_process_groups=False,  # for checkpoints, which are not written here
    )
    ranks = parallel_state.get_data_parallel_world_size()
    if layout.data not in (None, ranks):
        needed = layout.tensor * layout.pipeline * layout.data
        raise SystemExit(f"{layout} needs {needed} processes, not {torch.distributed.get_world_size()}")
    torch.manual_seed(SEED)
    tensor_parallel.model_parallel_cuda_manual_seed(SEED)
    initialize_rerun_state_machine()
    init_num_microbatches_calculator(torch.distributed.get_rank(), None, global_batch_size, MICRO_BATCH_SIZE, ranks)


def is_last_rank() -> bool:
    """Whether this rank reports: it is in the last stage of the pipeline, which has the losses."""
    return torch.distributed.get_rank() == torch.distributed.get_world_size() - 1


def read_batches(config: Config, directory: Path) -> Iterator[Batch]:
    """The micro-batches in order; of n data-parallel ranks each takes every n-th."""
    batches = drawn(config) if config.batches is None else stored(directory / f"{config.batches}.npz")
    mine, ranks = parallel_state.get_data_parallel_rank(), parallel_state.get_data_parallel_world_size()
    for batch in islice(batches, mine, None, ranks):
        yield {name: torch.from_numpy(array).cuda() for name, array in batch.items()}


def stored(path: Path) -> Iterator[dict[str, np.ndarray]]:
    """Those of a file."""
    arrays = np.load(path)
    for i in range(arrays["tokens"].shape[0]):
        yield {name: arrays[name][i] for name in arrays.files}


def drawn(config: Config) -> Iterator[dict[str, np.ndarray]]:
    """Random tokens, without an end."""
    numbers = np.random.default_rng(SEED)
    shape = (MICRO_BATCH_SIZE, config.sequence_length)
    while True:
        tokens = numbers.integers(0, PADDED_VOCABULARY, (shape[0], shape[1] + 1))
        yield {
            "tokens": tokens[:, :-1].copy(),
            "labels": tokens[:, 1:].copy(),
            "loss_mask": np.ones(shape, np.float32),
            "position_ids": np.tile(np.arange(shape[1]), (shape[0], 1)),
        }
