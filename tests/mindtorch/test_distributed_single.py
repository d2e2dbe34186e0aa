"""``torch.distributed`` in one process, against gloo of PyTorch where that has the operation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import mindtorch
import mindtorch.distributed.checkpoint
import mindtorch.distributed.run
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributed")

from side_by_side import same, same_error  # noqa: E402

LIBS = (mindtorch, torch)


@pytest.fixture
def groups() -> Iterator[None]:
    """Both libraries initialised, without a port."""
    for lib in LIBS:
        lib.distributed.init_process_group("gloo", store=lib.distributed.HashStore(), rank=0, world_size=1)
    yield
    for lib in LIBS:
        if lib.distributed.is_initialized():
            lib.distributed.destroy_process_group()


@pytest.fixture
def ours() -> Iterator[Any]:
    """mindtorch's package, initialised as on a device."""
    dist = mindtorch.distributed
    dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
    yield dist
    if dist.is_initialized():
        dist.destroy_process_group()


# ---------------------------------------------------------------------------- groups


def test_before_initialisation() -> None:
    for lib in LIBS:
        assert lib.distributed.is_available()
        assert not lib.distributed.is_initialized()
        assert lib.distributed.group.WORLD is None
    same_error(lambda lib: lib.distributed.get_rank(), "Default process group has not been initialized", ValueError)
    same_error(lambda lib: lib.distributed.all_reduce(lib.ones(1)), "Default process group has not been", ValueError)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    dist = mindtorch.distributed
    variables = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("hccl", timeout=timedelta(seconds=5))
    try:
        assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "hccl")
        with pytest.raises(ValueError, match="trying to initialize the default process group twice!"):
            dist.init_process_group("hccl")
    finally:
        dist.destroy_process_group()
    for name in variables:
        with monkeypatch.context() as patch:
            patch.delenv(name)
            with pytest.raises(ValueError, match=f"environment variable {name} expected, but not set"):
                dist.init_process_group("hccl")


def test_more_ranks_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    dist = mindtorch.distributed
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\.init_process_group.*world size 2"):
        dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=2)
    assert not dist.is_initialized()


def test_subgroups(groups: None) -> None:
    def program(lib: Any) -> Any:
        dist = lib.distributed
        pg = dist.new_group([0])
        world = dist.distributed_c10d._world
        known = pg in world.pg_map
        facts = [
            dist.get_rank(pg), dist.get_world_size(pg), dist.get_process_group_ranks(pg), dist.get_global_rank(pg, 0),
            dist.get_group_rank(pg, 0), dist.get_backend(pg), pg.rank(), pg.size(), dist.get_rank(None),
            dist.get_rank(dist.group.WORLD), dist.group.WORLD is dist.GroupMember.WORLD, known,
            isinstance(pg, dist.ProcessGroup), dist.get_rank(dist.GroupMember.NON_GROUP_MEMBER),
        ]  # fmt: skip
        dist.destroy_process_group(pg)
        return facts, world.pg_map.get(pg, None)

    same(program)
    with pytest.raises(ValueError, match="rank should be within the world_size set by init_process_group"):
        mindtorch.distributed.new_group([1])
    same_error(lambda lib: lib.distributed.new_group([0, 1]), "world size should be less or equal", ValueError)


def test_destroying_the_default_group_ends_all(ours: Any) -> None:
    ours.new_group([0])
    ours.destroy_process_group()
    assert not ours.is_initialized()
    assert ours.distributed_c10d._world.pg_map == {}


# ---------------------------------------------------------------------------- collectives


def _collective(name: str) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        d = lib.distributed
        x = lib.arange(6.0).reshape(2, 3)
        y = lib.zeros(2, 3)
        out: Any = y
        if name == "all_reduce":
            out = x
            d.all_reduce(x, op=d.ReduceOp.MAX)
        elif name == "broadcast":
            d.broadcast(x, 0)
            out = x
        elif name == "reduce":
            d.reduce(x, 0, op=d.ReduceOp.SUM)
            out = x
        elif name == "all_gather":
            out = [y]
            d.all_gather(out, x)
        elif name == "all_gather_into_tensor":
            d.all_gather_into_tensor(y, x)
        elif name == "_all_gather_base":
            d._all_gather_base(y, x)
        elif name == "reduce_scatter":
            d.reduce_scatter(y, [x])
        elif name == "reduce_scatter_tensor":
            d.reduce_scatter_tensor(y, x)
        elif name == "gather":
            out = [y]
            d.gather(x, out, dst=0)
        elif name == "scatter":
            d.scatter(y, [x], src=0)
        elif name == "all_to_all_single":
            d.all_to_all_single(y, x, [2], [2])
        return out, x

    return program


