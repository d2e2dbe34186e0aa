"""What a machine, a Python and a workspace have that a converted stack needs, and what is in the way."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path

from .. import __version__
from ..errors import ConvertError
from .build import Options
from .environment import python_path
from .lockfile import mindtorch_version, read_lock
from .locking import compare
from .mirrors import Mirrors

OK, WARNING, FAILURE = "ok", "warning", "failure"
PYTHONS = ((3, 10), (3, 12))
MINDSPORE = "2.10.0"
_ARRAYS = "'numpy<2' 'scipy<1.16'"
_AGAIN = "pip install --force-reinstall --no-deps ."
# A stack's sources and conversions take less than one, checkpoints of a training far more.
LEAST_FREE = 2 * 1024**3
# Packages that need the real PyTorch. Converted code imports mindtorch and its stand-ins instead of them.
_STRAY = ("torch", "apex", "transformer_engine")
# Top-level directories of a repository that everybody has, and nobody means by an import.
_NOT_IMPORTED = frozenset({"tests", "test", "tests_extend", "docs", "doc", "examples", "tools", "scripts", "ci"})


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, ``status`` (ok, warning or failure), what was found, and what to do about it."""

    name: str
    status: str
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The check as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Machine:
    """Where to look: the root of the file system, what Python imports from, and what is installed there.

    ``workspace`` is a directory with a lock, or one where a workspace could be made.
    """

    workspace: Path
    root: Path = Path("/")
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    python: tuple[int, ...] = tuple(sys.version_info[:3])

    @cached_property
    def distributions(self) -> dict[str, metadata.Distribution]:
        """What is installed, by lower-case name; the first on the path counts."""
        found: dict[str, metadata.Distribution] = {}
        for distribution in metadata.distributions(path=list(self.path)):
            name = distribution.metadata["Name"]
            if name:
                found.setdefault(_normal(name), distribution)
        return found


def examine(machine: Machine) -> list[Check]:
    """All checks. A check that cannot be made is a failure that says so."""
    checks: list[Check] = []
    for look in (_python, _packages, _device, _stray, _providers, _mpi, _workspace, _disk):
        checks += look(machine)
    return checks


def _python(machine: Machine) -> Iterator[Check]:
    version = ".".join(map(str, machine.python))
    least, most = (".".join(map(str, one)) for one in PYTHONS)
    if PYTHONS[0] <= machine.python[:2] <= PYTHONS[1]:
        yield Check("Python", OK, version)
    else:
        yield Check("Python", FAILURE, version, f"MindSpore {MINDSPORE} runs on {least} to {most}: use one of these")


def _packages(machine: Machine) -> Iterator[Check]:
    installed = machine.distributions
    mindspore = installed.get("mindspore")
    if mindspore is None:
        yield Check("MindSpore", FAILURE, "not installed", f"pip install mindspore=={MINDSPORE} {_ARRAYS}")
    elif mindspore.version != MINDSPORE:
        advice = f"mindtorch is made for {MINDSPORE}: pip install mindspore=={MINDSPORE}"
        yield Check("MindSpore", FAILURE, mindspore.version, advice)
    else:
        yield Check("MindSpore", OK, mindspore.version)
    for name, below in (("numpy", 2), ("scipy", None)):
        distribution = installed.get(name)
        if distribution is None:
            yield Check(name, FAILURE, "not installed", f"pip install {_ARRAYS}")
        elif below is not None and int(distribution.version.split(".")[0]) >= below:
            advice = f"MindSpore {MINDSPORE} is built for {name}<{below}: pip install '{name}<{below}'"
            yield Check(name, FAILURE, distribution.version, advice)
        else:
            yield Check(name, OK, distribution.version)


def _device(machine: Machine) -> Iterator[Check]:
    """The NPU: device files, the driver, CANN and its environment."""
    devices = sorted(machine.root.glob("dev/davinci[0-9]*"))
    driver = _version(machine.root / "usr/local/Ascend/driver/version.info")
    if not devices:
        found = f"none (driver {driver} is installed)" if driver else "none: the processor serves 'cuda'"
        status, advice = (WARNING, "see to the driver with npu-smi info") if driver else (OK, "")
        yield Check("NPU", status, found, advice)
        return
    found = f"{len(devices)} devices, driver {driver or 'unknown'}"
    advice = "" if driver else "/usr/local/Ascend/driver is not there: in a container, mount it"
    yield Check("NPU", OK if driver else FAILURE, found, advice)
    home = machine.environment.get("ASCEND_HOME_PATH") or machine.environment.get("ASCEND_TOOLKIT_HOME")
    if home:
        places = [Path(home, name) for name in ("version.cfg", "version.info", "opp/version.info")]
        version = next((found for found in map(_version, places) if found), None)
        yield Check("CANN", OK if Path(home).is_dir() else FAILURE, version or f"in {home}, version unknown",
                    "" if Path(home).is_dir() else f"{home} is not there: source CANN's set_env.sh anew")  # fmt: skip
        return
    scripts = ("usr/local/Ascend/ascend-toolkit/set_env.sh", "usr/local/Ascend/cann/set_env.sh")
    script = next((f"/{name}" for name in scripts if (machine.root / name).is_file()), None)
    advice = f"source {script}" if script else "install CANN, then source its set_env.sh"
    yield Check("CANN", FAILURE, "its environment is not set" if script else "not installed", advice)


