"""The tools that run Megatron-LM's own tests and its pretraining script, on a small tree that is shaped like it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
UNIT_TESTS = """
import os, time
import pytest

def test_passes():
    assert os.environ["WORLD_SIZE"] == "1"

def test_fails():
    assert 1 == 2, "one is not two"

def test_slow():
    try:
        time.sleep(60)
    except Exception:
        pass

def test_ends_the_process():
    os._exit(7)

def test_after_that():
    pass

@pytest.fixture
def broken():
    raise KeyError("set-up")

def test_set_up(broken):
    pass
"""
TRAINING = """
def get_model(): return []
def train_step(): return 0
def training_log(loss_dict, *args): return None
"""
SCRIPT = """
import sys
import megatron.training.training as training

assert sys.argv[1:] == ["--train-iters", "2"]
training.get_model()
for loss, norm in ((2.5, 1.0), (2.25, 0.5)):
    training.train_step()
    training.training_log({"lm loss": loss}, {}, 0.1, None, 1, 1.0, False, 0, norm, None, 0)
sys.exit(0)
"""


def run(tool: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOLS / tool), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "megatron/__init__.py": "", "megatron/core/__init__.py": "", "megatron/training/__init__.py": "",
        "megatron/core/utils.py": "_te_version = None\ndef get_te_version():\n    raise ImportError('no')\n",
        "megatron/training/training.py": TRAINING, "pretrain_gpt.py": SCRIPT, "tests/unit_tests/test_it.py": UNIT_TESTS,
        "tests/unit_tests/test_broken.py": "import a_module_that_is_not_there\n",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_outcomes_of_unit_tests(tree: Path) -> None:
    names = ("passes", "fails", "slow", "ends_the_process", "after_that", "set_up")
    ids = [f"tests/unit_tests/test_it.py::test_{name}" for name in names]
    ids.append("tests/unit_tests/test_broken.py::test_x")
    (tree / "ids.json").write_text(json.dumps(ids))
    (tree / "causes.json").write_text(json.dumps({"one is not two": "Arithmetic."}))
    options = ("--ids", tree / "ids.json", "--out", tree / "out.json", "--page", tree / "page.md")
    done = run("run_megatron_unit_tests.py", tree, *options, "--causes", tree / "causes.json", "--seconds", 2)
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = json.loads((tree / "out.json").read_text())
    found = {name: outcomes[node]["outcome"] for name, node in zip((*names, "broken"), ids, strict=True)}
    assert found == {
        "passes": "passed", "fails": "failed", "slow": "failed", "ends_the_process": "crashed", "after_that": "passed",
        "set_up": "error", "broken": "not collected",
    }  # fmt: skip
    assert "took more than 2 s" in outcomes[ids[2]]["message"]
    page = (tree / "page.md").read_text()
    assert "2 of 7 pass (28.6%)" in page
    assert "| 1 | Arithmetic. | `test_it.py::test_fails` |" in page
    again = run("run_megatron_unit_tests.py", tree, *options, "--only", "test_passes")
    assert "2 of 7 recorded tests pass" in again.stdout
    assert json.loads((tree / "out.json").read_text()).keys() == outcomes.keys()


@pytest.mark.parametrize(("loss", "equal"), [(2.25, True), (2.26, False)])
def test_pretraining_is_compared(tree: Path, loss: float, equal: bool) -> None:
    reference = {"argv": ["--train-iters", "2"], "losses": [2.5, loss], "grad_norms": [1.0, 0.5]}
    (tree / "run.json").write_text(json.dumps(reference))
    done = run("compare_pretrain.py", tree, tree / "run.json", "--out", tree / "result.json")
    assert done.returncode == (0 if equal else 1), done.stderr
    assert "run: 2 iterations" in done.stdout
    assert (": equal" in done.stdout) is equal
    result = json.loads((tree / "result.json").read_text())
    assert (result["losses"], result["equal"], len(result["seconds"])) == ([2.5, 2.25], equal, 2)


def test_a_run_that_ends_early_is_different(tree: Path) -> None:
    reference = {"argv": ["--train-iters", "2"], "losses": [2.5, 2.25, 2.0], "grad_norms": [1.0, 0.5, 0.5]}
    (tree / "run.json").write_text(json.dumps(reference))
    done = run("compare_pretrain.py", tree, tree / "run.json")
    assert done.returncode == 1
    assert "DIFFERENT" in done.stdout


def test_weights_are_cut_for_tensor_parallelism(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType, SimpleNamespace

    monkeypatch.syspath_prepend(str(TOOLS))
    import compare_pretrain

    core = ModuleType("megatron.core")
    core.mpu = SimpleNamespace(  # type: ignore[attr-defined]
        get_tensor_model_parallel_world_size=lambda: 2, get_tensor_model_parallel_rank=lambda: 1,
        get_expert_tensor_parallel_world_size=lambda: 4, get_expert_tensor_parallel_rank=lambda: 0,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "megatron", ModuleType("megatron"))
    monkeypatch.setitem(sys.modules, "megatron.core", core)
    full = np.arange(16.0).reshape(8, 2)
    cut = [
        compare_pretrain.shard(full, name, np.empty(shape), swiglu)[:, 0].tolist()
        for name, shape, swiglu in (
            ("a.linear_qkv.weight", (4, 2), True), ("a.linear_fc1.weight", (4, 2), True),
            ("a.linear_fc1.weight", (4, 2), False), ("a.linear_proj.weight", (8, 1), True), ("a.bias", (8, 2), True),
            ("mlp.experts.linear_fc2.weight", (2, 2), True),
        )
    ]  # fmt: skip
    rows = full[:, 0].tolist()
    assert cut == [rows[4:], rows[2:4] + rows[6:], rows[4:], full[:, 1].tolist(), rows, rows[:2]]
