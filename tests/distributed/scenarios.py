"""Programs of several calls; each gives the same with PyTorch's gloo. ``directory`` is shared by all ranks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

Scenario = Callable[[Any, int, int, Path], Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Register."""
    SCENARIOS[function.__name__] = function
    return function


def message(function: Callable[[], Any]) -> tuple[str, str]:
    """The kind of error that a call raises (of the package's own kinds: what they derive from), and its text."""
    try:
        function()
    except Exception as error:  # the result
        return "RuntimeError" if isinstance(error, RuntimeError) else type(error).__name__, str(error)
    return "nothing", ""


@scenario
def objects(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    everything: list[Any] = [None] * size
    dist.all_gather_object(everything, {"rank": rank, "text": "x" * rank * 1000})
    at_root: list[Any] | None = [None] * size if rank == size - 1 else None
    dist.gather_object((rank, [rank]), at_root, size - 1)
    shared = [rank, "a" * 10] if rank == 1 else [None, None]
    dist.broadcast_object_list(shared, 1)
    mine = [None]
    dist.scatter_object_list(mine, [{"to": i} for i in range(size)] if rank == 0 else None, 0)
    passed: list[Any] = [None, None]
    if rank == 0:
        dist.send_object_list(["over", {"to": 1}], 1)
    elif rank == 1:
        dist.recv_object_list(passed, 0)
    return everything, at_root, shared, mine, passed


@scenario
def ranks_and_groups(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    pair = dist.new_group([size - 1, 0], group_desc="ends")
    local = dist.new_group([rank], use_local_synchronization=True)
    mine, groups = dist.new_subgroups(1)
    by_list, _ = dist.new_subgroups_by_enumeration([[0], list(range(1, size))])
    inside = rank in (0, size - 1)
    return (
        dist.get_rank(), dist.get_world_size(), dist.get_rank(pair), dist.get_world_size(pair),
        dist.get_process_group_ranks(pair) if inside else None,
        dist.get_global_rank(pair, 1) if inside else None, pair.group_desc if inside else None,
        local.size(), mine.size(), len(groups), dist.get_process_group_ranks(by_list), dist.get_backend(),
    )  # fmt: skip


@scenario
def receive_from_anybody(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    if rank:
        dist.send(lib.full((3,), float(rank)), 0)
        return None
    seen = []
    for _ in range(size - 1):
        x = lib.zeros(3)
        source = dist.recv(x)
        seen.append((source, x.tolist()))
    return sorted(seen)


@scenario
def many_at_once_in_another_order(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """Works are waited for in an order of each rank's own."""
    dist = lib.distributed
    tensors = [lib.full((1000 * (i + 1),), float(rank + i)) for i in range(6)]
    works = [dist.all_reduce(t, async_op=True) for t in tensors]
    for i in range(len(works)):
        works[(i * (2 * rank + 1) + rank) % 6 if rank % 3 != 1 else 5 - i].wait()
    for work in works:
        work.wait()
    return [float(t[-1]) for t in tensors]


@scenario
def futures(lib: Any, rank: int, size: int, directory: Path) -> Any:
    x = lib.full((4,), float(rank))
    future = lib.distributed.all_reduce(x, async_op=True).get_future()
    doubled = future.then(lambda f: [t * 2 for t in f.value()])
    return [t.tolist() for t in doubled.wait()], future.done(), x.tolist()


@scenario
def errors_of_arguments(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist, x = lib.distributed, lib.ones(size)
    calls: list[Callable[[], Any]] = [
        lambda: dist.all_reduce([x]),
        lambda: dist.all_gather(x, x),
        lambda: dist.all_gather([x] * size, x.double()),
        lambda: dist.all_reduce(x, dist.ReduceOp.BAND),
        lambda: dist.all_to_all_single(x, x, [1] * (size + 1), [1] * size),
        lambda: dist.all_to_all_single(x, x, [2] * size, [1] * size),
        lambda: dist.send(x, rank),
        lambda: dist.recv(x, rank),
        lambda: dist.isend([1], 0),
        lambda: dist.new_group([0, size]),
        lambda: dist.new_group(list(range(size + 1))),
        lambda: dist.P2POp(dist.send, x, 0),
        lambda: dist.batch_isend_irecv([1]),
        lambda: dist.init_process_group("gloo"),
        lambda: dist.scatter_object_list([], None, 0),
        lambda: dist.get_global_rank(dist.group.WORLD, size) if size == 0 else dist.get_group_rank(None, 0),
    ]
    return [message(call)[0] for call in calls]


@scenario
def stores(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    file = dist.FileStore(str(directory / f"{lib.__name__}-file-store"), size)
    file.set(f"rank{rank}", str(rank))
    port = [0]
    server = None
    if rank == 0:
        server = dist.TCPStore("localhost", 0, None, True, timeout=timedelta(seconds=30), wait_for_workers=False)
        port = [server.port]
    dist.broadcast_object_list(port, 0)
    tcp = server or dist.TCPStore("localhost", port[0], None, False, timeout=timedelta(seconds=30))
    found = []
    for store in (file, dist.PrefixStore("below", tcp)):
        store.set(f"of{rank}", f"value{rank}")
        others = [store.get(f"of{other}") for other in range(size)]
        store.add("count", rank + 1)
        store.set(f"done{rank}", b"\0\1")
        store.wait([f"done{other}" for other in range(size)], timedelta(seconds=30))
        found.append((others, store.add("count", 0), store.check(["of0"]), store.check(["of0", "never"])))
        found.append(message(lambda s=store: s.wait(["never"], timedelta(milliseconds=20)))[0])
        dist.barrier()
    if rank == 0:
        found.append((tcp.compare_set("c", "", "one"), tcp.compare_set("c", "zero", "two"), tcp.delete_key("c"),
                      tcp.delete_key("c")))  # fmt: skip
    dist.barrier()
    return found


def network(lib: Any, rank: int) -> Any:
    """A small module whose parameters differ from rank to rank before they are synchronised; with a buffer."""
    lib.manual_seed(rank)
    layers = lib.nn.Sequential(lib.nn.Linear(5, 7), lib.nn.BatchNorm1d(7), lib.nn.Tanh(), lib.nn.Linear(7, 2))
    return layers.double()


def numbers(tensors: Any) -> Any:
    """Tensors as lists of rounded numbers: the libraries add in other orders."""
    return [[round(float(x), 8) for x in t.detach().double().reshape(-1)] for t in tensors]


def batch(lib: Any, rank: int, step: int) -> Any:
    return lib.arange(15, dtype=lib.float64).reshape(3, 5).mul(0.1 * (rank + 1)).add(0.3 * step).sin()


@scenario
def data_parallel(lib: Any, rank: int, size: int, directory: Path) -> Any:
    found = []
    for options in (
        {}, {"bucket_cap_mb": 0.0001}, {"gradient_as_bucket_view": True}, {"static_graph": True},
        {"find_unused_parameters": True, "bucket_cap_mb": 0.0001}, {"broadcast_buffers": False},
    ):  # fmt: skip
        model = lib.nn.parallel.DistributedDataParallel(network(lib, rank), **options)
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            optimizer.zero_grad()
            if not options:
                with model.no_sync():
                    model(batch(lib, rank, step + 10)).square().mean().backward()
            model(batch(lib, rank, step)).square().mean().backward()
            optimizer.step()
        found.append((numbers(p.grad for p in model.parameters()), numbers(model.state_dict().values())))
    return found


@scenario
def data_parallel_with_unused_parameters(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """A branch that only rank 0 takes, and one that nobody does."""

    class Branches(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.always, self.never = lib.nn.Linear(5, 2), lib.nn.Linear(5, 2)
            self.first = lib.nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            y = self.always(x)
            return y + self.first(x) if rank == 0 else y

    lib.manual_seed(0)
    model = lib.nn.parallel.DistributedDataParallel(Branches().double(), find_unused_parameters=True)
    model(batch(lib, rank, 0)).square().mean().backward()
    got = [None if p.grad is None else numbers([p.grad]) for p in model.parameters()]
    plain = lib.nn.parallel.DistributedDataParallel(Branches().double())

    def step() -> None:
        plain(batch(lib, 1, 0)).square().mean().backward()

    step()
    kind, text = message(step)
    return got, kind, "Expected to have finished reduction in the prior iteration" in text


@scenario
def communication_hooks(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    hooks = importlib.import_module(f"{lib.__name__}.distributed.algorithms.ddp_comm_hooks.default_hooks")
    found = []
    for hook in (hooks.allreduce_hook, hooks.fp16_compress_hook, hooks.fp16_compress_wrapper(hooks.allreduce_hook)):
        model = lib.nn.parallel.DistributedDataParallel(network(lib, rank))
        model.register_comm_hook(None, hook)
        model(batch(lib, rank, 1)).square().mean().backward()
        found.append([[round(x, 2) for x in values] for values in numbers(p.grad for p in model.parameters())])
    return found


@scenario
def different_models(lib: Any, rank: int, size: int, directory: Path) -> Any:
    if lib.__name__ == "torch":
        return "RuntimeError"  # on all ranks but 0, which waits for them
    model = lib.nn.Linear(3 + rank, 2)
    return message(lambda: lib.nn.parallel.DistributedDataParallel(model))[0]


@scenario
def gradients_through_collectives(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    functional = importlib.import_module(f"{lib.__name__}.distributed.nn.functional")
    weight = lib.arange(1, 5, dtype=lib.float64) * (rank + 1)

    def gradients(function: Callable[[Any], Any]) -> Any:
        x = (lib.arange(4, dtype=lib.float64) + rank).requires_grad_()
        out = function(x)
        outs = out if isinstance(out, (list, tuple)) else [out]
        sum((o * weight[: o.shape[0]] * (i + 1)).sum() for i, o in enumerate(outs)).backward()
        return [o.tolist() for o in outs], x.grad.tolist()

    return (
        gradients(functional.all_reduce),
        gradients(functional.all_gather),
        gradients(lambda x: functional.broadcast(x, size - 1)),
        gradients(lambda x: functional.gather(x, 1)) if rank == 1 else gradients(lambda x: functional.gather(x, 1))[1],
        gradients(lambda x: functional.scatter([x * i for i in range(size)], 0)),
        gradients(lambda x: functional.reduce(x, 0))[1],
    )


@scenario
def functional_collectives(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    funcol = importlib.import_module(f"{lib.__name__}.distributed._functional_collectives")
    group = lib.distributed.group.WORLD
    x = lib.arange(2.0 * size).view(2, size) * (rank + 1)
    rows = lib.arange(size * 3).view(size, 3) + 10 * rank
    return [
        lib.as_tensor(funcol.wait_tensor(t)).tolist()
        for t in (
            funcol.all_reduce(x, "sum", group),
            funcol.all_reduce(x, "max", list(range(size))),
            funcol.broadcast(x, size - 1, group),
            funcol.all_gather_tensor(x, 0, group),
            funcol.all_gather_tensor(x, 1, group),
            funcol.reduce_scatter_tensor(rows, "sum", 0, group),
            funcol.reduce_scatter_tensor(x, "sum", 1, group),
            funcol.all_to_all_single(rows, None, None, group),
        )
    ]


@scenario
def split_sizes_in_any_sequence(lib: Any, rank: int, size: int, directory: Path) -> Any:
    """Sizes in lists, tuples, ranges and arrays; not in tensors, nor as floats."""
    import numpy as np

    parts = [rank + 1] * size
    arriving = [peer + 1 for peer in range(size)]
    out = []
    for kind in (list, tuple, np.array, lambda n: np.array(n, np.int32), lambda n: [np.int64(i) for i in n]):
        x, y = lib.arange(float(sum(parts))) + 100 * rank, lib.zeros(sum(arriving))
        lib.distributed.all_to_all_single(y, x, kind(arriving), kind(parts))
        out.append(y.tolist())
    refused = [
        message(lambda kind=kind: lib.distributed.all_to_all_single(y, x, kind(arriving), kind(parts)))[0]
        for kind in (lib.tensor, iter, lambda n: [float(i) for i in n], lambda n: np.array(n, float))
    ]
    return [out, refused]


@scenario
def meshes(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    module = importlib.import_module(f"{lib.__name__}.distributed.device_mesh")
    mesh = module.init_device_mesh("cpu", (size, 1), mesh_dim_names=("dp", "tp"))
    dp, tp = mesh["dp"], mesh["tp"]
    x = lib.full((2,), float(rank))
    lib.distributed.all_reduce(x, group=mesh.get_group("dp"))
    flat = mesh["dp", "tp"]._flatten("all")
    return (
        mesh.shape, mesh.ndim, mesh.size(), mesh.size(0), mesh.get_rank(), mesh.get_local_rank("dp"),
        list(mesh.get_coordinate()), dp.mesh.tolist(), tp.mesh.tolist(), dp.mesh_dim_names, flat.mesh.tolist(),
        lib.distributed.get_process_group_ranks(tp.get_group()), x.tolist(), flat.get_local_rank(), dp.size(),
        mesh == module.DeviceMesh("cpu", [[i] for i in range(size)], mesh_dim_names=("dp", "tp")),
        message(lambda: mesh["pp"])[0], message(lambda: mesh.get_group())[0],
    )  # fmt: skip


@scenario
def sharded_optimizer(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    zero = importlib.import_module(f"{lib.__name__}.distributed.optim").ZeroRedundancyOptimizer
    model = lib.nn.parallel.DistributedDataParallel(network(lib, rank))
    optimizer = zero(model.parameters(), optimizer_class=lib.optim.Adam, lr=0.05)
    missing = message(optimizer.state_dict)[0]
    for step in range(3):
        optimizer.zero_grad()
        model(batch(lib, rank, step)).square().mean().backward()
        optimizer.step()
    optimizer.consolidate_state_dict(0)
    state = None
    if rank == 0:
        whole = optimizer.state_dict()
        state = {i: numbers([s["exp_avg"], s["exp_avg_sq"]]) for i, s in whole["state"].items()}
    return numbers(model.parameters()), missing, sorted(state.items()) if state else None


@scenario
def sampler(lib: Any, rank: int, size: int, directory: Path) -> Any:
    import importlib

    data = importlib.import_module(f"{lib.__name__}.utils.data.distributed")
    sampler = data.DistributedSampler(list(range(7)), seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    return first, list(sampler), len(sampler)


# The last: gloo's connections are gone after a barrier that failed.
@scenario
def monitored_barriers(lib: Any, rank: int, size: int, directory: Path) -> Any:
    dist = lib.distributed
    dist.monitored_barrier(timeout=timedelta(seconds=30))
    if rank == size - 1:
        return "stayed away"
    kind, text = message(lambda: dist.monitored_barrier(timeout=timedelta(milliseconds=300), wait_all_ranks=True))
    return kind, f"Rank {size - 1}" in text or f"Ranks {size - 1}" in text if rank == 0 else None
