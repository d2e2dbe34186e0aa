"""What is asked of git: fetch one commit, as little of its history as can be, from the first place that has it.

Proxy, credentials and certificates are git's own business: it is called with the user's settings.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import ConvertError

if TYPE_CHECKING:
    from git import Repo

# The mark that a clone of ours carries in its own configuration.
SECTION = "ms-convert"
FETCHED = "refs/ms-convert/fetched"
_NAMED_REFS = 5
_NO_MESSAGE = "no message"
# An enclosing git command, a hook for one, tells its repository to all that it starts.
_OF_ENCLOSING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES",
)  # fmt: skip
Say = Callable[[str], object]


@dataclass(frozen=True)
class Wanted:
    """A commit: by its hash, or (None) whatever the tag or branch ``ref`` is. ``name`` is for messages."""

    name: str
    ref: str
    commit: str | None


class Unavailable(Exception):
    """One place does not have the commit, or does not answer. The message is the reason."""


class WrongRef(Unavailable):
    """The place has neither the commit nor a tag or branch of that name."""


@contextmanager
def own_environment() -> Iterator[None]:
    """Without what an enclosing git command has put into the environment."""
    hidden = {name: os.environ.pop(name) for name in _OF_ENCLOSING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def git_module() -> Any:
    """The module ``git`` of GitPython. Raises :class:`ConvertError` if there is no git to call."""
    if shutil.which("git") is None:
        raise ConvertError("git is not on PATH; install it (apt install git, or dnf install git)")
    import git

    return git


def open_repository(path: Path) -> Repo | None:
    """The work tree whose top is ``path``; None if it is none."""
    git = git_module()
    try:
        repo: Repo = git.Repo(path, search_parent_directories=False)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return None
    return None if repo.bare else repo


def open_bare(path: Path) -> Repo | None:
    """The bare repository ``path``; None if it is none."""
    git = git_module()
    try:
        repo: Repo = git.Repo(path, search_parent_directories=False)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return None
    return repo if repo.bare else None


def new_repository(path: Path, *, bare: bool = False) -> Repo:
    """An empty repository, whose files will have the bytes that they have upstream."""
    with own_environment():
        repo: Repo = git_module().Repo.init(path, bare=bare, mkdir=True)
    with repo.config_writer() as config:
        config.set_value("core", "autocrlf", "false")
        config.set_value("advice", "detachedHead", "false")
        config.set_value("gc", "auto", "0")
    return repo


def mark(repo: Repo, **values: str) -> None:
    """Write ``values`` into the configuration of ``repo``, as our mark."""
    with repo.config_writer() as config:
        for name, value in values.items():
            config.set_value(SECTION, name, value)


def marks(repo: Repo) -> dict[str, str]:
    """Our mark in the configuration of ``repo``; empty if it has none."""
    config = repo.config_reader("repository")
    return {name: str(value) for name, value in config.items(SECTION)} if config.has_section(SECTION) else {}


def remotes(repo: Repo) -> list[str]:
    """The URLs of the remotes of ``repo``."""
    return [url for remote in repo.remotes for url in remote.urls]


def commit_of(repo: Repo, revision: str = "HEAD") -> str | None:
    """The hash of the commit ``revision``; None if there is none.

    Raises :class:`ConvertError` if git does not want to look, say because the directory is somebody else's.
    """
    try:
        return _git(repo, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    except Unavailable as error:
        if str(error) == _NO_MESSAGE:
            return None
        raise ConvertError(f"git does not read {repo.working_dir or repo.git_dir}: {error}") from error


def fetch(
    repo: Repo, wanted: Wanted, urls: Iterable[str], say: Say, keep: Sequence[int] = (), into: str = FETCHED
) -> tuple[str, str]:
    """Fetch ``wanted`` from the first of ``urls`` that has it; returns the commit's hash and that URL.

    ``into`` is the reference that it gets.

    The descriptors ``keep`` stay open in git, which outlives this process if that is killed. Raises
    :class:`ConvertError` with the reason of every place.
    """
    reasons: list[str] = []
    wrong: WrongRef | None = None
    for url in urls:
        say(f"asking {without_password(url)} for {wanted.ref}" + (f" ({wanted.commit[:12]})" if wanted.commit else ""))
        try:
            return _fetch_from(repo, wanted, url, say, keep, into), url
        except WrongRef as error:
            wrong = error
        except Unavailable as error:
            reasons.append(f"{url}: {error}")
    if wrong is not None:
        raise ConvertError(without_password(f"{wanted.name}: {wrong}"))
    raise ConvertError(
        f"{wanted.name}: cannot fetch {wanted.ref}: {without_password('; '.join(reasons))}; "
        "name a mirror or a local copy with --mirror FROM=TO, or see to git's proxy and credentials"
    )


def without_password(text: str) -> str:
    """``text`` with the user and password taken out of the URLs in it."""
    return re.sub(r"(\w+://)[^/\s@]+@", r"\1", text)


def check_out(repo: Repo, commit: str, keep: Sequence[int] = ()) -> None:
    """Lay out the files of ``commit``, in no branch. ``keep`` as in :func:`fetch`."""
    try:
        _git(repo, "checkout", "--quiet", "--detach", commit, keep=keep)
    except Unavailable as error:
        raise ConvertError(f"cannot lay out the files in {repo.working_dir}: {error}") from error


def finish(repo: Repo, origin: str | None) -> None:
    """Drop what only :func:`fetch` needs, and note where the next fetch is to go."""
    with own_environment():
        repo.git.update_ref("-d", FETCHED)
        if origin is not None:
            repo.create_remote("origin", origin)


def commit_all(repo: Repo, message: str) -> str:
    """Commit all files of ``repo``, so that the same files always are the same commit; returns its hash."""
    fixed = {"date": "@0 +0000", "name": "ms-convert", "email": "ms-convert@localhost"}
    who = {f"GIT_{role}_{key.upper()}": value for role in ("AUTHOR", "COMMITTER") for key, value in fixed.items()}
    try:
        _git(repo, "add", "--all", "--force", ".")
        _git(repo, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--allow-empty", "-m", message, env=who)
    except Unavailable as error:
        raise ConvertError(f"cannot commit the files in {repo.working_dir}: {error}") from error
    commit = commit_of(repo)
    assert commit is not None
    return commit


def _fetch_from(repo: Repo, wanted: Wanted, url: str, say: Say, keep: Sequence[int], into: str) -> str:
    def get(what: str, *options: str) -> str | None:
        _git(repo, "fetch", "--progress", "--no-tags", *options, "--", url, f"+{what}:{into}", say=say, keep=keep)
        return commit_of(repo, into)

    if wanted.commit is not None:
        try:
            if get(wanted.commit, "--depth=1") == wanted.commit:
                return wanted.commit
        except Unavailable:
            pass  # not every server gives a commit by its hash; and one that does not answer says so below
    ref = _find_ref(repo, wanted, url)
    at = get(ref, "--depth=1")
    if wanted.commit is None or at == wanted.commit:
        assert at is not None
        return at
    say(f"{wanted.ref} has moved on; fetching its history")
    get(ref, "--unshallow") if (Path(repo.git_dir) / "shallow").exists() else get(ref)
    if commit_of(repo, wanted.commit) is None:
        now = f"is at {at[:12]} now" if at else "is no commit"
        raise Unavailable(f"{wanted.ref} {now}, and has no commit {wanted.commit[:12]} in its history")
    return wanted.commit


def _find_ref(repo: Repo, wanted: Wanted, url: str) -> str:
    """The full name of the tag or branch. A tag goes before a branch of the same name, as in git."""
    listed = _git(repo, "ls-remote", "--quiet", "--tags", "--heads", "--", url).splitlines()
    refs = {line.partition("\t")[2] for line in listed if line and not line.endswith("^{}")}
    for name in (f"refs/tags/{wanted.ref}", f"refs/heads/{wanted.ref}"):
        if name in refs:
            return name
    names = sorted({name.split("/", 2)[2] for name in refs})
    if not names:
        raise Unavailable("has no tags and no branches")
    close = get_close_matches(wanted.ref, names, _NAMED_REFS, 0.5)
    nearest = f"nearest are {', '.join(close)}" if close else f"it has {', '.join(names[:_NAMED_REFS])} ..."
    raise WrongRef(f"{url} has no tag or branch {wanted.ref}; {nearest}; correct 'ref' in the stack file")


def _git(
    repo: Repo,
    *words: str,
    say: Say | None = None,
    keep: Sequence[int] = (),
    env: dict[str, str] | None = None,
) -> str:
    """Run git in ``repo``; returns what it prints. Raises :class:`Unavailable` with its last words."""
    errors = git_module().exc
    # An untrusted repository's own configuration may name programs to start.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never", *words]
    with own_environment():
        try:
            if say is None:
                return str(repo.git.execute(command, env=env, pass_fds=tuple(keep)))
            process: Any = repo.git.execute(command, as_process=True, env=env, pass_fds=tuple(keep))
            said: list[str] = []
            _follow(process.proc.stderr, say, said)
            process.proc.stdout.close()
            if process.proc.wait():
                raise Unavailable(_reason("\n".join(said)))
            return ""
        except errors.GitCommandError as error:
            raise Unavailable(_reason(str(error.stderr))) from error
        except errors.GitCommandNotFound as error:
            raise ConvertError(f"cannot run git: {error}") from error


def _follow(stream: IO[bytes], say: Say, said: list[str]) -> None:
    """Pass on git's progress, of which each line overwrites the one before, and keep what is no progress."""
    rest = b""
    while chunk := os.read(stream.fileno(), 65536):
        *lines, rest = re.split(rb"[\r\n]+", rest + chunk)
        for line in lines:
            text = line.decode(errors="replace").strip()
            if re.search(r"\d+% \(\d+/\d+\)", text):
                say(text)
            elif text:
                said.append(text)
    said.append(rest.decode(errors="replace").strip())


def _reason(stderr: str) -> str:
    """The line of git's messages that says what went wrong."""
    lines = [line.strip(" '\"") for line in stderr.removeprefix("\n  stderr: ").splitlines() if line.strip(" '\"")]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return re.sub(r"^(?:fatal|error|ERROR): ", "", (told or lines or [_NO_MESSAGE])[0])
