"""What ``ms-convert lock`` does: write the lock from what is there, or compare with it."""

from __future__ import annotations

from dataclasses import replace

from ..errors import ConvertError
from .build import Options, as_found, check_place, plan
from .lockfile import NAME, Lock, differences, new_lock, write_if_new
from .places import as_written
from .stack import Stack, rule_hashes


def lock_now(options: Options) -> tuple[Lock, Stack, bool]:
    """Write the lock of the workspace from the repositories that are in it; the last is whether that changed it.

    Raises :class:`ConvertError` if a repository is not the one of the stack, or none is there.
    """
    directory = options.directory.absolute()
    stack, old = plan(directory, options.stack, options.default)
    lock = new_lock(stack, directory)
    for repository in stack.repositories:
        place, known = directory / repository.name, old.get(repository.name)
        found = check_place(place, repository, known, options)
        if found is None:
            continue
        rules = rule_hashes(stack, repository) if as_written(place) else {}
        if known is None:
            known = replace(as_found(repository, found), rules=rules)
        lock = lock.with_repository(known)
    if not lock.repositories:
        raise ConvertError(f"{directory} has no repository of {stack.file}; ms-convert workspace {directory} gets them")
    return lock, stack, write_if_new(directory / NAME, lock.as_bytes())


def compare(options: Options) -> tuple[Lock, Stack, list[str]]:
    """The lock of the workspace, its stack, and what is otherwise than the lock says: one line each.

    Raises :class:`ConvertError` if there is no lock.
    """
    directory = options.directory.absolute()
    stack, lock = plan(directory, options.stack, options.default)
    if not lock.repositories:
        raise ConvertError(f"{directory} has no {NAME}; ms-convert lock {directory} writes one")
    chosen = stack.only([locked.name for locked in lock.repositories])
    found = list(differences(lock, chosen, directory))
    for repository in chosen.repositories:
        place, locked = directory / repository.name, lock.get(repository.name)
        try:
            if check_place(place, repository, locked, options) is None:
                found.append(f"{repository.name} is not there")
            elif locked is not None and locked.rules and not as_written(place):
                found.append(f"{repository.name} is not converted, or not any more")
        except ConvertError as error:
            found.append(str(error))
    return lock, chosen, list(dict.fromkeys(found))
