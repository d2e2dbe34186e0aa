"""``ms-convert doctor``: each thing that can be wrong, on a machine made of directories."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ms_convert.cli import app
from ms_convert.workspace import doctor
from ms_convert.workspace.doctor import Check, Machine, examine
from typer.testing import CliRunner
from workspace_site import Site


def _install(site_packages: Path, name: str, version: str, *packages: str) -> None:
    info = site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text("\n".join(packages))
    for package in packages:
        (site_packages / package).mkdir()
        (site_packages / package / "__init__.py").write_text("")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Everything is as it should be, but that there is no workspace."""
    packages = tmp_path / "site-packages"
    for name, version in (("mindspore", "2.10.0"), ("numpy", "1.26.4"), ("scipy", "1.15.3"), ("mpi4py", "4.1.2")):
        _install(packages, name, version)
    _install(packages, "ms-convert", "0.1.0", "mindtorch")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mpiexec").write_text("#!/bin/sh\n")
    (tmp_path / "bin/mpiexec").chmod(0o755)
    environment = {"PATH": str(tmp_path / "bin")}
    return Machine(tmp_path / "ws", tmp_path / "root", (str(packages),), environment, (3, 11, 7))


def _changed(machine: Machine, **values: object) -> Machine:
    fields = ("workspace", "root", "path", "environment", "python")
    return Machine(**{name: values.get(name, getattr(machine, name)) for name in fields})  # type: ignore[arg-type]


def _wrong(machine: Machine) -> list[Check]:
    return [check for check in examine(machine) if check.status != "ok" and check.name != "workspace"]


def test_nothing_wrong(machine: Machine) -> None:
    assert _wrong(machine) == []
    names = [check.name for check in examine(machine)]
    assert names == ["Python", "MindSpore", "numpy", "scipy", "NPU", "torch", "apex", "transformer_engine", "mindtorch",
                     "MPI", "workspace", "disk"]  # fmt: skip


@pytest.mark.parametrize("python", [(3, 9, 1), (3, 13, 0)])
def test_python(machine: Machine, python: tuple[int, ...]) -> None:
    (check,) = _wrong(_changed(machine, python=python))
    assert (check.name, check.status) == ("Python", "failure")
    assert "runs on 3.10 to 3.12" in check.advice


def test_nothing_installed(machine: Machine, tmp_path: Path) -> None:
    wrong = {check.name: check for check in _wrong(_changed(machine, path=(str(tmp_path / "empty"),), environment={}))}
    assert {"MindSpore", "numpy", "scipy", "MPI"} <= set(wrong)
    assert wrong["MindSpore"].advice == "pip install mindspore==2.10.0 'numpy<2' 'scipy<1.16'"
    assert wrong["MPI"].status == "warning"


def test_versions(machine: Machine, tmp_path: Path) -> None:
    first = tmp_path / "first"
    _install(first, "mindspore", "2.6.0")
    _install(first, "numpy", "2.1.0")
    mindspore, numpy = _wrong(_changed(machine, path=(str(first), *machine.path)))
    assert (mindspore.found, mindspore.advice[-28:]) == ("2.6.0", "pip install mindspore==2.10.0"[-28:])
    assert (numpy.found, numpy.advice[-21:]) == ("2.1.0", "pip install 'numpy<2'"[-21:])


def test_strangers(machine: Machine, tmp_path: Path) -> None:
    _install(tmp_path / "more", "torch", "2.6.0", "torch")
    _install(tmp_path / "more", "apex", "0.1", "apex")
    _install(tmp_path / "more", "transformer-engine", "2.1", "transformer_engine")
    wrong = _wrong(_changed(machine, path=(*machine.path, str(tmp_path / "more"))))
    assert [(check.name, check.status) for check in wrong] == [
        ("torch", "warning"), ("apex", "warning"), ("transformer_engine", "warning"),
    ]  # fmt: skip
    assert wrong[1].found == f"in {tmp_path / 'more'}"
    assert "use a virtual environment without it" in wrong[1].advice


