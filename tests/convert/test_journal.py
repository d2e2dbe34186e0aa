"""The journal: --undo gives back exactly what was there, and nothing that was edited since is lost."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError
from ms_convert.project.journal import KEPT_RUNS, interrupted, last_run, removed_files
from ms_convert.project.undo import recover, undo
from ms_convert.project.writer import About, write_in_place
from ms_convert.run import Options, run

Snapshot = dict[str, tuple[int, bytes]]


def snapshot(root: Path) -> Snapshot:
    """Every file with its permissions, and every directory; not the journal."""
    found: Snapshot = {}
    for path in sorted(root.rglob("*")):
        if ".ms-convert" not in path.parts:
            data = path.read_bytes() if path.is_file() else b"(directory)"
            found[str(path.relative_to(root))] = stat.S_IMODE(path.lstat().st_mode), data
    return found


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """New directories have the usual permissions."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_bytes(b"a\r\n\xff")
    (root / "pkg" / "a.py").chmod(0o640)
    (root / "b.py").write_bytes(b"b\n")
    (root / "b.py").chmod(0o755)
    (root / "c.txt").write_bytes(b"")
    return root


@contextmanager
def silent(_: int) -> Iterator[Callable[[int], object]]:
    yield lambda count: None


def journal(root: Path) -> list[str]:
    runs = root / ".ms-convert" / "runs"
    return sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []


def test_undo_gives_back_everything(tree: Path) -> None:
    before = snapshot(tree)
    write_in_place(
        tree,
        {"pkg/a.py": b"A", "b.py": b"", "c.txt": None, "new/er/d.py": b"D"},
        modes={"new/er/d.py": 0o755},
    )
    assert snapshot(tree) == {
        "b.py": (0o755, b""),
        "new": (0o755, b"(directory)"),
        "new/er": (0o755, b"(directory)"),
        "new/er/d.py": (0o755, b"D"),
        "pkg": (0o755, b"(directory)"),
        "pkg/a.py": (0o640, b"A"),
    }
    result = undo(tree)
    assert snapshot(tree) == before
    assert set(result.restored) == {"pkg/a.py", "b.py", "c.txt"}
    assert (result.root, result.removed, result.overwritten, result.left) == (tree, ("new/er/d.py",), (), 0)
    assert not (tree / ".ms-convert").exists()


def test_made_directory_that_has_got_more_files_stays(tree: Path) -> None:
    write_in_place(tree, {"new/d.py": b"D"})
    (tree / "new" / "mine.py").write_text("mine")
    undo(tree)
    assert [path.name for path in (tree / "new").iterdir()] == ["mine.py"]


def test_permissions_alone(tree: Path) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"pkg/a.py": b"a\r\n\xff"}, modes={"pkg/a.py": 0o755})
    assert snapshot(tree)["pkg/a.py"] == (0o755, b"a\r\n\xff")
    undo(tree)
    assert snapshot(tree) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_is_kept_and_restored(tree: Path) -> None:
    os.chown(tree / "b.py", 1234, 4321)
    write_in_place(tree, {"b.py": b"B"})
    status = (tree / "b.py").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o755)
    undo(tree)
    status = (tree / "b.py").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o755)


def test_runs_are_undone_one_after_the_other(tree: Path) -> None:
    states = [snapshot(tree)]
    for number in range(3):
        write_in_place(tree, {"b.py": b"%d" % number, f"new{number}.py": b"x"})
        states.append(snapshot(tree))
    for left in (2, 1, 0):
        assert snapshot(tree) == states.pop()
        assert undo(tree).left == left
    assert snapshot(tree) == states.pop()
    with pytest.raises(ConvertError, match="nothing to undo"):
        undo(tree)


def test_old_runs_are_forgotten(tree: Path) -> None:
    for number in range(KEPT_RUNS + 3):
        write_in_place(tree, {"b.py": b"%d" % number})
    assert journal(tree) == [f"{number:06}" for number in range(4, KEPT_RUNS + 4)]
    for _ in range(KEPT_RUNS):
        undo(tree)
    assert (tree / "b.py").read_bytes() == b"2"
    with pytest.raises(ConvertError, match="nothing to undo"):
        undo(tree)


def test_nothing_to_write_leaves_no_journal(tree: Path) -> None:
    write_in_place(tree, {})
    assert not (tree / ".ms-convert").exists()


