"""What to say when a name of PyTorch's API is asked for that is not there."""

from __future__ import annotations


class MissingAPIError(NotImplementedError, AttributeError):
    """A PyTorch name that mindtorch lacks. Also an AttributeError, so that ``hasattr`` answers False."""


def missing_attribute(module: str, name: str) -> AttributeError:
    """The error for ``module.name``: AttributeError for dunder and private look-ups, else loud and by torch's name."""
    if name.startswith("_"):
        return AttributeError(f"module '{module}' has no attribute '{name}'")
    api = f"{module.replace('mindtorch', 'torch', 1)}.{name}"
    return MissingAPIError(
        f"{api} is not supported by mindtorch (PyTorch API level 2.7): see docs/support.md for what is, or write it "
        "with supported operators"
    )