def test_another_mindtorch(machine: Machine, tmp_path: Path) -> None:
    _install(tmp_path / "more", "mindtorch", "0.3", "mindtorch")
    (check,) = _wrong(_changed(machine, path=(*machine.path, str(tmp_path / "more"))))
    assert check.found == "mindtorch 0.3 has a package of that name, too"
    assert check.advice.startswith("pip uninstall mindtorch, then in the checkout of ms-convert: pip install")


def test_device(machine: Machine) -> None:
    root = machine.root
    (root / "dev").mkdir(parents=True)
    for number in range(8):
        (root / f"dev/davinci{number}").touch()
    (root / "dev/davinci_manager").touch()
    npu, cann = _wrong(machine)
    assert (npu.found, npu.status) == ("8 devices, driver unknown", "failure")
    assert (cann.found, cann.status) == ("not installed", "failure")
    (root / "usr/local/Ascend/driver").mkdir(parents=True)
    (root / "usr/local/Ascend/driver/version.info").write_text("Version=24.1.rc2\nascendhal_version=7\n")
    toolkit = root / "usr/local/Ascend/ascend-toolkit"
    toolkit.mkdir()
    (toolkit / "set_env.sh").touch()
    (cann,) = _wrong(machine)
    assert (cann.found, cann.advice) == (
        "its environment is not set", "source /usr/local/Ascend/ascend-toolkit/set_env.sh",
    )  # fmt: skip
    (toolkit / "version.cfg").write_text("# CANN\ntoolkit_running_version=[8.0.0:8.0.RC3]\n")
    right = _changed(machine, environment={**machine.environment, "ASCEND_HOME_PATH": str(toolkit)})
    assert _wrong(right) == []
    assert [check.found for check in examine(right) if check.name in ("NPU", "CANN")] == [
        "8 devices, driver 24.1.rc2", "8.0.RC3",
    ]  # fmt: skip
    gone = _changed(machine, environment={**machine.environment, "ASCEND_HOME_PATH": "/nix"})
    assert [check.status for check in _wrong(gone)] == ["failure"]


def test_disk(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 60)
    (check,) = _wrong(machine)
    assert (check.name, check.status) == ("disk", "failure")


def test_workspace(machine: Machine, site: Site) -> None:
    def checks(*path: Path) -> dict[str, Check]:
        found = _changed(machine, workspace=site.workspace, path=(*map(str, path), *machine.path))
        return {check.name: check for check in examine(found)}

    assert checks()["workspace"].status == "warning"
    site.build()
    paths = site.workspace / "alpha", site.workspace / "beta/src"
    right = checks(*paths)
    assert (right["workspace"].status, right["workspace"].found) == ("ok", "alpha, beta: as in the lock")
    assert right["PYTHONPATH"].status == "ok"
    missing = checks(paths[1])["PYTHONPATH"]
    assert (missing.found, missing.advice) == (f"{paths[0]} is not on it", f"source {site.workspace}/env.sh")
    other = site.root / "other"
    (other / "alpha").mkdir(parents=True)
    assert checks(*paths, other)["PYTHONPATH"].status == "ok"
    assert checks(other, *paths)["PYTHONPATH"].found == f"alpha is taken from {other}, not from {paths[0]}"
    (site.workspace / "alpha/alpha/a.py").write_text("x")
    edited = checks(*paths)["workspace"]
    assert (edited.status, "local changes (alpha/a.py)" in edited.found) == ("failure", True)
    (site.workspace / "ms-convert.lock").write_text("[")
    assert "is no lock of a workspace" in checks(*paths)["workspace"].found


def test_command(site: Site) -> None:
    site.build()
    result = CliRunner().invoke(app, ["doctor", str(site.workspace), "--json"])
    data = json.loads(result.stdout)
    assert result.exit_code == 1  # the workspace is not on the path
    assert data["ok"] is False
    assert {"name": "Python", "status": "ok", "found": os.sys.version.split()[0], "advice": ""} in data["checks"]  # type: ignore[attr-defined]
    lines = CliRunner().invoke(app, ["doctor", str(site.workspace)]).stdout.splitlines()
    assert len(lines) == len(data["checks"])
    assert [line.split()[0] for line in lines] == [check["status"] for check in data["checks"]]
