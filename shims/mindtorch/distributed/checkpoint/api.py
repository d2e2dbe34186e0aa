"""Errors of distributed checkpoints (``torch.distributed.checkpoint.api``)."""

from __future__ import annotations

import traceback
from typing import Any

__all__ = ["CheckpointException"]

WRAPPED_EXCEPTION = tuple[BaseException, Any]


def _wrap_exception(exc: BaseException) -> WRAPPED_EXCEPTION:
    """The error with its stack as text, so that it can be sent."""
    return exc, traceback.extract_tb(exc.__traceback__)


class CheckpointException(BaseException):
    """What went wrong, by rank."""

    def __init__(self, msg: str, failures: dict[int, WRAPPED_EXCEPTION]) -> None:
        super().__init__(msg, failures)
        self._failures = failures

    @property
    def failures(self) -> dict[int, WRAPPED_EXCEPTION]:
        """Error and stack, by rank."""
        return self._failures

    def __str__(self) -> str:
        text = f"CheckpointException ranks:{self._failures.keys()}\n"
        for rank, (error, stack) in self._failures.items():
            text += f"Traceback (most recent call last): (RANK {rank})\n"
            if stack is not None:
                text += "".join(traceback.format_list(stack))
            text += "".join(traceback.format_exception_only(type(error), value=error))
        return text
