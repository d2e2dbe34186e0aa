"""Data loaders with worker processes, side by side with PyTorch: the same batches, from the same seeds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import mindtorch
import numpy as np
import pytest
from mindtorch.utils.data._utils.worker import numpy_seed

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _keep_states() -> Iterator[None]:
    kept = torch.get_rng_state(), mindtorch.get_rng_state(), random.getstate(), np.random.get_state()
    yield
    torch.set_rng_state(kept[0])
    mindtorch.set_rng_state(kept[1])
    random.setstate(kept[2])
    np.random.set_state(kept[3])


class Random:
    """Entries drawn by the worker that reads them."""

    def __init__(self, t: Any, size: int = 11) -> None:
        self.t, self.size = t, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> Any:
        info = self.t.utils.data.get_worker_info()
        drawn = int(self.t.randint(0, 1 << 40, ())), random.randint(0, 1 << 40), int(np.random.randint(0, 1 << 30))
        return i, *drawn, info.id, info.num_workers, info.seed


def stream(t: Any) -> Any:
    class Stream(t.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[int]:
            info = t.utils.data.get_worker_info()
            return iter(range(100 * info.id, 100 * info.id + 5 * (info.id + 1)))

    return Stream()


def batches(loader: Any) -> list[Any]:
    return [plain(batch) for batch in loader]


def plain(x: Any) -> Any:
    return [plain(y) for y in x] if isinstance(x, (list, tuple)) else x.tolist() if hasattr(x, "tolist") else x


def both(make: Any, epochs: int = 1) -> None:
    found = []
    for t in (mindtorch, torch):
        t.manual_seed(17)
        loader = make(t)
        found.append(([batches(loader) for _ in range(epochs)], t.get_rng_state().numpy().tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 1},
        {"num_workers": 2, "batch_size": 3},
        {"num_workers": 3, "batch_size": 2, "shuffle": True, "drop_last": True, "prefetch_factor": 1},
        {"num_workers": 2, "batch_size": None},
        {"num_workers": 2, "batch_size": 4, "pin_memory": False, "timeout": 60},
        {"num_workers": 2, "multiprocessing_context": "fork"},
    ],
)
def test_batches_and_seeds(options: dict[str, Any]) -> None:
    both(lambda t: t.utils.data.DataLoader(Random(t), collate_fn=(lambda x: t.tensor(x)), **options), epochs=2)


def test_persistent_workers() -> None:
    options = {"num_workers": 2, "batch_size": 3, "persistent_workers": True, "shuffle": True}
    both(lambda t: t.utils.data.DataLoader(Random(t), **options), epochs=3)


@pytest.mark.parametrize("persistent", [False, True])
def test_iterable_data_sets(persistent: bool) -> None:
    both(lambda t: t.utils.data.DataLoader(stream(t), batch_size=2, num_workers=2, persistent_workers=persistent), 2)
    both(lambda t: t.utils.data.DataLoader(stream(t), batch_size=3, num_workers=3, drop_last=True))
    both(lambda t: t.utils.data.DataLoader(stream(t), batch_size=None, num_workers=2))


def test_a_generator_gives_the_seeds() -> None:
    both(lambda t: t.utils.data.DataLoader(Random(t), num_workers=2, generator=t.Generator().manual_seed(3)))


def test_seeds_of_numpy() -> None:
    from torch.utils.data._utils.worker import _generate_state

    for base, worker in ((0, 0), (12345678901234, 3), ((1 << 63) - 1, 7)):
        assert numpy_seed(base, worker).tolist() == list(_generate_state(base, worker))


def test_worker_init_fn_sees_its_worker() -> None:
    def init(worker_id: int) -> None:
        mindtorch.utils.data.get_worker_info().dataset.append(worker_id)

    data = [5, 6]
    loader = mindtorch.utils.data.DataLoader(data, batch_sampler=[[0, 1, 2], [2]], num_workers=2, worker_init_fn=init)
    assert batches(loader) == [[5, 6, 0], [1]]
    assert data == [5, 6]
    assert mindtorch.utils.data.get_worker_info() is None


def test_leaving_early_ends_the_workers() -> None:
    loader = mindtorch.utils.data.DataLoader(range(1000), num_workers=2)
    batches_ = iter(loader)
    next(batches_)
    workers = batches_._batches._workers
    del batches_
    assert not any(w.is_alive() for w in workers)


def test_out_of_order() -> None:
    loader = mindtorch.utils.data.DataLoader(range(20), num_workers=2, in_order=False)
    assert sorted(x for b in batches(loader) for x in b) == list(range(20))


class Failing:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> int:
        if i == 2:
            raise KeyError("no such entry")
        return i


def test_errors_of_workers() -> None:
    for t in (torch, mindtorch):
        loader = iter(t.utils.data.DataLoader(Failing(), num_workers=1))
        assert [next(loader).item(), next(loader).item()] == [0, 1]
        with pytest.raises(KeyError, match=r"Caught KeyError in DataLoader worker process 0\.\nOriginal Traceback"):
            next(loader)


def test_a_worker_that_dies() -> None:
    class Deadly(Failing):
        def __getitem__(self, i: int) -> int:
            os._exit(3)

    from mindtorch.utils.data._utils import multiprocess

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocess, "CHECK_INTERVAL", 0.1)
        with pytest.raises(RuntimeError, match="exited unexpectedly"):
            next(iter(mindtorch.utils.data.DataLoader(Deadly(), num_workers=1)))


def test_timeout() -> None:
    class Stuck(Failing):
        def __getitem__(self, i: int) -> int:
            import threading

            threading.Event().wait()
            return i

    from mindtorch.utils.data._utils import multiprocess

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocess, "CHECK_INTERVAL", 0.1)
        with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
            next(iter(mindtorch.utils.data.DataLoader(Stuck(), num_workers=1, timeout=0.2)))


def test_wrong_options() -> None:
    for t in (torch, mindtorch):
        with pytest.raises(ValueError, match="multiprocessing_context option should specify a valid start method"):
            t.utils.data.DataLoader([1], num_workers=1, multiprocessing_context="x")
        with pytest.raises(ValueError, match="prefetch_factor"):
            t.utils.data.DataLoader([1], num_workers=1, prefetch_factor=-1)
