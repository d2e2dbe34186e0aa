"""Generated modules: imports of every form between other statements, in every kind of block."""

from __future__ import annotations

import ast
from typing import Any

from convert_checks import convert, imports_mapped_back, without_imports
from hypothesis import given, settings
from hypothesis import strategies as st
from ms_convert.python.sourcefile import SourceFile

MODULES = [
    "torch", "torch.nn", "torch.nn.functional", "torch.distributed", "os", "os.path", "torchvision", "torch_npu.x",
    "modelopt.torch", "mindspore", "_torch",
]  # fmt: skip
NAMES = ["nn", "Tensor", "torch", "functional as F", "x as torch", "é as ü"]
OTHER = [
    "x = 1", "'import torch'", "'''import torch\nfrom torch import nn\n'''", "# import torch",
    "y = 'é', '火', '\U0001f600'",
    "torch.nn(torch=torch)", "x = [\n  torch,  # torch\n\n  'torch',\n]", "if (torch): pass", "x = 1; y = 2 ;", "pass",
    "z = x \\\n  + 1", "f'{torch}é{x!r}'", "\x0c", "", "   ", "@torch.no_grad()\ndef f(torch=torch): return torch",
    "importlib.import_module(torch)", "lambda: torch",
]  # fmt: skip
BLOCKS = [
    "if torch:", "def f():", "class torch:", "async def g():", "for torch in x:", "while 0:", "with torch as torch:",
    "if TYPE_CHECKING:  # torch",
]  # fmt: skip
SPACE = st.sampled_from([" ", "  ", "\t", " \\\n ", " \\\n\\\n\t"])
COMMENT = st.sampled_from(["", "  # import torch", "# é", ";", " ; torch", "\t\x0c"])


@st.composite
def import_statement(draw: st.DrawFn) -> str:
    space = [draw(SPACE) for _ in range(3)]
    if draw(st.booleans()):
        aliases = []
        for _ in range(draw(st.integers(1, 4))):
            module = draw(st.sampled_from(MODULES))
            # "torch" as an alias of a submodule is left to the table of cases: it reads like a plain import.
            alias = draw(st.sampled_from(["", "", " as t", " as torch" if "." not in module else " as F"]))
            aliases.append(module + alias)
        return f"import{space[0]}" + f"{draw(st.sampled_from([',', ', ', ' ,']))}{space[1]}".join(aliases)
    module = draw(st.sampled_from([*MODULES, ".torch", "..", ".", "...torch.nn"]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
    head = f"from{space[0]}{module}{space[1]}import{space[2]}"
    form = draw(st.integers(0, 2))
    if form == 0:
        return head + ", ".join(names)
    if form == 1:
        return head + "(" + ", ".join(names) + ")"
    return head + "(  # torch\n" + "".join(f"\t{name} , # import torch\n\n" for name in names) + ")"


@st.composite
def lines(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """The lines of a block, indented only by what is deeper than it."""
    result: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 5 if depth < 3 else 4))
        if kind < 2:
            result.append(draw(import_statement()) + draw(COMMENT))
        elif kind == 2:
            result.append(draw(import_statement()) + draw(st.sampled_from(["; ", " ;"])) + draw(import_statement()))
        elif kind == 3:
            result.append(draw(st.sampled_from(["if x: ", "try: x\nfinally: "])) + draw(import_statement()))
        elif kind == 4:
            result.append(draw(st.sampled_from(OTHER)))
        else:
            indent = draw(st.sampled_from(["    ", "\t", " "]))
            result.append(draw(st.sampled_from(BLOCKS)))
            result += (indent + line for line in "\n".join([*draw(lines(depth=depth + 1)), "pass"]).split("\n"))
    return "\n".join(result).split("\n")


@st.composite
def modules(draw: st.DrawFn) -> bytes:
    text = "\n".join(draw(lines())) + draw(st.sampled_from(["\n", "", "\n\n"]))
    text = draw(st.sampled_from(["", "# torch\n"])) + text
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


class FakeModule:
    """Stands for any module or attribute: knows the dotted name under which it was reached, and nothing else."""

    __all__ = ("starred",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> FakeModule:
        if name.startswith("__"):
            raise AttributeError(name)
        return FakeModule(f"{self._path}.{name}")


def bound(node: ast.stmt) -> tuple[dict[str, str], set[str]]:
    """What one import statement binds (name: dotted name) when Python runs it, and which modules it imports."""
    imported: set[str] = set()

    def fake_import(name: str, _globals: Any, _locals: Any, fromlist: Any, level: int) -> FakeModule:
        imported.add("." * level + name)
        return FakeModule("." * level + (name if fromlist else name.partition(".")[0]))

    namespace: dict[str, Any] = {"__builtins__": {"__import__": fake_import}}
    exec(compile(ast.Module([node], []), "<import>", "exec"), namespace)
    del namespace["__builtins__"]
    return {name: value._path for name, value in namespace.items()}, imported


def import_nodes(raw: bytes) -> list[ast.stmt]:
    tree = SourceFile.from_bytes(raw).parse()
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))


def as_torch(path: str) -> str:
    root, dot, below = path.partition(".")
    return f"torch{dot}{below}" if root == "mindtorch" else path


def normal_form(raw: bytes) -> str:
    """The tree of unconverted source with ``import torch.nn, torch`` and ``import torch as torch`` in one spelling."""
    tree = SourceFile.from_bytes(raw).parse()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names: list[ast.alias] = []
            for alias in node.names:
                if alias.name == "torch" and alias.asname == "torch":
                    alias.asname = None
                after_submodule = bool(names) and names[-1].name.startswith("torch.") and not names[-1].asname
                if not (alias.name == "torch" and alias.asname is None and after_submodule):
                    names.append(alias)
            node.names = names
    return ast.dump(tree)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(modules())
def test_generated_module(before: bytes) -> None:
    ast.parse(SourceFile.from_bytes(before).text)  # the generator makes Python
    outcome = convert(before)
    assert outcome.skipped is None
    assert outcome.left == []
    after = before if outcome.after is None else outcome.after

    assert without_imports(before) == without_imports(after)
    nodes = list(zip(import_nodes(before), import_nodes(after), strict=True))
    for old, new in nodes:
        names, imported = bound(old)
        new_names, new_imported = bound(new)
        assert {name: as_torch(path) for name, path in new_names.items()} == names
        # A submodule brings its package along, so naming the package besides imports nothing more.
        extra = {as_torch(module) for module in new_imported} ^ imported
        assert extra <= {"torch"}
        assert not any(module.partition(".")[0] == "torch" for module in new_imported)
    assert imports_mapped_back(after) == normal_form(before)

    again = convert(after)
    assert (again.after, again.edits) == (None, [])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")), st.booleans())
def test_arbitrary_bytes_never_break_anything(tail: bytes, same_line: bool) -> None:
    outcome = convert((b"import torch; " if same_line else b"import torch\n") + tail)
    if outcome.after is not None:
        assert outcome.skipped is None
        compile(SourceFile.from_bytes(outcome.after).text, "<after>", "exec")
        assert convert(outcome.after).after is None
    else:
        assert outcome.skipped is not None
