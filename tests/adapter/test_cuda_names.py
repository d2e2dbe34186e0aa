"""Names of ``torch.cuda`` and ``torch.npu`` that upstream uses: they are there, and what cannot be done says so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import mindspore
import mindtorch as torch
import pytest
from mindspore import hal


@pytest.fixture(autouse=True)
def alias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c.CUDAGraph(), lambda c: c.graph(None), lambda c: c.graph_pool_handle(), lambda c: c.cudart(),
        lambda c: c.make_graphed_callables(abs, ()),
        lambda c: c.memory_usage(), lambda c: c.memory_snapshot(),
        lambda c: c.memory._record_memory_history(), lambda c: c.memory._dump_snapshot("file"), lambda c: c.MemPool(),
        lambda c: c.set_per_process_memory_fraction(0.5), lambda c: c.restart_device(0), lambda c: c.stop_device(0),
        lambda c: c.set_compile_mode(jit_compile=True), lambda c: c.set_option({"ACL_PRECISION_MODE": "x"}),
        lambda c: c.memory.change_current_allocator(None), lambda c: c.memory.NPUPluggableAllocator("a", "b", "c"),
    ],
)  # fmt: skip
def test_what_is_not_there_says_so(use: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.(cuda|npu)\."):
        use(torch.cuda)


def test_options_that_ask_for_what_is_done_anyway() -> None:
    torch.npu.set_compile_mode(jit_compile=False)
    torch.npu.set_option({"jitCompile": "disable"})
    torch.npu.config.allow_internal_format = True
    assert torch.npu.config.allow_internal_format is False


def test_the_module_of_the_scaler() -> None:
    from mindtorch.cuda.amp import grad_scaler

    x = torch.ones(1, device="cuda")
    copies = grad_scaler._MultiDeviceReplicator(x)
    assert copies.get("cuda") is copies.get(torch.device("cuda:0"))
    assert copies.get("cpu").device.type == "cpu"
    assert [s.name for s in grad_scaler.OptState] == ["READY", "UNSCALED", "STEPPED"]
    assert grad_scaler.GradScaler is torch.cuda.amp.GradScaler


def test_memory_of_the_host() -> None:
    stats = torch.cuda.memory_stats()
    assert stats["allocated_bytes.all.peak"] >= stats["allocated_bytes.all.current"] > 0
    assert torch.cuda.memory_cached() > 0
    free, total = torch.cuda.mem_get_info()
    assert 0 < free <= total == torch.cuda.get_device_properties(0).total_memory


def test_names_of_mindspore_that_a_device_needs() -> None:
    """Those cannot be called without a device; they must exist with these arguments."""
    of = mindspore.runtime
    for name in (
        "memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved", "empty_cache",
        "reset_peak_memory_stats", "synchronize", "current_stream",
    ):  # fmt: skip
        inspect.signature(getattr(of, name)).bind()
    inspect.signature(of.Event.__init__).bind(None, enable_timing=True, blocking=False)
    inspect.signature(of.Event.elapsed_time).bind(None, None)
    for method in (of.Event.record, of.Event.synchronize, of.Event.query, of.Stream.query):
        inspect.signature(method).bind(None)
    text = hal.get_device_properties.__doc__ or ""
    assert all(name in text[text.index("AscendDeviceProperties") :] for name in ("name", "total_memory", "free_memory"))
