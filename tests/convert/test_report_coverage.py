"""Coverage: what counts as a use, what is unsupported, what it asks for."""

from __future__ import annotations

from typing import Any

import pytest
import report_checks
from convert_checks import convert, llm_rules
from ms_convert.language.ruleset import RuleSet, load_rules
from ms_convert.outcome import ApiUse, Outcome
from ms_convert.report import coverage as coverage_module
from ms_convert.report.coverage import EFFORTS, Coverage, UnsupportedApi, cover
from ms_convert.support import NoSupportTable, SupportTable

TABLE = SupportTable({
    "version": 1,
    "package": "mindtorch",
    "api": "torch",
    "level": "2.7",
    "modules": {
        "torch": {"names": "add float16", "classes": {"Tensor": "torch.Tensor"}},
        "torch.nn": {"names": "Linear"},
        "torch.cuda": {"placeholders": {"graph": "run it without a graph"}},
    },
    "classes": {"torch.Tensor": {"members": "add_"}},
})  # fmt: skip


def of(files: dict[str, str], rules: RuleSet | None = None) -> Coverage:
    rules = rules or llm_rules()
    outcomes = {path: convert(source, rules, path=path).outcome for path, source in files.items()}
    return cover(outcomes, rules, TABLE)


def test_counting() -> None:
    found = of({
        "a.py": "import torch\nimport torch.nn as nn\nfrom torch import Tensor\nfrom torch.nn import *\n"
        "torch.add(1, 2)\ntorch.add(3, 4)\nx = torch.float16.itemsize\nnn.Linear\nTensor.add_\nTensor.sub_\n"
        "torch.vmap\n",
        "b.py": "import torch\ntorch.vmap\nfrom torch.nn import Conv9d\n",
    })  # fmt: skip
    assert found.supported == {
        "torch.add": 2, "torch.float16": 1, "torch.nn.Linear": 1, "torch.Tensor": 1, "torch.Tensor.add_": 1,
    }  # fmt: skip
    assert [(api.name, api.uses, api.places) for api in found.unsupported] == [
        ("torch.vmap", 2, {"a.py": [11], "b.py": [2]}),
        ("torch.Tensor.sub_", 1, {"a.py": [10]}),
        ("torch.nn.Conv9d", 1, {"b.py": [3]}),
    ]
    assert (found.uses, found.rate) == (10, 60.0)
    by_line = [(line, api.name) for line, api, _ in found.by_file()["a.py"]]
    assert by_line == [(10, "torch.Tensor.sub_"), (11, "torch.vmap")]


def test_converted_trees_count_the_same() -> None:
    before, after = (
        cover({"a.py": Outcome(uses=[ApiUse(f"{root}.add", 1), ApiUse(f"{root}.vmap.x", 2)])}, llm_rules(), TABLE)
        for root in ("torch", "mindtorch")
    )
    assert before.supported == after.supported == {"torch.add": 1}
    assert [api.name for api in before.unsupported] == [api.name for api in after.unsupported] == ["torch.vmap"]


def test_guarded_uses_are_optional() -> None:
    found = of({
        "a.py": "import torch\ntry:\n    from torch.fx import Graph\nexcept ImportError:\n    Graph = None\n"
        "torch.fx.Graph.x\ntorch.fx.wrap\n",
        "b.py": "import torch\ntorch.fx.Graph\n",
        "c.py": "try:\n    import torch.vmap\n    from torch import add\nexcept ImportError:\n    pass\n",
    })  # fmt: skip
    fx, vmap = found.unsupported
    assert (fx.name, fx.places, fx.optional) == ("torch.fx", {"a.py": [7], "b.py": [2]}, {"a.py": [3, 6]})
    assert (vmap.name, vmap.places, vmap.optional, vmap.effort) == ("torch.vmap", {}, {"c.py": [2]}, "optional")
    assert [api.name for api in found.needed] == ["torch.fx"]
    assert (found.uses, found.supported) == (3, {"torch.add": 1})


RULES = """\
version: 1
include: [torch.yaml]
rules:
  - id: no-engine
    kind: import
    why: There is none.
    match: {module: some_engine}
    action: {unsupported: use the local layers}
    examples: [{unchanged: "import some_engine\\n"}]
  - id: no-add
    kind: api
    why: Not here.
    match: {name: torch.add}
    action: {unsupported: use the operator}
    examples: [{unchanged: "import other\\n"}]
  - id: no-add-under-conditions
    kind: api
    why: Not here.
    match: {name: torch.nn.Linear, arguments: {bias: given}}
    action: {unsupported: without bias}
    examples: [{unchanged: "import other\\n"}]
  - id: vision
    kind: import
    why: Elsewhere.
    match: {module: torchvision}
    action: {module: other_vision}
    examples: [{before: "import torchvision\\n", after: "import other_vision as torchvision\\n"}]
"""


