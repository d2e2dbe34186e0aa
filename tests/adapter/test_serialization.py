"""save and load against PyTorch's: either side reads what the other has written."""

from __future__ import annotations

import argparse
import copy
import io
import os
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindtorch import _device, _dtype, _size, serialization
from mindtorch._array import Array
from mindtorch._tensor import Tensor, wrap
from mindtorch.serialization.archive_write import ArchiveWriter

torch = pytest.importorskip("torch")

DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"),
    *("complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"),
)


@pytest.fixture(autouse=True)
def _clean_globals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("MINDTORCH_CUDA_ALIAS", raising=False)
    yield
    serialization.clear_safe_globals()


def values(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Bytes of every sort in an array of that dtype."""
    np_type = _dtype._BY_NAME[dtype]._np
    count = int(np.prod(shape))
    if dtype == "bool":
        return (np.arange(count) % 3 == 0).reshape(shape)
    raw = np.random.default_rng(0).integers(0, 256, count * np_type.itemsize).astype(np.uint8)
    return raw.view(np_type).reshape(shape)


def ours(array: np.ndarray) -> Tensor:
    return wrap(Array(np.array(array)))


def theirs(array: np.ndarray) -> torch.Tensor:
    raw = torch.from_numpy(np.array(array).reshape(-1).view(np.uint8))
    return raw.view(getattr(torch, array.dtype.name)).reshape(array.shape)


def as_bytes(tensor: Any) -> bytes:
    if isinstance(tensor, Tensor):
        return np.ascontiguousarray(tensor._arr.np).tobytes()
    tensor = tensor.detach().contiguous()
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def saved(save: Any, obj: Any, **kwargs: Any) -> io.BytesIO:
    stream = io.BytesIO()
    save(obj, stream, **kwargs)
    stream.seek(0)
    return stream


def both_trees(dtype: str) -> tuple[Any, Any]:
    """The same checkpoint made of PyTorch's objects and of mindtorch's."""
    base = values(dtype, (4, 6))

    def tree(make: Any, view: Any, dtypes: Any, device: Any, size: Any) -> Any:
        weight = make(base)
        return OrderedDict(
            weight=weight,
            column=view(weight, (4,), (6,), 2),
            transposed=view(weight, (6, 4), (1, 6), 0),
            scalar=make(base[0, 0]),
            empty=make(base[:0]),
            plain={"step": 3, "lr": 1e-3, "name": "adam", "flags": [True, None, (1, 2)], "big": 1 << 70},
            dtype=dtypes.bfloat16,
            device=device("cpu"),
            size=size([2, 3]),
            set={1},
            bytes=b"\xff\x00a",
            counter=Counter("aab"),
            complex=1 + 2j,
        )

    reference = tree(theirs, lambda t, *window: t.as_strided(*window), torch, torch.device, torch.Size)
    actual = tree(
        ours,
        lambda t, *window: wrap(t._arr.as_strided(*window)),
        _dtype,
        _device.device,
        lambda s: _size.Size(tuple(s)),
    )
    return reference, actual


def check_equal(reference: Any, actual: Any) -> None:
    assert list(reference) == list(actual)
    for key, value in reference.items():
        other = actual[key]
        if isinstance(value, (torch.Tensor, Tensor)):
            assert tuple(value.shape) == tuple(other.shape)
            assert tuple(value.stride()) == tuple(other.stride())
            assert value.storage_offset() == other.storage_offset()
            assert str(value.dtype) == str(other.dtype)
            assert as_bytes(value) == as_bytes(other)
        elif key in ("dtype", "device"):
            assert str(value) == str(other)
        else:
            assert value == other
            assert type(value).__name__ == type(other).__name__


def without_identity(raw: bytes) -> bytes:
    """An archive's bytes with its identity (a hash that differs between PyTorch and mindtorch) blotted out."""
    archive = zipfile.ZipFile(io.BytesIO(raw))
    [info] = [info for info in archive.infolist() if info.filename.endswith("/.data/serialization_id")]
    assert raw.count(archive.read(info)) == 1
    return raw.replace(archive.read(info), b"#" * 40).replace(struct.pack("<I", info.CRC), b"####")


class TestBothWays:
    @pytest.mark.parametrize("weights_only", [True, False])
    @pytest.mark.parametrize("protocol", [2, 4])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_pytorch_reads_ours(self, dtype: str, protocol: int, weights_only: bool) -> None:
        if weights_only and protocol == 4:
            pytest.skip("PyTorch's own weights-only unpickler does not read protocol 4")
        reference, actual = both_trees(dtype)
        stream = saved(serialization.save, actual, pickle_protocol=protocol)
        loaded = torch.load(stream, weights_only=weights_only)
        check_equal(reference, loaded)
        assert loaded["column"].untyped_storage().data_ptr() == loaded["weight"].untyped_storage().data_ptr()

    @pytest.mark.parametrize("weights_only", [True, False])
    @pytest.mark.parametrize("protocol", [2, 4])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_we_read_pytorchs(self, dtype: str, protocol: int, weights_only: bool) -> None:
        reference, actual = both_trees(dtype)
        stream = saved(torch.save, reference, pickle_protocol=protocol)
        loaded = serialization.load(stream, weights_only=weights_only)
        check_equal(actual, loaded)
        assert loaded["column"]._arr.storage is loaded["weight"]._arr.storage
        assert loaded["scalar"]._arr.storage is not loaded["weight"]._arr.storage

    def test_the_file_of_a_state_dict_is_pytorchs_byte_for_byte(self, tmp_path: Path) -> None:
        def state(make: Any) -> Any:
            tensors = OrderedDict((f"layers.{i}.weight", make(values("float32", (3, i + 1)))) for i in range(40))
            tensors["empty"] = make(values("float32", (0, 3)))
            tensors._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
            return {"model": tensors, "step": 300, "lr": 0.1, "args": ["a", "b"]}

        files = []
        for library, make in ((torch, theirs), (serialization, ours)):
            path = tmp_path / "state.pt"
            library.save(state(make), path)
            files.append(without_identity(path.read_bytes()))
        assert files[0] == files[1]

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_the_file_of_any_dtype_is_pytorchs_byte_for_byte(self, dtype: str) -> None:
        reference, actual = both_trees(dtype)
        files = [saved(save, tree).getvalue() for save, tree in ((torch.save, reference), (serialization.save, actual))]
        assert without_identity(files[0]) == without_identity(files[1])

    def test_state_dict_metadata_survives(self) -> None:
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        loaded = serialization.load(saved(torch.save, module.state_dict()))
        assert loaded._metadata == module.state_dict()._metadata
        again = torch.load(saved(serialization.save, loaded))
        module.load_state_dict(again)
        assert again._metadata == module.state_dict()._metadata

    def test_parameter_from_pytorch(self) -> None:
        pytest.importorskip("mindtorch._utils")
        from mindtorch import nn

        loaded = serialization.load(saved(torch.save, {"p": torch.nn.Parameter(torch.arange(3.0))}))["p"]
        assert type(loaded) is nn.Parameter
        assert loaded.requires_grad
        back = torch.load(saved(serialization.save, {"p": loaded}))["p"]
        assert type(back) is torch.nn.Parameter
        assert back.tolist() == [0, 1, 2]

    @pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
    def test_bare_storages(self) -> None:
        array = values("float32", (5,))
        reference = {"typed": theirs(array).storage(), "untyped": theirs(array).untyped_storage()}
        actual = {"typed": ours(array).storage(), "untyped": ours(array).untyped_storage()}
        loaded = serialization.load(saved(torch.save, reference))
        assert (loaded["typed"].size(), loaded["typed"].dtype) == (5, _dtype.float32)
        assert bytes(loaded["typed"].untyped().tolist()) == bytes(loaded["untyped"].tolist()) == array.tobytes()
        back = torch.load(saved(serialization.save, actual))
        assert back["typed"].dtype == torch.float32
        assert bytes(back["typed"].untyped().tolist()) == bytes(back["untyped"].tolist()) == array.tobytes()

    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_requires_grad(self, requires_grad: bool) -> None:
        tensor = ours(values("float32", (2,))).requires_grad_(requires_grad)
        assert torch.load(saved(serialization.save, tensor)).requires_grad == requires_grad
        reference = torch.ones(2, requires_grad=requires_grad)
        assert serialization.load(saved(torch.save, reference)).requires_grad == requires_grad

    def test_attributes_of_a_tensor(self) -> None:
        tensor = ours(values("float32", (2,)))
        tensor.tensor_model_parallel = True
        assert torch.load(saved(serialization.save, tensor)).tensor_model_parallel is True
        reference = torch.ones(2)
        reference.partition_dim = 1
        assert serialization.load(saved(torch.save, reference)).partition_dim == 1

    @settings(max_examples=40, deadline=None)
    @given(
        tree=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
            max_leaves=20,
        )
    )
    def test_containers(self, tree: Any) -> None:
        # weights_only=False: PyTorch's weights-only unpickler refuses empty bytes.
        assert torch.load(saved(serialization.save, tree), weights_only=False) == tree
        assert serialization.load(saved(torch.save, tree)) == tree


