"""Convert PyTorch training stacks so that they run on MindSpore.

The package never imports MindSpore (nor PyTorch): it reads rules, rewrites source files and reports what it did.
"""

__version__ = "0.1.0"