@pytest.mark.parametrize("path", ["pkg/a.py", "b.py", "c.txt", "d.py"])
def test_edited_files_are_not_undone_unless_told(tree: Path, path: str) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"pkg/a.py": b"A", "b.py": b"B", "c.txt": None, "d.py": b"D"})
    (tree / path).write_bytes(b"edited")
    after = snapshot(tree)
    with pytest.raises(ConvertError, match=f"^{path} was edited after the conversion; nothing was undone"):
        undo(tree)
    assert snapshot(tree) == after
    assert undo(tree, force=True).overwritten == (path,)
    assert snapshot(tree) == before


def test_many_edited_files_are_counted(tree: Path) -> None:
    write_in_place(tree, {f"{number}.py": b"x" for number in range(9)})
    for number in range(9):
        (tree / f"{number}.py").write_bytes(b"y")
    with pytest.raises(ConvertError, match=r"0\.py, 1\.py, 2\.py, 3\.py, 4\.py and 4 more were edited"):
        undo(tree)


def test_deleted_and_replaced_files_count_as_edited(tree: Path) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"pkg/a.py": b"A", "b.py": b"B"})
    (tree / "b.py").unlink()
    (tree / "pkg" / "a.py").unlink()
    (tree / "pkg" / "a.py").symlink_to("/etc/passwd")
    with pytest.raises(ConvertError, match=r"b\.py, pkg/a\.py were edited"):
        undo(tree)
    undo(tree, force=True)
    assert snapshot(tree) == before


def test_what_git_has_taken_back_already_is_no_edit(tree: Path) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"pkg/a.py": b"A", "b.py": b"B", "c.txt": None, "d.py": b"D"})
    (tree / "b.py").write_bytes(b"b\n")
    (tree / "c.txt").write_bytes(b"")
    (tree / "c.txt").chmod(before["c.txt"][0])
    (tree / "d.py").unlink()
    undo(tree)
    assert snapshot(tree) == before


def test_directory_where_a_file_was_is_an_error_that_can_be_gone_on_from(tree: Path) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"pkg/a.py": b"A", "b.py": b"B"})
    (tree / "pkg" / "a.py").unlink()
    (tree / "pkg" / "a.py").mkdir()
    with pytest.raises(ConvertError, match=r"cannot restore .*pkg/a\.py: Is a directory; --undo goes on from here"):
        undo(tree, force=True)
    (tree / "pkg" / "a.py").rmdir()
    undo(tree, force=True)
    assert snapshot(tree) == before


def test_single_files(tree: Path) -> None:
    """They share the journal of their directory; each is undone by its own name, or all by the directory's."""
    write_in_place(tree, {"b.py": b"B"}, about=About("b.py"))
    write_in_place(tree, {"c.txt": b"C"}, about=About("c.txt"))
    with pytest.raises(ConvertError, match=r"nothing to undo: .*a\.py"):
        undo(tree / "pkg" / "a.py")
    assert undo(tree / "b.py").restored == ("b.py",)
    assert (tree / "c.txt").read_bytes() == b"C"
    with pytest.raises(ConvertError, match=r"nothing to undo: .*b\.py"):
        undo(tree / "b.py")
    assert undo(tree).restored == ("c.txt",)


@pytest.mark.parametrize("path", ["nowhere", "pkg/nowhere.py"])
def test_undo_of_nothing(tree: Path, path: str) -> None:
    with pytest.raises(ConvertError, match="no such file or directory"):
        undo(tree / path)
    with pytest.raises(ConvertError, match="nothing to undo"):
        undo(tree)
    assert not (tree / ".ms-convert").exists()


def test_journal_is_hidden_from_git(tree: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    write_in_place(tree, {"b.py": b"B"})
    done = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=tree, check=True, capture_output=True, text=True
    )
    assert ".ms-convert" not in done.stdout


def test_journal_tells_about_the_last_run(tree: Path) -> None:
    assert last_run(tree) is None
    about = About("b.py", "rules 1", Counter({"torch-import": 3, "other": 1}))
    write_in_place(tree, {"b.py": b"B", "c.txt": None, "é\udcff.py": b"", "d.py": b"D"}, about=about)
    last = last_run(tree)
    assert last is not None
    assert (last.number, last.done, last.undoing) == (1, True, False)
    assert (last.target, last.fingerprint, last.matches) == ("b.py", "rules 1", about.matches)
    assert [(entry.action, entry.path) for entry in last.entries] == [
        ("replace", "b.py"),
        ("remove", "c.txt"),
        ("add", "d.py"),
        ("add", "é\udcff.py"),
    ]
    assert removed_files(tree) == {"c.txt"}
    assert last_run(tree, "b.py") == last
    assert last_run(tree, "c.txt") is None


