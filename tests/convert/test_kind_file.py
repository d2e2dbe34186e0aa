"""File rules: whole files are added, removed, copied and moved."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError, RuleError
from ms_convert.kinds.file import FileRule
from ms_convert.language.examples import run_examples
from ms_convert.language.ruleset import load_rules
from ms_convert.project.undo import undo
from ms_convert.report.diff import file_diff
from ms_convert.report.model import Report
from ms_convert.run import Options, run

BEFORE = "import torch\n"
AFTER = "import mindtorch as torch\n"
HEAD = """\
version: 1
rules:
  - id: torch
    kind: import
    why: as in the shipped rules
    match: {module: torch}
    action: {module: mindtorch}
    examples: [{unchanged: x}]
"""
RULE = """\
  - id: ID
    kind: file
    why: because
    match: {path: PATH}
    action: {ACTION}
    examples: [{unchanged: x}]
"""
ADD = 'add: {content: "import torch\\n"}'


@contextmanager
def _silent(_: int) -> Iterator[Callable[[int], object]]:
    yield lambda count: None


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text(BEFORE)
    (root / "pkg" / "data.bin").write_bytes(b"\0\1")
    (root / "run.sh").write_text("python x.py\n")
    (root / "run.sh").chmod(0o755)
    return root


class Rules:
    """A rule file that grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = HEAD

    def add(self, path: str, action: str, name: str = "a-file", more: str = "") -> Rules:
        text = RULE.replace("ID", name).replace("PATH", path).replace("ACTION", action)
        self.text += text + "".join(f"    {line}\n" for line in more.splitlines())
        self.path.write_text(self.text)
        return self

    def run(self, tree: Path, **options: object) -> Report:
        self.path.write_text(self.text)
        given = {"jobs": 1, "cache": False} | options
        return run(Options(tree, str(self.path), **given), _silent)  # type: ignore[arg-type]


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    return Rules(tmp_path / "r.yaml")


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".ms-convert" not in path.parts and ".git" not in path.parts
    }


def check(rules: Rules, tree: Path, expected: dict[str, str | bytes | None]) -> Report:
    """The rules make of the tree what is ``expected`` (None: gone) in every mode, once; it can be taken back."""
    before = files(tree)
    wanted = before | {path: text.encode() if isinstance(text, str) else text for path, text in expected.items()}
    wanted = {path: data for path, data in wanted.items() if data is not None}

    report = rules.run(tree, check=True)
    assert {file.path for file in report.converted} == {
        path for path in expected if before.get(path) != wanted.get(path)
    }
    assert files(tree) == before

    rules.run(tree, output=tree.parent / "copy")
    assert files(tree.parent / "copy") == wanted
    assert files(tree) == before

    report = rules.run(tree)
    assert files(tree) == wanted
    again = rules.run(tree)
    assert (again.converted, files(tree)) == ([], wanted)
    undo(tree)
    assert files(tree) == before
    return report


def test_add(tree: Path, rules: Rules) -> None:
    """What a rule adds is not converted by others."""
    report = check(rules.add("new/tool.py", ADD), tree, {"pkg/a.py": AFTER, "new/tool.py": BEFORE})
    assert report.exit_code == 0
    assert report.edits_by_rule == {"torch": 1, "a-file": 1}
    assert not (tree / "new").exists()


@pytest.mark.parametrize(("action", "mode"), [(ADD, 0o644), (ADD.replace("}", ", executable: true}"), 0o755)])
def test_permissions_of_added_files(tree: Path, rules: Rules, action: str, mode: int) -> None:
    rules.add("tool.py", action).run(tree)
    assert stat.S_IMODE((tree / "tool.py").stat().st_mode) == mode
    rules.run(tree, output=tree.parent / "copy")
    assert stat.S_IMODE((tree.parent / "copy" / "tool.py").stat().st_mode) == mode


def test_same_file_becomes_executable(tree: Path, rules: Rules) -> None:
    (tree / "tool.py").write_text(BEFORE)
    (tree / "tool.py").chmod(0o600)
    rules.add("tool.py", ADD.replace("}", ", executable: true}"))
    (change,) = [file for file in rules.run(tree, diff=True).converted if file.path == "tool.py"]
    assert change.diff == b"diff --git a/tool.py b/tool.py\nold mode 100644\nnew mode 100755\n"
    rules.run(tree)
    assert stat.S_IMODE((tree / "tool.py").stat().st_mode) == 0o755
    assert rules.run(tree).converted == []
    undo(tree)
    assert stat.S_IMODE((tree / "tool.py").stat().st_mode) == 0o600


