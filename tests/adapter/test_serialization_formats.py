"""Files beside the usual: the format before 1.6, other byte orders, huge, empty, hostile; what is refused and how."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mindtorch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindtorch import serialization
from mindtorch.serialization.archive_write import ArchiveWriter

torch = pytest.importorskip("torch")

NUMBERS = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64"]


def saved(save: Any, obj: Any, **kwargs: Any) -> io.BytesIO:
    stream = io.BytesIO()
    save(obj, stream, **kwargs)
    stream.seek(0)
    return stream


def with_record(stream: io.BytesIO, record: str, data: bytes) -> io.BytesIO:
    """The archive with another content of a record."""
    source, target = zipfile.ZipFile(stream), io.BytesIO()
    writer = ArchiveWriter(target, "archive")
    for name in source.namelist():
        name = name.partition("/")[2]
        if name != ".data/serialization_id":
            writer.write(name, data if name == record else source.read(f"archive/{name}"))
    writer.close()
    target.seek(0)
    return target


# ------------------------------------------------------------------ the format before PyTorch 1.6
def old(obj: Any) -> io.BytesIO:
    return saved(torch.save, obj, _use_new_zipfile_serialization=False)


def numbers(lib: Any, dtype: str) -> Any:
    return lib.arange(6).reshape(2, 3).to(getattr(lib, dtype))


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_old_files(dtype: str, weights_only: bool) -> None:
    whole = numbers(torch, dtype)
    state = {"a": whole, "view": whole[1], "step": 3, "empty": torch.empty(0), "p": torch.nn.Parameter(torch.ones(2))}
    loaded = mindtorch.load(old(state), weights_only=weights_only)
    assert (loaded["a"] == numbers(mindtorch, dtype)).all()
    assert loaded["a"].dtype == getattr(mindtorch, dtype)
    assert loaded["view"].untyped_storage().data_ptr() == loaded["a"].untyped_storage().data_ptr()
    assert (loaded["step"], loaded["empty"].shape, type(loaded["p"])) == (3, (0,), mindtorch.nn.Parameter)


def test_an_old_file_is_read_from_where_the_stream_stands() -> None:
    stream = io.BytesIO(b"head" + old([1, torch.ones(1)]).getvalue() + b"tail")
    stream.seek(4)
    assert mindtorch.load(stream)[1].tolist() == [1.0]
    assert stream.read() == b"tail"


def test_old_files_are_not_trusted_either(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "x"),)

    with pytest.raises(pickle.UnpicklingError, match="mkdir was not an allowed global"):
        mindtorch.load(old([Evil()]))
    assert not (tmp_path / "x").exists()


def test_broken_old_files(tmp_path: Path) -> None:
    raw = old(torch.arange(100.0)).getvalue()
    for length in (40, 60, len(raw) - 405, len(raw) - 5):
        with pytest.raises((RuntimeError, pickle.UnpicklingError), match=r"truncated|corrupt"):
            mindtorch.load(io.BytesIO(raw[:length]))
    (tmp_path / "old.pt").write_bytes(raw)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        mindtorch.load(tmp_path / "old.pt", mmap=True)
    with pytest.raises(NotImplementedError, match="zip"):
        mindtorch.save([1], tmp_path / "new.pt", _use_new_zipfile_serialization=False)


# ------------------------------------------------------------------ byte orders
@pytest.mark.parametrize("dtype", NUMBERS)
def test_big_endian_files(dtype: str) -> None:
    """The file of a big-endian machine: swapped as PyTorch swaps it."""
    tensor = numbers(torch, dtype)
    size = tensor.element_size() // (2 if tensor.is_complex() else 1)
    bytes_ = tensor.view(torch.uint8).numpy().reshape(-1, size)[:, ::-1].tobytes()
    stream = with_record(with_record(saved(torch.save, tensor), "byteorder", b"big"), "data/0", bytes_)
    theirs = torch.load(stream)
    assert (theirs == tensor).all()
    stream.seek(0)
    assert (mindtorch.load(stream) == numbers(mindtorch, dtype)).all()


def test_orders_that_are_not_clear() -> None:
    stream = saved(torch.save, torch.ones(2))
    for library in (torch, mindtorch):
        with pytest.raises(ValueError, match="Unknown endianness type: middle"):
            library.load(with_record(stream, "byteorder", b"middle"))
    sixteen = with_record(saved(torch.save, torch.ones(2, dtype=torch.uint16)), "byteorder", b"big")
    with pytest.raises(NotImplementedError, match="big-endian"):
        mindtorch.load(sixteen)


def test_order_of_files_that_do_not_say_it() -> None:
    stream = saved(mindtorch.save, mindtorch.tensor([1], dtype=mindtorch.int16), _disable_byteorder_record=True)
    assert serialization.get_default_load_endianness() is None
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert mindtorch.load(stream).tolist() == [256]
    finally:
        serialization.set_default_load_endianness(None)  # type: ignore[arg-type]
    stream.seek(0)
    assert mindtorch.load(stream).tolist() == [1]
    with pytest.raises(TypeError, match="Invalid argument type"):
        serialization.set_default_load_endianness("big")  # type: ignore[arg-type]


# ------------------------------------------------------------------ data left out, checksums, mapping
def test_space_for_data(tmp_path: Path) -> None:
    state = {"a": torch.arange(3.0), "b": torch.empty(0)}
    with torch.serialization.skip_data():
        torch.save(state, tmp_path / "x.pt")
    theirs = (tmp_path / "x.pt").read_bytes()
    with serialization.skip_data():
        mindtorch.save({"a": mindtorch.arange(3.0), "b": mindtorch.empty(0)}, tmp_path / "x.pt")
    ours = (tmp_path / "x.pt").read_bytes()
    end = theirs.index(b"serialization_id")
    assert ours[:end] == theirs[:end]
    assert len(ours) == len(theirs)
    # Filled in later, the file is whole.
    at = ours.index(b"PK\x07\x08", ours.index(b"data/0")) - 12
    (tmp_path / "x.pt").write_bytes(ours[:at] + np.array([5, 6, 7], np.float32).tobytes() + ours[at + 12 :])
    assert mindtorch.load(tmp_path / "x.pt")["a"].tolist() == [5, 6, 7]
    assert torch.load(tmp_path / "x.pt")["a"].tolist() == [5, 6, 7]
    with serialization.skip_data():
        assert mindtorch.load(tmp_path / "x.pt")["a"].shape == (3,)
    with pytest.raises(NotImplementedError, match="materialize_fake_tensors"):
        serialization.skip_data(materialize_fake_tensors=True)


class _Sparse:
    """A stream that jumps over large parts instead of writing zeros."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> None:
        if len(data) < 1 << 20:
            self._stream.write(data)
        else:
            self._stream.seek(len(data), os.SEEK_CUR)


