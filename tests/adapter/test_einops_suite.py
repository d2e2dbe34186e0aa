"""einops's own test suite on mindtorch, unconverted: ``import torch`` means mindtorch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import mindtorch
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SHIMS = Path(mindtorch.__file__).resolve().parents[1]
# It starts interpreters of its own, which do not have the alias.
APART = "einops/tests/test_other.py::test_einops_threading"


def test_einops(tmp_path: Path) -> None:
    suites = Path(os.environ.get("MS_CONVERT_SUITES") or ROOT / ".quickstart" / "suites")
    project = suites / "einops-0.8.2"
    if not project.is_dir():
        pytest.fail(f"no sources in {project}: run `make setup-test`, or set MS_CONVERT_SUITES to unpacked sdists")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(SHIMS), str(project)]), "EINOPS_TEST_BACKENDS": "numpy,torch",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "mindtorch", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-c", os.devnull, "--rootdir", str(project), f"--junitxml={report}", "--deselect", APART]
    done = subprocess.run(
        [*command, "einops/tests"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = sum(case.find("skipped") is not None for case in cases)
    # What is skipped is for other frameworks.
    assert len(cases) - skipped >= 57
