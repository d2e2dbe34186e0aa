"""What the distribution holds and asks for."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    copy = target / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    subprocess.run(
        [sys.executable, "-c", "from setuptools.build_meta import build_wheel; build_wheel('..')"],
        check=True, capture_output=True, cwd=copy,
    )  # fmt: skip
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_every_module_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "convert", "rules", "shims"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    for path in tracked:
        if not path.endswith((".py", ".yaml", "schema.json", "support.json", ".css", ".js")):
            continue
        inside = re.sub(r"^convert/", "ms_convert/", re.sub(r"^rules/", "ms_convert/rules/", path))
        assert inside.removeprefix("shims/") in names


def test_only_our_names_land_in_site_packages(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    ours = {"ms_convert", "mindtorch", "mindtorch_shims", "mindtorchrun"}
    assert {t for t in top if not t.endswith(".dist-info")} == ours


def test_the_converter_alone_asks_for_no_framework(wheel: zipfile.ZipFile) -> None:
    metadata = next(n for n in wheel.namelist() if n.endswith("METADATA"))
    requires = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist") or []
    always = {re.split(r"[\s<>=!~;\[]", r)[0].lower() for r in requires if "extra ==" not in r}
    assert not always & {"mindspore", "numpy", "scipy", "torch", "ml-dtypes"}
    runtime = [r for r in requires if "extra == 'runtime'" in r or 'extra == "runtime"' in r]
    assert any(r.startswith("mindspore==2.10.0") for r in runtime)
    assert any(r.startswith("numpy") and "<2" in r for r in runtime)
    assert any(r.startswith("scipy") and "<1.16" in r for r in runtime)


def test_the_converter_starts_without_mindspore() -> None:
    code = "import sys, ms_convert.cli; assert not {'mindspore', 'mindtorch', 'numpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