def test_more_than_four_gibibytes(tmp_path: Path) -> None:
    size = (4 << 30) + 100
    with torch.serialization.skip_data():
        torch.save({"a": torch.empty(size, dtype=torch.uint8), "b": torch.ones(3)}, tmp_path / "big.pt")
    theirs = zipfile.ZipFile(tmp_path / "big.pt")
    with open(tmp_path / "ours.pt", "wb") as stream:
        writer = ArchiveWriter(_Sparse(stream), "big")  # type: ignore[arg-type]
        for info in theirs.infolist():
            record = info.filename.partition("/")[2]
            if record.startswith("data/"):
                writer.write_space(record, info.file_size)
            elif record != ".data/serialization_id":
                writer.write(record, theirs.read(info))
        writer._identity = lambda: theirs.read("big/.data/serialization_id")  # type: ignore[method-assign]
        writer.close()
    with open(tmp_path / "big.pt", "rb") as a, open(tmp_path / "ours.pt", "rb") as b:
        assert a.read(4096) == b.read(4096)
        a.seek(size)
        b.seek(size)
        assert a.read() == b.read()
    for library in (torch, mindtorch):
        for name in ("big.pt", "ours.pt"):
            loaded = library.load(tmp_path / name, mmap=True)
            assert (loaded["a"].shape, loaded["b"].tolist()) == ((size,), [0, 0, 0])


def test_without_checksums(tmp_path: Path) -> None:
    for library, other in ((torch, mindtorch), (mindtorch, torch)):
        assert library.serialization.get_crc32_options()
        library.serialization.set_crc32_options(False)
        try:
            library.save({"a": library.arange(3.0)}, tmp_path / "x.pt")
        finally:
            library.serialization.set_crc32_options(True)
        assert not any(info.CRC for info in zipfile.ZipFile(tmp_path / "x.pt").infolist())
        assert other.load(tmp_path / "x.pt")["a"].tolist() == [0, 1, 2]


