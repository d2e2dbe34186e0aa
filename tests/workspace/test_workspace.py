"""``ms-convert workspace``: what the first run makes, what later ones leave alone, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ms_convert.errors import ConvertError
from ms_convert.project.undo import undo
from ms_convert.workspace import build as building
from ms_convert.workspace import lockfile
from ms_convert.workspace.mirrors import Mirrors
from workspace_site import HOST, Site, commit, git, snapshot


def test_first_run(site: Site) -> None:
    environment = site.build()
    ws = site.workspace
    assert environment == ws / "env.sh"
    assert (ws / "alpha/alpha/a.py").read_text() == "import mindtorch as torch\n"  # the pinned commit, not the branch
    assert (ws / "beta/src/beta/b.py").read_text() == "from mindtorch import nn\n"
    assert sorted(path.name for path in ws.iterdir()) == ["alpha", "beta", "env.sh", "ms-convert.lock"]
    assert git(ws / "alpha", "rev-parse", "HEAD") == site.commits["alpha"]
    assert git(ws / "alpha", "rev-list", "--count", "HEAD") == "1"  # shallow
    assert git(ws / "beta", "rev-parse", "HEAD") == site.commits["beta"]
    assert git(ws / "alpha", "diff", "--name-only") == "alpha/a.py"
    lock = json.loads((ws / "ms-convert.lock").read_text())
    assert [(r["name"], r["commit"]) for r in lock["repositories"]] == [
        ("alpha", site.commits["alpha"]),  # needed by beta, so before it
        ("beta", site.commits["beta"]),
    ]
    assert set(lock["repositories"][0]["rules"]) == {"stack.yaml", "some.yaml"}


def test_second_run_changes_nothing(site: Site) -> None:
    site.build()
    before = snapshot(site.workspace)
    site.build()
    assert snapshot(site.workspace) == before
    assert [line for line in site.said if "converted already" in line] == site.said
    # Neither the stack file nor upstream is needed for that.
    shutil.rmtree(site.bare)
    site.build(stack=None, mirrors=Mirrors({}), offline=True)
    assert snapshot(site.workspace) == before


def test_what_the_lock_has_stays_when_the_branch_moves(site: Site) -> None:
    site.build()
    commit(site.work("beta"), "more", {"src/beta/b.py": "import torch as t\n"})
    git(site.work("beta"), "branch", "-f", "stable")
    site.publish("beta")
    shutil.rmtree(site.workspace / "beta")
    shutil.rmtree(site.root / "cache")
    site.build()
    assert git(site.workspace / "beta", "rev-parse", "HEAD") == site.commits["beta"]


def test_only_some_repositories(site: Site) -> None:
    site.build(only=("alpha",))
    assert not (site.workspace / "beta").exists()
    assert str(site.workspace / "beta") not in (site.workspace / "env.sh").read_text()
    site.build(only=("beta",))
    assert (site.workspace / "beta").exists()
    assert f"{site.workspace}/alpha:{site.workspace}/beta/src" in (site.workspace / "env.sh").read_text()
    with pytest.raises(ConvertError, match=r"has no repository alhpa; did you mean alpha\?$"):
        site.build(only=("alhpa",))


def test_offline(site: Site) -> None:
    with pytest.raises(ConvertError, match=r"^alpha: offline, and there is no copy of https://upstream"):
        site.build(offline=True, mirrors=Mirrors({}))
    site.build(offline=True)  # local mirrors are no network
    other = site.root / "other"
    shutil.rmtree(site.bare)
    site.build(offline=True, mirrors=Mirrors({}), directory=other)  # and there is a cache now
    assert git(other / "beta", "rev-parse", "HEAD") == site.commits["beta"]
    assert git(other / "beta", "remote", "get-url", "origin") == f"{HOST}beta.git"


def test_mirror_that_does_not_answer_is_passed_over(site: Site) -> None:
    site.edit_stack(
        "    ref: v1.0\n", f"    ref: v1.0\n    mirrors: ['file://{site.root}/nix/alpha.git', '{HOST}alpha.git']\n"
    )
    site.edit_stack("url: https://upstream.invalid/alpha.git", f"url: file://{site.root}/gone/alpha.git")
    site.build()
    assert site.said[0].endswith(f"from file://{site.bare}/alpha.git")


def test_nothing_answers(site: Site) -> None:
    with pytest.raises(ConvertError) as error:
        site.build(mirrors=Mirrors({HOST: f"{site.root}/nowhere/"}), offline=True)
    message = str(error.value)
    assert message.startswith(f"alpha: cannot fetch v1.0: file://{site.root}/nowhere/alpha.git: ")
    assert "does not appear to be a git repository" in message
    assert "--mirror FROM=TO" in message
    assert "\n" not in message


def test_passwords_are_not_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses at once; the URL has what nobody else should read."""
    monkeypatch.setenv("no_proxy", "*")
    site.edit_stack("https://upstream.invalid/alpha.git", "http://me:secret@127.0.0.1:1/alpha.git")
    with pytest.raises(ConvertError) as error:
        site.build()
    assert "http://127.0.0.1:1/alpha.git: " in str(error.value)
    assert "secret" not in str(error.value)


