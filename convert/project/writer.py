"""Put converted bytes on disk: at any moment each file is either the old or the new one."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConvertError

_VERSION_CONTROL = (".git", ".hg", ".svn", ".bzr", ".jj")
_TEMPORARY = ".ms-convert-tmp"


def write_in_place(root: Path, files: Mapping[str, bytes]) -> None:
    """Replace files below ``root`` (keys are relative paths), keeping their modes and owners.

    Raises :class:`ConvertError` for the first one that cannot be written.
    """
    for number, (relative, data) in enumerate(files.items()):
        try:
            _replace(root, relative, data)
        except OSError as error:
            done = f"{number} of {len(files)} files were converted before it; run again to convert the rest"
            raise ConvertError(f"cannot write {root / relative}: {error.strerror or error} ({done})") from error


def write_copy(root: Path, output: Path, files: Mapping[str, bytes]) -> None:
    """Copy the tree ``root`` to ``output``, with ``files`` in place of what it has under those names.

    Everything is copied but version control's own directories and bytecode; symbolic links stay links. The copy is
    made beside ``output`` and moved there when it is whole. Raises :class:`ConvertError` if that fails.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=_TEMPORARY, dir=output.parent))
    except OSError as error:
        raise ConvertError(f"cannot write to {output.parent}: {error.strerror}") from error
    try:
        tree = staging / "tree"
        shutil.copytree(root, tree, symlinks=True, ignore=shutil.ignore_patterns(*_VERSION_CONTROL, "__pycache__"))
        for relative, data in files.items():
            _replace(tree, relative, data)
        if output.is_dir():
            output.rmdir()  # empty, or this raises
        os.replace(tree, output)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise ConvertError(f"cannot copy {source}: {reason}") from error
    except OSError as error:
        raise ConvertError(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_one_copy(source: Path, output: Path, data: bytes) -> None:
    """Write the converted form of the single file ``source`` as ``output / source.name``, with the same mode."""
    target = output / source.name
    try:
        output.mkdir(parents=True, exist_ok=True)
        _write(target, data, source.stat())
    except OSError as error:
        raise ConvertError(f"cannot write {target}: {error.strerror or error}") from error


def _replace(root: Path, relative: str, data: bytes) -> None:
    path = root / relative
    # The tree was scanned without following links; make sure that none has come in since.
    inside = root.resolve() / relative
    if path.resolve() != inside:
        raise OSError(f"{path} leads through a symbolic link")
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is not a regular file any more")
    _write(path, data, status)


def _write(path: Path, data: bytes, like: os.stat_result) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, stat.S_IMODE(like.st_mode))
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.chown(temporary, like.st_uid, like.st_gid)  # root in a container must not take over a user's files
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
