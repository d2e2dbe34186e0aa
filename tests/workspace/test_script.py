"""``auto_convert_llm.sh`` and ``env.sh``, sourced in bash and zsh."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workspace_site import Site, snapshot

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "auto_convert_llm.sh"
SHELLS = ("bash", "zsh")


def _sourced(site: Site, shell: str, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``program`` in ``shell``, in which SCRIPT is the script and ARGS are arguments that use the local stack."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    arguments = shlex.join([str(site.workspace), "--rules", str(site.stack)])
    program = program.replace("SCRIPT", shlex.quote(str(SCRIPT))).replace("ARGS", arguments)
    variables = site.environment() | {"PYTHON": sys.executable, "HOME": str(site.root)} | environment
    for name in ("PYTHONPATH", "SOME_VARIABLE", "MINDTORCH_CUDA_ALIAS"):
        if name not in environment:
            variables.pop(name, None)
    options = ["--norc", "--noprofile"] if shell == "bash" else ["-f"]
    return subprocess.run(
        [found, *options, "-c", program], env=variables, cwd=site.root, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_sets_the_environment(site: Site, shell: str) -> None:
    done = _sourced(site, shell, """
        source SCRIPT ARGS
        echo "status $?"
        echo "$PYTHONPATH"
        echo "$SOME_VARIABLE"
        cd / && source "$OLDPWD/ws/env.sh" && echo "$PYTHONPATH"
        typeset -f _ms_convert_llm; echo "${_ms_convert_path-none}"
    """)  # fmt: skip
    path = f"{site.workspace}/alpha:{site.workspace}/beta/src"
    assert done.stdout.splitlines() == ["status 0", path, "it's one", path, "none"]
    assert done.stderr.splitlines()[-1] == f"set for this shell; in another one: source '{site.workspace}/env.sh'"
    assert f"PYTHONPATH={path}" in done.stderr.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_leaves_the_shell_alone(site: Site, shell: str) -> None:
    """Strict options stay in force and do no harm; nothing but the variables changes; a second run writes nothing."""
    site.build()
    before = snapshot(site.workspace)
    done = _sourced(site, shell, """
        set -u; set -e; set -o pipefail; set -o noclobber; IFS=:; umask 027
        set -o > options; trap > traps; pwd > where
        source SCRIPT ARGS
        set -o | diff options - && trap | diff traps - && pwd | diff where - && echo "the same $IFS $(umask)"
    """, PYTHONPATH="/mine")  # fmt: skip
    assert done.stdout.strip() in ("the same : 0027", "the same : 027"), done.stderr
    assert snapshot(site.workspace) == before
    assert f"PYTHONPATH={site.workspace}/alpha:{site.workspace}/beta/src:/mine" in done.stderr.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_failure_does_not_end_the_shell(site: Site, shell: str) -> None:
    site.workspace.mkdir()
    (site.workspace / "alpha").write_text("mine")
    done = _sourced(site, shell, """
        source SCRIPT ARGS
        echo "status $?, ${PYTHONPATH-unset}"
        PYTHON=/nix/python source SCRIPT
        echo "status $?, ${PYTHONPATH-unset}"
    """)  # fmt: skip
    assert done.stdout.splitlines() == ["status 2, unset", "status 1, unset"]
    first, *rest = done.stderr.splitlines()
    assert first.startswith(f"ms-convert: error: {site.workspace}/alpha is a file: move it away")
    assert rest[0] == "auto_convert_llm.sh: ms-convert is not installed for /nix/python; install it with"
    assert rest[1] == f"  /nix/python -m pip install '{ROOT}[runtime]'"
    assert (site.workspace / "alpha").read_text() == "mine"


@pytest.mark.parametrize("shell", SHELLS)
def test_help(site: Site, shell: str) -> None:
    done = _sourced(site, shell, 'source SCRIPT --help; echo "status $?"')
    assert done.stdout.startswith("Usage: ")
    assert "--from-pypi" in done.stdout
    assert done.stdout.splitlines()[-1] == "status 0"


@pytest.mark.parametrize("shell", SHELLS)
def test_variables_that_are_set_stay(site: Site, shell: str) -> None:
    site.build()
    done = _sourced(site, shell, 'source ws/env.sh; echo "$SOME_VARIABLE"; env | grep -c SOME_V', SOME_VARIABLE="own")
    assert done.stdout.splitlines() == ["own", "1"]


@pytest.mark.parametrize("shell", SHELLS)
def test_directory_with_odd_letters(site: Site, shell: str) -> None:
    odd = site.root / "a b'$(x)*"
    site.build(directory=odd)
    done = _sourced(site, shell, f'set -u; source {shlex.quote(str(odd / "env.sh"))}; echo "$PYTHONPATH"')
    assert done.stdout.splitlines() == [f"{odd}/alpha:{odd}/beta/src"]


def test_shellcheck(site: Site) -> None:
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("shellcheck is not installed")
    site.build()
    # One value has a quote in it, which shellcheck takes for a command that is kept in a variable.
    quoted = ["--exclude", "SC2089,SC2090"]
    for options in ([str(SCRIPT)], ["--shell", "sh", *quoted, str(site.workspace / "env.sh")]):
        done = subprocess.run([found, *options], capture_output=True, text=True, check=False)
        assert done.stdout == ""
        assert done.returncode == 0
