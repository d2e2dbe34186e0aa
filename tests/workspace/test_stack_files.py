"""Stack files: what the shipped one has, and what is said about wrong ones; mirrors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError, RuleError
from ms_convert.language.rulefile import packaged_names
from ms_convert.workspace.mirrors import Mirrors
from ms_convert.workspace.stack import is_stack, load_stack
from workspace_site import RULES

GOOD = f"""{RULES}
repositories:
  - name: one
    url: https://example.invalid/one.git
    ref: v1
  - name: two
    url: git@example.invalid:two.git
    ref: "2.0"
    needs: [one]
"""


def _load(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    load_stack(str(path))
    return path


def test_shipped_stack() -> None:
    stack = load_stack("llm.yaml")
    assert [repository.name for repository in stack.repositories] == [
        "Megatron-LM", "MindSpeed", "transformers", "MindSpeed-LLM",
    ]  # fmt: skip
    assert all(repository.commit for repository in stack.repositories)
    assert stack.environment == {"MINDTORCH_CUDA_ALIAS": "1"}
    assert [name for name in packaged_names() if is_stack(name)] == ["llm.yaml"]


def test_there_is_a_script_for_every_shipped_stack() -> None:
    root = Path(__file__).resolve().parents[2]
    scripts = {path.name for path in root.glob("auto_convert_*.sh")}
    assert scripts == {f"auto_convert_{name.removesuffix('.yaml')}.sh" for name in packaged_names() if is_stack(name)}


def test_each_after_those_that_it_needs(tmp_path: Path) -> None:
    text = GOOD.replace("    ref: v1\n", "    ref: v1\n    needs: [three]\n")
    text += "  - {name: three, url: 'https://example.invalid/3.git', ref: v3}\n"
    assert [r.name for r in load_stack(str(_load(tmp_path, text))).repositories] == ["three", "one", "two"]


def test_stack_of_the_page(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "workspace.md"
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "thing.yaml").write_text(RULES)
    stack = load_stack(str(_load(tmp_path, block)))
    assert [repository.name for repository in stack.repositories] == ["other", "thing"]
    assert stack.repositories[1].rules == (str(tmp_path / "thing.yaml"),)
    assert stack.repositories[0].rules == (stack.file,)


WRONG = [
    ("url: https://example.invalid/one.git", "url: ext::sh -c x", "url: 'ext::sh -c x' is not right; must be a URL"),
    ("url: https://example.invalid/one.git", "url: --upload-pack=x", "url: '--upload-pack=x' is not right"),
    ("url: https://example.invalid/one.git", "", "repositories[0]: 'url' is missing"),
    ("ref: v1", "ref: --all", "ref: '--all' is not right; must be a tag or a branch"),
    ("ref: v1", "ref: a..b", "ref: 'a..b' is not right"),
    ("ref: v1", "rev: v1", "repositories[0]: 'rev' is not known; did you mean 'ref'?"),
    ("ref: v1", "ref: v1\n    commit: abc", "commit: 'abc' is not right; must be a whole commit hash, 40 digits"),
    ("ref: v1", "ref: v1\n    python_path: [../x]", "'../x' is not right; must be a relative path"),
    ("ref: v1", "ref: v1\n    rules: [nix.yaml]", "no rule file nix.yaml: give a path, or one of"),
    ("ref: v1", "ref: v1\n    pypi: {name: x}", "repositories[0].pypi: 'version' is missing"),
    ("ref: v1", "ref: v1\n    pypi: {name: --x, version: '1'}", "'--x' is not right; must be the name of a project"),
    ('ref: "2.0"', "ref: 2.0", "repositories[1].ref: must be text"),
    ("name: one", "name: ../one", "name: '../one' is not right; must be the name of a directory"),
    ("name: one", "name: env.sh", "the workspace itself has env.sh: take another name"),
    ("name: two", "name: ONE", "the name ONE is taken by"),
    ("needs: [one]", "needs: [ones]", "two needs ones, which is no repository here; did you mean one?"),
    ("ref: v1", "ref: v1\n    needs: [two]", "one and two need each other, directly or not; drop one of the 'needs'"),
    ("repositories:", "environment: {a-b: x}\nrepositories:", "environment: 'a-b' is not right"),
    ("repositories:", "environment: {A: 1}\nrepositories:", "environment.A: must be text"),
    ("repositories:", "mirrors: []\nrepositories:", "rule file: 'mirrors' is not known"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_wrong_stack(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(RuleError) as error:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert re.match(rf"{re.escape(str(tmp_path))}/s.yaml:\d+: ", str(error.value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_stack(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match=r"^torch.yaml is no stack: it has no 'repositories' .*; try llm.yaml$"):
        load_stack("torch.yaml")
    with pytest.raises(ConvertError, match=r"s.yaml:1[0-9]: one: .*s.yaml has no rules"):
        _load(tmp_path, "version: 1\n" + "\n" * 8 + GOOD[GOOD.index("repositories:") :])


def test_mirrors_replace_beginnings(tmp_path: Path) -> None:
    mirrors = Mirrors.of(
        ["https://a.invalid/=https://m.invalid/a/", f"https://a.invalid/x/y.git={tmp_path}"],
        {"MS_CONVERT_MIRROR": "https://a.invalid/=https://unused.invalid/ https://b.invalid/=ssh://m.invalid/b/"},
    )
    assert mirrors.candidates("https://a.invalid/z.git") == ["https://m.invalid/a/z.git", "https://a.invalid/z.git"]
    assert mirrors.candidates("https://a.invalid/x/y.git")[0] == tmp_path.as_uri()
    assert mirrors.candidates("https://a.invalid/x/y")[0] == tmp_path.as_uri()  # the same repository
    assert mirrors.candidates("https://c.invalid/z.git", ["https://b.invalid/z.git"]) == [
        "https://c.invalid/z.git", "ssh://m.invalid/b/z.git", "https://b.invalid/z.git",
    ]  # fmt: skip
    assert mirrors.candidates("https://a.invalid/x/y.git", offline=True) == [tmp_path.as_uri()]


def test_mirrors_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mirrors"
    file.write_text("# ours\n\nhttps://a.invalid/ = https://m.invalid/\n")
    assert Mirrors.of([str(file)], {}).pairs == {"https://a.invalid/": "https://m.invalid/"}
    file.write_text("https://a.invalid/\n")
    with pytest.raises(ConvertError, match=r"mirrors:1: 'https://a.invalid/' must be FROM=TO, a URL or the beginning"):
        Mirrors.of([str(file)], {})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nix", "--mirror: 'nix' is neither FROM=TO nor a file of such lines (No such file or directory); write https"),
        ("=x", "--mirror: '=x' must be FROM=TO"),
        ("github=https://m.invalid/", "--mirror: 'github' is no URL, nor the beginning of one, such as https://github.com/"),
        ("https://a.invalid/=nowhere", "--mirror: 'nowhere' is neither a URL (https, ssh, git, file) nor a directory"),
        ("https://a.invalid/=ext::sh -c x", "'ext::sh -c x' is neither a URL"),
    ],
)
def test_wrong_mirror(value: str, reason: str) -> None:
    with pytest.raises(ConvertError) as error:
        Mirrors.of([value], {})
    assert reason in str(error.value)
    with pytest.raises(ConvertError, match=r"^MS_CONVERT_MIRROR: 'nix' is neither"):
        Mirrors.of([], {"MS_CONVERT_MIRROR": "nix"})
