"""``torch.distributed`` in a world of one process, side by side with PyTorch's gloo."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import leaf, same, same_error  # noqa: E402

if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("PyTorch has no gloo here", allow_module_level=True)

LIBS = (torch, mindtorch)


def close() -> None:
    for lib in LIBS:
        if lib.distributed.is_initialized():
            lib.distributed.destroy_process_group()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    for lib in LIBS:
        lib.distributed.init_process_group("gloo", store=lib.distributed.HashStore(), rank=0, world_size=1)
    yield
    close()


@pytest.fixture
def no_world() -> Iterator[None]:
    close()
    yield
    close()


# ------------------------------------------------------------------ groups
@pytest.mark.usefixtures("world")
def test_ranks_and_groups() -> None:
    def program(lib: Any) -> Any:
        d = lib.distributed
        group = d.new_group([0])
        outside = d.GroupMember.NON_GROUP_MEMBER
        return (
            d.is_initialized(), d.get_rank(), d.get_world_size(), d.get_backend(), d.get_rank(group),
            d.get_world_size(group), group.size(), group.rank(), d.get_process_group_ranks(group),
            d.get_global_rank(group, 0), d.get_group_rank(group, 0), d.group.WORLD is d.GroupMember.WORLD,
            d.get_rank(outside), d.get_world_size(outside), d.get_process_group_ranks(None),
            [g.size() for g in d.new_subgroups(1)[1]], d.new_subgroups_by_enumeration([[0]])[0].rank(),
        )  # fmt: skip

    same(program)


@pytest.mark.usefixtures("world")
def test_group_errors() -> None:
    same_error(lambda lib: lib.distributed.new_group([0, 1]), "world size should be less or equal", ValueError)
    same_error(lambda lib: lib.distributed.new_group([3]), "world_size", ValueError)
    same_error(
        lambda lib: lib.distributed.init_process_group("gloo", rank=0, world_size=1),
        "trying to initialize the default process group twice", ValueError,
    )  # fmt: skip
    same_error(lambda lib: lib.distributed.new_subgroups(2), "must not exceed", ValueError)


@pytest.mark.usefixtures("no_world")
def test_before_and_after() -> None:
    text = "Default process group has not been initialized, please make sure to call init_process_group."
    same(lambda lib: lib.distributed.is_initialized())
    same_error(lambda lib: lib.distributed.get_rank(), text, ValueError)
    same_error(lambda lib: lib.distributed.all_reduce(lib.ones(1)), text, ValueError)
    same_error(lambda lib: lib.distributed.barrier(), text, ValueError)


@pytest.mark.usefixtures("no_world")
def test_initialisation_from_the_environment_and_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    same_error(lambda lib: lib.distributed.init_process_group("gloo"), "environment variable RANK expected", ValueError)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "29512")):
        monkeypatch.setenv(name, value)
    d = mindtorch.distributed
    d.init_process_group("nccl", timeout=timedelta(minutes=1))
    assert d.get_backend() == "nccl"
    d.destroy_process_group()
    assert not d.is_initialized()
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")

    def program(lib: Any) -> Any:
        url = f"file://{tmp_path}/{lib.__name__}"
        lib.distributed.init_process_group("gloo", init_method=url, rank=0, world_size=1)
        return lib.distributed.get_world_size(), lib.distributed.get_rank()

    same(program)


@pytest.mark.usefixtures("no_world")
def test_initialisation_errors() -> None:
    def init(lib: Any, **options: Any) -> None:
        lib.distributed.init_process_group("gloo", **options)

    text = "rank must be non-negative"
    same_error(lambda lib: init(lib, store=lib.distributed.HashStore(), world_size=1), text, Exception)
    same_error(lambda lib: init(lib, init_method="tcp://localhost:1"), "parameter missing", ValueError)
    same_error(lambda lib: init(lib, init_method="ftp://x", rank=0, world_size=1), "No rendezvous handler")
    with pytest.raises(ValueError, match="Unknown c10d backend type"):
        mindtorch.distributed.init_process_group("carrier-pigeon", rank=0, world_size=1)


# ------------------------------------------------------------------ collectives
@pytest.mark.usefixtures("world")
def test_reductions() -> None:
    def program(lib: Any) -> Any:
        d, out = lib.distributed, []
        for op in (d.ReduceOp.SUM, d.ReduceOp.MAX, d.ReduceOp.MIN, d.ReduceOp.PRODUCT):
            t = lib.arange(4.0)
            out.append((d.all_reduce(t, op), t, d.reduce(t, 0, op), t))
        i = lib.tensor([5, 6])
        work = d.all_reduce(i, async_op=True)
        done = work.wait(), work.is_completed()
        s = lib.empty(3)
        d.reduce_scatter(s, [lib.arange(3.0)])
        return out, i, done, s, str(d.ReduceOp.SUM)

    same(program)


@pytest.mark.usefixtures("world")
def test_copies() -> None:
    def program(lib: Any) -> Any:
        d, x = lib.distributed, lib.arange(6.0).view(2, 3)
        gathered, into, flat, spread = [lib.empty(2, 3)], lib.empty(2, 3), lib.empty(2, 3), lib.empty(2, 3)
        d.all_gather(gathered, x)
        d.all_gather_into_tensor(into, x)
        d.all_gather_into_tensor(flat, x)
        d.scatter(spread, [x * 2], 0)
        at = [lib.empty(2, 3)]
        d.gather(x, at, 0)
        d.broadcast(x, 0)
        d.barrier()
        return gathered, into, flat, spread, at, x

    same(program)


@pytest.mark.usefixtures("world")
def test_what_gloo_has_not() -> None:
    d, x = mindtorch.distributed, mindtorch.arange(6.0)
    out, part, exchanged = [mindtorch.empty(6)], mindtorch.empty(6), mindtorch.empty(6)
    d.all_to_all(out, [x])
    d.reduce_scatter_tensor(part, x)
    d.all_to_all_single(exchanged, x, [6], [6])
    mean = x.clone()
    d.all_reduce(mean, d.ReduceOp.AVG)
    for t in (out[0], part, exchanged, mean):
        assert t.tolist() == x.tolist()
        assert t.data_ptr() != x.data_ptr()


@pytest.mark.usefixtures("world")
def test_objects() -> None:
    def program(lib: Any) -> Any:
        d = lib.distributed
        everything, broadcast, mine, at = [None], [{"a": 1}, "b"], [None], [None]
        d.all_gather_object(everything, {"x": [1, 2]})
        d.broadcast_object_list(broadcast, 0)
        d.scatter_object_list(mine, [("only",)], 0)
        d.gather_object(7, at, 0)
        return everything, broadcast, mine, at

    same(program)


@pytest.mark.usefixtures("world")
def test_a_collective_bumps_the_version_and_respects_views() -> None:
    def program(lib: Any) -> Any:
        buffer = lib.zeros(6)
        lib.distributed.all_gather_into_tensor(buffer[2:4], lib.ones(2))
        lib.distributed.broadcast(buffer[:2], 0)
        columns = lib.zeros(2, 3)
        lib.distributed.all_gather([columns[:, 1]], lib.ones(2))
        return buffer, columns

    same(program)


@pytest.mark.usefixtures("world")
def test_argument_errors() -> None:
    same_error(lambda lib: lib.distributed.all_reduce([1]), "parameter `tensor` of type torch.Tensor", TypeError)
    same_error(lambda lib: lib.distributed.all_gather(3, lib.ones(1)), "of type List[torch.Tensor]", TypeError)
    same_error(
        lambda lib: lib.distributed.all_gather([lib.ones(1).double()], lib.ones(1)), "different dtypes", ValueError
    )
    same_error(lambda lib: lib.distributed.all_gather_into_tensor(lib.ones(3), lib.ones(2)), "size", Exception)
    same_error(lambda lib: lib.distributed.gather(lib.ones(1)), "``gather_list`` must be specified on dest", ValueError)
    same_error(lambda lib: lib.distributed.send(lib.ones(1), 0), "should not be the same as the rank", ValueError)


@pytest.mark.usefixtures("world")
def test_a_group_that_this_process_is_not_in() -> None:
    def program(lib: Any) -> Any:
        outside, x = lib.distributed.GroupMember.NON_GROUP_MEMBER, lib.ones(2)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            result = lib.distributed.all_reduce(x, group=outside)
        return result, x, ["does not belong to the given group" in str(w.message) for w in seen]

    same(program)


@pytest.mark.usefixtures("no_world")
def test_more_than_one_rank_is_refused_by_name() -> None:
    d = mindtorch.distributed
    with pytest.raises(NotImplementedError, match=r"(?i)world size|rank"):
        d.init_process_group("hccl", store=d.HashStore(), rank=0, world_size=2)
    assert not d.is_initialized()


# ------------------------------------------------------------------ stores
def test_stores() -> None:
    def program(lib: Any) -> Any:
        store = lib.distributed.HashStore()
        store.set("a", "1")
        inner = lib.distributed.PrefixStore("p", store)
        inner.set("a", b"2")
        return (
            store.get("a"), inner.get("a"), store.add("n", 3), store.add("n", 4), store.check(["a"]),
            store.check(["b"]), store.num_keys(), store.delete_key("a"), store.check(["a"]),
            store.compare_set("c", "", "x"), store.compare_set("c", "x", "y"),
        )  # fmt: skip

    same(program)


# ------------------------------------------------------------------ data parallel
@pytest.mark.usefixtures("world")
def test_distributed_data_parallel() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(0)
        module = lib.nn.parallel.DistributedDataParallel(lib.nn.Linear(3, 2))
        x = leaf(lib, 4, 3)
        with module.no_sync():
            module(x).sum().backward()
        module(x).sum().backward()
        return list(module.state_dict()), [p.grad for p in module.parameters()], x.grad

    same(program)
