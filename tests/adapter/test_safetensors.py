"""safetensors.torch on mindtorch (under the runtime alias): PyTorch's bytes both ways, slices, devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
files = pytest.importorskip("safetensors.torch")

PROGRAM = '''
import json, sys
import torch
import safetensors
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

assert torch.__name__ == "mindtorch"
theirs, ours = sys.argv[1:]
tensors = load_file(theirs)
save_file(tensors, ours, metadata={"format": "pt"})
assert {n: t.tolist() for n, t in load(open(ours, "rb").read()).items()} == {n: t.tolist() for n, t in tensors.items()}
result = {n: [str(t.dtype), list(t.shape), t.tolist()] for n, t in tensors.items()}
assert all(type(t) is torch.Tensor for t in tensors.values())
tensors["a"].add_(1)  # not in the file
with safetensors.safe_open(theirs, framework="pt", device="cpu") as f:
    a = f.get_slice("a")
    result["slices"] = [a[:, 1:3].tolist(), a[1:, :2].tolist(), a[2].tolist(), a.get_shape(), a.get_dtype()]
    result["metadata"] = f.metadata()
result["cuda"] = str(load_file(theirs, device="cuda:0")["a"].device)
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
model[1].weight = model[0].weight
save_model(model, ours + ".model")
other = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
other[1].weight = other[0].weight
assert load_model(other, ours + ".model") == (set(), [])
result["model"] = [a.tolist() == b.tolist() for a, b in zip(model.parameters(), other.parameters())]
try:
    save_file({"x": model[0].weight, "y": model[1].weight}, ours + ".shared")
except RuntimeError as error:
    result["shared"] = str(error)
json.dump(result, sys.stdout)
'''


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """PyTorch's tensors by name, what the program printed, and the directory."""
    directory = tmp_path_factory.mktemp("safetensors")
    tensors = {
        "a": torch.arange(12.0).reshape(3, 4), "b": torch.tensor([True, False]), "e": torch.empty(0, 2),
        "s": torch.tensor(3.0), "f8": torch.ones(2).to(torch.float8_e4m3fn), "u16": torch.ones(2, dtype=torch.uint16),
    }  # fmt: skip
    for name in ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"):
        tensors[name] = torch.arange(5).to(getattr(torch, name))
    files.save_file(tensors, directory / "theirs.safetensors", metadata={"format": "pt"})
    (directory / "program.py").write_text(PROGRAM)
    paths = [str(directory / f"{name}.safetensors") for name in ("theirs", "ours")]
    done = subprocess.run(
        [sys.executable, "-m", "mindtorch", str(directory / "program.py"), *paths],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "MINDTORCH_CUDA_ALIAS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return tensors, json.loads(done.stdout), directory


def test_files_are_the_same(results: Any) -> None:
    tensors, found, directory = results
    theirs, ours = ((directory / f"{name}.safetensors").read_bytes() for name in ("theirs", "ours"))
    assert theirs == ours
    for name, tensor in tensors.items():
        assert found[name] == [str(tensor.dtype), list(tensor.shape), tensor.tolist()]


def test_slices_devices_and_models(results: Any) -> None:
    tensors, found, directory = results
    a = tensors["a"]
    assert found["slices"] == [a[:, 1:3].tolist(), a[1:, :2].tolist(), a[2].tolist(), [3, 4], "F32"]
    assert (found["metadata"], found["cuda"], found["model"]) == ({"format": "pt"}, "cuda:0", [True] * 3)
    assert "share memory" in found["shared"]
    loaded = files.load_file(directory / "ours.safetensors.model")
    assert sorted(tuple(t.shape) for t in loaded.values()) == [(2,), (2,), (2, 2)]


def test_storages_of_files(tmp_path: Path) -> None:
    import mindtorch

    path = tmp_path / "data"
    path.write_bytes(bytes(range(10)))
    for library in (torch, mindtorch):
        own = library.UntypedStorage.from_file(str(path), False, 6)
        own[0] = 7
        assert (own.tolist(), own.nbytes()) == ([7, 1, 2, 3, 4, 5], 6)
        assert path.read_bytes() == bytes(range(10))
        with pytest.raises(RuntimeError, match="unable to open file"):
            library.UntypedStorage.from_file(str(tmp_path / "none"), False, 6)
        shared = library.UntypedStorage.from_file(str(tmp_path / library.__name__), True, 4)
        shared.fill_(3)
        assert shared.filename == str(tmp_path / library.__name__)
        del shared
        assert (tmp_path / library.__name__).read_bytes() == b"\3\3\3\3"
    with pytest.raises(RuntimeError, match="it has 10"):
        mindtorch.UntypedStorage.from_file(str(path), False, 11)
