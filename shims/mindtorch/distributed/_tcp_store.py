"""``TCPStore``: a store that one process serves to all over TCP.

Wire format, both ways: a frame is its length (8 bytes, little endian) and that many bytes; its fields follow one
another in the same way. A request is the name of a ``Store`` method and its arguments; an answer is 'ok' and the
result, or the kind of error and its message.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mindtorch.distributed._join import port_holder
from mindtorch.distributed._progress import progress
from mindtorch.distributed._store import DEFAULT_TIMEOUT, HashStore, Store, as_bytes
from mindtorch.distributed._types import DistNetworkError, DistStoreError

__all__ = ["TCPStore"]

_LENGTH = struct.Struct("<q")
_PAUSE = 0.002
_RETRY = 0.05
_WORKERS = "init/"


def pack(fields: list[bytes]) -> bytes:
    """Fields, each with its length before it, with the length of all before them."""
    body = b"".join(_LENGTH.pack(len(field)) + field for field in fields)
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> list[bytes]:
    """The fields of a frame's body."""
    fields, at = [], 0
    while at < len(body):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        fields.append(body[at : at + length])
        at += length
    return fields


def _receive(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise ConnectionResetError("the other side closed the connection")
        parts += part
    return bytes(parts)


def receive(connection: socket.socket) -> list[bytes]:
    """The fields of the next frame; ConnectionResetError when there is none."""
    (length,) = _LENGTH.unpack(_receive(connection, _LENGTH.size))
    return unpack(_receive(connection, length))


class StoreServer:
    """Serves a ``HashStore`` from threads of this process until ``close``."""

    def __init__(self, host: str, port: int) -> None:
        self.store = HashStore()
        self._tenants = 0
        self._connections: list[socket.socket] = []
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        try:
            self._listener = socket.create_server(
                ("", port), family=family, dualstack_ipv6=family == socket.AF_INET6, backlog=4096
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise DistNetworkError(f"The server socket cannot listen on {host}:{port}: {error}") from error
            raise DistNetworkError(
                f"The server socket has failed to listen on any local network address. port: {port}, "
                f"message: address already in use{port_holder(port)} (EADDRINUSE). Choose another MASTER_PORT, or end "
                "the process that holds it"
            ) from error
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="TCPStore", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), name="TCPStore", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while True:
                try:
                    name, *arguments = receive(connection)
                    connection.sendall(pack(self._answer(name.decode(), arguments)))
                except OSError:  # the client is gone, or the server was closed
                    return

    def _answer(self, name: str, arguments: list[bytes]) -> list[bytes]:
        try:
            return [b"ok", *_METHODS[name](self.store, arguments)]
        except DistStoreError as error:
            return [b"DistStoreError", str(error).encode()]
        except (KeyError, ValueError) as error:
            return [b"RuntimeError", f"{name}: {error!r}".encode()]

    @classmethod
    def shared(cls, host: str, port: int) -> StoreServer:
        """The server that multi-tenant stores of this process have at ``port``; a new one if there is none."""
        with _SHARED_LOCK:
            server = _SHARED.get(port)
            if server is None:
                server = cls(host, port)
                _SHARED[server.port] = server
            server._tenants += 1
            return server

    def leave(self) -> None:
        """Close, unless other multi-tenant stores of this process still use the server."""
        with _SHARED_LOCK:
            self._tenants -= 1
            if self._tenants > 0:
                return
            if _SHARED.get(self.port) is self:
                del _SHARED[self.port]
        self.close()

    def close(self) -> None:
        """Stop listening, and close all connections."""
        # Wakes the thread in accept(), which close() alone does not.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
        self._listener.close()
        for connection in self._connections:
            connection.close()


_SHARED: dict[int, StoreServer] = {}
_SHARED_LOCK = threading.Lock()


def _set(store: HashStore, arguments: list[bytes]) -> list[bytes]:
    store.set(arguments[0].decode(), arguments[1])
    return []


def _append(store: HashStore, arguments: list[bytes]) -> list[bytes]:
    store.append(arguments[0].decode(), arguments[1])
    return []


def _wait(store: HashStore, arguments: list[bytes]) -> list[bytes]:
    store.wait([key.decode() for key in arguments[1:]], timedelta(seconds=float(arguments[0])))
    return []


def _get(store: HashStore, arguments: list[bytes]) -> list[bytes]:
    key = arguments[1].decode()
    store.wait([key], timedelta(seconds=float(arguments[0])))
    return [store.get(key)]


_METHODS: dict[str, Callable[[HashStore, list[bytes]], list[bytes]]] = {
    "set": _set,
    "append": _append,
    "wait": _wait,
    "get": _get,
    "add": lambda store, a: [str(store.add(a[0].decode(), int(a[1]))).encode()],
    "compare_set": lambda store, a: [store.compare_set(a[0].decode(), a[1], a[2])],
    "check": lambda store, a: [b"1" if store.check([key.decode() for key in a]) else b"0"],
    "delete_key": lambda store, a: [b"1" if store.delete_key(a[0].decode()) else b"0"],
    "num_keys": lambda store, a: [str(store.num_keys()).encode()],
}


class TCPStore(Store):
    """A store that the process with ``is_master`` serves at ``host_name:port``.

    Args:
        host_name: of the server.
        port: of the server; 0 on the master: any free one (see ``port``).
        world_size: how many processes will connect, for ``wait_for_workers``.
        timeout: of connecting, and of ``get`` and ``wait``.
        wait_for_workers: the master's constructor returns when all processes have connected.
        multi_tenant: stores of this process with the same port share one server, and so their keys.

    Raises:
        DistNetworkError: the port is taken, or nobody answers.
        DistStoreError: the others did not come in time.
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        super().__init__()
        if master_listen_fd is not None:
            raise NotImplementedError("torch.distributed.TCPStore with master_listen_fd is not supported: give a port")
        self._timeout = timeout
        self._moves_data = True
        self._lock = threading.Lock()
        self._server: StoreServer | None = None
        if is_master:
            self._server = StoreServer.shared(host_name, port) if multi_tenant else StoreServer(host_name, port)
        self.host = host_name
        self.port = self._server.port if self._server else port
        self._connection = self._connect("localhost" if is_master else host_name)
        if wait_for_workers and world_size is not None and world_size > 0:
            self.add(_WORKERS, 1)
            if is_master:
                self._wait_for_workers(world_size)

    def _connect(self, host: str) -> socket.socket:
        limit = time.monotonic() + self._timeout.total_seconds()
        while True:
            try:
                connection = socket.create_connection((host, self.port), timeout=max(limit - time.monotonic(), 0.01))
            except OSError as error:  # not there yet, or never
                if time.monotonic() + _RETRY > limit:
                    raise DistNetworkError(
                        f"The client socket has timed out after {int(self._timeout.total_seconds() * 1000)}ms while "
                        f"trying to connect to ({self.host}, {self.port}): {error}. Has the process that serves the "
                        "store (rank 0) started, and are MASTER_ADDR and MASTER_PORT its?"
                    ) from error
                progress()
                time.sleep(_RETRY)
                continue
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection

    def clone(self) -> TCPStore:
        """The same store by another connection, for another thread: what it waits for moves no data of MPI's."""
        host = "localhost" if self._server else self.host
        other = TCPStore(host, self.port, None, False, self._timeout, wait_for_workers=False)
        other._moves_data = False
        return other

    def _wait_for_workers(self, world_size: int) -> None:
        limit = time.monotonic() + self._timeout.total_seconds()
        while (there := self.add(_WORKERS, 0)) < world_size:
            if time.monotonic() > limit:
                raise DistStoreError(
                    f"Timed out after {self._timeout.total_seconds():g} seconds waiting for clients. "
                    f"{there}/{world_size} clients joined."
                )
            progress()
            time.sleep(_PAUSE)

    def _ask(self, name: str, *arguments: bytes) -> list[bytes]:
        with self._lock:
            try:
                self._connection.sendall(pack([name.encode(), *arguments]))
                # Nothing else of this process moves while it waits here.
                while self._moves_data and not select.select([self._connection], [], [], _PAUSE)[0]:
                    progress()
                status, *result = receive(self._connection)
            except OSError as error:
                raise DistNetworkError(f"TCPStore at {self.host}:{self.port}: {error}") from error
        if status == b"DistStoreError":
            raise DistStoreError(result[0].decode())
        if status != b"ok":
            raise RuntimeError(result[0].decode())
        return result

    def _seconds(self, timeout: timedelta | None = None) -> bytes:
        return str((timeout or self._timeout).total_seconds()).encode()

    def set(self, key: str, value: Any) -> None:
        """Store ``value`` (str or bytes)."""
        self._ask("set", key.encode(), as_bytes(value))

    def get(self, key: str) -> bytes:
        """The value; blocks until there is one."""
        return self._ask("get", self._seconds(), key.encode())[0]

    def add(self, key: str, amount: int) -> int:
        """Add to the counter ``key`` (0 at first) and return its new value."""
        return int(self._ask("add", key.encode(), str(amount).encode())[0])

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Store ``desired_value`` if the value is ``expected_value`` (or there is none and '' is expected)."""
        return self._ask("compare_set", key.encode(), as_bytes(expected_value), as_bytes(desired_value))[0]

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Block until all ``keys`` are there; DistStoreError if they were not in time."""
        self._ask("wait", self._seconds(timeout), *(key.encode() for key in keys))

    def check(self, keys: list[str]) -> bool:
        """Whether all ``keys`` are there."""
        return self._ask("check", *(key.encode() for key in keys))[0] == b"1"

    def delete_key(self, key: str) -> bool:
        """Remove; whether it was there."""
        return self._ask("delete_key", key.encode())[0] == b"1"

    def num_keys(self) -> int:
        """How many keys there are."""
        return int(self._ask("num_keys")[0])

    def append(self, key: str, value: Any) -> None:
        """Append to the value."""
        self._ask("append", key.encode(), as_bytes(value))

    def close(self) -> None:
        """Hang up; on the master also stop serving, unless other multi-tenant stores use the server."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EBADF):
                raise
        self._connection.close()
        if self._server is not None:
            server, self._server = self._server, None
            server.leave()

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.close()

    def __repr__(self) -> str:
        return f"TCPStore({self.host}:{self.port})"
