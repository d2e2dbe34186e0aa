"""Shell rules: launchers and environment variables in scripts."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from convert_checks import Converted, check_noop, check_transformed, convert
from hypothesis import given, settings
from hypothesis import strategies as st
from ms_convert.errors import RuleError
from ms_convert.kinds.shell import ShellRule
from ms_convert.language.ruleset import RuleSet, load_rules

RULES = load_rules("launchers.yaml")
PATH = "run.sh"


def shell(text: str | bytes, rules: RuleSet = RULES) -> Converted:
    return convert(text, rules, path=PATH)


def bash_accepts(text: str) -> bool:
    return subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True, check=False).returncode == 0


TRANSFORMED = [
    ("torchrun a.py\n", "mindtorchrun a.py\n"),
    ("torchrun", "mindtorchrun"),
    ("OMP_NUM_THREADS=1 torchrun a.py\n", "OMP_NUM_THREADS=1 mindtorchrun a.py\n"),
    ("/opt/env/bin/torchrun a.py\n", "/opt/env/bin/mindtorchrun a.py\n"),
    ("$CONDA_PREFIX/bin/torchrun a.py\n", "$CONDA_PREFIX/bin/mindtorchrun a.py\n"),
    ("$(which torchrun) a.py\n", "$(which mindtorchrun) a.py\n"),
    ("python $(command -v torchrun) a.py\n", "python $(command -v mindtorchrun) a.py\n"),
    ("python /usr/bin/torchrun a.py\n", "python /usr/bin/mindtorchrun a.py\n"),
    ("type torchrun && torchrun a.py\n", "type mindtorchrun && mindtorchrun a.py\n"),
    ('"torchrun" a.py\n', '"mindtorchrun" a.py\n'),
    ("x=$(torchrun a.py) y=`torchrun b.py`\n", "x=$(mindtorchrun a.py) y=`mindtorchrun b.py`\n"),
    ("python -m torch.distributed.run $A a.py\n", "mindtorchrun $A a.py\n"),
    ("python3.10 -u -m torch.distributed.run a.py\n", "mindtorchrun a.py\n"),
    ("python -m torchrun a.py\n", "mindtorchrun a.py\n"),
    ("python -m \\\n  torch.distributed.run \\\n  --x a.py\n", "mindtorchrun \\\n  --x a.py\n"),
    ("$PYTHON -m torch.distributed.run a.py\n", "$PYTHON -m mindtorch.distributed.run a.py\n"),
    ("/v/bin/python -m torch.distributed.run a\n", "/v/bin/python -m mindtorch.distributed.run a\n"),
    ("python -X dev -m torch.distributed.run a\n", "python -X dev -m mindtorch.distributed.run a\n"),
    ("debugpy-run -p :1 -m torch.distributed.run a\n", "debugpy-run -p :1 -m mindtorch.distributed.run a\n"),
    ("python -m pdb -m torch.distributed.run a\n", "python -m pdb -m mindtorch.distributed.run a\n"),
    ("python -um torch.distributed.run a\n", "python -um mindtorch.distributed.run a\n"),
    ("PYTHON=python3; $PYTHON -m torch.distributed.run a\n", "PYTHON=python3; mindtorchrun a\n"),
    (
        "PYTHON=${PYTHON:-python3}; $PYTHON -m torch.distributed.run a\n",
        "PYTHON=${PYTHON:-python3}; $PYTHON -m mindtorch.distributed.run a\n",
    ),
    ("M=torch.distributed.run\npython -m $M a\n", "M=mindtorch.distributed.run\npython -m $M a\n"),
    ('A="-m torch.distributed.run -r 1"\npython $A a\n', 'A="-m mindtorch.distributed.run -r 1"\npython $A a\n'),
    (
        'LAUNCH="torchrun --nproc_per_node 8"\n$LAUNCH a.py\n',
        'LAUNCH="mindtorchrun --nproc_per_node 8"\n$LAUNCH a.py\n',
    ),
    ("CMD=torchrun; $CMD a.py\n", "CMD=mindtorchrun; $CMD a.py\n"),
    ('L="python -m torch.distributed.run $A"\neval $L a\n', 'L="mindtorchrun $A"\neval $L a\n'),
    ('L=torchrun\nCMD="$L a.py"\nbash -c "$CMD"\n', 'L=mindtorchrun\nCMD="$L a.py"\nbash -c "$CMD"\n'),
    ('C="torchrun a"\nC="$C b"\necho $C\n$C\n', 'C="mindtorchrun a"\nC="$C b"\necho $C\n$C\n'),
    ('"${TORCHRUN:-torchrun}" a.py\n', '"${TORCHRUN:-mindtorchrun}" a.py\n'),
    ("for l in torchrun; do $l a; done\n", "for l in mindtorchrun; do $l a; done\n"),
    ('export L="torchrun --nnodes=$((N * 2))"\n', 'export L="mindtorchrun --nnodes=$((N * 2))"\n'),
    ('cmd=(torchrun --x "$y")\n"${cmd[@]}" z\n', 'cmd=(mindtorchrun --x "$y")\n"${cmd[@]}" z\n'),
    ('c=(srun -n 2)\nc+=(torchrun)\n"${c[@]}" z\n', 'c=(srun -n 2)\nc+=(mindtorchrun)\n"${c[@]}" z\n'),
    ("cat > run.sh <<EOF\ntorchrun $A\nEOF\n", "cat > run.sh <<EOF\nmindtorchrun $A\nEOF\n"),
    ("cat <<EOF > $F\n#!/bin/bash\ntorchrun a\nEOF\n", "cat <<EOF > $F\n#!/bin/bash\nmindtorchrun a\nEOF\n"),
    ("bash <<'EOF'\ntorchrun a\nEOF\n", "bash <<'EOF'\nmindtorchrun a\nEOF\n"),
    ("ssh host <<'EOF'\n  torchrun a\nEOF\n", "ssh host <<'EOF'\n  mindtorchrun a\nEOF\n"),
    ("cat <<EOF | bash\ntorchrun a\nEOF\n", "cat <<EOF | bash\nmindtorchrun a\nEOF\n"),
    ("sudo tee x.sh <<EOF\ntorchrun a\nEOF\n", "sudo tee x.sh <<EOF\nmindtorchrun a\nEOF\n"),
    ("bash <<< 'torchrun a'\n", "bash <<< 'mindtorchrun a'\n"),
    ('bash -c "cd x && torchrun \\"a b\\" \\$X"\n', 'bash -c "cd x && mindtorchrun \\"a b\\" \\$X"\n'),
    ("bash -c 'bash -c \"torchrun a\"'\n", "bash -c 'bash -c \"mindtorchrun a\"'\n"),
    ('ssh -p 22 host "cd x; torchrun a"\n', 'ssh -p 22 host "cd x; mindtorchrun a"\n'),
    ("ssh host torchrun a\n", "ssh host mindtorchrun a\n"),
    ("srun -N 2 --label torchrun a\n", "srun -N 2 --label mindtorchrun a\n"),
    ("srun $ARGS torchrun a\n", "srun $ARGS mindtorchrun a\n"),
    ("nohup torchrun a > log 2>&1 &\n", "nohup mindtorchrun a > log 2>&1 &\n"),
    ("env A=b torchrun a; sudo -E torchrun a\n", "env A=b mindtorchrun a; sudo -E mindtorchrun a\n"),
    ("time torchrun a; exec torchrun b\n", "time mindtorchrun a; exec mindtorchrun b\n"),
    ("timeout -k 5 60 torchrun a\n", "timeout -k 5 60 mindtorchrun a\n"),
    ("docker run --name torchrun -e A=b img torchrun a\n", "docker run --name torchrun -e A=b img mindtorchrun a\n"),
    ("docker run $OPTS $IMAGE torchrun a\n", "docker run $OPTS $IMAGE mindtorchrun a\n"),
    ("uv run python -m torch.distributed.run a\n", "uv run mindtorchrun a\n"),
    ('sbatch --wrap="torchrun a"\n', 'sbatch --wrap="mindtorchrun a"\n'),
    ("alias tr=torchrun tq='torchrun a'\n", "alias tr=mindtorchrun tq='mindtorchrun a'\n"),
    ("find . -name x -exec torchrun {} \\;\n", "find . -name x -exec mindtorchrun {} \\;\n"),
    ('tmux new -d "torchrun a"\n', 'tmux new -d "mindtorchrun a"\n'),
    ('echo "torchrun a" >> run.sh\n', 'echo "mindtorchrun a" >> run.sh\n'),
    ('f() { torchrun "$@"; }\n', 'f() { mindtorchrun "$@"; }\n'),
    ('run() { echo "$@"; "$@"; }\nrun torchrun a\n', 'run() { echo "$@"; "$@"; }\nrun mindtorchrun a\n'),
    ("if torchrun a; then torchrun b; fi\n", "if mindtorchrun a; then mindtorchrun b; fi\n"),
    ("case $x in a) torchrun a;; esac\n", "case $x in a) mindtorchrun a;; esac\n"),
    ("a | torchrun b || torchrun c\n", "a | mindtorchrun b || mindtorchrun c\n"),
    ('torchrun a\r\nL="torchrun \\\r\n b"\r\n', 'mindtorchrun a\r\nL="mindtorchrun \\\r\n b"\r\n'),
    (
        "\ufeffé='ü'; torchrun é; bash -c \"é; torchrun\"\n",
        "\ufeffé='ü'; mindtorchrun é; bash -c \"é; mindtorchrun\"\n",
    ),
    ("a\0b\ntorchrun a\n", "a\0b\nmindtorchrun a\n"),
    ("P=<path (of it)>\nQ=<another> (x)\ntorchrun $P\n", "P=<path (of it)>\nQ=<another> (x)\nmindtorchrun $P\n"),
    ("killall torchrun; pkill -x torchrun\n", "killall mindtorchrun; pkill -x mindtorchrun\n"),
    ("pkill -f torch.distributed.launch\n", "pkill -f mindtorchrun\n"),
    ("ps aux | grep torch.distributed.run | wc\n", "ps aux | grep mindtorchrun | wc\n"),
    ("python -m torch.distributed.launch --use_env a.py --use_env\n", "mindtorchrun a.py --use_env\n"),
    (
        'A="--nnodes 1 \\\n  --use-env \\\n  --node_rank 0"\npython -m torch.distributed.launch $A a.py\n',
        'A="--nnodes 1 \\\n  --node_rank 0"\nmindtorchrun $A a.py\n',
    ),
    (
        "accelerate launch --num-processes=8 --multi_gpu -m a.b --num_processes 2\n",
        "mindtorchrun --nproc_per_node=8 -m a.b --num_processes 2\n",
    ),
    (
        'A="--num_processes 16 --num_machines 2"\naccelerate launch $A --machine_rank $R a.py\n',
        'A="--nproc_per_node 8 --nnodes 2"\nmindtorchrun $A --node_rank $R a.py\n',
    ),
    (
        "accelerate launch --num_processes $N --num_machines ${M} a.py\n",
        "mindtorchrun --nproc_per_node $(($N / ${M})) --nnodes ${M} a.py\n",
    ),
    ('L="accelerate launch"\n$L --num_processes 2 a.py\n', 'L="mindtorchrun"\n$L --nproc_per_node 2 a.py\n'),
]


@pytest.mark.parametrize(("before", "after"), TRANSFORMED)
def test_transformed(before: str, after: str) -> None:
    check_transformed(before, after, RULES, path=PATH)
    if "\0" not in before and bash_accepts(before):
        assert bash_accepts(after)
    # A result counts for every rule that makes it.
    assert all(shell(after).matches[rule] >= count for rule, count in shell(before).matches.items())


UNCHANGED = [
    "# torchrun a.py\n",
    "echo torchrun a.py\n",
    'echo "torchrun a.py"; printf "torchrun %s" x\n',
    "cat <<EOF\ntorchrun a.py\nEOF\n",
    "cat > README.md <<EOF\ntorchrun a.py\nEOF\n",
    "python - <<EOF\ntorchrun\nEOF\n",
    "python a.py --launcher torchrun\n",
    "srun python a.py --launcher torchrun\n",
    "srun -J torchrun python a.py\n",
    "LAUNCHER=torchrun\npython a.py --launcher $LAUNCHER\n",
    "if [ $L = torchrun ]; then a; fi\n",
    "case $L in torchrun) a;; esac\n",
    "grep torchrun log; pkill -f torchrun; pgrep torchrun\n",
    "pip install torchrun --upgrade; python a.py --launcher torchrun --lr 1\n",
    "torchrun_log=1; mytorchrun a; torchrun.sh; ./torchrun-x\n",
    "python torchrun.py; python -m torch.distributed.runner; python -m torch.utils.collect_env\n",
    "torchrun() { a; }\ntorchrun b\n",
    "mindtorchrun --nproc_per_node 8 a.py\n",
    "python -m mindtorch.distributed.run a.py\n",
    "accelerate config; accelerate env\n",
    'MSG="torchrun failed"\necho "$MSG"\n',
    "",
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_unchanged(text: str) -> None:
    check_noop(text, RULES, path=PATH)


LEFT = [
    ("# torchrun\ntor'ch'run a\n", "spelled in pieces"),
    ('foo "torchrun a b"\n', "given to foo, which may run it or not"),
    ("foo -x torchrun --nnodes 1 a\n", "given to foo, which may run it or not"),
    ("export LAUNCHER=torchrun\n", "nothing in this file runs $LAUNCHER"),
    ("L=torchrun\n[ $L = x ]\npython a.py --l $L\n$L a\n", "$L is run, and is data at another place"),
    ('L="torchrun a b"\nfoo "$L"\n', "not run in this file but given to something"),
    ("cat > $F <<EOF\ntorchrun a\nEOF\n", "not known to be a shell script"),
    ("if x; then; torchrun a; fi\n", "not understood"),
    ("accelerate launch --config_file c.yaml --num_processes 8 a.py\n", "--config_file has no counterpart"),
    ("accelerate launch a.py\n", "give --num_processes"),
    ("accelerate launch $ARGS --num_processes 8 a.py\n", "$ARGS stands among the flags"),
    ("accelerate launch --num_processes 9 --num_machines 2 a.py\n", "is no multiple of"),
]


@pytest.mark.parametrize(("text", "reason"), LEFT)
def test_left(text: str, reason: str) -> None:
    result = shell(text)
    assert result.after is None
    assert any(reason in left.reason for left in result.left), result.left


def test_shared_flags_stay_for_all_if_one_command_does() -> None:
    text = 'A="--num_processes 8"\naccelerate launch $A a.py\naccelerate launch $A --cpu b.py\n'
    result = shell(text)
    assert result.after is None
    assert [left.line for left in result.left] == [2, 3]


def test_kept_tells_why() -> None:
    (kept,) = shell("python -m torch.distributed.launch a.py\n").kept
    assert "--local-rank" in kept.reason
    (kept,) = shell("pkill -f torchrun\n").kept
    assert kept.reason == "a pattern of pkill; mindtorchrun matches it as well"


def test_ignore_comment() -> None:
    check_noop("torchrun a.py  # ms-convert: ignore[torchrun]\n", RULES, path=PATH)


def test_only_scripts_unless_paths_say_so() -> None:
    assert convert("torchrun a\n", RULES, path="Makefile").after is None
    assert convert("torchrun a\n", RULES, path="a/b.bash").after == b"mindtorchrun a\n"
    named = RuleSet(tuple(replace(rule, paths=("bin/launch", "*.sh")) for rule in RULES.of(ShellRule)))
    assert convert("torchrun a\n", named, path="bin/launch").after == b"mindtorchrun a\n"
    assert convert("torchrun a\n", named, path="bin/other").after is None


@pytest.mark.parametrize(
    "text",
    [
        "$(" * 400 + "torchrun x" + ")" * 400,
        "if a; then " * 500 + "torchrun x;" + " fi;" * 500,
        "(" * 3000 + "torchrun",
        'bash -c "' * 100 + "torchrun",
        "\n".join(f'V{i}="$V{i + 1} $V{i + 1}"' for i in range(100)) + "\nV100=torchrun\n$V0 a\n",
        'A="$B"\nB="$A"\n$A torchrun\n$B\n',
        "a=<b c (d>\ntorchrun x\n" * 100,
        "torchrun x\n" * 20_000,
    ],
    ids=["substitutions", "ifs", "open", "quotes", "variables", "cycle", "errors", "long"],
)
def test_hard_to_parse(text: str) -> None:
    result = shell(text)
    assert result.skipped is None
    assert result.after is not None or result.left or "V0" in text or "$B" in text or 'bash -c "' in text


PARTS = st.sampled_from([before for before, _ in TRANSFORMED] + UNCHANGED + [text for text, _ in LEFT])
NOISE = st.text(alphabet="torchrun $\"'`\\\n;|&(){}<>=#é\t -", max_size=30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.one_of(PARTS, NOISE), min_size=1, max_size=5))
def test_only_edits_change_and_only_once(parts: list[str]) -> None:
    text = "\n".join(parts).replace("\ufeff", "")
    result = shell(text)
    assert result.skipped is None
    position = 0
    after = (result.after or result.raw).decode()
    at = 0
    for change in result.edits:
        between = text[position : change.start]
        assert after[at : at + len(between)] == between
        at += len(between)
        assert after[at : at + len(change.after)] == change.after
        at += len(change.after)
        position = change.end
    assert after[at:] == text[position:]
    assert shell(after).edits == []
    if "\0" not in text and bash_accepts(text):
        assert bash_accepts(after)


RUN = [
    "torchrun --nproc_per_node 2 a.py --lr '1 2' \"$HOME_X\"\n",
    "A='--nnodes 1 --node_rank 0'\npython -m torch.distributed.run $A a.py \"x y\"\n",
    'L="torchrun --nproc_per_node=2"\n$L a.py $L\n',
    'c=(torchrun --tee 3)\nc+=("a b")\n"${c[@]}"\n',
    'CMD="torchrun --x \'a b\'"\neval "$CMD c"\n',
    "PYTHON=python3; $PYTHON -u -m torch.distributed.launch --nproc_per_node 2 --use_env a.py --use_env\n",
    'bash -c "torchrun \\"a b\\" c"\n',
    "cat > \"$TMP/x.sh\" <<EOF\ntorchrun a '$HOME_X' \\$1\nEOF\nbash $TMP/x.sh y\n",
    "bash <<'EOF'\ntorchrun a \"$HOME_X\"\nEOF\n",
    'run() { "$@"; }\nrun env X=1 torchrun \\\n  --x \\\n  a\n',
    "for i in 1 2; do torchrun --node_rank $i a.py | cat; done\n",
    "if command -v torchrun > /dev/null; then $(which torchrun) a; fi\n",
    "python -m torch.distributed.launch \\\n   --use_env \\\n   a.py\n",
]
FAKE = '#!/bin/bash\nprintf "[%s]" "$@"\necho\n'
FAKE_PYTHON = """#!/bin/bash
[ "$1" = -u ] && shift
shift 2
for a in "$@"; do [[ $a == --use_env && -z $done ]] && { done=1; continue; }; printf "[%s]" "$a"; done
echo
"""


@pytest.mark.parametrize("text", RUN)
def test_same_arguments_arrive(text: str, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for directory, fakes in (
        (old, {"torchrun": FAKE, "python": FAKE_PYTHON, "python3": FAKE_PYTHON}),
        (new, {"mindtorchrun": FAKE}),
    ):
        directory.mkdir()
        for name, content in fakes.items():
            (directory / name).write_text(content)
            (directory / name).chmod(0o755)
    after = shell(text).after
    assert after is not None

    def run(script: str, directory: Path) -> str:
        environment = {"PATH": f"{directory}:/usr/bin:/bin", "HOME_X": "h o", "TMP": str(tmp_path)}
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=True)
        assert done.stderr == ""
        return done.stdout

    before_said, after_said = run(text, old), run(after.decode(), new)
    assert before_said.strip()
    assert after_said.replace("mindtorchrun", "torchrun") == before_said


HEAD = """\
version: 1
rules:
  - id: r
    kind: shell
    why: because
    match: MATCH
    action: ACTION
    examples: [{unchanged: ""}]