def test_shared_mapping_writes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    mindtorch.save(mindtorch.ones(3), path)
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        mindtorch.load(path, mmap=True).fill_(2)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    mindtorch.load(path, mmap=True).fill_(3)
    assert torch.load(path).tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="MAP_PRIVATE or"):
        serialization.set_default_mmap_options(0)


# ------------------------------------------------------------------ who is trusted
class Trusted:
    def __init__(self, value: int = 0) -> None:
        self.value = value


@pytest.fixture
def trusted() -> Iterator[None]:
    with serialization.safe_globals([Trusted]):
        yield


@pytest.mark.parametrize("protocol", [2, 4])
def test_globals_that_a_file_needs(protocol: int, trusted: None) -> None:
    content = {"a": Trusted(), "b": torch.ones(2), "c": torch.nn.Linear(1, 1), "d": {1}, "e": slice(3)}
    stream = saved(torch.save, content, pickle_protocol=protocol)
    ours = serialization.get_unsafe_globals_in_checkpoint(stream)
    assert f"{__name__}.Trusted" not in ours
    assert {"torch.nn.modules.linear.Linear", "builtins.slice"} <= set(ours)
    if protocol == 2:
        stream.seek(0)
        assert set(ours) == set(torch.serialization.get_unsafe_globals_in_checkpoint(stream)) - {f"{__name__}.Trusted"}
    with pytest.raises(ValueError, match=r"returned by torch\.save"):
        serialization.get_unsafe_globals_in_checkpoint(old([1]))


def test_classes_that_are_trusted(trusted: None) -> None:
    stream = saved(torch.save, Trusted(7))
    assert mindtorch.load(stream).value == 7


@settings(max_examples=300)
@given(data=st.data())
def test_no_changed_pickle_runs_anything(data: st.DataObject) -> None:
    """Bytes of a pickle are changed at random: it is refused or read, but never does anything else."""
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, ("/nonexistent/directory/of/a/test",)

    raw = pickle.dumps({"a": [1, 2.5, "x"], "e": Evil(), "b": (b"y", None)}, 2)
    position = data.draw(st.integers(0, len(raw) - 1))
    raw = raw[:position] + data.draw(st.binary(max_size=3)) + raw[position + data.draw(st.integers(0, 3)) :]
    stream = io.BytesIO()
    writer = ArchiveWriter(stream, "archive")
    writer.write("data.pkl", raw)
    writer.close()
    try:
        mindtorch.load(stream)
    except FileNotFoundError:
        pytest.fail("it was executed")
    except Exception:
        return


def test_names_that_lead_elsewhere(tmp_path: Path) -> None:
    """Records are only ever read from within the file, whatever they are called."""
    outside = tmp_path / "secret"
    outside.write_bytes(b"12345678")
    stream = saved(torch.save, torch.arange(2, dtype=torch.int64))
    pickled = zipfile.ZipFile(stream).read("archive/data.pkl")
    hostile = pickled.replace(b"X\x01\x00\x00\x000", b"X" + struct.pack("<I", 11) + b"../../secret"[:11])
    with pytest.raises(RuntimeError, match=r"no record data/\.\./\.\./secre"):
        mindtorch.load(with_record(stream, "data.pkl", hostile))
    archive = tmp_path / "x.pt"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("../evil/data.pkl", b"\x80\x02].")
        target.writestr("../evil/version", b"3\n")
    with pytest.raises(RuntimeError, match=r"no record data\.pkl"):
        mindtorch.load(archive)
    assert sorted(os.listdir(tmp_path)) == ["secret", "x.pt"]


@pytest.mark.parametrize("bad", ["(3, 'a')", "('storage', torch.FloatStorage, 5, 'cpu', 2)", "('storage', 1, 2, 3, 4)"])
def test_storages_that_are_none(bad: str) -> None:
    kind = serialization.names.find_global("torch", "FloatStorage")
    pid = eval(bad, {"torch": type("torch", (), {"FloatStorage": kind})})

    class Pickler(serialization.pickling.CheckpointPickler):
        def persistent_id(self, obj: Any) -> Any:
            return pid if obj == "here" else None

    stream, archive = io.BytesIO(), io.BytesIO()
    Pickler(stream, 2).dump(["here"])
    writer = ArchiveWriter(archive, "archive")
    writer.write("data.pkl", stream.getvalue())
    writer.close()
    for weights_only in (True, False):
        with pytest.raises(pickle.UnpicklingError, match="persistent id"):
            mindtorch.load(archive, weights_only=weights_only)


