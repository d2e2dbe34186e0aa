"""Asking every rank where it is, at any time, whatever its program does.

A thread of each process waits for questions at the ranks' store, over a connection of its own, and answers them from
the flight recorder and the stack of the main thread. It costs nothing while nobody asks.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

from mindtorch.distributed._flight import outside, place, recorder
from mindtorch.distributed._store import Store
from mindtorch.distributed._types import DistError

__all__ = ["Watcher", "current", "start", "stop"]

_FOREVER = timedelta(days=3650)
_ANSWERS = timedelta(seconds=3)
Answer = dict[str, Any]


def _answer(question: dict[str, Any]) -> Answer:
    """What this process has to say; writes the flight recorder's file."""
    group, number = question["group"], question["number"]
    last = recorder.last.get(group)
    record = recorder.find(group, number) if number else None
    frame = outside(sys._current_frames().get(threading.main_thread().ident or 0))
    try:
        dump = str(recorder.write())
    except OSError as error:
        dump = f"not written: {error}"
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "record": None if record is None else f"{record} ({record.state})",
        "last": None if last is None else f"{last} ({last.state})",
        "last_number": 0 if last is None else last.number,
        "active": [f"{r} of group {r.group}" for r in recorder.active()[-3:]],
        "main": "an unknown place" if frame is None else place(frame.f_code, frame.f_lineno),
        "dump": dump,
    }


class Watcher:
    """Answers questions, and asks them.

    Args:
        store: where the ranks met; it is cloned.
        rank: this process.
        size: how many processes there are.
    """

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self._store = store
        self._listening = store.clone()
        self.rank = rank
        self.size = size
        self._closed = False
        threading.Thread(target=self._listen, name="mindtorch.distributed watcher", daemon=True).start()

    def _listen(self) -> None:
        number = 0
        try:
            while not self._closed:
                number += 1
                key = f"watch/question/{number}"
                self._listening.wait([key], _FOREVER)
                question = json.loads(self._listening.get(key))
                if question is not None:
                    self._listening.set(f"watch/answer/{number}/{self.rank}", json.dumps(_answer(question)))
        except (DistError, OSError):
            return  # the store is gone: the job ends, or the group was destroyed

    def ask(self, group: str, number: int, ranks: list[int], shared: bool = False) -> dict[int, Answer]:
        """What each of the global ``ranks`` says about collective ``number`` of ``group`` (0: none in particular).

        Args:
            shared: all ranks ask the same now; one question serves them all.

        Returns:
            The answers, by rank; of ranks that are gone, or that could not answer in three seconds, none.
        """
        question = json.dumps({"group": group, "number": number})
        answers: dict[int, Answer] = {}
        try:
            store = self._store.clone()
            store.set_timeout(_ANSWERS)
            mine = asked = store.add("watch/questions", 1)
            if shared:
                asked = int(store.compare_set(f"watch/shared/{group}/{number}", "", str(mine)))
            store.set(f"watch/question/{mine}", question if asked == mine else "null")
            keys = {rank: f"watch/answer/{asked}/{rank}" for rank in ranks}
            with suppress(DistError):  # who did answer counts
                store.wait(list(keys.values()), _ANSWERS)
            for rank, key in keys.items():
                if store.check([key]):
                    answers[rank] = json.loads(store.get(key))
        except (DistError, OSError):
            pass  # rank 0, which serves the store, is gone: nobody can be asked
        return answers

    def close(self) -> None:
        """Stop answering."""
        self._closed = True
        self._listening.close()


current: Watcher | None = None


def start(store: Store, rank: int, size: int) -> None:
    """Answer from now on."""
    global current
    stop()
    current = Watcher(store, rank, size)


def stop() -> None:
    """Do not answer any more."""
    global current
    if current is not None:
        current.close()
    current = None
