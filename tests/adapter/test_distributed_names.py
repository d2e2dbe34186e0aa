"""Coalesced calls, the vocabulary of distributed checkpoints, and names that are only there to be imported."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import mindtorch
import pytest

torch = pytest.importorskip("torch")

from side_by_side import same  # noqa: E402


@pytest.fixture
def dist() -> Iterator[Any]:
    package = mindtorch.distributed
    package.init_process_group("nccl", store=package.HashStore(), rank=0, world_size=1)
    yield package
    package.destroy_process_group()


def test_coalesced_calls_finish_with_the_manager(dist: Any) -> None:
    a, b = mindtorch.zeros(2), mindtorch.zeros(2)
    with dist._coalescing_manager(async_ops=True) as manager:
        assert dist.all_gather_into_tensor(a, mindtorch.full((2,), 2.0)) is None
        dist.reduce_scatter_tensor(b, mindtorch.full((2,), 3.0))
    assert len(manager.works) >= 2
    manager.wait()
    assert (a.tolist(), b.tolist(), manager.works) == ([2.0, 2.0], [3.0, 3.0], [])
    assert dist.distributed_c10d._world.pg_coalesce_state == {}


def test_premultiplied_sum(dist: Any) -> None:
    x = mindtorch.ones(2)
    dist.all_reduce(x, op=dist._make_nccl_premul_sum(3.0))
    out = mindtorch.zeros(2)
    dist.reduce_scatter_tensor(out, x, op=dist._make_nccl_premul_sum(mindtorch.tensor(2.0)))
    assert (x.tolist(), out.tolist()) == ([3.0, 3.0], [6.0, 6.0])


# ------------------------------------------------------------------ names
def test_unsupported_names_are_loud_and_harmless() -> None:
    from mindtorch.distributed._tensor import DTensor

    assert not isinstance(mindtorch.ones(1), DTensor)
    assert not hasattr(DTensor, "from_local")
    with pytest.raises(NotImplementedError, match=r"torch\.distributed.*DTensor is not supported"):
        DTensor("x")
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\..*DTensor\.from_local is not supported"):
        _ = DTensor.from_local


def test_nested_state_dicts_and_overlaps() -> None:
    def program(lib: Any) -> Any:
        checkpoint = import_module(f"{lib.__name__}.distributed.checkpoint")
        nested = import_module(f"{lib.__name__}.distributed.checkpoint._nested_dict")
        resharding = import_module(f"{lib.__name__}.distributed.checkpoint.resharding")
        state = {"a": {"b": lib.ones(1), "c": [1, 2]}, "d": [lib.zeros(1), {"e": 3}], "f": (), "g": {}}
        flat, mapping = nested.flatten_state_dict(state)
        box = checkpoint.ChunkStorageMetadata
        overlap = resharding._shards_get_overlap_region_wrt_saved_tensor(
            box(lib.Size([0, 2]), lib.Size([4, 4])), box(lib.Size([2, 0]), lib.Size([4, 3]))
        )
        index = checkpoint.metadata.MetadataIndex("w", [1, 2], 5)
        return (
            flat, mapping, nested.unflatten_state_dict(flat, mapping), [tuple(o) for o in overlap],
            index == checkpoint.metadata.MetadataIndex("w", [1, 2]), index.fqn, index.offset,
        )  # fmt: skip

    same(program)