@pytest.mark.parametrize(
    "name",
    ["all_reduce", "broadcast", "reduce", "all_gather", "all_gather_into_tensor", "_all_gather_base",
     "reduce_scatter", "reduce_scatter_tensor", "gather", "scatter", "all_to_all_single"],
)  # fmt: skip
def test_collectives(groups: None, name: str) -> None:
    same(_collective(name))


def test_work_of_an_asynchronous_call(groups: None) -> None:
    def program(lib: Any) -> Any:
        x = lib.ones(2)
        work = lib.distributed.all_reduce(x, async_op=True)
        waited = work.wait()
        return waited, work.is_completed(), x, lib.distributed.all_reduce(x), lib.distributed.barrier()

    same(program)


def test_output_of_another_shape(ours: Any) -> None:
    x, out = mindtorch.arange(4.0), mindtorch.zeros(1, 2, 2)
    ours.all_gather_into_tensor(out, x)
    assert out.tolist() == [[[0.0, 1.0], [2.0, 3.0]]]
    lst = [mindtorch.zeros(2)]
    ours.all_to_all(lst, [mindtorch.ones(2)])
    assert lst[0].tolist() == [1.0, 1.0]


def test_gather_onto_itself_and_into_a_view(ours: Any) -> None:
    buffer = mindtorch.arange(4.0)
    ours.all_gather_into_tensor(buffer, buffer)
    assert buffer.tolist() == [0.0, 1.0, 2.0, 3.0]
    ours.all_gather_into_tensor(buffer[1:3], mindtorch.full((2,), 7.0))
    assert buffer.tolist() == [0.0, 7.0, 7.0, 3.0]


def test_leaves_that_require_grad_can_be_reduced(ours: Any) -> None:
    p = mindtorch.nn.Parameter(mindtorch.ones(2))
    ours.all_reduce(p)
    out = mindtorch.zeros(2)
    ours.all_gather_into_tensor(out, p)
    assert out.tolist() == [1.0, 1.0]
    assert not out.requires_grad


def test_premultiplied_sum_and_average(ours: Any) -> None:
    x = mindtorch.ones(2)
    ours.all_reduce(x, op=ours._make_nccl_premul_sum(3.0))
    ours.all_reduce(x, op=ours.ReduceOp.AVG)
    assert x.tolist() == [3.0, 3.0]
    assert ours.ReduceOp(ours.ReduceOp.SUM) == ours.ReduceOp.SUM
    assert ours.ReduceOp.SUM != ours.ReduceOp.MAX
    assert ours.ReduceOp.SUM in {ours.ReduceOp.SUM: 1}


def test_coalescing(ours: Any) -> None:
    a, b = mindtorch.zeros(2), mindtorch.zeros(2)
    with ours._coalescing_manager(async_ops=True) as manager:
        ours.all_gather_into_tensor(a, mindtorch.full((2,), 2.0))
        ours.reduce_scatter_tensor(b, mindtorch.full((2,), 3.0))
    manager.wait()
    assert (a.tolist(), b.tolist()) == ([2.0, 2.0], [3.0, 3.0])
    assert ours.distributed_c10d._world.pg_coalesce_state == {}


def test_objects_are_copies(ours: Any) -> None:
    obj = {"a": [1, 2]}
    out: list[Any] = [None]
    ours.all_gather_object(out, obj)
    assert out == [obj]
    assert out[0] is not obj
    ours.gather_object(obj, out, dst=0)
    assert out == [obj]
    ours.broadcast_object_list(out, src=0)
    ours.scatter_object_list(out, [("x",)], src=0)
    assert out == [("x",)]


def test_errors(groups: None) -> None:
    same_error(lambda lib: lib.distributed.all_reduce([lib.ones(1)]), "Expected parameter `tensor` of type", TypeError)
    same_error(lambda lib: lib.distributed.send(lib.ones(1), 0), "Invalid destination rank", ValueError)
    same_error(lambda lib: lib.distributed.P2POp(print, lib.ones(1), 0), "Invalid ``op``", ValueError)
    same_error(lambda lib: lib.distributed.batch_isend_irecv([1]), "Invalid ``p2p_op_list``", ValueError)
    same_error(
        lambda lib: lib.distributed.get_global_rank(lib.distributed.new_group([0]), 3),
        "is not part of group",
        ValueError,
    )
    same_error(lambda lib: lib.distributed.gather(lib.ones(1)), "must be specified on destination rank", ValueError)