def test_source_beside_the_rule_file(tree: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    (rules.path.parent / "parts").mkdir()
    (rules.path.parent / "parts" / "tool.sh").write_bytes(b"\xff\r\n")
    monkeypatch.chdir(tree)
    check(rules.add("tool.sh", "add: {source: parts/tool.sh}"), tree, {"pkg/a.py": AFTER, "tool.sh": b"\xff\r\n"})


def test_another_file_is_there(tree: Path, rules: Rules) -> None:
    report = check(rules.add("run.sh", ADD), tree, {"pkg/a.py": AFTER})
    ((file, left),) = report.left
    assert (file.path, left.rule, report.exit_code) == ("run.sh", "a-file", 1)
    assert left.reason == "there is another file of this name; 'overwrite: true' would replace it"


def test_overwrite(tree: Path, rules: Rules) -> None:
    check(rules.add("run.sh", ADD.replace("}", ", overwrite: true}")), tree, {"pkg/a.py": AFTER, "run.sh": BEFORE})
    assert stat.S_IMODE((tree / "run.sh").stat().st_mode) == 0o755


def test_file_that_is_left_is_converted_as_ever(tree: Path, rules: Rules) -> None:
    (tree / "tool.py").write_text("import torch.nn as nn\n")
    check(rules.add("tool.py", ADD), tree, {"pkg/a.py": AFTER, "tool.py": "import mindtorch.nn as nn\n"})


def test_remove(tree: Path, rules: Rules) -> None:
    report = check(rules.add("pkg/a.py", "remove: true"), tree, {"pkg/a.py": None})
    assert report.edits_by_rule == {"a-file": 1}
    assert (tree / "pkg").is_dir()


@pytest.mark.parametrize(
    ("glob", "gone"),
    [
        ("'*.txt'", "one.txt two.txt"),
        ("'sub/*'", "sub/one.txt"),
        ("'**/one.txt'", "one.txt sub/one.txt sub/sub/one.txt"),
        ("'sub/**'", "sub/one.txt sub/sub/one.txt"),
        ("'???.txt'", "one.txt two.txt"),
        ("one.txt", "one.txt"),
        ("'[o]*.txt'", ""),
        ("'sub'", ""),
    ],
)
def test_remove_by_glob(tree: Path, rules: Rules, glob: str, gone: str) -> None:
    for name in ("one.txt", "two.txt", "sub/one.txt", "sub/sub/one.txt"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(name)
    check(rules.add(glob, "remove: true"), tree, {"pkg/a.py": AFTER} | dict.fromkeys(gone.split()))


def test_remove_but(tree: Path, rules: Rules) -> None:
    for name in ("one.txt", "two.txt"):
        (tree / name).write_text(name)
    check(rules.add("'*.txt'", "remove: true", more="exclude: [two.txt]"), tree, {"pkg/a.py": AFTER, "one.txt": None})


def test_remove_a_link_or_a_directory(tree: Path, rules: Rules) -> None:
    (tree / "link.txt").symlink_to("pkg/a.py")
    report = rules.add("'*.txt'", "remove: true").run(tree)
    ((file, left),) = report.left
    assert (file.path, left.reason) == ("link.txt", "cannot be removed: is a symbolic link")
    assert (tree / "link.txt").is_symlink()


def test_copy_is_of_the_converted_file(tree: Path, rules: Rules) -> None:
    check(rules.add("pkg/a.py", "copy: {to: b.py}"), tree, {"pkg/a.py": AFTER, "b.py": AFTER})


def test_copy_keeps_permissions(tree: Path, rules: Rules) -> None:
    rules.add("run.sh", "copy: {to: bin/run}").run(tree)
    assert stat.S_IMODE((tree / "bin" / "run").stat().st_mode) == 0o755


def test_move(tree: Path, rules: Rules) -> None:
    check(rules.add("pkg/a.py", "move: {to: lib/a.py}"), tree, {"pkg/a.py": None, "lib/a.py": AFTER})


def test_move_onto_another_file(tree: Path, rules: Rules) -> None:
    report = check(rules.add("pkg/a.py", "move: {to: run.sh}"), tree, {"pkg/a.py": AFTER})
    assert [file.path for file, _ in report.left] == ["run.sh"]


@pytest.mark.parametrize(
    ("path", "action", "count"),
    [
        ("new.py", ADD, 1),
        ("pkg/a.py", "remove: true", 1),
        ("'pkg/*'", "remove: true", 2),
        ("gone.py", "remove: true", 0),
        ("run.sh", "copy: {to: bin/run}", 1),
        ("gone.sh", "copy: {to: bin/run}", 0),
        ("run.sh", "move: {to: bin/run}", 1),
        ("gone.sh", "move: {to: bin/run}", 0),
    ],
)
def test_expect(tree: Path, rules: Rules, path: str, action: str, count: int) -> None:
    """A second run expects the same, since the journal knows what was removed."""
    rules.add(path, action, more=f"expect: {count}")
    rules.run(tree)
    rules.run(tree)
    rules.text = rules.text.replace(f"expect: {count}", f"expect: {count + 1}")
    before = files(tree)
    with pytest.raises(RuleError, match=f"a-file expects {count + 1} matches but found {count}; nothing was written"):
        rules.run(tree)
    assert files(tree) == before


def test_diff_is_a_patch(tree: Path, rules: Rules) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    (tree / "gone.txt").write_text("a\nb")
    (tree / "empty.txt").write_text("")
    rules.add("new dir/tool.py", ADD.replace("}", ", executable: true}"))
    rules.add("'*.txt'", "remove: true", "b-file")
    rules.add("run.sh", "move: {to: bin/run}", "c-file")
    rules.add("blank.py", "add: {content: ''}", "d-file")
    report = rules.run(tree, diff=True)
    patch = b"".join(file.diff or b"" for file in report.files)
    assert b"--- /dev/null\n+++ b/new dir/tool.py\t\n@@ -0,0 +1 @@\n+import torch\n" in patch
    assert b"deleted file mode 100644\n--- a/gone.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline" in patch
    rules.run(tree, allow_dirty=True)
    converted = files(tree)
    undo(tree)
    subprocess.run(["git", "apply", "-"], cwd=tree, input=patch, check=True)
    assert files(tree) == converted
    assert os.access(tree / "bin" / "run", os.X_OK)
    assert os.access(tree / "new dir" / "tool.py", os.X_OK)


def test_diff_of_binary_files_only_tells() -> None:
    said = file_diff("x.bin", b"\0", None)
    assert said == b"diff --git a/x.bin b/x.bin\ndeleted file mode 100644\nBinary files a/x.bin and /dev/null differ\n"


def test_file_in_the_way_of_a_directory(tree: Path, rules: Rules) -> None:
    report = rules.add("run.sh/new.py", ADD).run(tree)
    ((file, left),) = report.left
    assert (file.path, left.reason) == ("run.sh/new.py", "run.sh is not a directory")


@pytest.mark.parametrize("path", ["Run.sh", "PKG/new.py", "RUN.SH/new.py"])
def test_names_that_differ_only_in_case(tree: Path, rules: Rules, path: str) -> None:
    before = files(tree)
    with pytest.raises(RuleError, match=r"r\.yaml:9: a-file makes .*: only the case differs"):
        rules.add(path, ADD).run(tree)
    assert files(tree) == before


def test_names_that_differ_only_in_how_unicode_is_written(tree: Path, rules: Rules) -> None:
    (tree / "cafe\u0301.py").write_text("")
    with pytest.raises(RuleError, match="only the case differs"):
        rules.add("caf\u00e9.py", ADD).run(tree)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("new.py", ADD), ("new.py", ADD)),
        (("new.py", ADD), ("NEW.py", ADD)),
        (("new.py", ADD), ("run.sh", "move: {to: new.py}")),
        (("'*.sh'", "remove: true"), ("run.sh", "copy: {to: bin/run}")),
        (("run.sh", "move: {to: one}"), ("run.sh", "move: {to: two}")),
        (("run.sh", "copy: {to: pkg/a.py}"), ("pkg/a.py", "copy: {to: b.py}")),
        (("'*.sh'", "remove: true"), ("run.sh", ADD)),
    ],
)
def test_rules_about_the_same_file(tree: Path, rules: Rules, first: tuple[str, str], second: tuple[str, str]) -> None:
    before = files(tree)
    rules.add(*first).add(*second, name="b-file")
    with pytest.raises(RuleError, match=r"a-file.*b-file|b-file.*a-file"):
        rules.run(tree)
    assert files(tree) == before


