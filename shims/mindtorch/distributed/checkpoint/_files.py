"""The file system of ``filesystem.FileSystemWriter`` and ``FileSystemReader``, which exports these names."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["FileSystem", "FileSystemBase"]


class FileSystemBase(ABC):
    """What is needed of a place with named files. Subclasses for other places than local directories."""

    @abstractmethod
    def create_stream(self, path: str | os.PathLike[str], mode: str) -> AbstractContextManager[Any]:
        """Open a file, 'rb' or 'wb'."""

    @abstractmethod
    def concat_path(self, path: str | os.PathLike[str], suffix: str) -> str | os.PathLike[str]:
        """The path of a name in a directory."""

    @abstractmethod
    def rename(self, path: str | os.PathLike[str], new_path: str | os.PathLike[str]) -> None:
        """Give a file another name, in the place of a file that has it."""

    @abstractmethod
    def init_path(self, path: str | os.PathLike[str]) -> str | os.PathLike[str]:
        """The path in the form that the other methods take."""

    @abstractmethod
    def mkdir(self, path: str | os.PathLike[str]) -> None:
        """Make a directory and those above it."""

    @classmethod
    @abstractmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """Whether it can be a path here."""

    @abstractmethod
    def exists(self, path: str | os.PathLike[str]) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def rm_file(self, path: str | os.PathLike[str]) -> None:
        """Remove a file."""


class FileSystem(FileSystemBase):
    """Local directories."""

    @contextmanager
    def create_stream(self, path: str | os.PathLike[str], mode: str) -> Iterator[Any]:
        with Path(path).open(mode) as stream:
            yield stream

    def concat_path(self, path: str | os.PathLike[str], suffix: str) -> str | os.PathLike[str]:
        return Path(path) / suffix

    def init_path(self, path: str | os.PathLike[str]) -> str | os.PathLike[str]:
        return Path(path)

    def rename(self, path: str | os.PathLike[str], new_path: str | os.PathLike[str]) -> None:
        Path(path).replace(new_path)

    def mkdir(self, path: str | os.PathLike[str]) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        if isinstance(checkpoint_id, Path):
            return True
        text = str(checkpoint_id)
        if "://" in text:
            return False
        # Somewhere that can be made: a directory above it is there and can be written to.
        return any(parent.exists() and os.access(parent, os.W_OK) for parent in Path(text).absolute().parents)

    def exists(self, path: str | os.PathLike[str]) -> bool:
        return Path(path).exists()

    def rm_file(self, path: str | os.PathLike[str]) -> None:
        Path(path).unlink()

    def ls(self, path: str | os.PathLike[str]) -> list[str]:
        """The paths in a directory."""
        return [str(entry) for entry in Path(path).iterdir()]