def test_journal_is_not_copied(tree: Path) -> None:
    (tree / "b.py").write_bytes(b"import torch\n")
    run(Options(tree, "torch.yaml", cache=False), silent)
    run(Options(tree, "torch.yaml", output=tree.parent / "copy", cache=False), silent)
    assert (tree / ".ms-convert").is_dir()
    assert not (tree.parent / "copy" / ".ms-convert").exists()
    assert snapshot(tree.parent / "copy") == snapshot(tree)


def test_messages_are_one_line_whatever_names_are(tree: Path) -> None:
    name = "new\nline\udcff.py"
    write_in_place(tree, {name: b"x"})
    (tree / name).write_bytes(b"y")
    with pytest.raises(ConvertError, match=r"were edited|was edited") as caught:
        undo(tree)
    assert str(caught.value).startswith(r"'new\nline\udcff.py' was edited")
    with pytest.raises(ConvertError, match="was changed while") as caught:
        write_in_place(tree, {name: b"x"}, seen={name: None})
    assert "\n" not in str(caught.value)


def test_journal_has_only_what_was_changed(tree: Path) -> None:
    (tree / "big.py").write_bytes(b"x" * 1_000_000)
    write_in_place(tree, {"b.py": b"B" * 1_000_000})
    run = tree / ".ms-convert" / "runs" / "000001"
    assert (run / "originals").read_bytes() == b"b\n"
    assert sorted(path.name for path in (tree / ".ms-convert").iterdir()) == [".gitignore", "lock", "runs"]
    (entry,) = json.loads((run / "manifest.json").read_text())["entries"]
    assert (entry["action"], entry["path"], entry["before"]["mode"], entry["after"]["size"]) == (
        "replace",
        "b.py",
        0o755,
        1_000_000,
    )


