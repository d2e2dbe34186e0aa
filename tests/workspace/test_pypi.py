"""``--from-pypi``, with pip and a directory in the place of PyPI."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError
from ms_convert.workspace.build import Options
from ms_convert.workspace.locking import lock_now
from ms_convert.workspace.mirrors import Mirrors
from workspace_site import Site, git, snapshot

# pip asks the sources for their metadata; this backend needs nothing to be installed for it.
BACKEND = '''\
import os

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    info = os.path.join(directory, "alpha_core-1.0.dist-info")
    os.mkdir(info)
    with open(os.path.join(info, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: alpha-core\\nVersion: 1.0\\n")
    return "alpha_core-1.0.dist-info"
'''
FILES = {
    "alpha_core-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: alpha-core\nVersion: 1.0\n",
    "alpha_core-1.0/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "alpha_core-1.0/backend.py": BACKEND,
    "alpha_core-1.0/alpha/a.py": "import torch\n",
    "alpha_core-1.0/.gitignore": "*.bin\n",
    "alpha_core-1.0/alpha/x.bin": "x",
}


def _publish(site: Site, monkeypatch: pytest.MonkeyPatch, **more: str) -> str:
    """Put the source distribution where pip looks; returns its SHA-256."""
    index = site.root / "index"
    index.mkdir(exist_ok=True)
    path = index / "alpha_core-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {**FILES, **more}.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _add_pypi(site: Site, sha256: str) -> None:
    pypi = f"    pypi: {{name: alpha-core, version: '1.0', sha256: {sha256}}}\n"
    site.edit_stack(f"    commit: {site.commits['alpha']}\n", f"    commit: {site.commits['alpha']}\n{pypi}")


def test_sources_from_pypi(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = _publish(site, monkeypatch)
    _add_pypi(site, sha256)
    site.build(from_pypi=True)
    alpha = site.workspace / "alpha"
    assert (alpha / "alpha/a.py").read_text() == "import mindtorch as torch\n"
    assert (alpha / "alpha/x.bin").exists()
    assert git(alpha, "diff", "--name-only") == "alpha/a.py"
    assert git(site.workspace / "beta", "rev-parse", "HEAD") == site.commits["beta"]  # nobody publishes it
    assert f'"sha256": "{sha256}"' in (site.workspace / "ms-convert.lock").read_text()
    before = snapshot(site.workspace)
    site.build()
    assert snapshot(site.workspace) == before
    # A lock that is lost is made again from what is there.
    (site.workspace / "ms-convert.lock").unlink()
    lock_now(Options(site.workspace, str(site.stack)))
    assert {name: digest for name, (digest, _) in snapshot(site.workspace).items()} == {
        name: digest for name, (digest, _) in before.items()
    }
    # The same file is the same commit, and the copy of it is found without pip.
    shutil.rmtree(site.root / "index")
    head = git(alpha, "rev-parse", "HEAD")
    shutil.rmtree(alpha)
    site.build(mirrors=Mirrors({}), offline=True)
    assert git(alpha, "rev-parse", "HEAD") == head
    shutil.rmtree(site.root / "cache")
    with pytest.raises(ConvertError, match=r"^alpha: offline, and there is no copy of alpha-core==1.0 on this machine"):
        site.build(directory=site.root / "other", offline=True, from_pypi=True)


def test_another_file_than_the_stack_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _add_pypi(site, "f" * 64)
    sha256 = _publish(site, monkeypatch)
    with pytest.raises(ConvertError, match=f"has the SHA-256 {sha256}, the stack file says ffffff"):
        site.build(from_pypi=True)
    assert list(site.workspace.iterdir()) == []


def test_not_on_pypi(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _add_pypi(site, _publish(site, monkeypatch))
    monkeypatch.setenv("PIP_FIND_LINKS", str(site.root))
    with pytest.raises(ConvertError, match=r"^cannot take alpha-core==1.0 from PyPI: pip says: No matching"):
        site.build(from_pypi=True)


def test_clone_that_is_there_stays_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _add_pypi(site, _publish(site, monkeypatch))
    site.build()
    before = snapshot(site.workspace)
    site.build(from_pypi=True)
    assert snapshot(site.workspace) == before


def test_hostile_sources(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _add_pypi(site, _publish(site, monkeypatch, **{"../../../escaped": "x"}))
    with pytest.raises(ConvertError):
        site.build(from_pypi=True)
    assert not list(tmp_path.rglob("escaped"))
    assert list(site.workspace.iterdir()) == []
