"""The sources of a project from PyPI, where its repository cannot be had: fetched by pip, put into a git repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConvertError
from .git import Say, commit_all, mark, new_repository
from .places import part_of, settle
from .stack import PyPI


def url_of(pypi: PyPI) -> str:
    """What a lock and the mark of a repository say in the place of a URL."""
    return f"pypi:{pypi}"


def unpack(place: Path, pypi: PyPI, say: Say) -> tuple[str, str]:
    """Make ``place`` from the source distribution ``pypi``; returns its commit's hash and the file's SHA-256.

    Raises :class:`ConvertError` if pip cannot get the file, or it is another one than the stack says.
    """
    with part_of(place) as part:
        file = _download(part, pypi, say)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        if pypi.sha256 not in (None, sha256):
            raise ConvertError(
                f"{place.name}: {file.name} has the SHA-256 {sha256}, the stack file says {pypi.sha256}: "
                "nothing was unpacked; ask the index you use, or correct the stack file"
            )
        top = _extract(file, part / "files", pypi)
        repo = new_repository(top)
        with repo:
            commit = commit_all(repo, str(pypi))
            mark(repo, url=url_of(pypi), source="pypi")
        settle(top, place)
    return commit, sha256


def _download(part: Path, pypi: PyPI, say: Say) -> Path:
    """Have pip fetch the file into ``part``.

    pip asks the sources for their requirements even when it only fetches them. What that needs (``pypi.build``) goes
    into an environment of its own, first on PATH: a ``setup.py`` may call ``python3``.
    """
    environment = dict(os.environ)
    python = sys.executable
    if pypi.build:
        say(f"making an environment with {', '.join(pypi.build)}")
        _run([sys.executable, "-m", "venv", str(part / "venv")], environment, pypi)
        python = str(part / "venv" / "bin" / "python")
        environment["PATH"] = f"{part / 'venv' / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
        environment.pop("PYTHONPATH", None)  # the workspace itself may be on it
        _run([*_pip(python, "install"), *pypi.build], environment, pypi)
    say(f"fetching {pypi} with pip")
    isolation = ["--no-build-isolation"] if pypi.build else []
    options = [*isolation, "--no-deps", "--no-binary", pypi.name, "--dest", str(part / "got")]
    _run([*_pip(python, "download"), *options, str(pypi)], environment, pypi)
    files = sorted((part / "got").glob("*.tar.gz"))
    if len(files) != 1:
        raise ConvertError(f"pip found no source distribution of {pypi} as .tar.gz; leave --from-pypi out")
    return files[0]


def _pip(python: str, what: str) -> list[str]:
    return [python, "-m", "pip", what, "--quiet", "--disable-pip-version-check"]


def _run(command: Sequence[str], environment: dict[str, str], pypi: PyPI) -> None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ConvertError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no message"]
        raise ConvertError(f"cannot take {pypi} from PyPI: pip says: {told[-1].removeprefix('ERROR: ')}")


def _extract(file: Path, directory: Path, pypi: PyPI) -> Path:
    """Unpack ``file``; returns the one directory that is in it."""
    if not hasattr(tarfile, "data_filter"):
        raise ConvertError("this Python unpacks no archives safely: update it (3.10.12, 3.11.4 or later)")
    directory.mkdir()
    try:
        with tarfile.open(file) as archive:
            archive.extractall(directory, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ConvertError(f"{file.name} of {pypi} cannot be unpacked: {error}") from error
    entries = list(directory.iterdir())
    if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
        raise ConvertError(f"{file.name} of {pypi} is no source distribution: it must have one directory")
    return entries[0]
