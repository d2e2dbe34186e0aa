"""Extensions of the file format (``torch.distributed.checkpoint._extension``): streams that compress, encrypt, ..."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any

__all__ = ["Extension", "ExtensionRegistry", "StreamTransformExtension"]


class Extension(ABC):
    """Something that is noted in a checkpoint by a descriptor, 'name' or 'name/version', and found again by it."""

    @staticmethod
    @abstractmethod
    def registry_name() -> str:
        """The name in descriptors."""

    @staticmethod
    @abstractmethod
    def from_descriptor(version: str) -> Extension:
        """The extension that a descriptor's version means."""

    @abstractmethod
    def get_descriptor(self) -> str:
        """The descriptor of this one."""


class StreamTransformExtension(Extension):
    """One that stands between pickles and files."""

    @abstractmethod
    def transform_to(self, output: IO[bytes]) -> IO[bytes]:
        """A stream that writes to ``output``; closing it closes ``output``."""

    @abstractmethod
    def transform_from(self, input: IO[bytes]) -> IO[bytes]:
        """A stream that reads from ``input``."""


class ExtensionRegistry:
    """Extensions by name."""

    def __init__(self) -> None:
        self.extensions: dict[str, type[Extension]] = {}

    def register(self, cls: type[Extension]) -> None:
        """Add one."""
        self.extensions[cls.registry_name()] = cls

    def from_descriptor_list(self, descriptors: Sequence[str]) -> list[Any]:
        """The extensions that descriptors mean. Raises ValueError for an unknown name."""
        found = []
        for descriptor in descriptors:
            name, _, version = descriptor.partition("/")
            if name not in self.extensions:
                raise ValueError(f"Unknown extension {name}")
            found.append(self.extensions[name].from_descriptor(version))
        return found
