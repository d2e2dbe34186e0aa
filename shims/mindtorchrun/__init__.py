"""``mindtorchrun``: torchrun's command line for processes on MindSpore.

A package of its own that imports neither MindSpore nor mindtorch, so that the launcher starts in a blink. The engine
that starts the processes is ``msrun`` on Ascend hosts and ``mpiexec`` elsewhere; what they start is one supervisor per
rank (`supervisor.py`), which runs the training script, tells the launcher how it ended, and stops it when it is told.

arguments -> job -> engines -> agent (streams, supervisor) -> report
"""

from __future__ import annotations

from .arguments import get_args_parser
from .main import main, run

__all__ = ["get_args_parser", "main", "run"]
