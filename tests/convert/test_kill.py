"""Killed at any moment, a conversion leaves every file old or new, and --undo or another run brings it to an end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ms_convert.project.journal import last_run
from ms_convert.project.undo import undo
from ms_convert.run import Options, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="converting in place needs a POSIX system")

# All that a run does to the disk goes through these.
CALLS = (
    "open",
    "write",
    "fsync",
    "fchmod",
    "replace",
    "rename",
    "unlink",
    "mkdir",
    "rmdir",
    "scandir",
    "stat",
    "close",
)
RULES = """\
version: 1
rules:
  - id: torch
    kind: import
    why: as in the shipped rules
    match: {module: torch}
    action: {module: mindtorch}
    examples: [{unchanged: x}]
  - id: added
    kind: file
    why: a new file in a new directory
    match: {path: new/deep/added.py}
    action: {add: {content: "x = 1\\n", executable: true}}
    examples: [{before: null, after: "x = 1\\n", path: new/deep/added.py}]
  - id: removed
    kind: file
    why: not needed any more
    match: {path: "pkg0/gone*.txt"}
    action: {remove: true}
    examples: [{before: x, after: null, path: pkg0/gone1.txt}]
  - id: moved
    kind: file
    why: elsewhere
    match: {path: pkg1/here.py}
    action: {move: {to: there/here.py}}
    examples: [{before: x, after: null, path: pkg1/here.py}]
"""
Files = dict[str, tuple[int, bytes]]


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has written is there after it is killed; only a power cut needs more, and no test cuts it."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory if there is such a place: every kill needs a fresh copy of the tree."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        yield Path(directory)


def _write_tree(root: Path, files: int) -> None:
    """A third of the files has something to convert."""
    for number in range(files):
        path = root / f"pkg{number % 20}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import torch\nx{number} = torch.ones({number})\n" if number % 3 == 0 else f"x = {number}\n")
        path.chmod((0o644, 0o600, 0o755, 0o664)[number % 4])
    for number in range(3):
        (root / "pkg0" / f"gone{number}.txt").write_text(f"{number}\n")
    (root / "pkg1" / "here.py").write_text("import torch\n")
    (root / "pkg1" / "here.py").chmod(0o750)


def _files(root: Path) -> Files:
    found: Files = {}
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".ms-convert"]
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = stat.S_IMODE(os.stat(path).st_mode), file.read()
    return found


@contextmanager
def _silent(_: int) -> Iterator[Callable[[int], object]]:
    yield lambda count: None


def _convert(root: Path, rules: Path) -> None:
    run(Options(root, str(rules), jobs=1, cache=False), _silent)


def _in_child(action: Callable[[], None], kill_at: int | None = None) -> tuple[int, int]:
    """Run ``action`` in a child that is killed at the given call.

    Returns the signal that ended it (0: none) and the number of calls.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            count = _count_calls(kill_at)
            action()
            os.write(writer, str(count()).encode())
            code = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), 0
    assert os.WEXITSTATUS(status) == 0, said.decode()
    return 0, int(said)


def _count_calls(kill_at: int | None) -> Callable[[], int]:
    """Wrap the functions of ``os``: count calls, and end this process before or after the given one."""
    calls = 0

    def wrapped(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **keywords: object) -> object:
            nonlocal calls
            calls += 1
            if calls == kill_at and kill_at % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **keywords)
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
    return lambda: calls


def _moments(calls: int, number: int) -> list[int]:
    """Seeded moments all over the run: one in each of ``number`` equal parts, and some at its very end."""
    draw = random.Random(20240).randint
    parts = [(calls * i // number, calls * (i + 1) // number) for i in range(number)]
    return [draw(start + 1, end) for start, end in parts] + list(range(calls - number // 3, calls))


@pytest.mark.parametrize(
    ("files", "moments"),
    [pytest.param(60, 12, id="small"), pytest.param(1000, 50, id="large", marks=pytest.mark.slow)],
)
def test_killed_run(tmp_path: Path, files: int, moments: int) -> None:
    rules, original, tree = tmp_path / "rules.yaml", tmp_path / "original", tmp_path / "tree"
    rules.write_text(RULES)
    _write_tree(original, files)
    old = _files(original)

    shutil.copytree(original, tree)
    ended_by, calls = _in_child(lambda: _convert(tree, rules))
    assert ended_by == 0
    new = _files(tree)
    assert len(new) == len(old) - 3 + 1
    assert sum(new.get(path) != state for path, state in old.items()) > files // 3

    killed = 0
    for number, moment in enumerate(_moments(calls, moments)):
        shutil.rmtree(tree)
        shutil.copytree(original, tree)
        ended_by, _ = _in_child(lambda: _convert(tree, rules), moment)
        if ended_by:
            assert ended_by == signal.SIGKILL
            killed += 1
        _check_old_or_new(_files(tree), old, new)
        if number % 2:
            _undo(tree)
            assert _files(tree) == old
        else:
            _convert(tree, rules)
            assert _files(tree) == new
            undo(tree)
            assert _files(tree) == old
            assert not (tree / "new").exists()
            assert not (tree / ".ms-convert").exists()
    assert killed > moments * 0.8


@pytest.mark.parametrize(("files", "moments"), [(60, 9), pytest.param(1000, 50, marks=pytest.mark.slow)])
def test_killed_undo(tmp_path: Path, files: int, moments: int) -> None:
    rules, original, tree = tmp_path / "rules.yaml", tmp_path / "original", tmp_path / "tree"
    converted = tmp_path / "converted"
    rules.write_text(RULES)
    _write_tree(original, files)
    shutil.copytree(original, converted)
    old = _files(original)
    _convert(converted, rules)
    new = _files(converted)

    shutil.copytree(converted, tree)
    _, calls = _in_child(lambda: _undo(tree))
    for number, moment in enumerate(_moments(calls, moments)):
        shutil.rmtree(tree)
        shutil.copytree(converted, tree)
        _in_child(lambda: _undo(tree), moment)
        _check_old_or_new(_files(tree), old, new)
        if number % 2:
            _convert(tree, rules)
            assert _files(tree) == new
        _undo(tree)
        assert _files(tree) == old


def _undo(root: Path) -> None:
    """Take back what there is to take back: a run may have been killed before it began."""
    if last_run(root) is not None:
        undo(root)


def test_killed_again_and_again(tmp_path: Path) -> None:
    """A rerun is killed as well, then an undo, and so on; in the end all is as it was."""
    rules, tree = tmp_path / "rules.yaml", tmp_path / "tree"
    rules.write_text(RULES)
    _write_tree(tree, 40)
    old = _files(tree)
    _, calls = _in_child(lambda: _convert(tree, rules))
    new = _files(tree)
    draw = random.Random(7).randint
    for _ in range(16):
        _in_child(lambda: _convert(tree, rules), draw(1, calls))
        _check_old_or_new(_files(tree), old, new)
    _convert(tree, rules)
    assert _files(tree) == new
    undo(tree)
    assert _files(tree) == old


def _check_old_or_new(now: Files, old: Files, new: Files) -> None:
    for path in {*now, *old, *new}:
        state = now.get(path)
        assert state == old.get(path) or state == new.get(path), path
