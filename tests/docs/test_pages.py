"""What the pages say is there: files, commands, options, variables; both READMEs say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from ms_convert.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/data/*.md")])
READMES = ("README.md", "README.zh-CN.md")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """The lines of the fenced blocks without a language, comments cut off."""
    blocks = re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_that_are_named_exist(page: Path) -> None:
    for script in re.findall(
        r"`(?:python )?((?:tools|benchmarks|examples|tests|convert|rules|shims)/[\w./-]+)", page.read_text()
    ):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("readme", [*READMES, "CONTRIBUTING.md"])
def test_options_and_targets_exist(readme: str) -> None:
    group = typer.main.get_command(app)
    every = [group, *group.commands.values(), *group.commands["rules"].commands.values()]
    known = {o for command in every for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    targets = set(re.findall(r"^([\w-]+):", text("Makefile"), re.MULTILINE))
    variables = set(re.findall(r"^(\w+) [?:]=", text("Makefile"), re.MULTILINE))
    used = commands(text(readme)) + re.findall(r"`(make [^`]+)`", text(readme))
    assert used
    for line in used:
        words = line.split()
        if words[:1] == ["ms-convert"]:
            assert {w for w in words if w.startswith("-")} <= known, line
        elif words[:1] == ["make"]:
            assert all(w in targets or w.split("=")[0] in variables for w in words[1:]), line


@pytest.mark.parametrize("readme", READMES)
def test_environment_variables_are_read(readme: str) -> None:
    sources = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "shims").rglob("*.py"))
    for variable in set(re.findall(r"MINDTORCH_\w+", text(readme))):
        assert f'"{variable}"' in sources, variable


def test_both_readmes_say_the_same() -> None:
    english, chinese = (text(name) for name in READMES)
    assert commands(english) == commands(chinese)
    assert len(re.findall(r"^## ", english, re.MULTILINE)) == len(re.findall(r"^## ", chinese, re.MULTILINE))
    tables = [
        [re.findall(r"\d[\d.]*", row) for row in page.splitlines() if row.startswith("|")]
        for page in (english, chinese)
    ]
    assert tables[0] == tables[1]