"""


def rules(tmp_path: Path, match: str, action: str) -> RuleSet:
    path = tmp_path / "r.yaml"
    path.write_text(HEAD.replace("MATCH", match).replace("ACTION", action))
    return load_rules(str(path))


L = "{launcher: [torchrun]}"
V = "{variable: [CUDA_VISIBLE_DEVICES]}"
WRONG = [
    ("{}", "{launcher: x}", 6, "say what to look for with launcher or variable"),
    ("{launcher: [a], variable: [B]}", "{launcher: x}", 6, "say what to look for with launcher or variable"),
    ("{launchr: [a]}", "{launcher: x}", 6, "'launchr' is not known; did you mean 'launcher'?"),
    ("{launcher: [a b c]}", "{launcher: x}", 6, "must be a program, a dotted module, or a program and its subcommand"),
    ("{launcher: ['a.*']}", "{launcher: x}", 6, "must be a program, a dotted module"),
    (L, "{}", 7, "must have one of launcher, rename, remove, unsupported or keep"),
    (L, "{rename: X}", 7, "r: say which launcher takes the place with action.launcher"),
    (L, "{launcher: torchrun}", 7, "the result is itself one of the launchers that match"),
    (L, "{launcher: x, module: a b}", 7, "must be a dotted name"),
    (L, "{launcher: x, flags: {nnodes: --n}}", 7, "nnodes"),
    (L, "{launcher: x, flags: {--nnodes: n}}", 7, "must be a flag such as --nnodes"),
    (L, "{launcher: x, flags: {--a: --b}, divide: {--a: --c}}", 7, "flags do not have both --a and --c"),
    (V, "{launcher: x}", 7, "a variable cannot become a launcher"),
    (V, "{rename: CUDA_VISIBLE_DEVICES}", 7, "that is the name that it has already"),
    (V, "{remove: false}", 7, "remove"),
    ("{variable: [A, B]}", "{rename: C}", 6, "one name can be renamed, not several"),
    ("{variable: ['NCCL_*']}", "{rename: C}", 6, "one name can be renamed, not several"),
    ("{variable: ['*X']}", "{remove: true}", 6, "must be the name of a variable"),
]


@pytest.mark.parametrize(("match", "action", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, match: str, action: str, line: int, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules(tmp_path, match, action)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_removal_cannot_be_expected(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"r\.yaml:8: r: a second run finds nothing to remove; leave out the minimum"):
        rules(tmp_path, V, "{remove: true}\n    expect: 1")


def test_two_rules_for_one_launcher(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    text = HEAD.replace("MATCH", L).replace("ACTION", "{launcher: x}")
    path.write_text(text + text.partition("rules:\n")[2].replace("id: r", "id: s"))
    with pytest.raises(RuleError, match="both rewrite launcher, torchrun"):
        load_rules(str(path))


RENAMED = [
    "export X=0,1 B=2\n",
    "X=0 python a.py; X=1\n",
    "export X; unset X; readonly X=3\n",
    'echo $X ${X:-0} ${#X} "a ${X}" $((X + 1)) ${X[0]}\n',
    "env X=1 a; docker run -e X=1 -e X --env=X=2 img; srun --export=ALL,X=1 a\n",
    'bash -c "X=1 a $X"\n',
    "cat > a.sh <<EOF\nexport X=\\$X\nEOF\n",
    "[[ -v X ]] && read -r X\n",
    'IFS=, read -ra Y <<< "$X"\n',
]


@pytest.mark.parametrize("text", RENAMED)
def test_renamed_variable(text: str, tmp_path: Path) -> None:
    chosen = rules(tmp_path, V, "{rename: ASCEND_RT_VISIBLE_DEVICES}")
    before = text.replace("X", "CUDA_VISIBLE_DEVICES")
    check_transformed(before, text.replace("X", "ASCEND_RT_VISIBLE_DEVICES"), chosen, path=PATH)


REMOVED = [
    ("a\nexport X=1\nb\n", "a\nb\n"),
    ("X=1 a\n", "a\n"),
    ("export A=1 X=2 B=3\n", "export A=1 B=3\n"),
    ("if a; then\n  X=1\nfi\n", "if a; then\n  :\nfi\n"),
    ("a && export X=1; b\n", "a && :; b\n"),
    ("env X=1 A=2 a; docker run -e X=1 img\n", "env A=2 a; docker run img\n"),
    ("unset X\n", ""),
]


@pytest.mark.parametrize(("before", "after"), REMOVED)
def test_removed_variable(before: str, after: str, tmp_path: Path) -> None:
    chosen = rules(tmp_path, "{variable: [X]}", "{remove: true}")
    check_transformed(before, after, chosen, path=PATH)
    assert bash_accepts(after)


def test_removed_variable_that_is_used(tmp_path: Path) -> None:
    result = shell("X=1\na $X\npython -c 'X'\n", rules(tmp_path, "{variable: [X]}", "{remove: true}"))
    assert result.after == b"a $X\npython -c 'X'\n"
    assert [left.line for left in result.left] == [2, 3]


def test_unsupported_and_kept_variables(tmp_path: Path) -> None:
    text = "export NCCL_DEBUG=INFO\nNCCL_X=1 a $NCCL_Y\n"
    result = shell(text, rules(tmp_path, "{variable: ['NCCL_*']}", "{unsupported: HCCL has HCCL_ variables}"))
    assert result.after is None
    assert [(left.line, left.reason) for left in result.left] == [(n, "HCCL has HCCL_ variables") for n in (1, 2)]
    result = shell(text, rules(tmp_path, "{variable: ['NCCL_*']}", "{keep: not read}"))
    assert (result.left, [kept.reason for kept in result.kept]) == ([], ["not read", "not read"])


def test_variable_in_text(tmp_path: Path) -> None:
    chosen = rules(tmp_path, V, "{rename: ASCEND_RT_VISIBLE_DEVICES}")
    result = shell("echo CUDA_VISIBLE_DEVICES\npython -c 'CUDA_VISIBLE_DEVICES'\n# CUDA_VISIBLE_DEVICES\n", chosen)
    assert result.after is None
    assert [kept.line for kept in result.kept] == [1]
    assert [left.line for left in result.left] == [2]


def test_rule_has_words(tmp_path: Path) -> None:
    (rule,) = rules(tmp_path, L, "{launcher: x, module: a.b}").of(ShellRule)
    assert set(rule.words() or ()) == {"torchrun", "x", "a.b"}