def test_sizes_are_checked(ours: Any) -> None:
    with pytest.raises(ValueError, match="output tensor size must be equal to world_size times input tensor size"):
        ours.all_gather_into_tensor(mindtorch.zeros(3), mindtorch.ones(2))
    with pytest.raises(ValueError, match="input tensor must be the same size as output size times world size"):
        ours.reduce_scatter_tensor(mindtorch.zeros(3), mindtorch.ones(2))
    with pytest.raises(RuntimeError, match="Split sizes doesn't match total dim 0 size"):
        ours.all_to_all_single(mindtorch.zeros(2), mindtorch.ones(2), [1], [2])
    with pytest.raises(ValueError, match="Invalid source rank"):
        ours.irecv(mindtorch.zeros(1), 0)


def test_store(tmp_path: Path) -> None:
    def program(lib: Any) -> Any:
        d = lib.distributed
        store = d.PrefixStore("p", d.HashStore())
        store.set("k", "v")
        return (
            store.get("k"), store.add("n", 2), store.add("n", 3), store.check(["k"]), store.check(["z"]),
            store.compare_set("k", "v", "w"), store.get("k"), store.delete_key("k"), store.check(["k"]),
            store.compare_set("new", "", "first"), store.get("new"),
        )  # fmt: skip

    same(program)
    with pytest.raises(RuntimeError, match="wait timeout"):
        mindtorch.distributed.HashStore().wait(["never"], timedelta(milliseconds=1))
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\.TCPStore for several processes"):
        mindtorch.distributed.TCPStore("localhost", 0, 2, True)


# ---------------------------------------------------------------------------- names that only have to be there


def test_unsupported_names_are_loud_and_harmless() -> None:
    from mindtorch.distributed import DeviceMesh
    from mindtorch.distributed._tensor import DTensor
    from mindtorch.distributed.checkpoint import DefaultSavePlanner, FileSystemWriter

    class Planner(DefaultSavePlanner):
        pass

    assert not isinstance(mindtorch.ones(1), DTensor)
    assert not hasattr(DeviceMesh, "from_group")
    for use, name in ((Planner, "DefaultSavePlanner"), (FileSystemWriter, "FileSystemWriter"), (DTensor, "DTensor")):
        with pytest.raises(NotImplementedError, match=rf"torch\.distributed.*{name} is not supported"):
            use("x")
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\..*DeviceMesh\.from_group is not supported"):
        _ = DeviceMesh.from_group
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\.checkpoint\.save is not supported"):
        mindtorch.distributed.checkpoint.save({})


def test_checkpoint_vocabulary() -> None:
    def program(lib: Any) -> Any:
        from importlib import import_module

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

    import torch.distributed.checkpoint  # noqa: F401

    same(program)


# ---------------------------------------------------------------------------- the launcher


def launch(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(
        [sys.executable, "-m", "mindtorch.distributed.run", *args],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_launcher_runs_the_script_with_torchruns_variables(tmp_path: Path) -> None:
    names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK"]
    script = tmp_path / "train.py"
    script.write_text(
        f"import json, os, sys\nprint(json.dumps([[os.environ[n] for n in {names}], sys.argv[1:]]))\nsys.exit(3)\n"
    )
    done = launch("--nproc_per_node", "1", "--master_port=1234", "train.py", "--lr", "1", "-m", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout) == [["0", "0", "1", "1", "127.0.0.1", "1234", "0"], ["--lr", "1", "-m"]]


@pytest.mark.parametrize(("args", "text"), [(("--nproc_per_node=2",), "2 process"), (("--nnodes=2",), "2 node")])
def test_launcher_refuses_more_processes(args: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        mindtorch.distributed.run.main([*args, "train.py"])
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


def test_launcher_refuses_nonsense(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        mindtorch.distributed.run.main(["--nproc_per_node=many", "train.py"])
    assert caught.value.code == 2
    assert "Unsupported nproc_per_node value: many" in capsys.readouterr().err
