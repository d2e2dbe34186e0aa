"""``torch.cuda`` on a host without a device: absent as in PyTorch's CPU build, or served by the CPU's kernels."""

from __future__ import annotations

import os
import subprocess
import sys

import mindtorch as lib
import pytest


@pytest.fixture
def alias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")


@pytest.fixture
def no_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINDTORCH_CUDA_ALIAS", raising=False)


# ------------------------------------------------------------------ absent
@pytest.mark.usefixtures("no_alias")
def test_without_the_alias_there_is_no_device() -> None:
    assert not lib.cuda.is_available()
    assert lib.cuda.device_count() == 0
    assert not lib.cuda.is_initialized()
    x = lib.ones(2)
    for call in (
        lambda: lib.zeros(2, device="cuda"), x.cuda, lambda: x.to("cuda:0"), lambda: lib.nn.Linear(1, 1).cuda(),
        lambda: lib.nn.Linear(1, 1, device="cuda"), lambda: x.to("npu"),
    ):  # fmt: skip
        with pytest.raises((AssertionError, RuntimeError), match="MINDTORCH_CUDA_ALIAS"):
            call()
    for call in (
        lib.cuda.current_device, lib.cuda.synchronize, lambda: lib.cuda.set_device(0), lib.cuda.get_device_name,
        lib.cuda.init,
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="not available"):
            call()


@pytest.mark.usefixtures("no_alias")
def test_what_may_be_called_without_a_device() -> None:
    lib.cuda.empty_cache()
    lib.cuda.manual_seed_all(3)
    assert lib.device("cuda:1").index == 1
    assert str(lib.device("cuda")) == "cuda"
    assert lib.ones(1).device == lib.device("cpu")
    assert not lib.ones(1).is_cuda
    assert lib.get_default_device().type == "cpu"


@pytest.mark.parametrize("value", ["1", None])
def test_the_environment_of_a_process_decides(value: str | None) -> None:
    env = {k: v for k, v in os.environ.items() if k != "MINDTORCH_CUDA_ALIAS"}
    if value is not None:
        env["MINDTORCH_CUDA_ALIAS"] = value
    code = "import mindtorch as t; print(t.cuda.is_available(), t.cuda.device_count(), t.npu.is_available())"
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert out.split()[-3:] == (["True", "1", "True"] if value else ["False", "0", "False"])


# ------------------------------------------------------------------ served by the CPU's kernels
@pytest.mark.usefixtures("alias")
def test_devices_of_tensors() -> None:
    x = lib.arange(4.0)
    y = x.cuda()
    assert y.is_cuda
    assert y.device == lib.device("cuda", 0)
    assert y.get_device() == 0
    assert y.data_ptr() != x.data_ptr()
    assert y.cuda() is y
    assert y.to("cuda") is y
    assert (y * 2 + 1).device == y.device
    assert y[1:].device == y.view(2, 2).device == y.clone().device == y.device
    assert y.sum().item() == 6.0
    assert y.cpu().device.type == "cpu"
    assert x.cpu() is x
    assert y.new_zeros(2).device == lib.zeros_like(y).device == y.device
    for made in (lib.zeros(2, device="cuda"), lib.tensor([1], device=0), lib.randn(2, device="cuda:0")):
        assert made.device == lib.device("cuda:0")
    assert lib.ones(1, device="npu").device.type == "npu"
    assert "device='cuda:0'" in repr(y)
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        y.numpy()


@pytest.mark.usefixtures("alias")
def test_devices_do_not_mix() -> None:
    with pytest.raises(RuntimeError, match="same device"):
        lib.ones(2) + lib.ones(2, device="cuda")
    assert (lib.ones(2, device="cuda") + lib.tensor(1.0)).is_cuda  # a 0-d tensor of the CPU is a number


@pytest.mark.usefixtures("alias")
def test_gradients_cross_devices() -> None:
    w = lib.ones(3, requires_grad=True)
    y = (w.cuda() * lib.arange(3.0, device="cuda")).sum()
    y.backward()
    assert w.grad is not None
    assert w.grad.device.type == "cpu"
    assert w.grad.tolist() == [0.0, 1.0, 2.0]
    v = lib.ones(2, device="cuda", requires_grad=True)
    (v * 3).sum().backward()
    assert v.grad is not None
    assert v.grad.is_cuda