def test_packages(tmp_path: Any) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    rules = load_rules(str(tmp_path / "rules.yaml"))
    found = of({
        "a.py": "import some_engine.layers as e\ne.Linear\nimport torchvision\ntorchvision.models\n"
        "import torch\ntorch.float16\ntorch.nn.Linear(1)\n",
        "b.py": "try:\n    import some_engine as e\nexcept ImportError:\n    e = None\n",
    }, rules)  # fmt: skip
    (api,) = found.unsupported
    assert (api.name, api.status, api.hint) == ("some_engine", "package", "use the local layers")
    assert (api.places, api.optional, api.effort) == ({"a.py": [1, 2]}, {"b.py": [2]}, "workaround")
    assert api.names == {"some_engine.layers": 1, "some_engine.layers.Linear": 1, "some_engine": 1}
    assert (found.uses, found.supported) == (4, {"torch.float16": 1, "torch.nn.Linear": 1})
    (api,) = of({"a.py": "import torch\ntorch.add(1)\n"}, rules).unsupported
    assert (api.name, api.status, api.hint, api.places) == ("torch.add", "missing", "use the operator", {"a.py": [2]})


@pytest.mark.parametrize(
    ("effort", "name", "status", "hint", "places", "names"),
    [
        ("workaround", "torch.cuda.graph", "placeholder", "do without", {"a.py": [1], "b.py": [1]}, []),
        ("tests", "torch.testing", "missing", "", {"tests/a.py": [1], "pkg/test_b.py": [1], "c_test.py": [2]}, []),
        ("tests", "torch._C._x", "missing", "", {"test/conftest.py": [1]}, []),
        ("device", "torch.xpu", "missing", "", {"a.py": [1], "b.py": [1]}, ["torch.xpu.empty_cache"]),
        ("device", "torch.backends.mps", "missing", "", {"a.py": [1]}, []),
        ("private", "torch._C._x", "missing", "", {"a.py": [1], "b.py": [1]}, []),
        ("one-file", "torch.vmap", "missing", "", {"a.py": [1, 2, 3]}, []),
        ("one-file", "torch.fx", "missing", "", {"attest.py": [1]}, ["torch.fx.Graph"]),
        ("module", "torch.fx", "missing", "", {"a.py": [1], "b.py": [1]}, ["torch.fx.Graph"]),
        ("api", "torch.vmap", "missing", "", {"a.py": [1], "tests/b.py": [1]}, ["torch.vmap"]),
        ("api", "torch.nn.Conv9d", "missing", "", {"a.py": [1], "b.py": [1]}, ["torch.nn.Conv9d.forward"]),
        ("api", "torch.cuda.graph", "placeholder", "", {"a.py": [1], "b.py": [1]}, ["torch.cuda.graph.x"]),
        ("optional", "torch.vmap", "missing", "a hint", {}, []),
    ],
)
def test_efforts(
    effort: str, name: str, status: str, hint: str, places: dict[str, list[int]], names: list[str]
) -> None:
    api = UnsupportedApi(name, status, hint, places, {"z.py": [1]})
    api.names.update(names)
    assert api.effort == effort
    assert effort in EFFORTS


def test_counts_by_effort() -> None:
    one = "import torch\ntorch.vmap\ntorch.vmap\ntorch.cuda.graph\n"
    found = of({"a.py": one, "b.py": "import torch\ntorch.vmap\n"})
    assert found.efforts() == {"workaround": (1, 1), "api": (1, 3)}
    assert found.as_json()["efforts"] == {"workaround": {"apis": 1, "uses": 1}, "api": {"apis": 1, "uses": 3}}


def test_the_rate_is_rounded_down() -> None:
    api = UnsupportedApi("torch.vmap", "missing", places={"a.py": [1]})
    found = Coverage("mindtorch", "2.7", unsupported=[api])
    found.supported["torch.add"] = 9999
    assert found.rate == pytest.approx(99.99)
    assert found.rate_text == "99.9 %"
    assert Coverage("mindtorch").rate_text == "100.0 %"


def test_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> SupportTable:
        raise NoSupportTable("mindtorch is not installed here, so what it supports is not known")

    monkeypatch.setattr(coverage_module, "load_support", missing)
    found = cover({"a.py": Outcome(uses=[ApiUse("torch.add", 1)])}, llm_rules())
    assert (found.rate, found.rate_text, found.needed) == (None, "unknown", [])
    assert found.as_json() == {"known": False, "reason": found.unknown}


def test_with_the_table_of_mindtorch(tmp_path: Any) -> None:
    report = report_checks.report_on(report_checks.make_tree(tmp_path))
    found = {api.name: (api.effort, api.uses, api.optional_uses) for api in report.coverage.unsupported}
    assert found == {
        "torch.fx": ("module", 6, 0),
        "torch._C._secret": ("private", 1, 0),
        "torch.sparse_csr_tensor": ("tests", 1, 0),
        "torch.hub.load": ("workaround", 1, 0),
        "torch.export": ("optional", 0, 2),
    }
    assert report.coverage.supported == {"torch.ones": 1}
    assert report.coverage.rate == 10.0
