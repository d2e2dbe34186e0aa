"""Meeting at a store, in one process: who is missing, who is there twice, who holds a port; clones of stores."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta
from pathlib import Path

import mindtorch.distributed as dist
import pytest
from mindtorch.distributed._join import all_here, port_holder
from mindtorch.distributed._watch import Watcher

SOON = timedelta(milliseconds=100)


def test_who_is_missing() -> None:
    store = dist.HashStore()
    store.set("meeting/2", "somebody")
    store.add("meeting/given up", 1)  # as that somebody does
    with pytest.raises(dist.DistStoreError, match=r"rank 0: meeting timed out after 0\.1 s: 2 of 4 .* missing: 1, 3$"):
        all_here(store, 0, [0, 1, 2, 3], SOON, "meeting")


def test_all_are_there() -> None:
    store = dist.HashStore()
    others = [threading.Thread(target=all_here, args=(store, r, [0, 1, 2], timedelta(30), "m")) for r in (1, 2)]
    for thread in others:
        thread.start()
    all_here(store, 0, [0, 1, 2], timedelta(seconds=30), "m")
    for thread in others:
        thread.join()


def test_two_processes_of_one_rank() -> None:
    store = dist.HashStore()
    store.set("meeting/0", "process 1 of host a")
    with pytest.raises(ValueError, match="two processes have rank 0: process 1 of host a and process "):
        all_here(store, 0, [0, 1], SOON, "meeting")


def test_the_holder_of_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"(pid {os.getpid()}: " in port_holder(port)
    assert port_holder(port) == ""


@pytest.mark.parametrize("kind", ["tcp", "file", "hash"])
def test_clones_have_the_same_keys(kind: str, tmp_path: Path) -> None:
    store = {
        "tcp": lambda: dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False),
        "file": lambda: dist.FileStore(str(tmp_path / "store")),
        "hash": dist.HashStore,
    }[kind]()
    store = dist.PrefixStore("p", store)
    clone = store.clone()
    clone.set("a", "1")
    assert store.get("a") == b"1"
    assert clone.add("n", 2) == 2
    assert store.add("n", 1) == 3


@pytest.mark.parametrize("kind", ["tcp", "file"])
def test_questions_are_answered(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_FLIGHT_FILE", str(tmp_path / "trace"))
    store = (
        dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        if kind == "tcp"
        else dist.FileStore(str(tmp_path / "store"))
    )
    watcher = Watcher(store, 0, 1)
    try:
        for _ in range(2):
            answers = watcher.ask("0", 7, [0])
            assert answers[0]["pid"] == os.getpid()
            assert answers[0]["record"] is None
            assert "test_join.py:" in answers[0]["main"]
        assert watcher.ask("0", 7, [0], shared=True).keys() == {0}
    finally:
        watcher.close()
    assert (tmp_path / "trace0").exists()
