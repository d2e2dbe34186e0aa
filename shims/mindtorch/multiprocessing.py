"""``torch.multiprocessing``: the standard library's module. Tensors travel pickled, their memory is not shared."""

from __future__ import annotations

from multiprocessing import *  # noqa: F403
from multiprocessing import Process, Queue, get_context  # noqa: F401
from multiprocessing.queues import SimpleQueue  # noqa: F401

from ._unsupported import unsupported_function

spawn = unsupported_function("torch.multiprocessing.spawn", "start processes with mindtorchrun")
