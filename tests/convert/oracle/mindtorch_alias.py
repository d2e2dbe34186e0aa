"""A package ``mindtorch`` that is PyTorch itself: every module of it is the very module object of ``torch``.

Converted code that runs with it shows what the conversion does, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

_INIT = '''
import importlib
import importlib.machinery
import sys

import torch


class Alias:
    """Finds mindtorch.x, and loads torch.x for it."""

    def __init__(self):
        self.specs = {}

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("mindtorch."):
            return None
        try:
            module = importlib.import_module("torch" + name[len("mindtorch"):])
        except ModuleNotFoundError:
            return None
        self.specs[name] = module, module.__spec__
        return importlib.machinery.ModuleSpec(name, self, is_package=hasattr(module, "__path__"))

    def create_module(self, spec):
        return self.specs[spec.name][0]

    def exec_module(self, module):
        # The import system has just given the module the spec of its other name.
        for known, spec in self.specs.values():
            if known is module:
                module.__spec__ = spec


sys.meta_path.insert(0, Alias())
sys.modules[__name__] = torch
'''


def write_alias(directory: Path) -> Path:
    """Write the package into ``directory``, which is then to be put on the path; returns the directory."""
    package = directory / "mindtorch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_INIT)
    return directory
