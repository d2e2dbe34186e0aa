"""Text, .bin and .idx files, 20 iterations, evaluation, TensorBoard: with megatron-core under both libraries."""

from __future__ import annotations

import json
import os
import random
import shutil
import string
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pybind11
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "megatron_core_gpt"
PROGRAM = Path(__file__).with_name("text_to_training.py")
Convert = Callable[[Path, Path], None]
pytestmark = pytest.mark.slow


def write_text(directory: Path) -> None:
    """Two JSONL files of sentences of a small language, and a vocabulary file."""
    draw = random.Random(0)
    words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 7))) for _ in range(60)]
    for name, lines in (("fables", 120), ("recipes", 50)):
        with (directory / f"{name}.jsonl").open("w") as file:
            for _ in range(lines):
                sentences = [" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(draw.randint(1, 6))]
                file.write(json.dumps({"text": ". ".join(sentences)}) + "\n")
    (directory / "vocabulary.json").write_text(json.dumps({c: i for i, c in enumerate(string.ascii_lowercase + " .")}))


@pytest.fixture(scope="module")
def helpers(core: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Megatron's dataset helpers, compiled."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    target = tmp_path_factory.mktemp("helpers")
    subprocess.run(
        [compiler, "-O2", "-shared", "-std=c++17", "-fPIC", f"-I{pybind11.get_include()}",
         f"-I{sysconfig.get_path('include')}", str(core / "megatron/core/datasets/helpers.cpp"),
         "-o", str(target / f"helpers_cpp{sysconfig.get_config_var('EXT_SUFFIX')}")],
        check=True,
    )  # fmt: skip
    return target


@pytest.fixture(scope="module")
def run(
    core: Path, converted: Path, convert: Convert, helpers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """``run(library)``: the directory in which the program ran; each runs once."""
    done: dict[str, Path] = {}

    def run(library: str) -> Path:
        if library not in done:
            directory, source = tmp_path_factory.mktemp(library), tmp_path_factory.mktemp("source")
            write_text(directory)
            shutil.copy(PROGRAM, source)
            paths = [core, EXAMPLE]
            if library == "mindtorch":
                target = tmp_path_factory.mktemp("converted_source")
                convert(source, target)
                source, paths = target, [converted / "megatron_core", converted / "example"]
            finished = subprocess.run(
                [sys.executable, str(source / PROGRAM.name), str(directory), str(helpers)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert finished.returncode == 0, finished.stderr[-3000:]
            done[library] = directory
        return done[library]

    return run


def results(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "run.json").read_text())


def test_prepared_data_are_the_same(run: Callable[[str], Path]) -> None:
    names = [f"{name}.{kind}" for name in ("fables", "recipes") for kind in ("bin", "idx")]
    for name in names:
        content = (run("torch") / name).read_bytes()
        assert content
        assert (run("mindtorch") / name).read_bytes() == content, name
    cached = [sorted(p.name.split("-")[1:] for p in (run(lib) / "cache").iterdir()) for lib in ("torch", "mindtorch")]
    assert cached[0] == cached[1] != []


def test_training_and_evaluation_are_the_same(run: Callable[[str], Path]) -> None:
    theirs, ours = results(run("torch")), results(run("mindtorch"))
    assert (theirs["library"], ours["library"]) == ("torch", "mindtorch")
    assert ours["first"] == theirs["first"]
    for name, tolerance in (("losses", 1e-5), ("evaluation", 1e-5), ("grad_norms", 1e-4)):
        assert ours[name] == pytest.approx(theirs[name], rel=0, abs=tolerance)
    assert len(ours["losses"]) == 20
    assert ours["losses"][-1] < ours["losses"][0] - 0.5  # it has learnt
    assert len(ours["evaluation"]) == 2


def test_tensorboard_reads_what_was_logged(run: Callable[[str], Path]) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logs = []
    for library in ("torch", "mindtorch"):
        log = accumulators.EventAccumulator(str(run(library) / "tensorboard"))
        log.Reload()
        assert log.Tags()["scalars"] == ["lm loss", "learning-rate", "lm loss validation"]
        logs.append({tag: [(e.step, e.value) for e in log.Scalars(tag)] for tag in log.Tags()["scalars"]})
        assert dict(logs[-1]["lm loss"]) == pytest.approx(dict(enumerate(results(run(library))["losses"], 1)))
        assert "sample/text_summary" in log.Tags()["tensors"]
    assert logs[0]["learning-rate"] == logs[1]["learning-rate"]
