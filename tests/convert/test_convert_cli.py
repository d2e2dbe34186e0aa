"""The command: exit codes, modes, safety and messages."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ms_convert import __version__
from ms_convert.cli import app
from typer.testing import CliRunner, Result

BEFORE = "import torch\nx = torch.ones(2)\n"
AFTER = "import mindtorch as torch\nx = torch.ones(2)\n"


def ms_convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and {".git", ".ms-convert"}.isdisjoint(p.parts))
    return {path.relative_to(root).as_posix(): (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) for path in files}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository without git."""
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text(BEFORE)
    (root / "pkg" / "b.py").write_text("import os\n")
    (root / "README.md").write_text("import torch\n")
    (root / "run.sh").write_text("python x.py\n")
    (root / "run.sh").chmod(0o755)
    return root


@pytest.fixture
def repository(tree: Path) -> Path:
    """The same, committed."""
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "all")
    return tree


def test_in_place(tree: Path) -> None:
    before = snapshot(tree)
    result = ms_convert(tree)
    assert result.exit_code == 0
    assert "converted 1 of 3 files, 1 edit" in result.stdout
    after = snapshot(tree)
    assert after.pop("pkg/a.py") == (before.pop("pkg/a.py")[0], AFTER.encode())
    assert after == before

    again = ms_convert(tree)
    assert again.exit_code == 0
    assert "converted 0 of 3 files" in again.stdout


def test_repo_option(tree: Path) -> None:
    assert ms_convert("--repo", tree, "--rules", "rules/llm.yaml").exit_code == 0
    assert (tree / "pkg" / "a.py").read_text() == AFTER


def test_single_file(tree: Path) -> None:
    (tree / "pkg" / "c.py").write_text(BEFORE)
    assert ms_convert(tree / "pkg" / "a.py").exit_code == 0
    assert (tree / "pkg" / "a.py").read_text() == AFTER
    assert (tree / "pkg" / "c.py").read_text() == BEFORE


def test_output(tree: Path, tmp_path: Path) -> None:
    (tree / "link.py").symlink_to("pkg/a.py")
    (tree / "empty").mkdir()
    (tree / ".git").mkdir()
    (tree / "pkg" / "__pycache__").mkdir()
    before = snapshot(tree)
    out = tmp_path / "deep" / "out"
    result = ms_convert(tree, "-o", out)
    assert result.exit_code == 0
    assert snapshot(tree) == before
    expected = before | {name: (before[name][0], AFTER.encode()) for name in ("pkg/a.py", "link.py")}
    assert snapshot(out) == expected
    assert os.readlink(out / "link.py") == "pkg/a.py"
    assert (out / "empty").is_dir()
    assert not (out / ".git").exists()
    assert not (out / "pkg" / "__pycache__").exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_output_of_a_single_file(tree: Path, tmp_path: Path) -> None:
    for name, text in (("a.py", AFTER), ("b.py", "import os\n")):
        assert ms_convert(tree / "pkg" / name, "-o", tmp_path / "out").exit_code == 0
        assert (tmp_path / "out" / name).read_text() == text
    assert (tree / "pkg" / "a.py").read_text() == BEFORE