def test_second_run_at_the_same_time(tree: Path) -> None:
    write_in_place(tree, {"b.py": b"B"})
    before = snapshot(tree)
    with open(tree / ".ms-convert" / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for action in (lambda: write_in_place(tree, {"c.txt": b"C"}), lambda: undo(tree)):
            with pytest.raises(ConvertError, match=r"another ms-convert is writing to .*; wait until it is done"):
                action()
    assert snapshot(tree) == before
    undo(tree)


def interrupt(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stops after it has swapped in the first of two files."""
    replace = os.replace

    def stop(*args: object, **keywords: object) -> None:
        monkeypatch.undo()
        replace(*args, **keywords)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_in_place(tree, {"b.py": b"B", "pkg/a.py": b"A"})
    assert interrupted(tree)
    assert (tree / "b.py").read_bytes() == b"B"
    assert (tree / "pkg" / "a.py").read_bytes() == b"a\r\n\xff"


def test_interrupted_run_is_taken_back(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(tree)
    interrupt(tree, monkeypatch)
    assert recover(tree) is None
    assert not interrupted(tree)
    assert snapshot(tree) == before
    assert recover(tree) is None
    assert not (tree / ".ms-convert").exists()
    interrupt(tree, monkeypatch)
    undo(tree)
    assert snapshot(tree) == before


def test_interrupted_run_does_not_count_as_uncommitted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git would see half of the conversion, and the next run refuse to go on."""
    (tree / "b.py").write_bytes(b"import torch\n")
    (tree / "pkg" / "a.py").write_bytes(b"import torch\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *identity, *command], cwd=tree, check=True)
    replace = os.replace

    def stop(*args: object, **keywords: object) -> None:
        monkeypatch.undo()
        replace(*args, **keywords)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        run(Options(tree, "torch.yaml", cache=False), silent)
    assert interrupted(tree)
    (tree / ".ms-convert" / ".gitignore").unlink()
    assert run(Options(tree, "torch.yaml", cache=False), silent).exit_code == 0
    last = last_run(tree)
    assert last is not None
    assert (len(last.entries), last.matches, last.target) == (2, Counter({"torch-import": 2}), ".")
    assert last.fingerprint
    undo(tree)
    assert (tree / "b.py").read_bytes() == (tree / "pkg" / "a.py").read_bytes() == b"import torch\n"


def test_interrupted_run_whose_files_were_edited_stays(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(tree)
    interrupt(tree, monkeypatch)
    (tree / "b.py").write_bytes(b"mine")
    note = "an earlier run was interrupted, and b.py was edited since; what it changed stays"
    assert recover(tree) == note
    assert recover(tree) is None
    assert (tree / "b.py").read_bytes() == b"mine"
    undo(tree, force=True)
    assert snapshot(tree) == before


def test_interrupted_undo_is_finished(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(tree)
    write_in_place(tree, {"b.py": b"B", "pkg/a.py": b"A"})
    replace = os.replace

    def stop(*args: object, **keywords: object) -> None:
        monkeypatch.undo()
        replace(*args, **keywords)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        undo(tree)
    assert (tree / "b.py").read_bytes() == b"b\n"
    (tree / "pkg" / "a.py").write_bytes(b"mine")
    with pytest.raises(ConvertError, match="finish it with --undo and --force before you convert again"):
        recover(tree)
    (tree / "pkg" / "a.py").write_bytes(b"A")
    assert recover(tree) is None
    assert not interrupted(tree)
    assert snapshot(tree) == before


def test_failed_run_is_taken_back_at_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(tree)
    replace = os.replace
    calls = []

    def fail(*args: object, **keywords: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        replace(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConvertError, match=r"cannot write .*new/d\.py: Input/output error; nothing was changed"):
        write_in_place(tree, {"b.py": b"B", "pkg/a.py": b"A", "new/d.py": b"D"})
    assert snapshot(tree) == before
    assert not (tree / ".ms-convert").exists()


DAMAGE = {
    "manifest.json": [b"", b"{", b"[]", b"{}", b'{"version": 1}', b"[" * 100_000, b"\xff"],
    "originals": [b"", b"xx"],
}


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, every in DAMAGE.items() for data in every])
def test_damaged_journal(tree: Path, name: str, data: bytes) -> None:
    write_in_place(tree, {"b.py": b"B"})
    (tree / ".ms-convert" / "runs" / "000001" / name).write_bytes(data)
    before = snapshot(tree)
    with pytest.raises(ConvertError, match="damaged") as caught:
        undo(tree)
    assert "\n" not in str(caught.value)
    assert snapshot(tree) == before


def test_journal_of_another_version(tree: Path) -> None:
    write_in_place(tree, {"b.py": b"B"})
    manifest = tree / ".ms-convert" / "runs" / "000001" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(ConvertError, match="another version of ms-convert"):
        undo(tree)


def test_stray_file_in_the_journal(tree: Path) -> None:
    write_in_place(tree, {"b.py": b"B"})
    (tree / ".ms-convert" / "runs" / "notes.txt").write_text("")
    with pytest.raises(ConvertError, match=r"notes\.txt does not belong there"):
        undo(tree)


def forged(tree: Path, path: str, mode: int = 0o644, **also: object) -> None:
    """A journal that came with the tree and says that a run wrote ``path``."""
    write_in_place(tree, {"b.py": b"B"})
    manifest = tree / ".ms-convert" / "runs" / "000001" / "manifest.json"
    data = json.loads(manifest.read_text())
    data["entries"][0]["path"] = path
    data["entries"][0]["before"]["mode"] = mode
    manifest.write_text(json.dumps(data | also))


@pytest.mark.parametrize(
    "path", ["../outside", "/tmp/outside", "link/outside", ".git/hooks/post-checkout", "pkg/../../outside", "", "."]
)
@pytest.mark.parametrize("force", [False, True])
def test_forged_journal_does_not_lead_out_of_the_tree(tree: Path, path: str, force: bool) -> None:
    outside = tree.parent / "outside"
    outside.write_text("B")
    (tree / "link").symlink_to("..")
    forged(tree, path)
    before = snapshot(tree.parent)
    with pytest.raises(ConvertError):
        undo(tree, force=force)
    assert snapshot(tree.parent) == before


def test_forged_journal_makes_no_privileged_program(tree: Path) -> None:
    forged(tree, "b.py", 0o6755)
    undo(tree)
    assert stat.S_IMODE((tree / "b.py").stat().st_mode) == 0o755


@pytest.mark.parametrize("name", [".ms-convert", ".ms-convert/runs", ".ms-convert/tmp", ".ms-convert/lock"])
def test_journal_that_is_a_link(tree: Path, name: str) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "keep").write_text("x")
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).symlink_to(outside)
    before = snapshot(tree.parent)
    if name == ".ms-convert/tmp":
        write_in_place(tree, {"b.py": b"B"})  # what is in its way there is thrown away: the link, not where it leads
        undo(tree)
    else:
        with pytest.raises(ConvertError, match=r"cannot (read|write)"):
            write_in_place(tree, {"b.py": b"B"})
    assert snapshot(tree.parent) == before