class TestFiles:
    def test_path_and_archive_name(self, tmp_path: Path) -> None:
        path = tmp_path / "model.v1.pt"
        serialization.save({"a": ours(values("float32", (3,)))}, path)
        assert os.listdir(tmp_path) == ["model.v1.pt"]
        assert zipfile.ZipFile(path).namelist()[0] == "model.v1/data.pkl"
        assert torch.load(path)["a"].shape == (3,)
        torch.save({"a": torch.ones(2)}, path)
        assert serialization.load(str(path))["a"].tolist() == [1, 1]

    def test_name_that_is_not_ascii(self, tmp_path: Path) -> None:
        path = tmp_path / "模型.pt"
        serialization.save([1], path)
        assert zipfile.ZipFile(path).namelist()[0] == "archive/data.pkl"
        assert torch.load(path) == serialization.load(path) == [1]

    def test_storages_are_aligned_uncompressed_and_checked(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pt"
        tensors = [ours(values("uint8", (n,))) for n in (0, 1, 63, 64, 65, 1000)]
        serialization.save(tensors, path)
        raw = path.read_bytes()
        for info in zipfile.ZipFile(path).infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            name_length, extra_length = struct.unpack_from("<HH", raw, info.header_offset + 26)
            start = info.header_offset + 30 + name_length + extra_length
            assert start % 64 == 0
        assert zipfile.ZipFile(path).testzip() is None

    def test_mmap_reads_lazily_and_never_writes_back(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pt"
        torch.save({"a": torch.arange(1000.0), "e": torch.empty(0)}, path)
        before = path.read_bytes()
        loaded = serialization.load(path, mmap=True)
        loaded["a"]._arr.np[:] = 7
        assert loaded["a"].tolist() == [7] * 1000
        assert loaded["e"].shape == (0,)
        assert path.read_bytes() == before
        serialization.save({"a": loaded["a"]}, tmp_path / "b.pt")
        assert torch.load(tmp_path / "b.pt", mmap=True)["a"].tolist() == [7] * 1000
        with pytest.raises(ValueError, match="file name"):
            serialization.load(io.BytesIO(before), mmap=True)

    def test_loaded_memory_is_writable(self) -> None:
        loaded = serialization.load(saved(torch.save, torch.ones(3)))
        loaded._arr.np[0] = 5
        assert loaded.tolist() == [5, 1, 1]

    def test_a_failing_save_leaves_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pt"
        serialization.save([1], path)
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            serialization.save([2, lambda: 0], path)
        assert serialization.load(path) == [1]
        assert os.listdir(tmp_path) == ["a.pt"]

    def test_saving_through_a_link_keeps_the_link(self, tmp_path: Path) -> None:
        (tmp_path / "latest.pt").symlink_to(tmp_path / "real.pt")
        serialization.save([3], tmp_path / "latest.pt")
        assert (tmp_path / "latest.pt").is_symlink()
        assert torch.load(tmp_path / "real.pt") == [3]

    @pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
    def test_truncated(self, tmp_path: Path, keep: float) -> None:
        path = tmp_path / "a.pt"
        serialization.save({"a": ours(values("float32", (1000,)))}, path)
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * keep) if isinstance(keep, float) else keep])
        with pytest.raises(RuntimeError, match=r"a\.pt: not a complete PyTorch checkpoint") as error:
            serialization.load(path)
        assert "\n" not in str(error.value)

    def test_damaged_storage(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pt"
        serialization.save(ours(np.full(1000, 0x55, np.uint8)), path)
        raw = path.read_bytes()
        at = raw.index(b"\x55" * 1000) + 500
        path.write_bytes(raw[:at] + b"\x54" + raw[at + 1 :])
        with pytest.raises(RuntimeError, match="record data/0 is damaged"):
            serialization.load(path)

    def test_other_zips_and_files(self, tmp_path: Path) -> None:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme", "x")
        with pytest.raises(RuntimeError, match="not a PyTorch checkpoint"):
            serialization.load(path)
        with pytest.raises(FileNotFoundError):
            serialization.load(tmp_path / "missing.pt")
        with pytest.raises(AttributeError, match="file-like object with a 'write' attribute"):
            serialization.save([], 3)  # type: ignore[arg-type]
        with pytest.raises(AttributeError, match="seekable"):
            serialization.load(3)  # type: ignore[arg-type]


class TestWeightsOnly:
    def test_refusal_names_the_global_and_the_way_out(self) -> None:
        stream = saved(torch.save, {"args": argparse.Namespace(lr=1)})
        message = r"Weights only load failed.*GLOBAL argparse\.Namespace was not an allowed.*add_safe_globals"
        with pytest.raises(pickle.UnpicklingError, match=message):
            serialization.load(stream)
        stream.seek(0)
        assert serialization.load(stream, weights_only=False)["args"] == argparse.Namespace(lr=1)

    def test_safe_globals(self) -> None:
        stream = saved(torch.save, argparse.Namespace(lr=1))
        with serialization.safe_globals([argparse.Namespace]):
            assert serialization.get_safe_globals() == [argparse.Namespace]
            assert serialization.load(stream) == argparse.Namespace(lr=1)
        assert serialization.get_safe_globals() == []
        serialization.add_safe_globals([(argparse.Namespace, "argparse.Namespace")])
        stream.seek(0)
        assert serialization.load(stream).lr == 1
        with pytest.raises(TypeError, match="class or a function"):
            serialization.add_safe_globals([3])  # type: ignore[list-item]

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_code_is_not_run(self, protocol: int, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> Any:
                return os.mkdir, (str(tmp_path / "x"),)

        stream = saved(torch.save, {"a": Evil()}, pickle_protocol=protocol)
        with pytest.raises(pickle.UnpicklingError, match="mkdir was not an allowed global"):
            serialization.load(stream)
        assert not (tmp_path / "x").exists()

    @staticmethod
    def load_pickle(data: bytes) -> Any:
        stream = io.BytesIO()
        writer = ArchiveWriter(stream, "archive")
        writer.write("data.pkl", data)
        writer.close()
        return serialization.load(stream)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            # A dotted name, which pickle itself would follow: collections.OrderedDict.fromkeys
            (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.", "OrderedDict.fromkeys was not an"),
            # BUILD with slot state is setattr on anything: torch.float32.name = 'x'
            (
                b"\x80\x02ctorch\nfloat32\n(N}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xstb.",
                "setting the state of a dtype",
            ),
            (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb.", "setting the state of"),
            # Calling a method that was smuggled in as data is not possible, calling a number neither.
            (b"\x80\x02K\x01)R.", "calling 1 is not allowed"),
            (b"\x80\x02K\x01)\x81.", "making an instance of 1"),
            # Instances by the old opcodes, and the extension registry
            (b"(ios\nsystem\n.", "not allowed with weights_only"),
            (b"(cos\nsystem\no.", "os.system was not an allowed"),
            (b"\x80\x02\x82\x01.", "opcode .* is not allowed"),
            (b"\x80\x02(X\x07\x00\x00\x00storageK\x01tQ.", "unknown persistent id"),
            (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.", "only latin1"),
        ],
    )
    def test_crafted_pickles(self, data: bytes, message: str) -> None:
        with pytest.raises((pickle.UnpicklingError, ValueError), match=message):
            self.load_pickle(data)
        assert _dtype.float32.name == "float32"

    def test_a_tensor_cannot_reach_outside_of_its_storage(self) -> None:
        raw = saved(torch.save, torch.arange(6, dtype=torch.uint8)).getvalue()
        pickled = zipfile.ZipFile(io.BytesIO(raw)).read("archive/data.pkl")
        size = pickled.index(b"QK\x00K\x06") + 4
        stream = io.BytesIO()
        writer = ArchiveWriter(stream, "archive")
        writer.write("data.pkl", pickled[:size] + b"\x46" + pickled[size + 1 :])
        writer.write("data/0", bytes(6))
        writer.close()
        with pytest.raises(RuntimeError, match="out of bounds"):
            serialization.load(stream)

    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = saved(torch.save, argparse.Namespace(a=1))
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
        assert serialization.load(stream).a == 1
        monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
        with pytest.raises(RuntimeError, match="only one"):
            serialization.load(stream)
        monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
        stream.seek(0)
        with pytest.raises(pickle.UnpicklingError, match="Namespace"):
            serialization.load(stream, weights_only=False)


class TestMapLocation:
    def test_storage_of_a_missing_device(self) -> None:
        stream = self.on_cuda(saved(torch.save, torch.ones(3)))
        with pytest.raises(RuntimeError, match=r"cuda:0.*map_location='cpu'"):
            serialization.load(stream)

    @pytest.mark.parametrize("where", ["cpu", _device.device("cpu"), {"cuda:0": "cpu"}])
    def test_to_the_cpu(self, where: Any) -> None:
        loaded = serialization.load(self.on_cuda(saved(torch.save, torch.ones(3))), map_location=where)
        assert loaded.device.type == "cpu"
        assert loaded.tolist() == [1, 1, 1]

    def test_to_the_alias(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MINDTORCH_CUDA_ALIAS", "1")
        stream = saved(torch.save, torch.ones(3))
        loaded = serialization.load(stream, map_location="cuda:0")
        assert str(loaded.device) == "cuda:0"
        again = saved(serialization.save, loaded)
        assert str(serialization.load(again).device) == "cuda:0"
        again.seek(0)
        assert torch.load(again, map_location="cpu").tolist() == [1, 1, 1]

    def test_by_a_function(self) -> None:
        seen: list[str] = []

        def stay(storage: Any, location: str) -> Any:
            seen.append(location)
            return storage

        loaded = serialization.load(self.on_cuda(saved(torch.save, torch.ones(3))), map_location=stay)
        assert seen == ["cuda:0"]
        assert loaded.device.type == "cpu"

    def test_nonsense(self) -> None:
        with pytest.raises(TypeError, match="map_location"):
            serialization.load(saved(torch.save, [1]), map_location=3)  # type: ignore[arg-type]

    @staticmethod
    def on_cuda(stream: io.BytesIO) -> io.BytesIO:
        """The same checkpoint as a machine with a GPU would have written it."""
        source, target = zipfile.ZipFile(stream), io.BytesIO()
        writer = ArchiveWriter(target, "archive")
        for name in source.namelist():
            data = source.read(name).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            writer.write(name.partition("/")[2], data)
        writer.close()
        return target


class TestPlainPickle:
    @pytest.mark.parametrize("protocol", range(2, 6))
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint16"])
    def test_round_trip(self, dtype: str, protocol: int) -> None:
        tensor = wrap(ours(values(dtype, (4, 6)))._arr.as_strided((6, 4), (1, 6), 0))
        loaded = pickle.loads(pickle.dumps(tensor, protocol))
        assert type(loaded) is Tensor
        assert loaded.stride() == (1, 6)
        assert as_bytes(loaded) == as_bytes(tensor)
        loaded._arr.np[0] = 0

    def test_copy_shares_memory(self) -> None:
        tensor = ours(values("float32", (3,)))
        assert copy.copy(tensor)._arr.storage is tensor._arr.storage


def test_one_memory_as_two_dtypes_is_refused() -> None:
    tensor = ours(np.zeros(4, np.float32))
    other = wrap(tensor._arr.as_strided((4,), (1,), 0, _dtype.int32))
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        serialization.save([tensor, other], io.BytesIO())


def test_numpy2_names_are_read() -> None:
    data = pickle.dumps(np.arange(3), 2).replace(b"numpy.core.", b"numpy._core.")
    assert b"numpy._core" in data
    stream = io.BytesIO()
    writer = ArchiveWriter(stream, "archive")
    writer.write("data.pkl", data)
    writer.close()
    np.testing.assert_array_equal(serialization.load(stream, weights_only=False), np.arange(3))


def test_float8_values_are_the_same_numbers() -> None:
    loaded = serialization.load(saved(torch.save, torch.tensor([1.5, -2.0]).to(torch.float8_e4m3fn)))
    np.testing.assert_array_equal(loaded._arr.np, np.array([1.5, -2.0], ml_dtypes.float8_e4m3fn))
