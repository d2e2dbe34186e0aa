"""``ms-convert lock``: written from what is there, compared, carried to another machine."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from ms_convert.cli import app
from ms_convert.errors import ConvertError
from ms_convert.workspace.lockfile import NAME, read_lock
from ms_convert.workspace.mirrors import Mirrors
from ms_convert.workspace.transfer import import_
from typer.testing import CliRunner, Result
from workspace_site import Site, commit, snapshot


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def _silent(text: str) -> None:
    """Nobody is told."""


def test_lock_is_written_anew(site: Site) -> None:
    site.build()
    path = site.workspace / NAME
    before = path.read_bytes()
    path.unlink()
    result = _run("lock", site.workspace, "--rules", site.stack)
    assert (result.exit_code, result.stderr) == (0, f"{path}: 2 repositories\n")
    assert path.read_bytes() == before
    assert _run("lock", site.workspace).stderr == f"{path}: 2 repositories, as it was\n"


def test_lock_of_nothing(site: Site) -> None:
    result = _run("lock", site.workspace, "--rules", site.stack)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"; ms-convert workspace {site.workspace} gets them\n")
    for option in (["--locked"], ["--export", site.root / "x"]):
        result = _run("lock", site.workspace, "--rules", site.stack, *option)
        assert "has no ms-convert.lock; ms-convert lock" in result.stderr


def test_locked_tells_every_difference(site: Site) -> None:
    site.build()
    assert _run("lock", site.workspace, "--locked").exit_code == 0
    rules = site.stack.parent / "some.yaml"
    rules.write_text(rules.read_text() + "# more\n")
    (site.workspace / "alpha/alpha/b.py").write_text("x = 2\n")
    shutil.rmtree(site.workspace / "beta")
    before = snapshot(site.workspace)
    result = _run("lock", site.workspace, "--locked")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    for line, name in zip(lines, ("alpha", "beta"), strict=False):
        assert line == f"{name}: the rule file some.yaml is another one than in the lock"
    assert lines[2].startswith(f"{site.workspace}/alpha has local changes (alpha/b.py)")
    assert lines[3:] == ["beta is not there"]
    assert snapshot(site.workspace) == before


def test_to_a_machine_without_network(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.build()
    archive = tmp_path / "state.tgz"
    result = _run("lock", site.workspace, "--export", archive)
    assert (result.exit_code, result.stdout) == (0, "")
    # Nothing of this machine is left.
    for path in (site.bare, site.workspace, site.stack.parent, tmp_path / "cache"):
        shutil.rmtree(path)
    there = tmp_path / "there"
    result = _run("lock", "--import", archive, there)
    assert result.stderr == f"imported alpha, beta; now: ms-convert workspace {there} --locked --offline\n"
    site.build(directory=there, stack=None, mirrors=Mirrors({}), offline=True, locked=True)
    assert (there / "beta/src/beta/b.py").read_text() == "from mindtorch import nn\n"
    lock = read_lock(there)
    assert lock is not None
    assert [locked.commit for locked in lock.repositories] == [site.commits["alpha"], site.commits["beta"]]
    assert lock.stack == "rules/stack.yaml"
    assert _run("lock", there, "--locked").exit_code == 0
    assert _run("lock", "--import", archive, there).exit_code == 0  # the same once more is fine


def test_import_over_something_else(site: Site, tmp_path: Path) -> None:
    site.build()
    _run("lock", site.workspace, "--export", tmp_path / "state.tgz")
    there = tmp_path / "there"
    there.mkdir()
    (there / NAME).write_text("{}")
    result = _run("lock", "--import", tmp_path / "state.tgz", there)
    assert result.exit_code == 2
    assert "ms-convert.lock is there already, and another one: import into a new directory" in result.stderr
    assert (there / NAME).read_text() == "{}"


def test_export_of_what_was_edited(site: Site, tmp_path: Path) -> None:
    site.build()
    commit(site.workspace / "alpha", "mine", {"mine.py": "x"})
    result = _run("lock", site.workspace, "--export", tmp_path / "state.tgz")
    assert result.exit_code == 1
    assert "the stack pins" in result.stdout
    assert not (tmp_path / "state.tgz").exists()


def _archive(path: Path, members: dict[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link is not None:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc"
            archive.addfile(info)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../x", "/etc/x", "rules/../../x.yaml", "rules/x.sh", "env.sh", "sources/alpha/config",
        "sources/alpha/hooks/post", "sources/alpha/objects/info/alternates", "sources/../x", "sources/HEAD",
    ],
)  # fmt: skip
def test_hostile_archive(tmp_path: Path, name: str) -> None:
    there = tmp_path / "there"
    with pytest.raises(ConvertError, match="is no export of a workspace: it has '"):
        import_(_archive(tmp_path / "a.tgz", {NAME: b"{}", name: b"x"}), there, _silent)
    with pytest.raises(ConvertError, match="is no export of a workspace: it has 'rules'"):
        import_(_archive(tmp_path / "a.tgz", {}, link="rules"), there, _silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz"]


def test_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(ConvertError, match="x is no export of a workspace: not a gzip file"):
        import_(tmp_path / "x", tmp_path / "there", _silent)
    with pytest.raises(ConvertError, match=r"cannot unpack .*nix: No such file or directory"):
        import_(tmp_path / "nix", tmp_path / "there", _silent)
    with pytest.raises(ConvertError, match=r"it has no ms-convert.lock"):
        import_(_archive(tmp_path / "a.tgz", {"rules/x.yaml": b""}), tmp_path / "there", _silent)


def test_archive_without_the_commit(site: Site, tmp_path: Path) -> None:
    """The lock says one commit, the sources have another."""
    site.build()
    data = json.loads((site.workspace / NAME).read_text())
    _run("lock", site.workspace, "--export", tmp_path / "state.tgz")
    with tarfile.open(tmp_path / "state.tgz") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    members[NAME] = members[NAME].replace(data["repositories"][0]["commit"].encode(), b"f" * 40)
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(ConvertError, match=r"^alpha: .* has no commit ffffffffffff in its history"):
        import_(_archive(tmp_path / "b.tgz", members), tmp_path / "there", _silent)
    assert not (tmp_path / "there").exists()


def test_options_that_do_not_go_together(site: Site) -> None:
    assert _run("lock", "--locked", "--export", "x").exit_code == 2
