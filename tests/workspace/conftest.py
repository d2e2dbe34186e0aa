"""Fixtures of the workspace tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from workspace_site import RULES, STACK, Site, commit, git


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's git settings nor what another test has cached."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.invalid")
        monkeypatch.setenv(f"GIT_{role}_DATE", "2025-01-01T00:00:00 +0000")
    monkeypatch.setenv("MS_CONVERT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("MS_CONVERT_MIRROR", raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """alpha has the tag v1.0 and a later commit on main; beta only branches."""
    site = Site(tmp_path)
    site.bare.mkdir()
    for name in ("alpha", "beta"):
        site.work(name).mkdir(parents=True)
        git(site.work(name), "init", "-q", "-b", "main")
        git(site.bare, "init", "-q", "--bare", "-b", "main", f"{name}.git")
        git(site.work(name), "remote", "add", "origin", str(site.bare / f"{name}.git"))
    commit(site.work("alpha"), "first", {"alpha/__init__.py": ""})
    files = {"alpha/a.py": "import torch\n", "alpha/b.py": "x = 1\n"}
    site.commits["alpha"] = commit(site.work("alpha"), "release", files)
    git(site.work("alpha"), "tag", "-a", "-m", "release", "v1.0")
    git(site.work("alpha"), "tag", "v1.1rc0")
    site.commits["later"] = commit(site.work("alpha"), "later", {"alpha/a.py": "import torch.nn\n"})
    site.commits["beta"] = commit(site.work("beta"), "first", {"src/beta/b.py": "from torch import nn\n"})
    git(site.work("beta"), "branch", "stable")
    for name in ("alpha", "beta"):
        site.publish(name)
    site.stack.parent.mkdir()
    site.stack.write_text(STACK.format(commit=site.commits["alpha"]))
    (site.stack.parent / "some.yaml").write_text(RULES)
    return site
