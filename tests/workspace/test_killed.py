"""A workspace whose first run was killed: what it left is replaced, and nothing else is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError
from ms_convert.workspace.places import leftovers
from workspace_site import Site, git, snapshot

# Stands before git on PATH, and kills who calls it at a certain moment: before it does what it is told, or after.
KILLER = """\
#!/bin/sh
case " $* " in
  *" {word} "*)
    {before}
    "{git}" "$@"
    kill -KILL $PPID
    ;;
  *) exec "{git}" "$@" ;;
esac
"""
WAITING = 'kill -KILL $PPID; timeout 60 cat "{fifo}" > /dev/null'


def _run_killed(site: Site, word: str, before: str = ":") -> None:
    """``ms-convert workspace`` in a process of its own, killed with SIGKILL when it calls ``git word``."""
    found = shutil.which("git")
    assert found is not None
    killer = site.root / "killer" / "git"
    killer.parent.mkdir(exist_ok=True)
    killer.write_text(KILLER.format(word=word, before=before, git=found))
    killer.chmod(0o755)
    environment = site.environment()
    environment["PATH"] = f"{killer.parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "ms_convert", "workspace", str(site.workspace), "--rules", str(site.stack)]
    # Not capture_output: whoever outlives the process would keep the pipe open.
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("word", "before"), [("fetch", "kill -KILL $PPID"), ("fetch", ":"), ("checkout", ":")])
def test_killed_clone(site: Site, word: str, before: str) -> None:
    _run_killed(site, word, before)
    _wait_until_free(site.workspace)
    assert not (site.workspace / "alpha").exists()
    assert [path.name for path in leftovers(site.workspace)] == [".alpha.ms-convert-part"]
    foreign = site.workspace / ".beta.ms-convert-part.mine"
    foreign.mkdir()
    (foreign / "x").write_text("mine")
    site.build()
    assert leftovers(site.workspace) == []
    assert (foreign / "x").read_text() == "mine"
    assert git(site.workspace / "alpha", "rev-parse", "HEAD") == site.commits["alpha"]
    assert git(site.workspace / "alpha", "fsck") == ""
    before_another = snapshot(site.workspace)
    site.build()
    assert snapshot(site.workspace) == before_another


def test_while_the_git_of_a_killed_run_is_still_working(site: Site) -> None:
    fifo = site.root / "fifo"
    os.mkfifo(fifo)
    _run_killed(site, "fetch", WAITING.format(fifo=fifo))
    try:
        with pytest.raises(ConvertError, match="another ms-convert, or a git that one has left behind, is working in"):
            site.build()
    finally:
        # Opening waits for the reader, and the end of file lets it go on.
        fifo.open("w").close()
    _wait_until_free(site.workspace)
    site.build()
    assert git(site.workspace / "alpha", "rev-parse", "HEAD") == site.commits["alpha"]


def _wait_until_free(directory: Path) -> None:
    import fcntl

    descriptor = os.open(directory, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # returns when the last process has closed it
    os.close(descriptor)


def test_killed_between_two_clones(site: Site) -> None:
    """What is whole stays, and is not fetched again."""
    _run_killed(site, "ls-remote")  # only beta's branch has to be looked up
    _wait_until_free(site.workspace)
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import torch\n"
    shutil.rmtree(site.bare / "alpha.git")
    shutil.rmtree(site.root / "cache")
    site.build()
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import mindtorch as torch\n"
    assert (site.workspace / "beta/src/beta/b.py").read_text() == "from mindtorch import nn\n"


@pytest.mark.parametrize("note", [None, "{}", '{"of": "beta"}', "[", ""])
def test_something_else_of_that_name_is_not_removed(site: Site, note: str | None) -> None:
    part = site.workspace / ".alpha.ms-convert-part"
    part.mkdir(parents=True)
    (part / "mine.txt").write_text("mine")
    if note is not None:
        (part / "ms-convert-clone.json").write_text(note)
    before = snapshot(site.workspace)
    with pytest.raises(ConvertError, match=r"alpha.ms-convert-part is in the way, and is not what a killed"):
        site.build()
    assert snapshot(site.workspace) == before


def test_link_of_that_name_is_not_followed(site: Site) -> None:
    site.workspace.mkdir()
    target = site.root / "target"
    target.mkdir()
    (site.workspace / ".alpha.ms-convert-part").symlink_to(target)
    with pytest.raises(ConvertError, match=r"alpha.ms-convert-part is in the way"):
        site.build()
    assert target.is_dir()
