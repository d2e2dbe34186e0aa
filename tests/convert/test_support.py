"""The support table: what the converter reads is what mindtorch has, and it is read without importing mindtorch."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ms_convert.support import NoSupportTable, SupportTable, load_support

SMALL = {
    "version": 1,
    "package": "mindtorch",
    "api": "torch",
    "level": "2.7",
    "modules": {
        "torch": {
            "classes": {"Size": "torch.Size", "Tensor": "torch.Tensor"},
            "modules": {"npu": "torch.cuda"},
            "names": "add float16",
        },
        "torch.cuda": {"names": "is_available", "placeholders": {"graph": "run it without a graph"}},
        "torch.nn": {"classes": {"Linear": "torch.nn.Linear"}},
    },
    "classes": {
        "torch.Size": {"members": "numel", "open": True},
        "torch.Tensor": {"members": "add add_"},
        "torch.nn.Linear": {"bases": ["torch.nn.Module"], "members": "extra_repr"},
        "torch.nn.Module": {"members": "forward"},
    },
}


@pytest.fixture(scope="module")
def table() -> SupportTable:
    return load_support()


@pytest.mark.parametrize(
    ("name", "api", "status"),
    [
        ("torch", "torch", "module"),
        ("torch.nn", "torch.nn", "module"),
        ("torch.add", "torch.add", "supported"),
        ("mindtorch.add", "torch.add", "supported"),
        ("torch.add.__name__", "torch.add", "supported"),
        ("torch.float16.is_floating_point", "torch.float16", "supported"),
        ("torch.Tensor", "torch.Tensor", "supported"),
        ("torch.Tensor.add_", "torch.Tensor.add_", "supported"),
        ("torch.Tensor.add_.__doc__", "torch.Tensor.add_", "supported"),
        ("torch.Tensor.__name__", "torch.Tensor.__name__", "supported"),
        ("torch.Tensor.frobnicate", "torch.Tensor.frobnicate", "missing"),
        ("torch.Tensor.frobnicate.x", "torch.Tensor.frobnicate", "missing"),
        ("torch.Size.index", "torch.Size.index", "supported"),
        ("torch.nn.Linear.forward", "torch.nn.Linear.forward", "supported"),
        ("torch.nn.Linear.backward", "torch.nn.Linear.backward", "missing"),
        ("torch.cuda.graph", "torch.cuda.graph", "placeholder"),
        ("torch.cuda.graph.x", "torch.cuda.graph", "placeholder"),
        ("torch.npu.is_available", "torch.cuda.is_available", "supported"),
        ("torch.npu.graph", "torch.cuda.graph", "placeholder"),
        ("torch.__file__", "torch.__file__", "supported"),
        ("torch.fx.GraphModule", "torch.fx", "missing"),
        ("torch.nn.add", "torch.nn.add", "missing"),
    ],
)
def test_lookup(name: str, api: str, status: str) -> None:
    found = SupportTable(SMALL).lookup(name)
    assert (found.api, found.status) == (api, status)
    assert found.supported == (status in ("supported", "module"))
    assert found.hint == ("run it without a graph" if status == "placeholder" else "")


@pytest.mark.parametrize(
    ("name", "tier", "differs"),
    [
        ("torch.add", "exact", ""),
        ("mindtorch.add.__name__", "exact", ""),
        ("torch.float16", "present", ""),
        ("torch.Tensor.add_", "exact", ""),
        ("torch.Tensor.add", "partial", "slow"),
        ("torch.npu.is_available", "partial", "only one"),
        ("torch.nn.Linear", "present", ""),
        ("torch.cuda.graph", "", ""),
        ("torch.cuda", "", ""),
        ("torch.fx", "", ""),
    ],
)
def test_tiers(name: str, tier: str, differs: str) -> None:
    tiers = {
        "torch": {"exact": "add"},
        "torch.Tensor": {"exact": "add_", "partial": {"add": "slow"}},
        "torch.cuda": {"partial": {"is_available": "only one"}},
    }
    found = SupportTable(SMALL | {"tiers": tiers}).lookup(name)
    assert (found.tier, found.differs) == (tier, differs)
    assert SupportTable(SMALL).lookup(name).tier == ""


def test_the_shipped_table_has_tiers(table: SupportTable) -> None:
    assert table.lookup("torch.add").tier == "exact"
    assert table.lookup("torch.Tensor.add_").tier == "exact"
    compile_ = table.lookup("torch.compile")
    assert (compile_.tier, compile_.differs) == ("partial", "runs the function as it is")
    assert table.lookup("torch.manual_seed").tier == "present"


def test_other_roots_are_refused() -> None:
    with pytest.raises(ValueError, match="torchvision is not below mindtorch or torch"):
        SupportTable(SMALL).lookup("torchvision")


def test_the_table_tells_what_mindtorch_has(table: SupportTable) -> None:
    """Every name of the table can be had, and is a placeholder exactly if the table says so."""
    import mindtorch
    from mindtorch.distributed.fsdp import FullyShardedDataParallel

    placeholder = type(FullyShardedDataParallel)
    count = 0
    for path, entry in table._modules.items():
        module = importlib.import_module(path.replace("torch", "mindtorch", 1))
        for name in (*entry.get("names", "").split(), *entry.get("classes", ())):
            value = getattr(module, name)
            assert not isinstance(value, placeholder), f"{path}.{name}"
            assert table.lookup(f"{path}.{name}").supported
            count += 1
    assert count > 1500
    for name, entry in table._classes.items():
        for member in entry.get("members", "").split():
            assert table.lookup(f"{name}.{member}").supported
    for name in dir(mindtorch.Tensor):
        assert table.lookup(f"torch.Tensor.{name}").supported, name
    assert len(dir(mindtorch.Tensor)) > 400


def test_what_the_table_does_not_have_is_missing_in_mindtorch(table: SupportTable) -> None:
    import mindtorch

    absent = ("fx", "export", "sparse_coo_tensor", "sparse_csr_tensor", "quantize_per_tensor")
    missing = (*absent, "Tensor.to_sparse", "Tensor.frobnicate")
    for name in missing:
        value = mindtorch
        *above, last = name.split(".")
        for part in above:
            value = getattr(value, part)
        assert not hasattr(value, last)
        assert table.lookup(f"torch.{name}").status == "missing"


def test_placeholders_raise_when_used(table: SupportTable) -> None:
    found = table.lookup("torch.distributed.tensor.DTensor.from_local")
    assert found[:2] == ("torch.distributed.tensor.DTensor", "placeholder")
    assert found[2].startswith("keep plain tensors")
    from mindtorch.distributed.tensor import DTensor

    with pytest.raises(NotImplementedError, match=r"keep plain tensors"):
        DTensor("x")


def test_names_that_are_something_else_in_pytorch(table: SupportTable) -> None:
    assert table.lookup("torch.ops.aten.add").api == "torch.ops"
    assert table.lookup("torch.ops.aten.add").status == "missing"
    assert table.lookup("torch.kernels").status == "missing"


def test_nothing_is_imported() -> None:
    code = (
        "import sys\nfrom ms_convert.support import load_support\n"
        "assert load_support().lookup('torch.add').supported\n"
        "assert not {'mindtorch', 'mindspore', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_not_installed() -> None:
    with pytest.raises(NoSupportTable, match="no_such_package is not installed here"):
        load_support("no_such_package")


def test_tables_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_package_without_a_table"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NoSupportTable, match=r"support\.json cannot be read"):
        load_support(package.name)
    (package / "support.json").write_text("{")
    with pytest.raises(NoSupportTable, match=r"support\.json cannot be read"):
        load_support(package.name)
    (package / "support.json").write_text(json.dumps(SMALL | {"version": 99}))
    with pytest.raises(NoSupportTable, match="has version 99 and this is for version 1"):
        load_support(package.name)
    (package / "support.json").write_text(json.dumps(SMALL))
    assert load_support(package.name).level == "2.7"
