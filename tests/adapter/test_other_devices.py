"""``torch.accelerator``, and the devices of other makers, which are not there: as in PyTorch's CPU build."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402

CALLS = [
    *[f"backends.mps.{call}" for call in ("is_available()", "is_built()", "is_macos_or_newer(14, 0)")],
    *[
        f"mps.{call}()" for call in (
            "is_available", "device_count", "empty_cache", "synchronize", "current_allocated_memory", "get_rng_state",
            "driver_allocated_memory", "seed",
        )
    ],
    "mps.manual_seed(1)",
    *[
        f"xpu.{call}()" for call in (
            "is_available", "device_count", "is_initialized", "is_bf16_supported", "empty_cache", "synchronize",
            "memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved", "current_device",
            "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state", "get_rng_state_all",
            "current_stream", "mem_get_info", "seed", "seed_all", "init",
        )
    ],
    "xpu.manual_seed(1)", "xpu.manual_seed_all(1)", "xpu.set_device(0)", "xpu.set_rng_state_all([])",
    *[
        f"accelerator.{call}" for call in (
            "is_available()", "device_count()", "current_accelerator()", "current_accelerator(True)",
            "current_device_index()", "set_device_index(0)", "set_device_index('cuda:0')", "synchronize()",
            "current_stream()", "device_index(0).__enter__()", "device_index(None).__enter__()",
        )
    ],
    "version.cuda", "version.hip", "version.xpu", "legacy_contiguous_format is lib.contiguous_format",
]  # fmt: skip


def outcome(lib: Any, call: str) -> Any:
    try:
        return eval(f"lib.{call}", {"lib": lib})
    except Exception as error:  # the result: compared
        return type(error).__name__, str(error)


@pytest.mark.parametrize("call", CALLS)
def test_as_without_any(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINDTORCH_CUDA_ALIAS", raising=False)
    assert outcome(mindtorch, call) == outcome(torch, call)


@pytest.mark.parametrize("module", ["mps", "xpu", "accelerator"])
def test_names_that_are_missing(module: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"torch\.{module}\.nothing is not supported"):
        getattr(mindtorch, module).nothing  # noqa: B018


def test_the_accelerator_is_the_alias_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    lib = mindtorch.accelerator
    assert (lib.is_available(), lib.device_count()) == (True, 2)
    assert lib.current_accelerator() == lib.current_accelerator(True) == mindtorch.device("cuda")
    assert mindtorch.ones(1, device=lib.current_accelerator()).device == mindtorch.device("cuda", 0)
    with lib.device_index(1):
        assert (lib.current_device_index(), mindtorch.cuda.current_device()) == (1, 1)
        with lib.device_index(None):
            assert lib.current_device_index() == 1
    assert lib.current_device_index() == 0
    lib.set_device_index("cuda:1")
    assert lib.current_device_index() == 1
    with pytest.warns(FutureWarning, match="Use `set_device_index` instead"):
        lib.set_device_idx(0)
    with pytest.warns(FutureWarning, match="Use `current_device_index` instead"):
        assert lib.current_device_idx() == 0
    lib.synchronize()
    stream = mindtorch.cuda.Stream()
    before = lib.current_stream()
    lib.set_stream(stream)
    assert lib.current_stream() is lib.current_stream("cuda:0") is stream
    lib.set_stream(before)
    for device, message in (("cpu", "cpu doesn't match the current accelerator"), ("cuda", "with a specified index")):
        with pytest.raises(ValueError, match=message):
            lib.set_device_index(device)
