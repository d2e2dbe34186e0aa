"""Temperature, power, load and clock of the host where the CPU serves as 'cuda'."""

from __future__ import annotations

from pathlib import Path

import mindtorch
import pytest
from mindtorch import _device
from mindtorch.cuda import telemetry


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose sensors are files of the test."""
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    monkeypatch.setattr(telemetry, "_CLASSES", tmp_path)
    monkeypatch.setattr(telemetry, "_PROCESSOR", tmp_path)
    monkeypatch.setattr(telemetry._Load, "busy", 0)
    monkeypatch.setattr(telemetry._Load, "total", 0)
    return tmp_path


def sensor(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_sensors_are_read(host: Path) -> None:
    sensor(host / "thermal/thermal_zone0/temp", "41500\n")
    sensor(host / "thermal/thermal_zone1/temp", "63000\n")
    sensor(host / "thermal/thermal_zone2/temp", "broken\n")
    sensor(host / "hwmon/hwmon0/power1_average", "2500000\n")
    sensor(host / "hwmon/hwmon1/power1_average", "1000000\n")
    sensor(host / "cpuinfo", "cpu MHz\t\t: 2000.0\nmodel name : x\ncpu MHz\t\t: 3000.5\n")
    cuda = mindtorch.cuda
    assert (cuda.temperature(), cuda.power_draw(), cuda.clock_rate()) == (63, 3500, 2500)


def test_load_is_that_since_the_last_call(host: Path) -> None:
    sensor(host / "stat", "cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 1 1 1\n")
    assert mindtorch.cuda.utilization() == 20
    assert mindtorch.cuda.utilization() == 0
    sensor(host / "stat", "cpu  100 0 10 70 20 0 0 0 0 0\n")
    assert mindtorch.cuda.utilization() == 90


@pytest.mark.usefixtures("host")
def test_what_the_host_does_not_measure_is_zero() -> None:
    cuda = mindtorch.cuda
    assert (cuda.temperature(), cuda.power_draw(), cuda.clock_rate(), cuda.utilization()) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["temperature", "power_draw", "clock_rate", "utilization"])
def test_an_npu_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_device, "has_npu", lambda: True)
    with pytest.raises(NotImplementedError, match=f"torch.cuda.{name}"):
        getattr(mindtorch.cuda, name)()