def test_wrong_ref_names_the_nearest(site: Site) -> None:
    site.edit_stack("ref: v1.0\n", "ref: v1.O\n")
    site.edit_stack(f"    commit: {site.commits['alpha']}\n", "")
    with pytest.raises(ConvertError, match=r"^alpha: .*alpha.git has no tag or branch v1.O; nearest are v1.0, v1.1rc0"):
        site.build()
    assert list(site.workspace.iterdir()) == []


def test_commit_in_the_history_of_a_branch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that gives no commit by its hash, and a branch that has moved on."""
    site.edit_stack("ref: v1.0\n", "ref: main\n")
    _without_hashes(monkeypatch)
    site.build()
    assert git(site.workspace / "alpha", "rev-parse", "HEAD") == site.commits["alpha"]


def test_commit_that_is_not_there(site: Site) -> None:
    site.edit_stack(f"commit: {site.commits['alpha']}", f"commit: {'f' * 40}")
    with pytest.raises(ConvertError, match=r"v1.0 is at \w{12} now, and has no commit ffffffffffff in its history;"):
        site.build()
    assert list(site.workspace.iterdir()) == []


def _without_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from ms_convert.workspace import git as asking

    real = asking._git

    def refuse(repo: object, *words: str, **more: object) -> str:
        if words[0] == "fetch" and "/bare/" in words[-2] and len(words[-1].partition(":")[0]) == 41:
            raise asking.Unavailable("Server does not allow request for unadvertised object")
        return real(repo, *words, **more)

    monkeypatch.setattr(asking, "_git", refuse)


FOREIGN = {
    "another remote": r"is a clone of .*/beta.git, the stack takes it from https://upstream.invalid/alpha.git",
    "no remote": r"is a repository without a remote, the stack takes it from",
    "another commit": r"is at the commit \w{12}, the stack pins \w{12} \(v1.0\)",
    "local changes": r"has local changes \(alpha/a.py and 1 more\), and is not touched",
    "untracked file": r"has local changes \(mine.py\), and is not touched",
    "no repository": r"is not a git repository, so nobody knows what it is",
    "no commits": r"is a git repository without commits",
    "a file": r"is a file",
    "a link": r"is a symbolic link, which is not followed",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_something_else_in_the_place(site: Site, what: str) -> None:
    place = site.workspace / "alpha"
    site.workspace.mkdir()
    source = site.bare / ("beta.git" if what == "another remote" else "alpha.git")
    if what in ("a file", "no repository", "no commits", "a link"):
        if what == "a file":
            place.write_text("mine")
        elif what == "a link":
            place.symlink_to(site.work("alpha"))
        else:
            place.mkdir()
            (place / "mine.txt").write_text("mine")
            if what == "no commits":
                git(place, "init", "-q")
    else:
        git(site.workspace, "clone", "-q", str(source), "alpha")
        if what == "no remote":
            git(place, "remote", "remove", "origin")
        if what in ("local changes", "untracked file"):
            git(place, "checkout", "-q", site.commits["alpha"])
        if what == "local changes":
            (place / "alpha/a.py").write_text("import torch  # mine\n")
            (place / "alpha/b.py").write_text("mine\n")
        if what == "untracked file":
            (place / "mine.py").write_text("mine\n")
    before = snapshot(site.workspace)
    with pytest.raises(ConvertError, match=FOREIGN[what]) as error:
        site.build()
    assert str(error.value).startswith(str(place))
    assert "choose another directory" in str(error.value)
    assert snapshot(site.workspace) == before
    assert not (site.workspace / "beta").exists()  # nothing is begun


def test_clone_of_the_user_at_the_same_commit_is_taken(site: Site) -> None:
    site.workspace.mkdir()
    git(site.workspace, "clone", "-q", str(site.bare / "alpha.git"), "alpha")
    git(site.workspace / "alpha", "checkout", "-q", site.commits["alpha"])
    site.build()
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import mindtorch as torch\n"
    assert "main" in git(site.workspace / "alpha", "branch")
    before = snapshot(site.workspace)
    site.build(mirrors=Mirrors({}))  # where it came from has been looked at
    assert snapshot(site.workspace) == before


def test_edit_after_the_conversion(site: Site) -> None:
    site.build()
    edited = site.workspace / "alpha/alpha/a.py"
    (site.workspace / "alpha/new.py").write_text("import torch\n")  # a script of the user's own is none of our business
    site.build()
    edited.write_text("import mindtorch as torch  # mine\n")
    before = snapshot(site.workspace)
    with pytest.raises(ConvertError, match=r"alpha has local changes \(alpha/a.py\).*env.sh sets the environment"):
        site.build()
    assert snapshot(site.workspace) == before


@pytest.mark.parametrize("how", ["--undo", "git checkout"])
def test_conversion_that_was_taken_back_is_made_again(site: Site, how: str) -> None:
    site.build()
    place = site.workspace / "alpha"
    undo(place) if how == "--undo" else git(place, "checkout", "-q", ".")
    assert (place / "alpha/a.py").read_text() == "import torch\n"
    site.build()
    assert (place / "alpha/a.py").read_text() == "import mindtorch as torch\n"


def test_new_rules_are_applied_to_the_original(site: Site) -> None:
    site.build()
    rules = site.stack.parent / "some.yaml"
    rules.write_text(rules.read_text().replace("mindtorch", "another"))
    site.build()
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import another as torch\n"
    rules.write_text(rules.read_text().replace("another", "mindtorch"))
    site.build()
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import mindtorch as torch\n"


def test_new_version_of_the_tool(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.build()
    for module in (lockfile, building):
        monkeypatch.setattr(module, "__version__", "99")
    with pytest.raises(ConvertError, match=r"^--locked: ms-convert is 99, the lock is of [\d.]+: install that one"):
        site.build(locked=True)
    site.build()
    assert not [line for line in site.said if "already" in line]
    site.build(locked=True)


def test_rules_of_one_repository(site: Site) -> None:
    text = (site.stack.parent / "some.yaml").read_text()
    (site.stack.parent / "beta.yaml").write_text(text.replace("mindt", "betat"))
    site.edit_stack("    ref: stable\n", "    ref: stable\n    rules: [beta.yaml]\n")
    site.build()
    assert (site.workspace / "alpha/alpha/a.py").read_text() == "import mindtorch as torch\n"
    assert (site.workspace / "beta/src/beta/b.py").read_text() == "from betatorch import nn\n"


def test_two_stacks_in_one_directory(site: Site) -> None:
    site.build()
    other = site.stack.with_name("other.yaml")
    other.write_text(site.stack.read_text().replace("some_variable", "x") + "\n# another one\n")
    before = snapshot(site.workspace)
    with pytest.raises(ConvertError, match=r"is a workspace of the stack .*stack.yaml, and .*other.yaml is another"):
        site.build(stack=str(other))
    assert snapshot(site.workspace) == before
    same = site.root / "copy"
    shutil.copytree(site.stack.parent, same)
    site.build(stack=str(same / "stack.yaml"))  # the same stack, somewhere else


def test_stack_that_pins_another_commit_now(site: Site) -> None:
    site.build()
    site.edit_stack(site.commits["alpha"], site.commits["later"])
    with pytest.raises(ConvertError, match=r"^alpha is locked to the commit \w{12}, the stack pins \w{40} now: choose"):
        site.build()


def test_locked(site: Site) -> None:
    with pytest.raises(ConvertError, match=r"has no ms-convert.lock; ms-convert lock writes one"):
        site.build(locked=True)
    site.build(only=("alpha",))
    before = (site.workspace / "ms-convert.lock").read_bytes()
    shutil.rmtree(site.workspace / "alpha")
    site.build(locked=True)
    assert (site.workspace / "alpha").exists()
    assert not (site.workspace / "beta").exists()  # it is not in the lock
    assert (site.workspace / "ms-convert.lock").read_bytes() == before
    (site.stack.parent / "some.yaml").write_text((site.stack.parent / "some.yaml").read_text() + "# changed\n")
    with pytest.raises(ConvertError, match=r"^--locked: alpha: the rule file some.yaml is another one than in"):
        site.build(locked=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[]", "indices must be integers"),
        ('{"version": 7}', "is of version 7, not 1: use a newer ms-convert$"),
        ('{"version": 1}', "it has no 'repositories'"),
    ],
)
def test_damaged_lock(site: Site, text: str, reason: str) -> None:
    site.workspace.mkdir()
    (site.workspace / "ms-convert.lock").write_text(text)
    with pytest.raises(ConvertError, match=reason):
        site.build()


def test_lock_that_leads_elsewhere(site: Site) -> None:
    site.build()
    path = site.workspace / "ms-convert.lock"
    path.write_text(path.read_text().replace('"name": "alpha"', '"name": "../alpha"'))
    with pytest.raises(ConvertError, match=r"'../alpha' is not the name of a directory"):
        site.build()


def test_directory_that_cannot_be_a_workspace(site: Site) -> None:
    with pytest.raises(ConvertError, match="cannot be on PYTHONPATH: it has a colon or a line end"):
        site.build(directory=site.root / "a:b")
    (site.root / "file").write_text("")
    with pytest.raises(ConvertError, match=r"cannot make the workspace .*file: File exists"):
        site.build(directory=site.root / "file")
    if os.geteuid():
        (site.root / "closed").mkdir(mode=0o500)
        with pytest.raises(ConvertError, match=r"cannot make the workspace .*: Permission denied"):
            site.build(directory=site.root / "closed" / "ws")


def test_inside_another_git_command(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a hook: git's variables point to another repository, which stays as it is."""
    monkeypatch.setenv("GIT_DIR", str(site.work("beta") / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(site.root / "index"))
    before = snapshot(site.work("beta"))
    site.build()
    assert snapshot(site.work("beta")) == before
    assert os.environ["GIT_DIR"] == str(site.work("beta") / ".git")


def test_directory_of_somebody_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.build()
    before = snapshot(site.workspace)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for this
    with pytest.raises(ConvertError, match=r"^git does not read .*/ws/alpha: detected dubious ownership"):
        site.build()
    assert snapshot(site.workspace) == before


def test_no_git(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(site.root))
    with pytest.raises(ConvertError, match=r"^git is not on PATH; install it"):
        site.build()


def test_bytes_are_those_of_upstream(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user's git does to line ends elsewhere."""
    (site.root / "config").write_text("[core]\nautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(site.root / "config"))
    site.build()
    assert (site.workspace / "alpha/alpha/b.py").read_bytes() == b"x = 1\n"


def test_no_file_of_another_name_is_left(site: Site, tmp_path: Path) -> None:
    site.build()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "cache", "stack", "work", "ws"]


def test_other_commands_start_without_gitpython() -> None:
    program = "import sys, ms_convert.cli; assert not {'git', 'jsonschema', 'mindspore'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
