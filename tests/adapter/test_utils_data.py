"""Data sets, samplers and the loader against PyTorch's, down to the random numbers; pytrees; the gradient scaler."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from importlib import import_module
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from side_by_side import same, same_error  # noqa: E402

Pair = namedtuple("Pair", ["a", "b"])


@pytest.mark.parametrize(
    "kwargs",
    [
        {"batch_size": 3},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": 4, "shuffle": True, "drop_last": True},
        {"batch_size": None},
    ],
)
def test_loader(kwargs: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        data = lib.utils.data
        lib.manual_seed(0)
        loader = data.DataLoader(data.TensorDataset(lib.arange(10), lib.arange(10.0) * 2), **kwargs)
        # Two epochs, and what is left of the random stream.
        return len(loader), [list(loader) for _ in range(2)], lib.rand(2)

    same(program, rtol=0, atol=0)


def test_loader_with_a_generator_and_a_function() -> None:
    def program(lib: Any) -> Any:
        data = lib.utils.data
        loader = data.DataLoader(range(7), 2, shuffle=True, collate_fn=tuple, generator=lib.Generator().manual_seed(3))
        batches = data.BatchSampler(data.SequentialSampler(range(5)), 2, False)
        return list(loader), list(data.DataLoader(range(5), batch_sampler=batches)), len(batches)

    same(program)


def test_iterable_data_sets() -> None:
    def program(lib: Any) -> Any:
        data = lib.utils.data

        class Numbers(data.IterableDataset):
            def __iter__(self) -> Any:
                return iter(range(7))

        n = Numbers()
        loaders = [{"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}]
        return [list(data.DataLoader(n, **kwargs)) for kwargs in loaders], list(n + n)

    same(program)


def test_samplers() -> None:
    def program(lib: Any) -> Any:
        data = lib.utils.data
        lib.manual_seed(1)
        shares = []
        for kwargs in ({}, {"drop_last": True}, {"shuffle": False}):
            for rank in range(3):
                sampler = data.DistributedSampler(range(10), 3, rank, seed=4, **kwargs)
                sampler.set_epoch(2)
                shares.append((len(sampler), list(sampler)))
        return (
            list(data.RandomSampler(range(5), replacement=True, num_samples=40)),
            list(data.RandomSampler(range(5), num_samples=12)),
            list(data.WeightedRandomSampler([0.1, 0.9, 0.3], 5)),
            list(data.SubsetRandomSampler([3, 4, 5])),
            shares,
        )

    same(program)


def test_collation() -> None:
    def program(lib: Any) -> Any:
        collate = lib.utils.data.default_collate
        entries = [
            {
                "n": i,
                "pair": Pair(0.5 * i, f"s{i}"),
                "array": np.full(2, i, np.float32),
                "list": [lib.ones(2) * i, True],
            }
            for i in range(3)
        ]
        out = collate(entries)
        return out, type(out["pair"]).__name__, collate([np.float64(1), np.float64(2)])

    same(program)
    same_error(lambda lib: lib.utils.data.default_collate([[1, 2], [3]]), "should be of equal size")
    same_error(lambda lib: lib.utils.data.default_collate([object()]), "default_collate: batch must contain", TypeError)


def test_data_sets() -> None:
    def program(lib: Any) -> Any:
        data = lib.utils.data
        lib.manual_seed(0)
        both = data.ConcatDataset([range(3), range(10, 12)])
        parts = data.random_split(range(10), [0.25, 0.75])
        stack = data.StackDataset(a=range(3), b=range(5, 8))
        subset = data.Subset(range(100), [5, 50])
        return [both[i] for i in (0, 3, -1)], len(both), [p.indices for p in parts], stack[1], subset[1], len(subset)

    same(program)
    same_error(lambda lib: lib.utils.data.random_split(range(3), [1, 1]), "Sum of input lengths", ValueError)


def test_loader_errors() -> None:
    same_error(
        lambda lib: lib.utils.data.DataLoader(range(3), shuffle=True, sampler=[1]),
        "sampler option is mutually exclusive with shuffle",
        ValueError,
    )
    same_error(
        lambda lib: lib.utils.data.DataLoader(range(3), 0), "batch_size should be a positive integer", ValueError
    )
    same_error(lambda lib: lib.utils.data.DataLoader(range(3), num_workers=-1), "num_workers option", ValueError)
    same_error(lambda lib: lib.utils.data.DataLoader(range(3), prefetch_factor=2), "prefetch_factor option", ValueError)


def test_pytree() -> None:
    def program(lib: Any) -> Any:
        tree_utils = import_module(f"{lib.__name__}.utils._pytree")
        tree = {"a": [lib.ones(1), (2, None)], "b": OrderedDict(x=Pair(3, [4]))}
        leaves, spec = tree_utils.tree_flatten(tree)
        back = tree_utils.tree_unflatten(leaves, spec)
        doubled = tree_utils.tree_map_only(int, lambda n: n * 2, tree)
        return leaves, spec.num_leaves, back, type(back["b"]["x"]).__name__, doubled, tree_utils.tree_leaves([1, [2]])

    same(program)


def test_gradient_scaler() -> None:
    def program(lib: Any) -> Any:
        lib.manual_seed(0)
        model = lib.nn.Linear(2, 2)
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
        scaler = lib.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
        log = []
        for i in range(6):
            optimizer.zero_grad()
            loss = model(lib.ones(1, 2)).sum() * (float("inf") if i == 2 else 1.0)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            log.append((scaler.get_scale(), scaler.state_dict(), [p.detach().clone() for p in model.parameters()]))
        return log

    same(program)
    same_error(lambda lib: lib.amp.GradScaler("cpu").update(), "Attempted update but _scale is None.", AssertionError)
