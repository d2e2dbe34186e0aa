"""What a stand-in says about a name, or a way of using one, that it does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SEE = "see docs/shims.md for what is there"


class MissingShimError(NotImplementedError, AttributeError):
    """A name of the package that has no stand-in. Also an AttributeError, so that ``hasattr`` answers False."""


def module_getattr(module: str) -> Callable[[str], Any]:
    """``__getattr__`` for a module: names that are missing raise, with the name that upstream code uses."""
    package = module.removeprefix("mindtorch_shims.")

    def missing(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        raise MissingShimError(f"{package}.{name} has no stand-in on mindtorch: {SEE}")

    return missing


def unsupported(what: str) -> NotImplementedError:
    """The error for a use of an existing name that has no implementation here."""
    return NotImplementedError(f"{what} is not supported on mindtorch: {SEE}")
