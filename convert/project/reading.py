"""Read files of a tree that anybody may have made: no link is followed, and no pipe waited for."""

from __future__ import annotations

import errno
import os
import stat


class Unsafe(OSError):
    """A path that does not lead to where it says, or to no regular file."""

    def __init__(self, number: int, reason: str, path: str) -> None:
        super().__init__(number, reason, path)


def read_regular(path: str | os.PathLike[str], directory: int | None = None) -> tuple[bytes, os.stat_result]:
    """Bytes and status of the regular file ``path``, relative to the open ``directory`` if there is one.

    Reads as much as the file has when it is opened, and so comes to an end with one that grows meanwhile. Raises
    :class:`OSError`; for a link, a directory, a pipe, a socket or a device, :class:`Unsafe`.
    """
    name = os.fspath(path)
    # A pipe without a writer would block. Windows has neither flag, nor pipes in directories.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(name, flags | getattr(os, "O_CLOEXEC", 0), dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unsafe(error.errno, "is a symbolic link", name) from None
        if error.errno == errno.ENXIO:  # a socket, or a device without a driver
            raise Unsafe(error.errno, "is not a regular file", name) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unsafe(errno.EINVAL, "is not a regular file", name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size), status
    finally:
        os.close(descriptor)


def shown(path: str | os.PathLike[str]) -> str:
    """``path`` for a message of one line: quoted if it has line ends, or bytes that are no text."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


Identity = tuple[int, ...]


def identity(status: os.stat_result) -> Identity:
    """What is the same as long as nobody has changed or replaced a file; last the time of change."""
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns
