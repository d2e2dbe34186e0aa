"""Trees that somebody made to do harm, or that are just odd: a line in the report or a clear error, and nothing else.

No test sees a traceback, and nothing outside the tree is ever written.
"""

from __future__ import annotations

import os
import socket
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from ms_convert import run
from ms_convert.cli import app
from ms_convert.language.ruleset import load_rules
from ms_convert.project.writer import write_in_place
from typer.testing import CliRunner, Result

BEFORE = "import torch\n"
AFTER = "import mindtorch as torch\n"
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")

FILE_RULES = """\
version: 1
include: [torch.yaml]
rules:
  - id: add-tool
    kind: file
    why: needed
    match: {path: PATH}
    action: {add: {content: "x = 1\\n"}}
    examples: [{before: null, after: "x = 1\\n", path: PATH}]
"""


def ms_convert(*arguments: str | Path) -> Result:
    """The command; any exception but the one that ends it is a failure of the test."""
    result = CliRunner().invoke(app, [*map(str, arguments), "-j", "1"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        assert result.stderr.count("\n") == 1, result.stderr
    return result


def outside_of(tree: Path) -> dict[str, tuple[int, bytes | str]]:
    """All there is around the tree."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(tree.parent.rglob("*")):
        if not path.is_relative_to(tree):
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
            found[str(path)] = path.lstat().st_mode, content
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text(BEFORE)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "o.py").write_text(BEFORE)
    return root


def convert_every_way(tree: Path, *options: str | Path) -> Result:
    """Check, diff, copy, convert, undo and convert again; the result is that of the conversion in place."""
    before = outside_of(tree)
    ms_convert(tree, "--check", *options)
    ms_convert(tree, "--diff", *options)
    copy = tree.parent / "copy"
    ms_convert(tree, "-o", copy, *options)
    if copy.is_dir():
        assert (copy / "pkg" / "a.py").read_text() == AFTER
        _remove(copy)
    result = ms_convert(tree, *options)
    assert outside_of(tree) == before
    return result


def _remove(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    directory.rmdir()


def test_links_of_every_sort(tree: Path) -> None:
    (tree / "in.py").symlink_to("pkg/a.py")
    (tree / "out.py").symlink_to("../outside/o.py")
    (tree / "absolute.py").symlink_to(tree.parent / "outside" / "o.py")
    (tree / "dangling.py").symlink_to("nowhere")
    (tree / "self.py").symlink_to("self.py")
    (tree / "one.py").symlink_to("two.py")
    (tree / "two.py").symlink_to("one.py")
    (tree / "up").symlink_to("..")
    (tree / "root.py").symlink_to("/")
    (tree / "pkg" / "loop").symlink_to(".")
    result = convert_every_way(tree)
    assert result.exit_code == 1
    for name in ("out.py", "absolute.py"):
        assert f"{name}: file left alone: a symbolic link out of the tree" in result.stdout
    assert "converted 1 of" in result.stdout
    assert (tree / "in.py").is_symlink()
    assert (tree / "pkg" / "a.py").read_text() == AFTER


def test_root_that_is_a_link(tree: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to("repo")
    assert ms_convert(link).exit_code == 0
    assert link.is_symlink()
    assert (tree / "pkg" / "a.py").read_text() == AFTER
    assert (tree / ".ms-convert").is_dir()
    loop = tree.parent / "loop"
    loop.symlink_to("loop")
    assert "no such file or directory" in ms_convert(loop).stderr


def test_pipes_sockets_devices_and_directories_with_python_names(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tree / "pipe.py")
    monkeypatch.chdir(tree)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
    special = ["pipe.py", "socket.py"]
    if os.geteuid() == 0:
        try:
            os.mknod(tree / "zero.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))
            special.append("zero.py")
        except PermissionError:
            pass  # root of a container may not
    (tree / "directory.py").mkdir()
    (tree / "directory.py" / "b.py").write_text(BEFORE)
    result = convert_every_way(tree)
    assert result.exit_code == 1
    for name in special:
        assert f"{name}: file left alone: not a regular file" in result.stdout
    assert (tree / "directory.py" / "b.py").read_text() == AFTER
    for name in special:
        assert ms_convert(tree / name).exit_code == 1
        assert ms_convert(tree / name, "-o", tree.parent / "one").exit_code in (1, 2)


def test_odd_names(tree: Path) -> None:
    names = [
        b"new\nline.py", b"quote'\".py", b"caf\xe9.py", "é\u202e.py".encode(), b"-rf.py", b" .py", b"a b.py",
        b"$(x).py", b"back\\slash.py", b"tab\t.py", b"\x1b[31m.py", b"x" * 252 + b".py", b"*.py", b"CON.py", b"...py",
    ]  # fmt: skip
    for name in names:
        with open(os.fsencode(tree) + b"/" + name, "wb") as file:
            file.write(BEFORE.encode())
    result = convert_every_way(tree)
    assert f"converted {len(names) + 1} of {len(names) + 1} files" in result.stdout
    for name in names:
        with open(os.fsencode(tree) + b"/" + name, "rb") as file:
            assert file.read() == AFTER.encode()
    assert ms_convert(tree, "--report", "json").exit_code == 0


def test_patch_of_odd_names_applies(tree: Path) -> None:
    import subprocess

    for name in ("new\nline.py", "quote'\".py", "a b.py", "back\\slash.py", "tab\t.py", "é.py", "caf\udce9.py"):
        (tree / name).write_text(BEFORE)
    patch = ms_convert(tree, "--diff").stdout_bytes
    subprocess.run(["git", "apply", "-"], cwd=tree, input=patch, check=True)
    assert all(path.read_text() == AFTER for path in tree.rglob("*.py"))


def test_odd_contents(tree: Path) -> None:
    deep = "x = " + "(" * 5000 + "1" + ")" * 5000 + "\nimport torch\n"
    bad: dict[str, bytes] = {
        "nul.py": b"import torch\n\0",
        "mixed.py": "# é\nimport torch\n".encode() + "# é\n".encode("latin-1"),
        "cookie.py": b"# coding: no-such\nimport torch\n",
        "utf16.py": BEFORE.encode("utf-16"),
        "bom_and_cookie.py": b"\xef\xbb\xbf# coding: latin-1\nimport torch\n",
        "deep.py": deep.encode(),
        "deep_unary.py": b"import torch\nx = " + b"-" * 50_000 + b"1\n",
        "deep_dots.py": b"import torch\nx = torch" + b".a" * 20_000 + b"\n",
        "surrogate.py": b"import torch\nx = '\xed\xa0\x80'\n",
        "tabs.py": b"if 1:\n\timport torch\n        import torch\n",
        "huge.py": b"import torch\n" + b"# padding\n" * 5_000_000,
    }
    for name, data in bad.items():
        (tree / name).write_bytes(data)
    result = convert_every_way(tree)
    assert result.exit_code == 1
    assert "huge.py: file left alone: 50000013 bytes" in result.stdout
    for name in ("nul.py", "mixed.py", "cookie.py", "bom_and_cookie.py", "deep.py", "surrogate.py", "tabs.py"):
        assert f"{name}:" in result.stdout
        assert (tree / name).read_bytes() == bad[name]


def test_deep_directories(tree: Path) -> None:
    deep = tree / "/".join(["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "x.py").write_text(BEFORE)
    assert convert_every_way(tree).exit_code == 0
    assert (deep / "x.py").read_text() == AFTER


def test_deeper_than_any_path_can_be(tree: Path) -> None:
    handle = os.open(tree, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=handle)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("x.py", os.O_WRONLY | os.O_CREAT, dir_fd=handle))
    os.close(handle)
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert "directory cannot be read: File name too long" in result.stdout
    assert (tree / "pkg" / "a.py").read_text() == AFTER


def test_names_that_differ_in_case(tree: Path) -> None:
    (tree / "Setup.py").write_text(BEFORE)
    (tree / "setup.py").write_text(BEFORE)
    (tree / "PKG").mkdir()
    (tree / "PKG" / "a.py").write_text(BEFORE)
    assert convert_every_way(tree).exit_code == 0
    for name in ("Setup.py", "setup.py", "PKG/a.py", "pkg/a.py"):
        assert (tree / name).read_text() == AFTER


def test_hard_links_are_not_written_through(tree: Path) -> None:
    os.link(tree / "pkg" / "a.py", tree / "same.py")
    os.link(tree / "pkg" / "a.py", tree.parent / "outside" / "same.py")
    assert convert_every_way(tree).exit_code == 0
    assert (tree / "pkg" / "a.py").read_text() == (tree / "same.py").read_text() == AFTER
    assert (tree.parent / "outside" / "same.py").read_text() == BEFORE


def test_read_only_files(tree: Path) -> None:
    (tree / "ro.py").write_text(BEFORE)
    (tree / "ro.py").chmod(0o444)
    result = convert_every_way(tree)
    assert "ro.py: file left alone: read-only" in result.stdout
    assert (tree / "ro.py").read_text() == BEFORE


def as_nobody(tree: Path, action: Callable[[], None]) -> None:
    """Run ``action`` in a child process that is not root, and owns the tree."""
    for path in (tree.parent, *tree.parent.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for parent in tree.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    # Whoever the child is, it may not be able to read the modules and rules of this installation: have them ready.
    warm = tree.parent / "warm"
    warm.mkdir()
    (warm / "a.py").write_text(BEFORE)
    ms_convert(warm)
    ms_convert(warm, "-o", warm.parent / "warm-copy")
    rules = load_rules("llm.yaml")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run.load_rules = lambda name: rules
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            action()
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    os.waitpid(child, 0)
    assert said == ""


@as_root
def test_what_may_not_be_read(tree: Path) -> None:
    (tree / "secret.py").write_text(BEFORE)
    (tree / "secret.py").chmod(0o200)
    (tree / "closed").mkdir()
    (tree / "closed" / "x.py").write_text(BEFORE)
    (tree / "closed").chmod(0)

    def action() -> None:
        assert "cannot copy" in ms_convert(tree, "-o", tree.parent / "copy").stderr
        result = ms_convert(tree)
        assert result.exit_code == 1
        assert "secret.py: file left alone: cannot be read: Permission denied" in result.stdout
        assert "closed: file left alone: directory cannot be read: Permission denied" in result.stdout
        assert (tree / "pkg" / "a.py").read_text() == AFTER

    as_nobody(tree, action)


@as_root
def test_what_may_not_be_written(tree: Path) -> None:
    (tree / "ro").mkdir()
    (tree / "ro" / "x.py").write_text(BEFORE)
    (tree / "ro").chmod(0o555)

    def action() -> None:
        result = ms_convert(tree)
        assert result.exit_code == 1
        assert "ro/x.py: file left alone: in a read-only directory" in result.stdout
        assert (tree / "pkg" / "a.py").read_text() == AFTER
        assert ms_convert(tree, "-o", tree.parent / "copy").exit_code == 0
        assert (tree.parent / "copy" / "ro" / "x.py").read_text() == AFTER
        assert stat.S_IMODE((tree.parent / "copy" / "ro").stat().st_mode) == 0o555

    as_nobody(tree, action)


@as_root
def test_read_only_root(tree: Path) -> None:
    tree.chmod(0o555)

    def action() -> None:
        result = ms_convert(tree)
        assert result.exit_code == 2
        assert f"cannot write {tree / '.ms-convert'}: Permission denied" in result.stderr
        assert (tree / "pkg" / "a.py").read_text() == BEFORE

    as_nobody(tree, action)


@as_root
def test_files_of_another_user(tree: Path) -> None:
    def action() -> None:
        result = ms_convert(tree)
        assert result.exit_code == 1, result.output
        assert "b.py: file left alone: belongs to another user" in result.stdout
        assert (tree / "pkg" / "a.py").read_text() == AFTER

    (tree / "b.py").write_text(BEFORE)
    chown = os.chown

    def keep(path: Path, *arguments: int, **keywords: bool) -> None:
        chown(path, 0 if path == tree / "b.py" else arguments[0], arguments[1], **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "chown", keep)
        as_nobody(tree, action)


@as_root
def test_owners_survive_root(tree: Path) -> None:
    os.chown(tree / "pkg" / "a.py", NOBODY, NOBODY)
    assert ms_convert(tree).exit_code == 0
    assert (tree / "pkg" / "a.py").stat().st_uid == NOBODY


def before_writing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Have ``change`` happen after everything has been read and decided."""

    def late(*args: object, **keywords: object) -> None:
        change()
        write_in_place(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr("ms_convert.run.write_in_place", late)


def before_swapping(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Have ``change`` happen after the new files have been written, right before the first one is swapped in."""
    replace = os.replace

    def late(*args: object, **keywords: object) -> None:
        monkeypatch.setattr(os, "replace", replace)
        change()
        replace(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", late)


def _edit(tree: Path) -> None:
    (tree / "pkg" / "b.py").write_text("mine = 1\n")


def _grow(tree: Path) -> None:
    with open(tree / "pkg" / "b.py", "a") as file:
        file.write("# more\n")


def _link(tree: Path) -> None:
    (tree / "pkg" / "b.py").unlink()
    (tree / "pkg" / "b.py").symlink_to("../../outside/o.py")


def _pipe(tree: Path) -> None:
    (tree / "pkg" / "b.py").unlink()
    os.mkfifo(tree / "pkg" / "b.py")


def _directory(tree: Path) -> None:
    (tree / "pkg" / "b.py").unlink()
    (tree / "pkg" / "b.py").mkdir()


def _gone(tree: Path) -> None:
    (tree / "pkg" / "b.py").unlink()


def _other_directory(tree: Path) -> None:
    (tree / "pkg").rename(tree / "moved")
    (tree / "pkg").symlink_to("../outside")
    (tree.parent / "outside" / "b.py").write_text("theirs")


RACES = [_edit, _grow, _link, _pipe, _directory, _gone, _other_directory]


@pytest.mark.parametrize("when", [before_writing, before_swapping])
@pytest.mark.parametrize("change", RACES)
def test_file_that_changes_at_the_last_moment(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: Callable[[pytest.MonkeyPatch, Callable[[], None]], None],
    change: Callable[[Path], None],
) -> None:
    (tree / "pkg" / "b.py").write_text(BEFORE)
    around: list[dict[str, tuple[int, bytes | str]]] = []

    def changed() -> None:
        change(tree)
        around.append(outside_of(tree))

    when(monkeypatch, changed)
    result = ms_convert(tree)
    assert [outside_of(tree)] == around
    if change is _other_directory and when is before_swapping:
        # The directory was open already: its files are converted where they are now.
        assert (tree / "moved" / "b.py").read_text() == AFTER
        return
    assert result.exit_code == 2
    assert f"cannot write {tree / 'pkg'}" in result.stderr
    if "--undo takes that back" not in result.stderr:
        place = tree / ("moved" if change is _other_directory else "pkg")
        assert (place / "a.py").read_text() == BEFORE


@pytest.mark.parametrize("change", RACES)
def test_file_that_changes_while_others_are_converted(
    tree: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    from ms_convert.project import pool

    (tree / "pkg" / "b.py").write_text(BEFORE)
    convert_files = pool.convert_files

    def then_change(*args: object, **keywords: object) -> object:
        converted = convert_files(*args, **keywords)  # type: ignore[arg-type]
        change(tree)
        return converted

    monkeypatch.setattr("ms_convert.run.convert_files", then_change)
    result = ms_convert(tree)
    assert result.exit_code in (1, 2)
    if result.exit_code == 1:
        assert "pkg/b.py: file left alone: was changed while it was being converted; run again" in result.stdout
        monkeypatch.undo()
        assert ms_convert(tree).exit_code in (0, 1)


@pytest.mark.parametrize("function", ["write", "fsync", "mkdir", "rename", "replace"])
def test_disk_full(tree: Path, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tree / "pkg" / "b.py").write_text(BEFORE)
    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        result = ms_convert(tree)
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert (tree / "pkg" / "a.py").read_text() == (tree / "pkg" / "b.py").read_text() == BEFORE
    assert ms_convert(tree).exit_code == 0


def test_rules_cannot_write_through_links(tree: Path) -> None:
    (tree / "tools").symlink_to("../outside")
    rules = tree.parent / "r.yaml"
    rules.write_text(FILE_RULES.replace("PATH", "tools/new.py"))
    result = convert_every_way(tree, "--rules", rules)
    assert result.exit_code == 1
    assert "tools is a symbolic link; links are not followed" in result.stdout
    assert not (tree.parent / "outside" / "new.py").exists()


def test_rules_do_not_follow_a_link_in_place_of_the_file(tree: Path) -> None:
    (tree / "new.py").symlink_to("../outside/new.py")
    rules = tree.parent / "r.yaml"
    text = FILE_RULES.replace("PATH", "new.py")
    rules.write_text(text.replace('"x = 1\\n"}}', '"x = 1\\n", overwrite: true}}'))
    result = convert_every_way(tree, "--rules", rules)
    assert result.exit_code == 1
    assert "cannot be replaced: is a symbolic link" in result.stdout
    assert not (tree.parent / "outside" / "new.py").exists()


def test_journal_that_came_with_the_tree(tree: Path) -> None:
    (tree / ".ms-convert").symlink_to("../outside")
    result = ms_convert(tree)
    assert result.exit_code == 2
    assert ".ms-convert" in result.stderr
    assert (tree / "pkg" / "a.py").read_text() == BEFORE
    assert [path.name for path in (tree.parent / "outside").iterdir()] == ["o.py"]
