"""Requirement rules in requirements files, pyproject.toml and setup.cfg."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from convert_checks import check_noop, check_transformed, convert
from hypothesis import given, settings
from hypothesis import strategies as st
from ms_convert.config.requirement_lines import requirements_file
from ms_convert.errors import ConvertError, RuleError
from ms_convert.kinds.requirement import RequirementRule
from ms_convert.language.ruleset import RuleSet, load_rules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[2] / "docs" / "rules" / "requirement.md"
RULE = """\
  - id: {id}
    kind: requirement
    why: because
    match: {{name: {name}}}
    action: {{{action}}}
    examples:
      - unchanged: ""
"""


def _load(tmp_path: Path, *rules: str) -> RuleSet:
    path = tmp_path / "r.yaml"
    path.write_text("version: 1\nrules:\n" + "".join(rules))
    return load_rules(str(path))


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    """torch is replaced, NVIDIA's wheels are removed, apex has a hint."""
    return _load(
        tmp_path,
        RULE.format(id="torch", name="[torch, torchvision, Torch_Vision]", action='replace: "mindspore==2.10.0"'),
        RULE.format(id="nvidia", name='["nvidia-*", triton]', action="remove: true"),
        RULE.format(id="apex", name="[apex]", action="unsupported: use mindtorch's optimizers"),
    )


LINES = [
    ("torch\n", "mindspore==2.10.0\n"),
    ("torch", "mindspore==2.10.0"),
    ("numpy\ntorch>=2.1,<2.3  # the trainer\nscipy\n", "numpy\nmindspore==2.10.0  # the trainer\nscipy\n"),
    ("  Torch == 2.1\t\r\nnumpy\r\n", "  mindspore==2.10.0\t\r\nnumpy\r\n"),
    ("torch[opt-einsum]~=2.1\n", "mindspore==2.10.0\n"),
    ("torch==2.1 ; python_version < '3.12'\n", "mindspore==2.10.0 ; python_version < '3.12'\n"),
    ("torch==2.1;sys_platform=='linux' # x\n", "mindspore==2.10.0;sys_platform=='linux' # x\n"),
    ("torch @ https://x.org/torch-2.1.whl\n", "mindspore==2.10.0\n"),
    ("torch @ https://x.org/a;b ; os_name=='posix'\n", "mindspore==2.10.0 ; os_name=='posix'\n"),
    ("torch \\\n  >=2.1, \\\n  <2.3\nnumpy\n", "mindspore==2.10.0\nnumpy\n"),
    ("torch>=2.1 \\\n  ; python_version<'3.12'\n", "mindspore==2.10.0 \\\n  ; python_version<'3.12'\n"),
    (
        "torch==2.1; os_name=='a'\ntorch==2.2; os_name=='b'\n",
        "mindspore==2.10.0; os_name=='a'\nmindspore==2.10.0; os_name=='b'\n",
    ),
    ("torch\ntorchtext\ntorch.vision\ntorch_vision==1\n", "mindspore==2.10.0\ntorchtext\n"),
    ("torch\nmindspore==2.10.0\n", "mindspore==2.10.0\n"),
    ("nvidia-cublas-cu12==1 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n    # via torch\nnumpy\n", "numpy\n"),
    ("a\nnvidia.nccl_cu12\n    # via\n    #   torch\n    #   x\n# free\nb\n", "a\n# free\nb\n"),
    ("a\ntriton", "a\n"),
    ("\ufefftorch\n", "\ufeffmindspore==2.10.0\n"),
    ("torch\rnumpy\r", "mindspore==2.10.0\rnumpy\r"),
    ("triton # ms-convert: ignore[torch]\nnumpy\n", "numpy\n"),
]


@pytest.mark.parametrize(("before", "after"), LINES)
def test_requirements_file(rules: RuleSet, before: str, after: str) -> None:
    check_transformed(before, after, rules, path="requirements.txt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# torch\n",
        "#torch \\\n#nvidia-x\n",
        "mindspore == 2.10.0\n",
        "torchaudio\npytorch\ntorch-npu\n",
        "-r torch.txt\n-c torch\n--index-url https://download.pytorch.org/whl/torch\n--extra-index-url=https://torch/\n",
        "numpy  # not torch\n",
        "./libs/other-1.0.whl\ngit+https://x.org/other.git@torch#egg=other\n",
        "not a line of pip's {{\n",
        "numpy \\\n",
    ],
)
def test_unchanged(rules: RuleSet, text: str) -> None:
    check_noop(text, rules, path="requirements/base.txt")