def _stray(machine: Machine) -> Iterator[Check]:
    """Packages that need PyTorch, where Python would find them."""
    for name in _STRAY:
        places = (Path(entry or ".") / name for entry in machine.path)
        stranger = next((place for place in places if (place / "__init__.py").is_file()), None)
        if stranger is None:
            yield Check(name, OK, "not there, and not needed")
        else:
            advice = (
                "converted code does not use it, but a package that is not converted would mix it with mindtorch; "
                "use a virtual environment without it"
            )
            yield Check(name, WARNING, f"in {stranger.parent}", advice)


def _providers(machine: Machine) -> Iterator[Check]:
    """Which distributions have a package called mindtorch: there is another project of that name."""
    others = [
        f"{distribution.metadata['Name']} {distribution.version}"
        for name, distribution in machine.distributions.items()
        if name != "ms-convert" and _provides(distribution, "mindtorch")
    ]
    version = mindtorch_version()
    if others:
        names = " ".join(other.split()[0] for other in others)
        yield Check("mindtorch", FAILURE, f"{', '.join(others)} has a package of that name, too",
                    f"pip uninstall {names}, then in the checkout of ms-convert: {_AGAIN}")  # fmt: skip
    elif version is None:
        yield Check("mindtorch", FAILURE, "not installed", "in the checkout of ms-convert: pip install '.[runtime]'")
    else:
        yield Check("mindtorch", OK, f"PyTorch's API {version}, of ms-convert {__version__}")


def _provides(distribution: metadata.Distribution, package: str) -> bool:
    top_level = distribution.read_text("top_level.txt")
    if top_level is not None and package in top_level.split():
        return True
    return any(file.parts[:1] == (package,) for file in distribution.files or ())


def _mpi(machine: Machine) -> Iterator[Check]:
    installed = machine.distributions
    search = os.pathsep.join([str(Path(sys.executable).parent), machine.environment.get("PATH", "")])
    mpiexec = shutil.which("mpiexec", path=search)
    mpi4py = installed.get("mpi4py")
    missing = [name for name, there in (("mpi4py", mpi4py), ("mpiexec", mpiexec)) if there is None]
    if missing or mpi4py is None:
        advice = "only needed for several processes on a CPU host: pip install mpi4py mpich"
        yield Check("MPI", WARNING, f"no {' and no '.join(missing)}", advice)
    else:
        yield Check("MPI", OK, f"mpi4py {mpi4py.version}, {mpiexec}")


def _workspace(machine: Machine) -> Iterator[Check]:
    """The trees against the lock, and whether Python finds them, and nothing else of their names."""
    directory = machine.workspace.absolute()
    try:
        if read_lock(directory) is None:
            yield Check("workspace", WARNING, f"{directory} has none", "ms-convert workspace DIR makes one")
            return
        lock, stack, wrong = compare(Options(directory, mirrors=Mirrors({})))
    except ConvertError as error:
        yield Check("workspace", FAILURE, str(error))
        return
    for text in wrong:
        yield Check("workspace", FAILURE, text, f"ms-convert workspace {directory} tells what can be done")
    if not wrong:
        names = ", ".join(locked.name for locked in lock.repositories)
        yield Check("workspace", OK, f"{names}: as in the lock")
    wanted = python_path(stack, directory, [locked.name for locked in lock.repositories])
    entries = [Path(entry or ".").resolve() for entry in machine.path]
    missing = [place for place in wanted if place not in entries]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield Check("PYTHONPATH", FAILURE, f"{missing[0]}{more} is not on it", f"source {directory / 'env.sh'}")
        return
    hidden = list(_hidden(wanted, entries))
    for package, by, place in hidden:
        yield Check("PYTHONPATH", FAILURE, f"{package} is taken from {by}, not from {place}",
                    f"source {directory / 'env.sh'}, or uninstall what is there")  # fmt: skip
    if not hidden:
        yield Check("PYTHONPATH", OK, f"{_count(len(wanted))} of the workspace")


def _hidden(wanted: list[Path], entries: list[Path]) -> Iterator[tuple[str, Path, Path]]:
    """Packages of the workspace that an earlier entry of the path has, too: name, that entry, its own directory."""
    for place in wanted:
        for package in sorted(_packages_in(place)):
            for entry in entries[: entries.index(place)]:
                if entry not in wanted and (entry / package).is_dir():
                    yield package, entry, place
                    break


def _packages_in(place: Path) -> set[str]:
    """Top-level packages in the directory ``place``, namespaces too."""
    inits = (*place.glob("*/__init__.py"), *place.glob("*/*/__init__.py"))
    return {init.relative_to(place).parts[0] for init in inits} - _NOT_IMPORTED


def _disk(machine: Machine) -> Iterator[Check]:
    place = machine.workspace.absolute()
    while not place.is_dir():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < LEAST_FREE:
        advice = f"sources and conversion take up to {LEAST_FREE // 1024**3} GiB: make room, or use another disk"
        yield Check("disk", FAILURE, found, advice)
    else:
        yield Check("disk", OK, found)


def _version(file: Path) -> str | None:
    """The version in a file of Ascend's: the value of a line such as ``Version=24.1.rc2``."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() in ("version", "toolkit_running_version", "package_version"):
            return value.strip().strip("[]").split(":")[-1] or None
    return None


def _count(directories: int) -> str:
    return "the directory" if directories == 1 else f"the {directories} directories"


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


