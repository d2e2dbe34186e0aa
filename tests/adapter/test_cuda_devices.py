"""Several devices on a CPU host: one for each process that a launcher started on it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import mindtorch as lib
import pytest

VARIABLES = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "LOCAL_RANK")


@pytest.fixture(autouse=True)
def two_devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    yield
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    lib.cuda.set_device(0)


@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({}, 1), ({"LOCAL_WORLD_SIZE": "8"}, 8), ({"MPI_LOCALNRANKS": "3"}, 3), ({"LOCAL_RANK": "5"}, 6),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, 4), ({"MINDTORCH_CUDA_ALIAS": "0", "LOCAL_WORLD_SIZE": "2"}, 0),
        ({"LOCAL_WORLD_SIZE": "2", "MPI_LOCALNRANKS": "1", "LOCAL_RANK": "1"}, 2),
    ],
)  # fmt: skip
def test_there_are_as_many_as_local_processes(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], count: int
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert lib.cuda.device_count() == lib.npu.device_count() == count


def test_the_current_device() -> None:
    lib.cuda.set_device(1)
    assert lib.cuda.current_device() == 1
    x = lib.ones(2, device="cuda")
    assert x.device == lib.device("cuda", 1)
    assert x.get_device() == 1
    assert lib.ones(2).cuda().device == lib.ones(2).to("cuda").device == x.device
    with lib.cuda.device(0):
        assert lib.ones(2).cuda().get_device() == 0
        lib.cuda.set_device(-1)
        assert lib.cuda.current_device() == 0
    assert lib.cuda.current_device() == 1
    with lib.cuda.device_of(lib.ones(1, device="cuda:0")):
        assert lib.cuda.current_device() == 0
    with lib.device("cuda"):
        assert lib.zeros(1).get_device() == 1
    assert (x * 2 + 1).device == x.device
    assert lib.cuda.get_device_name(1) == lib.cuda.get_device_name(0)


def test_devices_do_not_mix() -> None:
    a, b = lib.ones(2, device="cuda:0"), lib.arange(2.0, device="cuda:1")
    with pytest.raises(RuntimeError, match=r"Expected all tensors to be on the same device.*cuda:0 and cuda:1"):
        a + b
    with pytest.raises(RuntimeError, match="same device"):
        lib.nn.functional.linear(lib.ones(1, 2, device="cuda:1"), lib.ones(2, 2, device="cuda:0"))
    moved = b.to("cuda:0")
    assert moved.data_ptr() != b.data_ptr()
    assert (a + moved).tolist() == [1.0, 2.0]
    assert b.cuda(1) is b
    a.copy_(b)
    assert a.tolist() == [0.0, 1.0]
    assert a.get_device() == 0


def test_gradients_stay_on_their_devices() -> None:
    w = lib.ones(2, device="cuda:0", requires_grad=True)
    (w.to("cuda:1") * lib.arange(2.0, device="cuda:1")).sum().backward()
    assert w.grad is not None
    assert w.grad.get_device() == 0
    assert w.grad.tolist() == [0.0, 1.0]


def test_devices_that_do_not_exist() -> None:
    for call in (
        lambda: lib.cuda.set_device(2), lambda: lib.zeros(1, device="cuda:2"), lambda: lib.zeros(1).cuda(2),
        lambda: lib.zeros(1).to("cuda:7"), lambda: lib.cuda.device(2).__enter__(), lambda: lib.cuda.Stream(2),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            call()
    with pytest.raises(AssertionError, match="Invalid device id"):
        lib.cuda.get_device_properties(2)
    assert lib.device("cuda:9").index == 9


def test_each_has_a_generator() -> None:
    lib.manual_seed(3)
    a, b = lib.rand(3, device="cuda:0"), lib.rand(3, device="cuda:1")
    assert a.tolist() == b.tolist()
    lib.cuda.set_device(1)
    before = lib.cuda.get_rng_state("cuda:0")
    lib.cuda.manual_seed(9)
    assert lib.cuda.initial_seed() == 9
    assert lib.cuda.get_rng_state("cuda:0").tolist() == before.tolist()
    assert lib.cuda.get_rng_state().tolist() == lib.cuda.get_rng_state(1).tolist() != before.tolist()
    states = lib.cuda.get_rng_state_all()
    assert len(states) == len(lib.cuda.default_generators) == 2
    c = lib.rand(2, device="cuda")
    lib.cuda.set_rng_state_all(states)
    assert lib.rand(2, device="cuda").tolist() == c.tolist()
    lib.cuda.manual_seed_all(4)
    assert lib.rand(2, device="cuda:0").tolist() == lib.rand(2, device="cuda:1").tolist()
    assert [g.device.index for g in (lib.cuda.default_generators[0], lib.cuda.default_generators[1])] == [0, 1]
    lib.cuda.seed_all()
    assert lib.cuda.default_generators[0].initial_seed() == lib.cuda.default_generators[1].initial_seed()


def test_each_has_streams() -> None:
    first, second = lib.cuda.current_stream(0), lib.cuda.current_stream("cuda:1")
    assert first is lib.cuda.default_stream() is not second
    assert second.device == lib.device("cuda:1")
    mine = lib.cuda.Stream(1)
    with lib.cuda.stream(mine):
        assert lib.cuda.current_device() == 1
        assert lib.cuda.current_stream() is mine
        assert lib.cuda.current_stream(0) is first
    assert lib.cuda.current_device() == 0
    assert lib.cuda.current_stream() is first
    assert lib.cuda.current_stream(1) is second
    with mine:
        assert lib.cuda.current_stream() is mine
    assert lib.cuda.current_stream(1) is second
    assert lib.cuda.current_device() == 0
    with lib.cuda.stream(None) as nothing:
        assert nothing is None


def test_files_remember_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    lib.save(lib.arange(3.0, device="cuda:1"), file)
    file.seek(0)
    assert lib.load(file).get_device() == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"deserialize object on CUDA device 1 but torch.cuda.device_count\(\) is 1"):
        lib.load(file)
    file.seek(0)
    assert lib.load(file, map_location="cuda").get_device() == 0
