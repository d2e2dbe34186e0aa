"""File operations that cannot leave a directory: paths are entered part by part, by handle, and no link is followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from .reading import Unsafe, read_regular

# A file system writes many files out together if it is asked for all of them at the same time.
_SYNC_THREADS = 16
_HANDLES = 4


class Inside:
    """The directory ``root``; all paths are relative to it, with forward slashes. A context manager, for POSIX systems.

    Methods raise :class:`OSError`; that of a path which leads elsewhere is :class:`.Unsafe`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._handles: dict[str, int] = {}

    def __enter__(self) -> Inside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget()
        os.close(self._root)

    def forget(self) -> None:
        """Close the handles of directories, which may have been moved meanwhile."""
        while self._handles:
            os.close(self._handles.popitem()[1])

    def read(self, path: str) -> tuple[bytes, os.stat_result]:
        """Bytes and status of the regular file ``path``."""
        parent, name = self._place(path)
        return read_regular(name, parent)

    def status(self, path: str) -> os.stat_result | None:
        """Status of ``path`` itself, were it a link; None if there is nothing."""
        try:
            parent, name = self._place(path)
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def device(self, path: str) -> int:
        """The file system of the innermost existing directory around ``path``."""
        while "/" in path:
            path = path.rpartition("/")[0]
            status = self.status(path)
            if status is not None:
                return status.st_dev
        return os.fstat(self._root).st_dev

    def missing_directories(self, paths: Iterable[str]) -> list[str]:
        """The directories around ``paths`` that are not there, outer ones first."""
        around = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
        return [path for path in sorted(around) if self.status(path) is None]

    def names(self, path: str) -> list[str]:
        """The names in the directory ``path``, sorted."""
        parent, _ = self._place(f"{path}/x")
        return sorted(os.listdir(parent))

    def make_directory(self, path: str) -> None:
        """Make the directory ``path``, unless there is one."""
        parent, name = self._place(path)
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            status = self.status(path)
            if status is None or not stat.S_ISDIR(status.st_mode):
                raise Unsafe(errno.ENOTDIR, "is not a directory", path) from None

    def write_new(self, path: str, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
        """Make the file ``path``, with exactly these permissions and this owner (user, group)."""
        parent, name = self._place(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            status = os.fstat(descriptor)
            if owner is not None and owner != (status.st_uid, status.st_gid):
                _give(descriptor, owner, path)  # before the permissions, some of which it takes away
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def open_or_make(self, path: str) -> int:
        """A descriptor of the file ``path``, made if it is not there."""
        parent, name = self._place(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, 0o644, dir_fd=parent)

    def sync(self, directory: str, names: Iterable[str] = (".",)) -> None:
        """Return when what ``names`` in ``directory`` hold would outlive a power cut."""
        parent, _ = self._place(f"{directory}/x")

        def sync_one(name: str) -> None:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot, and need not
                    raise
            finally:
                os.close(descriptor)

        with ThreadPoolExecutor(_SYNC_THREADS) as pool:
            for _ in pool.map(sync_one, names):
                pass

    def move(self, source: str, path: str) -> None:
        """Put ``source`` in the place of ``path``; whatever file is there is replaced in one step."""
        target, target_name = self._place(path)
        parent, name = self._place(source)
        os.replace(name, target_name, src_dir_fd=parent, dst_dir_fd=target)

    def rename(self, source: str, path: str) -> None:
        """Give the file or directory ``source`` the new name ``path``."""
        target, target_name = self._place(path)
        parent, name = self._place(source)
        os.rename(name, target_name, src_dir_fd=parent, dst_dir_fd=target)
        self.forget()

    def remove(self, path: str) -> None:
        """Remove the file ``path``."""
        parent, name = self._place(path)
        os.unlink(name, dir_fd=parent)

    def remove_directory(self, path: str) -> bool:
        """Remove the directory ``path`` and return True, unless it has something in it or is not there."""
        try:
            parent, name = self._place(path)
            os.rmdir(name, dir_fd=parent)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        self.forget()
        return True

    def remove_tree(self, path: str) -> None:
        """Remove the directory ``path``, if it is there, with all that is in it: files and directories of files."""
        status = self.status(path)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.remove(path)
            return
        for name in self.names(path):
            self.remove_tree(f"{path}/{name}")
        self.remove_directory(path)

    def _place(self, path: str) -> tuple[int, str]:
        """A handle of the directory of ``path``, and its name in there."""
        directory, _, name = path.rpartition("/")
        if name in ("", ".", "..") or "\0" in path:
            raise Unsafe(errno.EINVAL, _LEADS_ELSEWHERE, path)
        if not directory:
            if "/" in path:
                raise Unsafe(errno.EINVAL, _LEADS_ELSEWHERE, path)
            return self._root, name
        handle = self._handles.pop(directory, None)
        if handle is None:
            handle = self._enter(directory)
            if len(self._handles) >= _HANDLES:
                os.close(self._handles.pop(next(iter(self._handles))))
        self._handles[directory] = handle  # the last is the one used last
        return handle, name

    def _enter(self, directory: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.dup(self._root)
        try:
            for part in directory.split("/"):
                if part in ("", ".", ".."):
                    raise Unsafe(errno.EINVAL, _LEADS_ELSEWHERE, directory)
                inner = os.open(part, flags, dir_fd=handle)
                os.close(handle)
                handle = inner
        except OSError as error:
            link = error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(part, handle)
            os.close(handle)
            if link:
                raise Unsafe(errno.ELOOP, _LEADS_ELSEWHERE, directory) from None
            raise
        return handle


def _give(descriptor: int, owner: tuple[int, int], path: str) -> None:
    try:
        os.fchown(descriptor, *owner)
    except PermissionError as error:
        reason = "belongs to another user or group, and would not any more; convert a copy"
        raise Unsafe(errno.EPERM, reason, path) from error


def _is_link(name: str, directory: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


_LEADS_ELSEWHERE = "leads through a symbolic link or out of the tree"