def test_output_into_an_empty_directory(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert ms_convert(tree, "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "pkg" / "a.py").read_text() == AFTER


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("repo/out", "is inside"),
        ("repo", "is inside"),
        (".", "contains"),
        ("full", "is not empty"),
        ("file", "is a file"),
    ],
)
def test_output_that_cannot_be(tree: Path, tmp_path: Path, where: str, message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    (tmp_path / "file").write_text("")
    before = snapshot(tmp_path)
    result = ms_convert(tree, "-o", tmp_path / where)
    assert result.exit_code == 2
    assert message in result.stderr
    assert snapshot(tmp_path) == before


def test_check(tree: Path) -> None:
    before = snapshot(tree)
    result = ms_convert(tree, "--check")
    assert result.exit_code == 1
    assert "would convert 1 of 3 files" in result.stdout
    assert "pkg/a.py: would change (1 edit)" in result.stdout
    assert snapshot(tree) == before
    ms_convert(tree)
    assert ms_convert(tree, "--check").exit_code == 0


def test_diff_is_a_patch(repository: Path, tmp_path: Path) -> None:
    odd = {
        "pkg/no_newline.py": b"x = 1\nimport torch",
        "pkg/crlf.py": b"x = 1\r\nimport torch\r\ny = 2\r\n",
        "pkg/latin.py": b"# coding: latin-1\nx = '\xe9'; import torch\n",
    }
    for name, data in odd.items():
        (repository / name).write_bytes(data)
    before = snapshot(repository)
    result = ms_convert(repository, "--diff")
    assert result.exit_code == 0
    assert snapshot(repository) == before
    assert b"-import torch\n+import mindtorch as torch\n" in result.stdout_bytes
    assert "would convert 4 of 6 files" in result.stderr
    (tmp_path / "patch").write_bytes(result.stdout_bytes)
    git(repository, "apply", str(tmp_path / "patch"))
    patched = snapshot(repository)
    for name, (mode, data) in before.items():
        (repository / name).write_bytes(data)
        (repository / name).chmod(mode)
    assert ms_convert(repository, "--allow-dirty").exit_code == 0
    assert snapshot(repository) == patched
    assert patched != before


def test_dirty_tree_is_refused(repository: Path) -> None:
    (repository / "new.txt").write_text("x")
    before = snapshot(repository)
    result = ms_convert(repository)
    assert result.exit_code == 2
    assert "uncommitted changes (new.txt)" in result.stderr
    assert "--allow-dirty" in result.stderr
    assert snapshot(repository) == before
    assert ms_convert(repository, "--check").exit_code == 1
    assert ms_convert(repository / "pkg" / "a.py").exit_code == 0  # that file is clean
    assert ms_convert(repository).exit_code == 0  # nothing is left to change: nothing to lose


def test_dirty_tree_is_converted_when_told(repository: Path) -> None:
    (repository / "pkg" / "b.py").write_text("import os, torch\n")
    assert ms_convert(repository, "--allow-dirty").exit_code == 0
    assert (repository / "pkg" / "b.py").read_text() == "import os, mindtorch as torch\n"


def test_clean_tree_can_be_undone_with_git(repository: Path) -> None:
    before = snapshot(repository)
    assert ms_convert(repository).exit_code == 0
    assert git(repository, "status", "--porcelain").splitlines() == [" M pkg/a.py"]
    git(repository, "checkout", "-q", ".")
    assert snapshot(repository) == before


def test_git_of_a_hook_does_not_confuse(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert ms_convert(repository).exit_code == 0


def test_broken_git_is_an_error(tree: Path) -> None:
    (tree / ".git").write_text("gitdir: /nowhere\n")
    result = ms_convert(tree)
    assert result.exit_code == 2
    assert "git status failed" in result.stderr
    assert (tree / "pkg" / "a.py").read_text() == BEFORE


def test_json(tree: Path) -> None:
    (tree / "bad.py").write_text("import torch\nif\n")
    (tree / "left.py").write_text("import importlib\nimportlib.import_module(f'torch.{x}')\n")
    result = ms_convert(tree, "--report", "json", "--check", "--diff")
    assert result.exit_code == 1
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["tool"] == f"ms-convert {__version__}"
    assert (report["version"], report["mode"], report["root"]) == (2, "check", str(tree))
    assert (report["rules"][0], report["rules"][-1]) == ("torch.yaml", "llm.yaml")
    del report["summary"]["seconds"]
    assert report["summary"] == {
        "files": 5,
        "converted": 1,
        "skipped": 1,
        "left": 1,
        "kept": 0,
        "unsupported": 0,
        "edits": 1,
        "edits_by_rule": {"torch-import": 1},
        "coverage": 100.0,
        "coverage_min": None,
        "exit_code": 1,
    }
    bad, left, converted = report["files"]
    assert bad == {"path": "bad.py", "status": "skipped", "reason": "invalid syntax", "line": 2, "unsupported": []}
    assert left["left"] == [
        {
            "line": 2,
            "rule": "torch-import-function",
            "text": "f'torch.{x}'",
            "reason": "module name is computed at run time",
        }
    ]
    edit = {"rule": "torch-import", "line": 1, "column": 1}
    edit |= {"before": "import torch", "after": "import mindtorch as torch"}
    assert converted["edits"] == [edit]
    assert converted["diff"].startswith("--- a/pkg/a.py\n+++ b/pkg/a.py\n@@ ")


def test_what_is_left_alone_is_told(tree: Path) -> None:
    (tree / "bad.py").write_text("import torch\nif\n")
    (tree / "left.py").write_text("import importlib\nimportlib.import_module(f'torch.{x}')\n")
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert "bad.py:2: file left alone: invalid syntax" in result.stdout
    computed = "left.py:2: left as it is: f'torch.{x}': module name is computed at run time [torch-import-function]"
    assert computed in result.stdout
    assert (tree / "bad.py").read_text() == "import torch\nif\n"
    assert (tree / "pkg" / "a.py").read_text() == AFTER


def test_mode_is_kept_and_links_are_not_broken_open(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(BEFORE)
    script = tree / "script.py"
    script.write_text(BEFORE)
    script.chmod(0o750)
    (tree / "inner.py").symlink_to("script.py")
    (tree / "outer.py").symlink_to(outside)
    (tree / "dir").symlink_to(tmp_path, target_is_directory=True)
    (tree / "dangling.py").symlink_to("nowhere.py")
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert "outer.py: file left alone: a symbolic link out of the tree" in result.stdout
    assert "inner.py" not in result.stdout
    assert script.read_text() == AFTER
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert (tree / "inner.py").is_symlink()
    assert outside.read_text() == BEFORE


def test_hard_link_outside_keeps_its_bytes(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "pkg" / "a.py", tmp_path / "cache.py")
    assert ms_convert(tree).exit_code == 0
    assert (tmp_path / "cache.py").read_text() == BEFORE


def test_read_only_file_is_left_in_place_but_converted_in_a_copy(tree: Path, tmp_path: Path) -> None:
    (tree / "pkg" / "a.py").chmod(0o444)
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert "pkg/a.py: file left alone: read-only" in result.stdout
    assert (tree / "pkg" / "a.py").read_text() == BEFORE
    assert ms_convert(tree, "-o", tmp_path / "out").exit_code == 0
    copy = tmp_path / "out" / "pkg" / "a.py"
    assert copy.read_text() == AFTER
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444


def test_odd_things_with_python_names(tree: Path) -> None:
    (tree / "directory.py").mkdir()
    (tree / "directory.py" / "c.py").write_text(BEFORE)
    os.mkfifo(tree / "pipe.py")
    (tree / "nul.py").write_bytes(b"import torch\n\0")
    (tree / os.fsdecode(b"caf\xe9.py")).write_text(BEFORE)
    (tree / "empty.py").write_text("")
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert "pipe.py: file left alone: not a regular file" in result.stdout
    assert "nul.py: file left alone: source code" in result.stdout
    assert (tree / "directory.py" / "c.py").read_text() == AFTER
    assert (tree / os.fsdecode(b"caf\xe9.py")).read_text() == AFTER
    assert ms_convert(tree, "--report", "json").exit_code == 1


def test_virtual_environments_are_not_entered(tree: Path) -> None:
    (tree / "env" / "lib").mkdir(parents=True)
    (tree / "env" / "pyvenv.cfg").write_text("")
    (tree / "env" / "lib" / "x.py").write_text(BEFORE)
    assert ms_convert(tree).exit_code == 0
    assert (tree / "env" / "lib" / "x.py").read_text() == BEFORE


@pytest.mark.parametrize("name", ["torch.py", "torch/__init__.py", "src/torch/__init__.py"])
def test_own_top_level_module_called_torch(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text("x = 1\n")
    result = ms_convert(tree)
    assert result.exit_code == 1
    assert f"{name}: this tree has a top-level module torch of its own" in result.stdout
    assert (tree / "pkg" / "a.py").read_text() == BEFORE


def test_own_module_called_torch_inside_a_package(tree: Path) -> None:
    (tree / "pkg" / "torch.py").write_text(BEFORE)
    assert ms_convert(tree).exit_code == 0
    assert (tree / "pkg" / "torch.py").read_text() == AFTER


def test_expectation_that_fails_writes_nothing(tree: Path, tmp_path: Path) -> None:
    rules = tmp_path / "r.yaml"
    text = """\
version: 1
rules:
  - id: a-rule
    kind: import
    why: because
    expect: EXPECT
    match: {module: torch}
    action: {module: mindtorch}
    examples: [{unchanged: x}]
"""
    for expect, said in (("2", "2"), ("{min: 2}", "at least 2"), ("{max: 0}", "0"), ("{min: 2, max: 3}", "2 to 3")):
        rules.write_text(text.replace("EXPECT", expect))
        result = ms_convert(tree, "--rules", rules)
        assert result.exit_code == 2
        assert f"r.yaml:3: a-rule expects {said} matches but found 1" in result.stderr
        assert (tree / "pkg" / "a.py").read_text() == BEFORE
    rules.write_text(text.replace("EXPECT", "1"))
    assert ms_convert(tree, "--rules", rules).exit_code == 0
    assert ms_convert(tree, "--rules", rules).exit_code == 0  # what is converted counts


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_many_files_on_several_processors(tree: Path, jobs: str) -> None:
    for number in range(100):
        (tree / f"f{number}.py").write_text(f"x = {number}\nimport torch\n")
    result = ms_convert(tree, "-j", jobs)
    assert result.exit_code == 0
    assert "converted 101 of 103 files" in result.stdout
    for number in range(100):
        assert (tree / f"f{number}.py").read_text() == f"x = {number}\nimport mindtorch as torch\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check"], "name what to convert, once"),
        (["a", "--repo", "b"], "name what to convert, once"),
        (["nowhere"], "no such file or directory: nowhere"),
        (["--repo", "nowhere"], "no such file or directory: nowhere"),
        (["TREE", "--rules", "gone.yaml"], "no rule file gone.yaml"),
        (["TREE", "-o", "x", "--check"], "choose one"),
        (["TREE", "-o", "x", "--diff"], "choose one"),
        (["TREE", "--report", "xml"], "xml"),
        (["TREE", "-j", "-1"], "--jobs"),
        (["TREE", "--chekc"], "--chekc"),
        (["EMPTY"], "nothing to convert in"),
    ],
)
def test_wrong_use(tree: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"TREE": str(tree), "EMPTY": str(tmp_path / "empty")}
    result = ms_convert(*(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert (tree / "pkg" / "a.py").read_text() == BEFORE


def test_write_error_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = ms_convert(tree)
    assert result.exit_code == 2
    assert f"cannot write {tree / 'pkg' / 'a.py'}: No space left on device" in result.stderr
    assert (tree / "pkg" / "a.py").read_text() == BEFORE
    assert sorted(path.name for path in (tree / "pkg").iterdir()) == ["a.py", "b.py"]
    result = ms_convert(tree, "-o", tree.parent / "out")
    assert result.exit_code == 2
    assert [path.name for path in tree.parent.iterdir()] == ["repo"]


def test_link_that_comes_in_before_writing_is_not_followed(tree: Path, tmp_path: Path) -> None:
    from ms_convert.errors import ConvertError
    from ms_convert.project.writer import write_in_place

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text(BEFORE)
    (tree / "pkg" / "a.py").unlink()
    (tree / "pkg" / "b.py").unlink()
    (tree / "pkg").rmdir()
    (tree / "pkg").symlink_to(outside, target_is_directory=True)
    with pytest.raises(ConvertError, match="leads through a symbolic link"):
        write_in_place(tree, {"pkg/a.py": AFTER.encode()})
    with pytest.raises(ConvertError, match="leads through a symbolic link"):
        write_in_place(tree, {"../outside/a.py": AFTER.encode()})
    assert (outside / "a.py").read_text() == BEFORE


def test_help_and_version() -> None:
    for option in ("--help", "-h"):
        result = ms_convert(option)
        assert result.exit_code == 0
        for word in ("--repo", "--rules", "--output", "--check", "--diff", "--report", "--allow-dirty", "--jobs"):
            assert word in result.stdout
    assert ms_convert("--version").stdout == f"ms-convert {__version__}\n"


def test_module_can_be_run_and_needs_neither_mindspore_nor_torch(tree: Path) -> None:
    code = (
        "import sys\nfrom ms_convert.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print(sorted({'mindspore', 'torch', 'numpy', 'mindtorch'} & set(sys.modules)), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, str(tree), "-j", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    command = [sys.executable, "-m", "ms_convert", str(tree), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
