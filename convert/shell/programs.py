"""What common programs do with the words that they are given: run them, print them, or look for them.

A program that is in no table here takes its words as data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PRINTING = frozenset({"echo", "printf", "logger", ":", "true", "false"})
SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh"})
INSTALLERS = frozenset({"pip", "pip3", "conda", "mamba", "apt", "apt-get", "yum", "dnf", "brew", "npm"})
# These tell where a program lies, so they have to be asked for the new one.
LOOKUPS = frozenset({"which", "type", "hash", "whereis"})
# Options with which a program compares its pattern with the whole name of a process, or its whole command line.
EXACT_NAMES = {"killall": (), "pidof": (), "pkill": ("-x", "--exact"), "pgrep": ("-x", "--exact"), "ps": ("-C",)}
FULL_COMMANDS = {"pkill": ("-f", "--full"), "pgrep": ("-f", "--full")}
PROCESS_NAMES = frozenset({*EXACT_NAMES, "grep", "egrep", "fgrep"})


@dataclass(frozen=True)
class Wrapper:
    """A program that runs the rest of its words.

    ``valued``: options whose value is a word of its own. ``positionals``: how many words stand before the command.
    ``subcommands``: which of its subcommands do so, with their own ``positionals``; empty if it has none.
    """

    valued: frozenset[str] = frozenset()
    positionals: int = 0
    subcommands: tuple[tuple[str, int], ...] = ()


def _wrapper(valued: str = "", positionals: int = 0, **subcommands: int) -> Wrapper:
    named = tuple((name.replace("_", "-"), count) for name, count in subcommands.items())
    return Wrapper(frozenset(valued.split()), positionals, named)


_SRUN = (
    "-n -N -p -J -t -w -x -c -A -o -e -i -D -C -G -q -d --ntasks --nodes --partition --job-name --time --nodelist "
    "--exclude --cpus-per-task --account --output --error --input --chdir --constraint --gpus --gres --qos "
    "--ntasks-per-node --gpus-per-node --gpus-per-task --mem --mpi --container-image --container-mounts "
    "--container-name --container-workdir --jobid --export --reservation --cpu-bind --dependency"
)
_MPI = (
    "-n -np -c -N -H -x -f -ppn -hosts -host --host --hostfile -hostfile -machinefile --machinefile --map-by --bind-to "
    "--rank-by -wdir --wdir -genvlist --prefix --output-filename --tag-output --npernode -npernode"
)
_DOCKER = (
    "-v -e -w -u -h -p -l -m -a --name --volume --env --env-file --workdir --user --hostname --publish --label "
    "--memory --attach --network --net --ipc --pid --entrypoint --gpus --device --shm-size --ulimit --mount --cap-add "
    "--runtime --security-opt --restart --platform --cpuset-cpus --add-host --group-add --detach-keys"
)
_SINGULARITY = "-B --bind --env --env-file -H --home --pwd -W --workdir -o --overlay --mount --network -S --scratch"
_SSH = "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w"
_CONDA = "-n --name -p --prefix --cwd"

WRAPPERS: dict[str, Wrapper] = {
    **{name: _wrapper() for name in ("nohup", "setsid", "unbuffer", "builtin", "coproc", "!", "eval", "valgrind")},
    "time": _wrapper("-f -o --format --output"),
    "command": _wrapper(),
    "exec": _wrapper("-a"),
    "sudo": _wrapper("-u -g -h -p -C -r -t -U -D -T --user --group --host --prompt --chdir"),
    "doas": _wrapper("-u -C"),
    "env": _wrapper("-u -C --unset --chdir"),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c -n -p -t --class --classdata"),
    "stdbuf": _wrapper("-i -o -e"),
    "timeout": _wrapper("-k -s --kill-after --signal", 1),
    "numactl": _wrapper("-N -m -C -i -p -P -w"),
    "taskset": _wrapper("", 1),
    "chrt": _wrapper("", 1),
    "flock": _wrapper("-w -E --timeout", 1),
    "chroot": _wrapper("", 1),
    "srun": _wrapper(_SRUN),
    **{name: _wrapper(_MPI) for name in ("mpirun", "mpiexec", "mpiexec.hydra", "orterun")},
    "nsys": _wrapper("-o -t -w -s -c -x -f -d -y -n -e --output --trace --sample --stats", 0, profile=0),
    "ncu": _wrapper("-o -k -c -s --set --section --metrics --export --kernel-name --target-processes"),
    "msprof": _wrapper(),
    "strace": _wrapper("-o -e -p -s -u -E"),
    "gdb": _wrapper("-ex -x -p"),
    "perf": _wrapper("-o -e -F -p -C", 0, record=0, stat=0),
    "watch": _wrapper("-n --interval"),
    "xargs": _wrapper("-n -I -P -L -d -a -s -E --max-args --max-procs --delimiter --arg-file --replace"),
    "parallel": _wrapper("-j --jobs"),
    **{name: _wrapper(_DOCKER, run=1, exec=1) for name in ("docker", "podman", "nerdctl", "nvidia-docker")},
    **{name: _wrapper(_SINGULARITY, exec=1, run=1) for name in ("singularity", "apptainer")},
    "kubectl": _wrapper("-n -c --namespace --container --context", exec=1),
    "ssh": _wrapper(_SSH, 1),
    "sshpass": _wrapper("-p -f -d"),
    "pdsh": _wrapper("-w -x -R -l -g"),
    **{name: _wrapper("", run=0) for name in ("poetry", "pipenv", "pdm", "rye", "hatch")},
    "uv": _wrapper("--with --extra --group --project --python -p --directory --env-file", run=0),
    **{name: _wrapper(_CONDA, run=0) for name in ("conda", "mamba", "micromamba")},
    "systemd-run": _wrapper("-p -u --unit --property --slice"),
    "cgexec": _wrapper("-g"),
    "caffeinate": _wrapper("-t -w"),
}
# Programs that take code as the value of an option, and those that take it as an argument.
CODE_OPTIONS = {"su": ("-c", "--command"), "sbatch": ("--wrap",), "script": ("-c", "--command"), "runuser": ("-c",)}
FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
CODE_ARGUMENTS = frozenset({"tmux", "screen", "trap"})


def is_python(name: str) -> bool:
    """Whether a program of that name is a Python interpreter."""
    rest = name.removeprefix("python").removeprefix("w")
    return name.startswith("python") and all(part.isdigit() for part in rest.split(".") if part)


def takes_code(options: Iterable[str]) -> bool:
    """Whether a shell with these options takes code instead of a file: ``-c``, ``-lc``, ``-xec``."""
    return any(option[:1] == "-" and option[1:2] != "-" and option.endswith("c") for option in options)
