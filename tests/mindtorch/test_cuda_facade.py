"""``torch.cuda`` on a CPU host: absent by default, one device with MINDTORCH_CUDA_ALIAS=1."""

from __future__ import annotations

from typing import Any

import mindtorch
import pytest

cuda = mindtorch.cuda


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINDTORCH_CUDA_ALIAS", raising=False)


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")


def test_absent(absent: None) -> None:
    assert not cuda.is_available()
    assert cuda.device_count() == 0
    for call in (cuda.current_device, cuda.get_device_properties, lambda: cuda.set_device(0)):
        with pytest.raises(RuntimeError, match="MINDTORCH_CUDA_ALIAS=1"):
            call()
    with pytest.raises((RuntimeError, AssertionError)):
        mindtorch.ones(1).cuda()


def test_npu_is_the_same_module() -> None:
    assert mindtorch.npu is mindtorch.cuda


def test_one_device(present: None) -> None:
    assert cuda.is_available()
    assert (cuda.device_count(), cuda.current_device()) == (1, 0)
    cuda.set_device(0)
    cuda.set_device("cuda:0")
    cuda.set_device(mindtorch.device("cuda", 0))
    with pytest.raises(RuntimeError, match="invalid device ordinal 1"):
        cuda.set_device(1)
    with cuda.device(0):
        assert cuda.current_device() == 0
    with cuda.device(None), cuda.device_of(mindtorch.ones(1)):
        assert cuda.current_device() == 0
    cuda.synchronize()
    properties = cuda.get_device_properties(0)
    assert properties.total_memory > 0
    assert cuda.get_device_name() == properties.name
    assert cuda.get_device_capability() == (properties.major, properties.minor)
    assert cuda.is_bf16_supported()
    assert not cuda.is_current_stream_capturing()


def test_tensors_know_their_device(present: None) -> None:
    x = mindtorch.ones(2).cuda()
    assert x.is_cuda
    assert x.device == mindtorch.device("cuda", 0)
    assert x.get_device() == 0
    assert mindtorch.zeros(1, device="cuda").device.type == "cuda"
    assert (x + x).device.type == "cuda"
    assert not x.cpu().is_cuda
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        x + mindtorch.ones(2)
    m = mindtorch.nn.Linear(2, 2).cuda()
    assert {p.device.type for p in m.parameters()} == {"cuda"}
    assert m(x).is_cuda


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("Float", "float32"), ("Half", "float16"), ("BFloat16", "bfloat16"), ("Long", "int64"), ("Byte", "uint8")],
)
def test_legacy_types(present: None, name: str, dtype: str) -> None:
    kind = getattr(cuda, f"{name}Tensor")
    x = kind([1, 2])
    assert x.dtype == getattr(mindtorch, dtype)
    assert x.is_cuda
    assert x.type() == f"torch.cuda.{name}Tensor"
    assert isinstance(x, kind)
    assert not isinstance(x.cpu(), kind)


def test_random_state_of_its_own(present: None) -> None:
    mindtorch.manual_seed(1)
    cuda.manual_seed(5)
    before = mindtorch.get_rng_state()
    state = cuda.get_rng_state()
    first = mindtorch.rand(4, device="cuda")
    # The device's draws leave the CPU's stream alone, and the other way round.
    assert mindtorch.equal(mindtorch.get_rng_state(), before)
    mindtorch.rand(4)
    second = mindtorch.rand(4, device="cuda")
    cuda.set_rng_state(state)
    assert mindtorch.equal(mindtorch.rand(4, device="cuda"), first)
    assert mindtorch.equal(mindtorch.rand(4, device="cuda"), second)
    cuda.manual_seed_all(5)
    assert mindtorch.equal(mindtorch.rand(4, device="cuda"), first)
    assert cuda.initial_seed() == 5
    assert len(cuda.get_rng_state_all()) == 1
    assert cuda.default_generators[0].initial_seed() == 5
    # torch.manual_seed seeds every device.
    mindtorch.manual_seed(5)
    assert mindtorch.equal(mindtorch.rand(4, device="cuda"), first)


def test_streams_and_events(present: None) -> None:
    stream = cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream()
    with cuda.stream(stream):
        assert cuda.current_stream() == stream
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        start.record()
        end.record(stream)
    assert cuda.current_stream() == cuda.default_stream()
    stream.wait_event(end)
    stream.wait_stream(cuda.default_stream())
    stream.synchronize()
    end.synchronize()
    assert stream.query()
    assert end.query()
    assert start.elapsed_time(end) >= 0.0
    x = mindtorch.ones(1, device="cuda")
    x.record_stream(stream)
    with cuda.stream(None):
        assert cuda.current_stream() == cuda.default_stream()


def test_memory_statistics(present: None) -> None:
    cuda.empty_cache()
    cuda.reset_peak_memory_stats()
    for value in (
        cuda.memory_allocated(), cuda.max_memory_allocated(), cuda.memory_reserved(), cuda.max_memory_reserved()
    ):  # fmt: skip
        assert isinstance(value, int)
        assert value >= 0
    free, total = cuda.mem_get_info()
    assert 0 < free <= total
    assert isinstance(cuda.memory_stats(), dict)
    assert isinstance(cuda.memory_summary(), str)


def test_nvtx_ranges(present: None) -> None:
    cuda.nvtx.range_push("a")
    cuda.nvtx.range_pop()
    with cuda.nvtx.range("b"):
        pass


def test_lazy_calls_run_at_once(present: None) -> None:
    log: list[Any] = []
    cuda._lazy_call(lambda: log.append(1))
    assert log == [1]


@pytest.mark.parametrize("name", ["CUDAGraph", "graph", "graph_pool_handle", "make_graphed_callables", "cudart"])
def test_missing_names_are_loud(name: str) -> None:
    assert not hasattr(cuda, name)
    with pytest.raises(NotImplementedError, match=rf"torch\.cuda\.{name} is not supported"):
        getattr(cuda, name)


def test_autocast_is_the_identity_when_off_and_loud_when_on() -> None:
    with mindtorch.autocast("cuda", enabled=False), cuda.amp.autocast(enabled=False):
        assert (mindtorch.ones(1) * 2).dtype == mindtorch.float32
    with pytest.raises(NotImplementedError, match="autocast"):
        mindtorch.autocast("cuda", dtype=mindtorch.bfloat16)
    assert cuda.amp.GradScaler(enabled=False).get_scale() == 1.0