@pytest.mark.usefixtures("alias")
def test_modules_and_optimizers_move() -> None:
    m = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.LayerNorm(3))
    first = m[0].weight
    m.cuda()
    assert m[0].weight is first
    assert all(p.is_cuda for p in m.parameters())
    opt = lib.optim.AdamW(m.parameters(), lr=0.1)
    m(lib.ones(2, 3, device="cuda")).sum().backward()
    opt.step()
    assert all(s["exp_avg"].is_cuda for s in opt.state.values())
    assert all(p.is_cuda for p in m.parameters())
    m.cpu()
    assert all(p.is_cpu for p in m.parameters())
    made = lib.nn.Linear(2, 2, device="cuda", dtype=lib.float64)
    assert made.weight.is_cuda
    assert made.weight.dtype is lib.float64


@pytest.mark.usefixtures("alias")
def test_current_device() -> None:
    assert lib.cuda.is_available()
    assert lib.cuda.device_count() == 1
    lib.cuda.set_device(0)
    lib.cuda.set_device("cuda:0")
    assert lib.cuda.current_device() == 0
    with lib.cuda.device(0):
        assert lib.cuda.current_device() == 0
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        lib.cuda.set_device(5)
    properties = lib.cuda.get_device_properties(0)
    assert properties.total_memory > 0
    assert lib.cuda.get_device_name() == properties.name
    assert lib.cuda.get_device_capability() == (properties.major, properties.minor)
    lib.cuda.synchronize()
    with lib.device("cuda"):
        assert lib.zeros(1).is_cuda
    assert not lib.zeros(1).is_cuda


@pytest.mark.usefixtures("alias")
def test_generators_of_cpu_and_device_are_apart() -> None:
    lib.manual_seed(5)
    a = lib.rand(3)
    lib.manual_seed(5)
    lib.rand(3, device="cuda")
    assert lib.rand(3).tolist() == a.tolist()
    lib.cuda.manual_seed(9)
    state = lib.cuda.get_rng_state()
    b = lib.rand(3, device="cuda")
    lib.cuda.set_rng_state(state)
    assert lib.rand(3, device="cuda").tolist() == b.tolist()
    assert lib.cuda.initial_seed() == 9
    assert len(lib.cuda.get_rng_state_all()) == len(lib.cuda.default_generators) == 1
    generator = lib.Generator(device="cuda").manual_seed(1)
    assert generator.device.type == "cuda"
    with lib.random.fork_rng():
        lib.rand(1, device="cuda")
    c = lib.cuda.get_rng_state()
    assert c.tolist() == lib.cuda.get_rng_state().tolist()


@pytest.mark.usefixtures("alias")
def test_streams_and_events() -> None:
    stream = lib.cuda.Stream()
    before = lib.cuda.current_stream()
    with lib.cuda.stream(stream):
        assert lib.cuda.current_stream() is stream
        start, end = lib.cuda.Event(enable_timing=True), lib.cuda.Event(enable_timing=True)
        start.record()
        lib.ones(10, device="cuda").sum()
        end.record(stream)
        stream.wait_event(start)
    assert lib.cuda.current_stream() is before
    stream.synchronize()
    assert stream.query()
    assert end.query()
    assert start.elapsed_time(end) >= 0
    before.wait_stream(stream)
    with pytest.raises(RuntimeError, match="recorded"):
        start.elapsed_time(lib.cuda.Event(enable_timing=True))
    lib.ones(1, device="cuda").record_stream(stream)


@pytest.mark.usefixtures("alias")
def test_memory_statistics() -> None:
    assert 0 < lib.cuda.memory_allocated() <= lib.cuda.max_memory_allocated()
    assert lib.cuda.memory_reserved() > 0
    free, total = lib.cuda.mem_get_info()
    assert 0 < free <= total
    assert "allocated_bytes.all.peak" in lib.cuda.memory_stats()
    assert "allocated_bytes" in lib.cuda.memory_summary()
    with pytest.raises(NotImplementedError, match="_record_memory_history"):
        lib.cuda.memory._record_memory_history()


@pytest.mark.usefixtures("alias")
def test_legacy_types_and_missing_names() -> None:
    x = lib.cuda.FloatTensor([1.0, 2.0])
    assert x.is_cuda
    assert x.type() == "torch.cuda.FloatTensor"
    assert isinstance(x, lib.cuda.FloatTensor)
    assert not isinstance(x, lib.FloatTensor)
    assert not isinstance(x.double(), lib.cuda.FloatTensor)
    with pytest.raises(AttributeError, match=r"torch\.cuda\.nccl"):
        _ = lib.cuda.nccl


@pytest.mark.usefixtures("alias")
def test_checkpointing_restores_the_device_generator() -> None:
    from mindtorch.utils.checkpoint import checkpoint

    for reentrant in (True, False):
        x = lib.ones(50, device="cuda", requires_grad=True)
        lib.cuda.manual_seed(3)
        y = checkpoint(lambda t: lib.nn.functional.dropout(t, 0.5), x, use_reentrant=reentrant)
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == y.tolist()
