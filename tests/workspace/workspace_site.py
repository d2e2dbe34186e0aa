"""Repositories on this machine in the place of upstream's, and workspaces made from them. No network."""

from __future__ import annotations

import os
import subprocess
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ms_convert.workspace.build import Options, Voice, build
from ms_convert.workspace.mirrors import Mirrors

HOST = "https://upstream.invalid/"
STACK = """\
version: 1
include: [some.yaml]
repositories:
  - name: beta
    url: https://upstream.invalid/beta.git
    ref: stable
    needs: [alpha]
    python_path: [src]
  - name: alpha
    url: https://upstream.invalid/alpha.git
    ref: v1.0
    commit: {commit}
environment: {{SOME_VARIABLE: "it's one"}}
"""
RULES = """\
version: 1
rules:
  - id: torch
    kind: import
    why: as in the shipped rules
    match: {module: torch}
    action: {module: mindtorch}
    examples: [{before: import torch, after: import mindtorch as torch}]
"""


def git(where: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=where, check=True, capture_output=True, text=True).stdout.strip()


def commit(where: Path, message: str, files: dict[str, str]) -> str:
    """Write ``files`` and commit them; returns the hash."""
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(where, "add", "-A")
    git(where, "commit", "-q", "-m", message)
    return git(where, "rev-parse", "HEAD")


def snapshot(directory: Path) -> dict[str, tuple[str, int]]:
    """Every file below ``directory``, those of git too: hash and time of modification."""
    found: dict[str, tuple[str, int]] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(directory).as_posix()
            found[name] = sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    return found


@dataclass
class Site:
    """Upstream's repositories (``work`` to commit in, ``bare`` to clone from), a stack, and a workspace."""

    root: Path
    commits: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.root / "ws"

    @property
    def stack(self) -> Path:
        return self.root / "stack" / "stack.yaml"

    def work(self, name: str) -> Path:
        return self.root / "work" / name

    @property
    def bare(self) -> Path:
        return self.root / "bare"

    def publish(self, name: str) -> None:
        git(self.work(name), "push", "-q", "--all", "origin")
        git(self.work(name), "push", "-q", "--tags", "origin")

    def edit_stack(self, old: str, new: str) -> None:
        text = self.stack.read_text()
        assert old in text
        self.stack.write_text(text.replace(old, new))

    def build(self, **options: Any) -> Path:
        """``ms-convert workspace``, with the local repositories as mirrors unless told otherwise."""
        options.setdefault("mirrors", Mirrors({HOST: f"{self.bare}/"}))
        options.setdefault("stack", str(self.stack))
        self.said = []
        voice = Voice(self.said.append, lambda text: None, lambda total: nullcontext(lambda count: None))
        return build(Options(options.pop("directory", self.workspace), **options), voice)

    def environment(self) -> dict[str, str]:
        """For the command line in a process of its own."""
        return {**os.environ, "MS_CONVERT_MIRROR": f"{HOST}={self.bare}/"}
