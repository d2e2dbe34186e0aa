"""The profiler: what ran, how often, how long, and as a trace."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import mindtorch as torch
import pytest
from mindtorch.profiler import ProfilerActivity, profile, record_function, schedule, tensorboard_trace_handler


def work() -> Any:
    x = torch.ones(8, 8)
    return (x @ x + 1).softmax(-1).sum()


def test_operators_are_counted() -> None:
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found, record_function("both"):
        work()
        work()
    counts = {e.key: e.count for e in found.key_averages()}
    assert counts["both"] == 1
    assert counts["aten::matmul"] == counts["aten::softmax"] == counts["aten::sum"] == counts["aten::ones"] == 2
    both = next(e for e in found.key_averages() if e.key == "both")
    assert 0 <= both.self_cpu_time_total < both.cpu_time_total
    inner = sum(e.self_cpu_time_total for e in found.key_averages())
    assert inner == pytest.approx(both.cpu_time_total)
    table = found.key_averages().table(sort_by="cpu_time_total", row_limit=3)
    assert table.splitlines()[1].startswith("both")
    assert len(table.splitlines()) == 5


def test_nothing_is_recorded_outside() -> None:
    with profile() as found:
        pass
    before = len(found.events())
    work()
    assert len(found.events()) == before == 0
    with record_function("nobody listens"):
        pass


def test_chrome_trace(tmp_path: Path) -> None:
    with profile(record_shapes=True) as found, record_function("range"):
        work()
    found.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    outer = next(e for e in events if e["name"] == "range")
    assert outer["cat"] == "user_annotation"
    matmul = next(e for e in events if e["name"] == "aten::matmul")
    assert matmul["args"]["Input Dims"] == [[8, 8], [8, 8]]
    for e in events:
        assert e["ph"] == "X"
        assert outer["ts"] <= e["ts"]
        assert e["ts"] + e["dur"] <= outer["ts"] + outer["dur"] + 1e-3


def test_a_schedule(tmp_path: Path) -> None:
    actions = [schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)(i).name for i in range(10)]
    cycle = ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"]
    assert actions == ["NONE", *cycle, *cycle, "NONE"]
    traces = []

    def ready(p: Any) -> None:
        traces.append(sum(e.name == "aten::softmax" for e in p.events()))
        tensorboard_trace_handler(str(tmp_path))(p)

    with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=ready) as p:
        for _ in range(9):
            work()
            p.step()
    assert traces == [2, 2]
    assert len(list(tmp_path.glob("*.pt.trace.json"))) == 2


def test_stacks_and_compression(tmp_path: Path) -> None:
    ready = tensorboard_trace_handler(str(tmp_path), "me", use_gzip=True)
    with profile(with_stack=True, on_trace_ready=ready) as found:
        work()
    softmax = next(e for e in found.events() if e.name == "aten::softmax")
    assert softmax.stack[0].startswith(f"{__file__}(")
    assert softmax.stack[0].endswith("): work")
    assert softmax.stack[1].endswith("): test_stacks_and_compression")
    (path,) = tmp_path.glob("me.*.pt.trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    assert next(e for e in events if e["name"] == "aten::softmax")["args"]["Call stack"].split(";") == softmax.stack


def test_what_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="profile_memory"):
        profile(profile_memory=True)
    with profile(), pytest.raises(RuntimeError, match="already enabled"):
        profile().start()
