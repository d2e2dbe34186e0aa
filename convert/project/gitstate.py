"""Whether a conversion in place could be undone with git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import ConvertError


def uncommitted(path: Path, untracked: str = "normal") -> list[str]:
    """Files at or below ``path`` with changes that git does not have yet.

    Untracked ones are included, by directory where git knows nothing in it; all of them with ``untracked`` "all", none
    with "no". Empty outside a git work tree. Raises :class:`ConvertError` if there is one but git cannot be asked.
    """
    directory = path if path.is_dir() else path.parent
    if not any((parent / ".git").exists() for parent in (directory, *directory.parents)):
        return []
    # A hook or an enclosing git command may point elsewhere; a work tree's own configuration may start programs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    git = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks"]
    command = [*git, "status", "--porcelain", "-z", f"--untracked-files={untracked}", "--", str(path)]
    try:
        result = subprocess.run(command, cwd=directory, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise ConvertError(f"cannot run git to see whether {path} is clean: {error.strerror}; {_WAY_OUT}") from error
    if result.returncode:
        reason = result.stderr.decode(errors="replace").strip().splitlines()
        raise ConvertError(f"git status failed in {directory}: {reason[0] if reason else 'no message'}; {_WAY_OUT}")
    entries = result.stdout.decode(errors="replace").split("\0")
    return [entry[3:] for entry in entries if entry]


_WAY_OUT = "--allow-dirty goes on without asking git"
