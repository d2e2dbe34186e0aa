"""Event files for TensorBoard, beside those that PyTorch writes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
import mindtorch  # noqa: E402

LIBS = (torch, mindtorch)


def events(folder: Path) -> list[Any]:
    """All events of all files below the folder, without what differs from run to run."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found = []
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            event.ClearField("wall_time")
            event.ClearField("source_metadata")
            found.append((str(path.parent.relative_to(folder)), event))
    return found


def same_events(tmp_path: Path, write: Callable[[Any, Any], None], **options: Any) -> list[Any]:
    """Both libraries write the same events; those of mindtorch are returned."""
    written = []
    for lib in LIBS:
        folder = tmp_path / lib.__name__
        writer = importlib.import_module(f"{lib.__name__}.utils.tensorboard").SummaryWriter(folder, **options)
        write(lib, writer)
        writer.close()
        written.append(events(folder))
    assert written[0] == written[1]
    return written[1]


def test_scalars(tmp_path: Path) -> None:
    def write(lib: Any, writer: Any) -> None:
        writer.add_scalar("loss", 1.5, 3, walltime=1.0)
        writer.add_scalar("loss", lib.tensor([2.25]), 4)
        writer.add_scalar("loss", lib.tensor(0.5, dtype=lib.bfloat16), 5)
        writer.add_scalar("loss", np.float64(7))
        writer.add_scalar("new", 1.1, 1, new_style=True)
        writer.add_scalar("new", 1.1, 2, new_style=True, double_precision=True)

    assert len(same_events(tmp_path, write)) == 7


def test_scalars_in_one_diagram(tmp_path: Path) -> None:
    def write(lib: Any, writer: Any) -> None:
        for step in range(3):
            writer.add_scalars("run/14", {"sin": step / 2, "cos": lib.tensor(1.0)}, step)

    found = same_events(tmp_path, write)
    assert {folder for folder, _ in found} == {".", "run_14_sin", "run_14_cos"}


def test_texts_and_purging(tmp_path: Path) -> None:
    same_events(tmp_path, lambda lib, writer: writer.add_text("arguments", "grüße **x**", 1), purge_step=5)


@pytest.mark.parametrize("bins", ["tensorflow", "auto", [-1.0, 0.0, 0.5, 2.0]])
@pytest.mark.parametrize("max_bins", [None, 3])
def test_histograms(tmp_path: Path, bins: Any, max_bins: int | None) -> None:
    values = np.random.default_rng(0).standard_normal(200)

    def write(lib: Any, writer: Any) -> None:
        writer.add_histogram("weights", lib.tensor(values), 1, bins=bins, max_bins=max_bins)
        writer.add_histogram("ones", lib.ones(3), 2, bins=bins, max_bins=max_bins)

    same_events(tmp_path, write)


def test_it_goes_on_after_close(tmp_path: Path) -> None:
    def write(lib: Any, writer: Any) -> None:
        writer.add_scalar("a", 1.0, 1)
        writer.flush()
        assert [e.step for _, e in events(tmp_path / lib.__name__)] == [0, 1]
        with writer:
            writer.add_scalar("a", 2.0, 2)
        writer.close()

    same_events(tmp_path, write)


def test_what_is_wrong_or_missing_is_told(tmp_path: Path) -> None:
    writers = [importlib.import_module(f"{lib.__name__}.utils.tensorboard").SummaryWriter(tmp_path) for lib in LIBS]
    for writer, lib in zip(writers, LIBS, strict=True):
        with pytest.raises(AssertionError, match="Tensor should contain one element"):
            writer.add_scalar("a", lib.ones(2))
        with pytest.raises(ValueError, match="The input has no element"):
            writer.add_histogram("a", lib.ones(0))
        with pytest.raises(AttributeError):
            writer.nonsense()
        writer.close()
    with pytest.raises(NotImplementedError, match=r"SummaryWriter\.add_video"):
        writers[1].add_video("v", mindtorch.zeros(1))