LEFT = [
    ("torch==2.1 --hash=sha256:aa\n", 1, "hashes that would not fit"),
    ("a\ntorch==2.1 \\\n    --hash=sha256:aa\n", 2, "hashes"),
    ("torch --config-settings=x=y\n", 1, "options"),
    ("torch=2.1\n", 1, "not a requirement"),
    ("https://download.pytorch.org/whl/torch-2.1.0-cp310-cp310-linux_x86_64.whl\n", 1, "not a requirement"),
    ("-e git+https://github.com/pytorch/pytorch.git#egg=torch\n", 1, "not a requirement"),
    ("git+https://x.org/torch.git@v1\n", 1, "not a requirement"),
    ("torch>=2.*.1\n", 1, "not a requirement"),
    ("apex\n", 1, "use mindtorch's optimizers"),
    ("./apex-0.1.tar.gz\n", 1, "use mindtorch's optimizers"),
]


@pytest.mark.parametrize(("text", "line", "reason"), LEFT)
def test_left(rules: RuleSet, text: str, line: int, reason: str) -> None:
    result = convert(text, rules, path="requirements.txt")
    assert result.after is None
    (left,) = result.left
    assert left.line == line
    assert reason in left.reason


def test_marker_of_the_replacement(tmp_path: Path) -> None:
    action = "replace: \"mindspore>=2.10; sys_platform == 'linux'\""
    rules = _load(tmp_path, RULE.format(id="a", name="[torch]", action=action))
    after = "mindspore>=2.10; sys_platform == 'linux'\n"
    check_transformed("torch; python_version<'3'\n", after, rules, path="requirements.txt")
    url = _load(tmp_path, RULE.format(id="a", name="[torch]", action='replace: "m @ https://x.org/m.whl"'))
    check_transformed("torch;os_name=='a'\n", "m @ https://x.org/m.whl ;os_name=='a'\n", url, path="requirements.txt")


def test_pinning_the_same_package(tmp_path: Path) -> None:
    rules = _load(tmp_path, RULE.format(id="a", name="[numpy]", action='replace: "numpy<2"'))
    check_transformed("numpy>=1.26\nnumpy <2\n", "numpy <2\n", rules, path="requirements.txt")


def test_matches_are_the_same_in_a_second_run(rules: RuleSet) -> None:
    text = "torch\ntorchvision\nmindspore == 2.10.0\ntorch; os_name=='x'\napex\n"
    first = convert(text, rules, path="requirements.txt")
    assert first.after is not None
    second = convert(first.after, rules, path="requirements.txt")
    assert first.matches == second.matches == {"torch": 2 + 0, "apex": 1}


def test_rules_that_disagree(tmp_path: Path) -> None:
    rules = _load(
        tmp_path,
        RULE.format(id="a", name="[torch]", action='replace: "x"'),
        RULE.format(id="b", name='["*rch"]', action="remove: true"),
    )
    with pytest.raises(ConvertError, match="rules a and b both rewrite line 2: 'torch==1'"):
        convert("q\ntorch==1\n", rules, path="requirements.txt")


def test_not_text(rules: RuleSet) -> None:
    result = convert(b"torch\n\xff\n", rules, path="requirements.txt")
    assert result.skipped is not None
    assert result.skipped.line == 2


def test_which_files(rules: RuleSet) -> None:
    yes = [
        "requirements.txt",
        "a/requirements-dev.txt",
        "requirements/x.txt",
        "a/requirements/b/c.in",
        "constraints.txt",
    ]
    yes += ["pyproject.toml", "a/setup.cfg", "dev_requirements.txt"]
    assert [path for path in yes if not rules.is_about(path)] == []
    no = ["notes.txt", "requirements.md", "requirements/README.md", "setup.py", "other.toml", "CMakeLists.txt"]
    assert [path for path in no if rules.is_about(path)] == []


