"""The stand-in for safetensors: PyTorch's files both ways, parts of tensors, errors; PyTorch beside it stays itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
original = pytest.importorskip("safetensors")
their_files = pytest.importorskip("safetensors.torch")  # first: it is then an attribute of the package
import mindtorch  # noqa: E402
import mindtorch_shims.safetensors as ours  # noqa: E402
from mindtorch_shims.safetensors import torch as our_files  # noqa: E402

NAMES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "bool",
         "float8_e4m3fn", "complex64")  # fmt: skip


def tensors(library: Any) -> dict[str, Any]:
    values = np.random.default_rng(0).integers(0, 2, (3, 4, 2)).astype(np.float32)
    found = {name: library.from_numpy(values.copy()).to(getattr(library, name)) for name in NAMES}
    return {**found, "empty": library.empty(0, 2), "scalar": library.tensor(3.0)}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """One that each library wrote."""
    theirs, mine = tmp_path / "theirs", tmp_path / "ours"
    their_files.save_file(tensors(torch), theirs, metadata={"format": "pt"})
    our_files.save_file(tensors(mindtorch), mine, metadata={"format": "pt"})
    return theirs, mine


def same(mine: Any, theirs: Any) -> None:
    assert isinstance(mine, mindtorch.Tensor)
    assert str(mine.dtype) == str(theirs.dtype)
    assert tuple(mine.shape) == tuple(theirs.shape)
    wide = (lambda t: t.to(torch.complex128)), (lambda t: t.to(mindtorch.complex128))
    np.testing.assert_array_equal(wide[1](mine).numpy(), wide[0](theirs).numpy())


def test_the_bytes_are_the_same(files: tuple[Path, Path]) -> None:
    assert files[0].read_bytes() == files[1].read_bytes() == our_files.save(tensors(mindtorch), {"format": "pt"})


def test_reading(files: tuple[Path, Path]) -> None:
    wanted = their_files.load_file(files[0])
    for found in (our_files.load_file(files[0]), our_files.load(files[0].read_bytes())):
        assert list(found) == list(wanted) or set(found) == set(wanted)
        for name, tensor in wanted.items():
            same(found[name], tensor)
    content = files[0].read_bytes()
    our_files.load_file(files[0])["float32"].add_(1)
    assert files[0].read_bytes() == content


INDICES: tuple[Any, ...] = (
    ..., slice(None), 1, -1, (slice(None), slice(1, 3)), (1, 2), (slice(0, 2), 0, 1), (..., 1), (slice(3, 3),),
    (0, ..., 0),
)  # fmt: skip


@pytest.mark.parametrize("name", ["float32", "bfloat16", "bool", "complex64"])
def test_parts(files: tuple[Path, Path], name: str) -> None:
    with original.safe_open(files[0], framework="pt") as theirs, ours.safe_open(files[0], framework="pt") as mine:
        assert mine.keys() == theirs.keys()
        assert mine.offset_keys() == theirs.offset_keys()
        assert mine.metadata() == theirs.metadata() == {"format": "pt"}
        same(mine.get_tensor(name), theirs.get_tensor(name))
        a, b = mine.get_slice(name), theirs.get_slice(name)
        assert (a.get_shape(), a.get_dtype()) == (b.get_shape(), b.get_dtype())
        for index in INDICES:
            same(a[index], b[index])
        for library in (a, b):
            with pytest.raises((IndexError, original.SafetensorError)):
                library[7]


def test_devices_and_other_frameworks(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
    assert our_files.load_file(files[0], device="cuda:0")["scalar"].device == mindtorch.device("cuda", 0)
    with ours.safe_open(files[0], "pt", device=0) as mine:
        assert mine.get_tensor("empty").device == mindtorch.device("cuda", 0)
    with ours.safe_open(files[0], framework="np") as numpy:
        assert isinstance(numpy.get_tensor("float32"), np.ndarray)


def test_errors(tmp_path: Path, files: tuple[Path, Path]) -> None:
    with ours.safe_open(files[0], framework="pt") as mine, pytest.raises(ours.SafetensorError, match="nothing"):
        mine.get_tensor("nothing")
    cut = tmp_path / "cut"
    cut.write_bytes(files[0].read_bytes()[:-1])
    with pytest.raises(ours.SafetensorError):
        our_files.load_file(cut)
    with pytest.raises(FileNotFoundError):
        our_files.load_file(tmp_path / "nowhere")
    shared = mindtorch.ones(2)
    with pytest.raises(RuntimeError, match="share memory"):
        our_files.save_file({"a": shared, "b": shared}, tmp_path / "shared")
    with pytest.raises(ValueError, match="non contiguous"):
        our_files.save_file({"a": mindtorch.ones(2, 3).t()}, tmp_path / "transposed")


def test_models_with_shared_parameters(tmp_path: Path) -> None:
    def model(library: Any) -> Any:
        made = library.nn.Sequential(library.nn.Linear(2, 2), library.nn.Linear(2, 2))
        made[1].weight = made[0].weight
        return made

    mine, theirs = model(mindtorch), model(torch)
    our_files.save_model(mine, tmp_path / "model")
    assert their_files.load_model(theirs, tmp_path / "model") == (set(), [])
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        same(a.detach(), b.detach())
    their_files.save_model(theirs, tmp_path / "back")
    assert our_files.load_model(mine, tmp_path / "back") == (set(), [])


def test_pytorch_is_not_asked_for(tmp_path: Path, files: tuple[Path, Path]) -> None:
    program = (
        "import json, sys\n"
        "sys.modules['torch'] = None\n"  # an import of it fails
        "from mindtorch_shims.safetensors.torch import load_file\n"
        "from mindtorch_shims.safetensors import safe_open\n"
        "with safe_open(sys.argv[1], framework='pt') as f:\n"
        "    print(json.dumps([load_file(sys.argv[1])['scalar'].item(), f.get_slice('float32')[0, 0].tolist()]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(files[0])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [3.0, tensors(torch)["float32"][0, 0].tolist()]
    assert their_files.torch is torch
