"""Two ranks save their shards, load them cut in another way, and fail together. Argument: a directory."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import mindtorch as torch
import mindtorch.distributed as dist
import mindtorch.distributed.checkpoint as dcp
import pytest
from mindtorch.distributed._shard.sharded_tensor import Shard, init_from_local_shards


def rows(value: Any, start: int, stop: int, rank: int) -> Any:
    shard = Shard.from_tensor_and_offsets(value[start:stop].clone(), [start, 0], rank)
    return init_from_local_shards([shard], *value.shape)


def main() -> None:
    warnings.simplefilter("ignore")
    directory = Path(sys.argv[1])
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    whole = torch.arange(15.0).reshape(5, 3)
    mine = (0, 3) if rank == 0 else (3, 5)
    content = {"x": rows(whole, *mine, rank), "same": torch.arange(4), f"own{rank}": [rank]}
    content["model"] = torch.nn.Linear(1, 1)
    dcp.save(content, checkpoint_id=directory / "a")
    assert (directory / "a" / "__1_0.distcp").exists()

    other = (0, 1) if rank == 0 else (1, 5)
    target = {"x": rows(torch.zeros(5, 3), *other, rank), "same": torch.zeros(4, dtype=torch.int64), f"own{rank}": None}
    dcp.load(target, checkpoint_id=directory / "a")
    assert target["x"].local_shards()[0].tensor.tolist() == whole[slice(*other)].tolist()
    assert (target["same"].tolist(), target[f"own{rank}"]) == ([0, 1, 2, 3], [rank])

    # Each rank by itself.
    dcp.save({"r": torch.full((2,), float(rank))}, checkpoint_id=directory / "b", use_collectives=False)
    alone = {"r": torch.zeros(2)}
    dcp.load(alone, checkpoint_id=directory / "b", use_collectives=False)
    assert alone["r"].tolist() == [rank, rank]

    # What fails on one rank is raised on all, and nobody waits for ever.
    with pytest.raises(dcp.CheckpointException, match="Size mismatch") as caught:
        dcp.load({"same": torch.zeros(4 + rank)}, checkpoint_id=directory / "a")
    assert list(caught.value.failures) == [1]

    gathered = torch.zeros(5, 3) if rank == 0 else None
    content["x"].gather(0, gathered)
    assert gathered is None or gathered.tolist() == whole.tolist()
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