PYPROJECT = """\
# head
[build-system]
requires = ["setuptools", 'torch>=2', "wheel"]  # torch
[project]
name = "torch"
dependencies = [
  "torch>=2.1 ; python_version<'3.12'",  # the trainer
  # NVIDIA's
  "nvidia-nccl-cu12",  # collectives
  "numpy",
  "triton"
]
[project.optional-dependencies]
"gpu.x" = ["nvidia-a", "nvidia-b", "x"]
dev = ["pytest", "triton"]
only = ["triton"]
both = ["torch", "torchvision", "mindspore"]
[dependency-groups]
all = [{include-group = "dev"}, "torch"]
[tool.other]
dependencies = ["torch"]
[tool.poetry.dependencies]
python = "^3.10"
torch = "^2.1" # t
triton = {version = "*", optional = true} # gone
[tool.poetry.group.dev.dependencies.nvidia-x]
version = "1"

[tool.poetry.group.docs]
optional = true
"""
PYPROJECT_AFTER = """\
# head
[build-system]
requires = ["setuptools", 'mindspore==2.10.0', "wheel"]  # torch
[project]
name = "torch"
dependencies = [
  "mindspore==2.10.0 ; python_version<'3.12'",  # the trainer
  # NVIDIA's
  "numpy"
]
[project.optional-dependencies]
"gpu.x" = ["x"]
dev = ["pytest"]
only = []
both = ["mindspore==2.10.0", "mindspore"]
[dependency-groups]
all = [{include-group = "dev"}, "mindspore==2.10.0"]
[tool.other]
dependencies = ["torch"]
[tool.poetry.dependencies]
python = "^3.10"
mindspore = "==2.10.0" # t

[tool.poetry.group.docs]
optional = true
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pyproject(rules: RuleSet, end: str) -> None:
    before, after = (text.replace("\n", end) for text in (PYPROJECT, PYPROJECT_AFTER))
    check_transformed(before, after, rules, path="sub/pyproject.toml")


TOML_LEFT = [
    ('[project]\ndependencies = ["torch @@ bad"]\n', "not a requirement"),
    ('[project]\ndependencies = ["apex"]\n', "optimizers"),
    ('[tool.poetry.dependencies]\ntorch = {version = "2", source = "x"}\n', "is a table"),
    ('[tool.poetry]\ndependencies = {torch.version = "2"}\n', "inline table"),
    ('[tool.poetry.dependencies]\nmindspore = "1"\ntorch = "2"\n', 'mindspore = "1" is in the same table'),
]


@pytest.mark.parametrize(("text", "reason"), TOML_LEFT)
def test_left_in_pyproject(rules: RuleSet, text: str, reason: str) -> None:
    result = convert(text, rules, path="pyproject.toml")
    assert result.after is None
    assert [reason in left.reason for left in result.left] == [True]


def test_broken_pyproject(rules: RuleSet) -> None:
    result = convert("[project]\ndependencies = [torch]\n", rules, path="pyproject.toml")
    assert result.skipped is not None
    assert result.skipped.line == 2
    assert "not valid TOML" in result.skipped.reason


def test_ignored_entries_keep_their_commas(rules: RuleSet) -> None:
    before = '[project]\ndependencies = [\n  "a",\n  "triton", # ms-convert: ignore[nvidia]\n  "nvidia-x"\n]\n'
    result = convert(before, rules, path="pyproject.toml")
    assert (result.left, result.kept) == ([], [])
    assert result.after is not None
    assert tomllib.loads(result.after.decode())["project"]["dependencies"] == ["a", "triton"]


CFG = """\
[metadata]
name = torch
[options]
install_requires =
    torch>=2  # why
    # torch
    numpy
    triton
setup_requires = torch
python_requires = >=3.8
[options.extras_require]
gpu =
    nvidia-x
[other]
install_requires =
    torch
"""
CFG_AFTER = """\
[metadata]
name = torch
[options]
install_requires =
    mindspore==2.10.0  # why
    # torch
    numpy
setup_requires = mindspore==2.10.0
python_requires = >=3.8
[options.extras_require]
gpu =
[other]
install_requires =
    torch