def test_own_kinds_of_devices() -> None:
    try:
        serialization.register_package(
            5, lambda storage: "mine", lambda storage, location: storage if location == "mine" else None
        )
        stream = saved(mindtorch.save, mindtorch.ones(2))
        assert b"mine" in stream.getvalue()
        assert mindtorch.load(stream).tolist() == [1, 1]
        assert serialization.location_tag(mindtorch.ones(1).untyped_storage()) == "mine"
    finally:
        serialization.locations._packages.clear()
    assert serialization.location_tag(mindtorch.ones(1).untyped_storage()) == "cpu"


# ------------------------------------------------------------------ whole objects, both ways
OBJECTS = {
    "modules": lambda lib: lib.nn.Sequential(
        lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3), lib.nn.Dropout(0.1), lib.nn.Embedding(3, 4), lib.nn.Conv2d(1, 2, 3),
        lib.nn.MultiheadAttention(4, 2), lib.nn.TransformerEncoderLayer(4, 2, 8), lib.nn.CTCLoss(),
        lib.nn.LSTM(3, 2, num_layers=2), lib.nn.GRU(3, 2, bidirectional=True), lib.nn.GRUCell(2, 2),
        lib.nn.ParameterList([lib.nn.Parameter(lib.ones(1))]), lib.nn.ModuleDict({"a": lib.nn.ReLU()}),
    ),
    "optimizer": lambda lib: lib.optim.Adam([lib.nn.Parameter(lib.ones(2))]),
    "generator": lambda lib: lib.Generator().manual_seed(3),
    "function": lambda lib: [lib.nn.functional.gelu, lib.add],
    "distribution": lambda lib: lib.distributions.Normal(0.0, 1.0),
    "storages": lambda lib: [lib.ones(3).storage(), lib.ones(3).untyped_storage()],
    "schedule": lambda lib: lib.optim.lr_scheduler.StepLR(
        lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=0.1), 2
    ).state_dict(),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_whole_objects(name: str) -> None:
    for library, other in ((torch, mindtorch), (mindtorch, torch)):
        if name == "function" and library is torch:
            continue  # torch.add is a method of a private class in PyTorch's pickles
        loaded = other.load(saved(library.save, OBJECTS[name](library)), weights_only=False)
        wanted = OBJECTS[name](other)
        assert type(loaded) is type(wanted)
        if name == "modules":
            assert str(loaded) == str(wanted)
            shapes = {key: tuple(value.shape) for key, value in wanted.state_dict().items()}
            assert {key: tuple(value.shape) for key, value in loaded.state_dict().items()} == shapes
            lstm = next(part for part in loaded if isinstance(part, other.nn.LSTM))
            assert lstm(other.ones(1, 1, 3))[0].shape == (1, 1, 2)
            assert lstm._flat_weights[1] is lstm.weight_hh_l0
        elif name == "optimizer":
            assert loaded.state_dict() == wanted.state_dict()
        elif name == "generator":
            assert (loaded.get_state() == wanted.get_state()).all()
        elif name == "function":
            assert loaded == wanted


def test_conjugation_that_was_put_off() -> None:
    tensor = torch.tensor([1 + 2j, 3 - 1j])
    assert mindtorch.load(saved(torch.save, tensor.conj())).tolist() == [1 - 2j, 3 + 1j]
    assert mindtorch.load(saved(torch.save, torch._neg_view(tensor))).tolist() == [-1 - 2j, -3 + 1j]
    assert mindtorch.load(saved(torch.save, tensor.conj().imag)).tolist() == [-2, 1]


def test_storages_of_gpus_of_old_times() -> None:
    """Up to 1.9 the class of a storage told the device, too."""
    stream = saved(torch.save, torch.ones(2))
    pickled = zipfile.ZipFile(stream).read("archive/data.pkl").replace(b"ctorch\nFloat", b"ctorch.cuda\nFloat")
    pickled = pickled.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    changed = with_record(stream, "data.pkl", pickled)
    assert mindtorch.load(changed, map_location="cpu").tolist() == [1, 1]
