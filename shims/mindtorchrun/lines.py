"""JSON messages, one a line, over a socket."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

__all__ = ["Line"]


class Line:
    """One end of a connection: a rank's supervisor and its launcher, or the launchers of two nodes."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._unread = b""

    def say(self, message: dict[str, Any]) -> None:
        """Send; that the other end is gone is seen by `hear`."""
        with contextlib.suppress(OSError):
            self.socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> list[dict[str, Any]] | None:
        """What has come; None at the end."""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, self._unread = (self._unread + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def expect(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message. The other end sends no second one before it has an answer.

        Raises:
            ConnectionError: the connection ended, or nothing came within `timeout` seconds.
        """
        self.socket.settimeout(timeout)
        while True:
            messages = self.hear()
            if messages is None:
                raise ConnectionError("the connection was closed before the start")
            if messages:
                self.socket.settimeout(None)
                return messages[0]