"""


def test_setup_cfg(rules: RuleSet) -> None:
    check_transformed(CFG, CFG_AFTER, rules, path="setup.cfg")
    (left,) = convert("[options]\ninstall_requires = torch; numpy\n", rules, path="setup.cfg").left
    assert left.line == 2


GOOD = RULE.format(id="a", name="[torch]", action="remove: true")
WRONG = [
    (GOOD.replace("name: [torch]", "nam: [torch]"), 6, "'nam' is not known; did you mean 'name'?"),
    (GOOD.replace("[torch]", "torch"), 6, "match.name: must be a list"),
    (GOOD.replace("[torch]", "[]"), 6, "match.name"),
    (GOOD.replace("[torch]", "['torch==2']"), 6, "'torch==2' is not right; must be the name of a package"),
    (GOOD.replace("[torch]", "['a*b*c*d*']"), 6, "'a*b*c*d*' has too many stars: at most 3"),
    (GOOD.replace("remove: true", "remove: false"), 7, "action.remove: False is not one of True"),
    (GOOD.replace("remove: true", "remove: true, replace: x"), 7, "must have one of replace, remove and unsupported"),
    (GOOD.replace("remove: true", ""), 7, "must have one of replace, remove and unsupported"),
    (GOOD.replace("remove: true", "replace: 'mindspore=2'"), 7, "'mindspore=2' is not a requirement, such as"),
    (GOOD.replace("remove: true", "replace: 'a, b'"), 7, "'a, b' is not a requirement"),
    (GOOD.replace("    match: {name: [torch]}\n", ""), 3, "'match' is missing"),
    (GOOD.replace("why: because", "why: because\n    expect: 1"), 6, "a second run would not find what is removed"),
]


@pytest.mark.parametrize(("rule", "line", "message"), WRONG)
def test_wrong_rule(tmp_path: Path, rule: str, line: int, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        _load(tmp_path, rule)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'r.yaml'}:{line}: ")
    assert message in said
    assert "\n" not in said


def test_rule_in_the_docs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(version: 1\n.*?)```", DOCS.read_text(), re.DOTALL)
    path = tmp_path / "r.yaml"
    path.write_text(block)
    rules = load_rules(str(path))
    assert rules.of(RequirementRule)
    for rule in rules.rules:
        for example in rule.examples:
            assert example.before is not None
            if example.before == example.after:
                check_noop(example.before, RuleSet((rule,)), path=example.path)
            else:
                assert example.after is not None
                check_transformed(example.before, example.after, RuleSet((rule,)), path=example.path)


ENTRY = st.sampled_from(
    [
        "torch", "torch==2.1", "Torch[x]>=2 ; os_name == 'a'", "numpy", "nvidia-a", "nvidia_b==1", "scipy>=1,<2",
        "triton", "torchvision", "mindspore==2.10.0", "torch @ https://x.org/t.whl",
    ]
)  # fmt: skip
NOISE = st.sampled_from(["# torch", "", "   ", "-r torch.txt", "--pre", "# a \\"])
SEPARATOR = st.sampled_from([", ", ",", ",\n  ", ' , # torch, "\n', "\n,"])
TAIL = st.sampled_from(["", "  # torch", " ", " \\\n"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.one_of(ENTRY, NOISE), TAIL), max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_random_requirements_files(lines: list[tuple[str, str]], end: str, final: bool) -> None:
    rules = _property_rules()
    text = "\n".join(line + tail for line, tail in lines).replace("\n", end) + (end if final else "")
    result = convert(text, rules, path="requirements.txt")
    assert (result.left, result.skipped) == ([], None)
    after = (result.raw if result.after is None else result.after).decode()
    names = [place.name for place in requirements_file(text).places]
    assert [place.name for place in requirements_file(after).places if place.name != "mindspore"] == [
        name for name in names if name in ("numpy", "scipy")
    ]
    assert ("mindspore" in after) == any(name in ("torch", "torchvision", "mindspore") for name in names)
    check_noop(after, rules, path="requirements.txt")
    # A comment on the lines of an entry goes with it.
    if all("\n" not in tail for _, tail in lines):
        kept = [line + tail for line, tail in lines if line.startswith("#")]
        assert [line for line in after.split(end) if line.startswith("#")] == kept


def _property_rules() -> RuleSet:
    head = {"why": "because", "mark": None, "paths": ("requirements.txt", "pyproject.toml")}
    torch = RequirementRule(id="t", names=("torch", "torchvision"), replacement="mindspore==2.10.0", **head)
    return RuleSet((torch, RequirementRule(id="n", names=("nvidia-*", "triton"), **head)))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(ENTRY, SEPARATOR), max_size=6), st.booleans())
def test_random_arrays(items: list[tuple[str, str]], trailing: bool) -> None:
    rules = _property_rules()
    body = "".join(f'"{item}"{separator}' for item, separator in items)
    if items and not trailing:
        body = body[: -len(items[-1][1])]
    before = f"[project]\nname = 'x' # c\ndependencies = [{body}] # torch\n[tool.x]\ny = 1\n"
    result = convert(before, rules, path="pyproject.toml")
    assert (result.left, result.skipped) == ([], None)
    after = (result.raw if result.after is None else result.after).decode()
    data = tomllib.loads(after)
    assert (data["project"]["name"], data["tool"]) == ("x", {"x": {"y": 1}})
    dependencies = data["project"]["dependencies"]
    assert [name for name in dependencies if not name.startswith("mindspore")] == [
        name for name, _ in items if name.startswith(("numpy", "scipy"))
    ]
    check_noop(after, rules, path="pyproject.toml")