def test_tree_with_nothing_else_to_convert(tree: Path, rules: Rules) -> None:
    (tree / "pkg" / "a.py").unlink()
    check(rules.add("new.py", ADD), tree, {"new.py": BEFORE})


def test_single_file_is_all_that_is_touched(tree: Path, rules: Rules) -> None:
    rules.add("new.py", ADD).run(tree / "pkg" / "a.py")
    assert sorted(files(tree)) == ["pkg/a.py", "pkg/data.bin", "run.sh"]


GOOD = HEAD + RULE.replace("ID", "a-file").replace("PATH", "new.py").replace("ACTION", ADD)
WRONG = [
    (GOOD.replace("new.py", "../new.py"), 12, "must be a relative path with forward slashes, without '..'"),
    (GOOD.replace("new.py", "a/../../new.py"), 12, "without '..'"),
    (GOOD.replace("new.py", "/etc/passwd"), 12, "must be a relative path"),
    (GOOD.replace("new.py", "'C:\\x'"), 12, "must be a relative path"),
    (GOOD.replace("new.py", "'a\\\\x'"), 12, "must be a relative path"),
    (GOOD.replace("new.py", "./new.py"), 12, "is not a plain relative path"),
    (GOOD.replace("new.py", "a//new.py"), 12, "is not a plain relative path"),
    (GOOD.replace("new.py", "new/"), 12, "is not a plain relative path"),
    (GOOD.replace("new.py", '"new\\n.py"'), 12, "is not"),
    (GOOD.replace("new.py", ".git/hooks/pre-commit"), 12, "no rule changes what is in .git"),
    (GOOD.replace("new.py", ".GIT/config"), 12, "no rule changes what is in .GIT"),
    (GOOD.replace("new.py", "a/.ms-convert/x"), 12, "no rule changes what is in .ms-convert"),
    (GOOD.replace("new.py", "'*.py'"), 12, "only 'remove' takes a glob; name one file"),
    (GOOD.replace("new.py", "12"), 12, "match.path: must be text"),
    (GOOD.replace("path: new.py", "pth: new.py"), 12, "'pth' is not known; did you mean 'path'?"),
    (GOOD.replace(ADD, "add: {content: x, source: y}"), 13, "must have content (the text of the file) or source"),
    (GOOD.replace(ADD, "add: {}"), 13, "must have content (the text of the file) or source"),
    (GOOD.replace(ADD, "ad: {content: x}"), 13, "'ad' is not known; did you mean 'add'?"),
    (GOOD.replace(ADD, "remove: true, copy: {to: x}"), 13, "must have one of add, remove, copy or move"),
    (GOOD.replace(ADD, "remove: false"), 13, "False is not one of True"),
    (GOOD.replace(ADD, "copy: {to: new.py}"), 13, "new.py is the same file, or would be where case does not count"),
    (GOOD.replace(ADD, "move: {to: New.py}"), 13, "New.py is the same file"),
    (GOOD.replace(ADD, "move: {to: ../x.py}"), 13, "must be a relative path with forward slashes, without '..'"),
    (GOOD.replace(ADD, "move: {to: .git/config}"), 13, "no rule changes what is in .git"),
    (GOOD.replace(ADD, "copy: {}"), 13, "'to' is missing"),
    (GOOD.replace(ADD, "add: {source: gone.py}"), 13, "cannot read gone.py beside the rule file: No such file"),
    (GOOD.replace(ADD, "add: {source: ../r.yaml}"), 13, "must be a relative path"),
    (GOOD.replace(ADD, 'add: {content: "if\\n"}'), 13, "line 1 of the content is not valid Python: invalid syntax"),
    (GOOD.replace(ADD, 'add: {content: "x", executable: 1}'), 13, "executable: must be boolean"),
    (GOOD + "    paths: [x]\n", 15, "a file rule has its path under match; leave out 'paths'"),
    (GOOD + "    exclude: [x]\n", 15, "only 'remove' takes 'exclude'"),
    (GOOD.replace(ADD, "remove: true").replace("new.py", "'****/x'"), 12, "too many stars"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ConvertError) as caught:
        load_rules(str(tmp_path / "r.yaml"))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_rule_in_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules" / "file.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "r.yaml").write_text(f"version: 1\nrules:\n{text}")
    rules = load_rules(str(tmp_path / "r.yaml"))
    assert [result.failure for result in run_examples(rules)] == [None]


def test_good_rule(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    (rule,) = load_rules(str(tmp_path / "r.yaml")).of(FileRule)
    assert (rule.action, rule.path, rule.content, rule.executable) == ("add", "new.py", b"import torch\n", None)
    assert hash(rule) is not None


def test_source_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"x" * 1_000_001)
    (tmp_path / "r.yaml").write_text(GOOD.replace(ADD, "add: {source: big.bin}"))
    with pytest.raises(RuleError, match=r"big\.bin has 1000001 bytes; the limit is 1000000"):
        load_rules(str(tmp_path / "r.yaml"))
