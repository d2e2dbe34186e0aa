"""Random modules in both styles: what Python makes of them stays the same, and so do the bytes around the edits."""

from __future__ import annotations

import io
import tokenize
import warnings
from random import Random

import hypothesmith
import pytest
from convert_checks import convert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import Program, trace

STYLES = ("alias", "rename")
IMPORTS = [
    "import torch", "import torch.nn as nn", "from torch import nn", "import torch.nn.functional", "import os, torch",
    "from torch.nn import (\n    Linear,  # torch\n    functional as F,\n)", "x = torch.x(torch=torch), 'torch.x'",
    "def f(torch=torch): return torch.y", "f'{torch.x!r:>{torch.y}} torch'", "class torch_: y: 'torch.T' = torch.z",
]  # fmt: skip


def compiles(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<module>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def check_same_behaviour(source: str) -> tuple[int, int]:
    """How many things the program shows, and in how many styles every name could be converted."""
    before = trace(source)
    whole = 0
    for style in STYLES:
        result = convert(source, style=style)
        assert (result.skipped, result.left) == (None, [])
        after = source if result.after is None else result.after.decode()
        assert trace(after) == before, f"{style}:\n{source}\n--- becomes\n{after}"
        assert convert(after, style=style).edits == []
        whole += not result.kept
    return len(before), whole


@pytest.mark.parametrize("block", range(8))
def test_programs_do_the_same(block: int) -> None:
    events = whole = tried = 0
    for seed in range(block * 320, block * 320 + 320):
        source = Program(Random(seed)).source
        if compiles(source):
            shown, converted = check_same_behaviour(source)
            tried, events, whole = tried + 1, events + shown, whole + converted
    # The programs are worth running: most are Python, they show a lot, and renaming seldom gives up.
    assert tried > 150
    assert events > 4 * tried
    assert whole > 1.25 * tried


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_programs_that_can_be_reduced(random: Random) -> None:
    source = Program(random).source
    if compiles(source):
        check_same_behaviour(source)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """A module in Python's whole grammar, with statements about ``torch`` between its own."""
    lines = draw(hypothesmith.from_grammar(auto_target=False)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(IMPORTS)) + "\n")
    source = "".join(lines)
    return source if compiles(source) else "\n".join([*draw(st.lists(st.sampled_from(IMPORTS), min_size=1)), ""])


def renamed_back(source: str) -> list[tuple[int, str]]:
    """The tokens outside import statements, with the new name in its old spelling."""
    tokens = []
    in_import = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE):
            in_import = in_import and token.type != tokenize.NEWLINE
        if token.type == tokenize.NAME and token.string in ("import", "from"):
            in_import = True
        if not in_import:
            tokens.append((token.type, token.string.replace("mindtorch", "torch")))
    return tokens


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(modules(), st.sampled_from(STYLES))
def test_modules_in_the_whole_grammar(source: str, style: str) -> None:
    result = convert(source, style=style)
    assert result.left == []
    if result.skipped is not None:
        assert "import *" in result.skipped.reason or "mindtorch" in source, result.skipped
        return
    after = source if result.after is None else result.after.decode()
    compile(after, "<after>", "exec", dont_inherit=True)
    assert convert(after, style=style).edits == []
    try:
        before_tokens = renamed_back(source)
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return  # only the real parser understands this
    assert renamed_back(after) == before_tokens
