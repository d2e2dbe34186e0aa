"""Distributed checkpoints of one process: PyTorch reads ours, we read PyTorch's, and both plan the same."""

from __future__ import annotations

import dataclasses
import importlib
import io
import itertools
import os
import pickle
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mindtorch
import mindtorch.distributed.checkpoint as ours
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import torch.distributed.checkpoint as theirs  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.distributed is disabled"),
    pytest.mark.filterwarnings("ignore:Detected an existing checkpoint"),
    pytest.mark.filterwarnings("ignore:.*deprecat.*:FutureWarning"),
]
LIBRARIES = [(torch, theirs), (mindtorch, ours)]


def names(lib: Any, module: str) -> Any:
    return importlib.import_module(f"{lib.__name__}.distributed.checkpoint.{module}")


def state(lib: Any, full: bool = True) -> dict[str, Any]:
    """Nested, with views, scalars, other dtypes and objects; or the same shapes with other values."""
    make = (lambda t: t) if full else lib.zeros_like
    return {
        "model": {
            "w": make(lib.arange(12.0).reshape(3, 4)),
            "half": make(lib.ones(3, dtype=lib.bfloat16) * 1.5),
            "scalar": make(lib.tensor(3)),
            "view": make(lib.arange(10)[2:5]),
            "transposed": make(lib.arange(6.0).reshape(2, 3).t()),
            "flags": make(lib.tensor([True, False])),
            "empty": make(lib.empty(0, 2)),
        },
        "optimizer": {
            "state": {0: {"step": make(lib.tensor(4.0))}},
            "groups": [{"lr": 0.1 if full else 0, "p": [0, 1]}],
        },
        "list": [make(lib.ones(2)), "x" if full else ""],
        "step": 7 if full else 0,
        "nothing": None if full else 3,
    }


def plain(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, mindtorch.Tensor)):
        return [str(value.dtype), list(value.shape), value.tolist()]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(
    "options",
    [{}, {"thread_count": 3}, {"single_file_per_rank": False}, {"single_file_per_rank": False, "thread_count": 2},
     {"sync_files": False}],
    ids=str,
)  # fmt: skip
def test_both_ways(tmp_path: Path, options: dict[str, Any]) -> None:
    for library, checkpoint in LIBRARIES:
        path = tmp_path / library.__name__
        checkpoint.save(state(library), storage_writer=checkpoint.FileSystemWriter(path, **options))
        for reader, other in LIBRARIES:
            target = state(reader, full=False)
            other.load(target, storage_reader=other.FileSystemReader(path))
            assert plain(target) == plain(state(reader))
    sizes = [
        sorted((name, size_of(tmp_path / lib / name)) for name in os.listdir(tmp_path / lib) if name != ".metadata")
        for lib in ("torch", "mindtorch")
    ]
    if options.get("thread_count", 1) == 1 or not options.get("single_file_per_rank", True):
        assert sizes[0] == sizes[1]
    else:
        assert [name for name, _ in sizes[0]] == [name for name, _ in sizes[1]]


def size_of(path: Path) -> int:
    return path.stat().st_size


def test_the_description_is_the_same(tmp_path: Path) -> None:
    """What PyTorch reads of our .metadata equals its own, and what we read of PyTorch's equals ours."""
    for library, checkpoint in LIBRARIES:
        checkpoint.save(state(library), checkpoint_id=tmp_path / library.__name__)
    for _, checkpoint in LIBRARIES:
        read = [checkpoint.FileSystemReader(tmp_path / name).read_metadata() for name in ("torch", "mindtorch")]
        assert [str(r.storage_meta.checkpoint_id) for r in read] == [
            str(tmp_path / "torch"), str(tmp_path / "mindtorch")
        ]  # fmt: skip
        for r in read:
            r.storage_meta = None
        assert read[0] == read[1]
        assert type(read[0]).__module__.partition(".")[0] == checkpoint.__name__.partition(".")[0]
        assert read[0].version == "1.0.0"


def test_strange_descriptions(tmp_path: Path) -> None:
    ours.save({"a": mindtorch.ones(2)}, checkpoint_id=tmp_path)
    reader = ours.FileSystemReader(tmp_path)
    metadata = reader.read_metadata()
    for info in metadata.storage_data.values():
        info.relative_path = "../elsewhere"
    reader.read_metadata = lambda **kwargs: metadata  # type: ignore[method-assign]
    with pytest.raises(ours.CheckpointException, match="outside of the directory"):
        ours.load({"a": mindtorch.ones(2)}, storage_reader=reader)
    (tmp_path / ".metadata").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ours.CheckpointException, match="holds a Metadata, but this one a dict"):
        ours.load({"a": mindtorch.ones(2)}, checkpoint_id=tmp_path)
    metadata.planner_data = {"a": mindtorch.ones(1)}
    with pytest.raises(NotImplementedError, match=r"tensors in a checkpoint's \.metadata"):
        names(mindtorch, "_metadata_file").dump_metadata(metadata, io.BytesIO())


# ------------------------------------------------------------------ plans
def test_plans_are_pytorchs() -> None:
    """Of four ranks, which share some tensors: who writes what, the description, and what is read."""
    found = []
    for library, checkpoint in LIBRARIES:
        planners = names(library, "default_planner")
        plans = []
        for rank in range(4):
            planner = checkpoint.DefaultSavePlanner(dedup_save_to_lowest_rank=False)
            shared = {str(i): library.ones(i + 1, 2) for i in range(6)}
            content = {"shared": shared, f"own{rank}": library.ones(40), "n": 1}
            planner.set_up_planner(content, is_coordinator=rank == 0)
            plans.append(planner.create_local_plan())
        results = []
        for lowest in (False, True):
            planner = checkpoint.DefaultSavePlanner(dedup_save_to_lowest_rank=lowest)
            written, metadata = planner.create_global_plan(plans)
            results.append(([[(i.index.fqn, i.index.index, i.type.name) for i in p.items] for p in written], metadata))
        load = planners.create_default_local_load_plan({"own2": library.zeros(40), "n": 0}, metadata)
        found.append((results, load, planners.create_default_global_load_plan([load])))
    assert repr(found[0]) == repr(found[1])


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_boxes_are_read_as_pytorch_reads_them(data: st.DataObject) -> None:
    """Stored in one grid, wanted in another: the items are equal, and filling from them gives the tensor."""
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))

    def grid() -> list[tuple[list[int], list[int]]]:
        boxes: list[tuple[list[int], list[int]]] = [([], [])]
        for length in shape:
            cuts = sorted({0, length, *data.draw(st.lists(st.integers(0, length), max_size=2))})
            pieces = [(start, end - start) for start, end in itertools.pairwise(cuts)]
            boxes = [([*o, start], [*s, size]) for o, s in boxes for start, size in pieces]
        return boxes

    stored, wanted = grid(), grid()
    plans = []
    for library, checkpoint in LIBRARIES:
        helpers, chunk = names(library, "planner_helpers"), checkpoint.ChunkStorageMetadata
        properties = names(library, "metadata").TensorProperties()
        boxes = [[chunk(library.Size(o), library.Size(s)) for o, s in g] for g in (stored, wanted)]
        entry = checkpoint.TensorStorageMetadata(properties, library.Size(shape), boxes[0])
        plans.append(helpers.create_read_items_for_chunk_list("x", entry, boxes[1]))
    assert sorted(map(repr, plans[0])) == sorted(map(repr, plans[1]))
    narrow = importlib.import_module("mindtorch.distributed._shard._utils").narrow_tensor_by_index
    whole = mindtorch.arange(float(mindtorch.Size(shape).numel())).reshape(shape)
    result = mindtorch.zeros(shape)
    for item in plans[1]:
        source = narrow(narrow(whole, item.storage_index.offset, stored[item.storage_index.index][1]),
                        item.storage_offsets, item.lengths)  # fmt: skip
        target = narrow(narrow(result, item.dest_index.offset, wanted[item.dest_index.index][1]),
                        item.dest_offsets, item.lengths)  # fmt: skip
        target.copy_(source)
    assert (result == whole).all()


def test_bad_global_plans_are_refused() -> None:
    for library, checkpoint in LIBRARIES:
        planner_module, metadata = names(library, "planner"), names(library, "metadata")

        def item(offset: int, size: int, library: Any = library, p: Any = planner_module, m: Any = metadata) -> Any:
            chunk = m.ChunkStorageMetadata(library.Size([offset]), library.Size([size]))
            data = p.TensorWriteData(chunk, m.TensorProperties(), library.Size([10]))
            return p.WriteItem(m.MetadataIndex("x", [offset]), p.WriteItemType.SHARD, tensor_data=data)

        for parts in ([(0, 6), (5, 5)], [(0, 6), (6, 5)], [(0, 6), (6, 3)]):
            plans = [checkpoint.SavePlan([item(*part)], planner_data={}) for part in parts]
            with pytest.raises(ValueError, match="Failed to validate global plan"):
                checkpoint.DefaultSavePlanner().create_global_plan(plans)


def test_cached_plans(tmp_path: Path) -> None:
    class Planner(ours.DefaultSavePlanner):
        """A class of its own: the cache is by class."""

    before = []
    for i, content in enumerate([{"a": mindtorch.ones(2)}, {"a": mindtorch.zeros(2)}, {"b": mindtorch.ones(3)}]):
        path = tmp_path / str(i)
        ours.save(content, checkpoint_id=path, planner=Planner(enable_plan_caching=True))
        target = {name: torch.full(tuple(value.shape), 9.0) for name, value in content.items()}
        theirs.load(target, checkpoint_id=path)
        assert plain(target) == plain({name: torch.tensor(value.tolist()) for name, value in content.items()})
        before.append(ours.SavePlanner._cached_final_save_plan["Planner"])
    assert before[0] is before[1]
    assert before[1] is not before[2]


# ------------------------------------------------------------------ loading
def test_what_does_not_fit(tmp_path: Path) -> None:
    ours.save({"a": mindtorch.ones(2), "n": 5}, checkpoint_id=tmp_path)
    for library, checkpoint in LIBRARIES:
        error = checkpoint.CheckpointException
        with pytest.raises(error, match="Missing key in checkpoint state_dict: b"):
            checkpoint.load({"b": library.ones(2)}, checkpoint_id=tmp_path)
        with pytest.raises(error, match="Size mismatch between saved"):
            checkpoint.load({"a": library.ones(3)}, checkpoint_id=tmp_path)
        with pytest.raises(error, match="expected BytesStorageMetadata"):
            checkpoint.load({"a": 3}, checkpoint_id=tmp_path)
        target = {"a": library.zeros(2), "b": library.zeros(3)}
        checkpoint.load(target, checkpoint_id=tmp_path, planner=checkpoint.DefaultLoadPlanner(allow_partial_load=True))
        assert plain(target) == plain({"a": library.ones(2), "b": library.zeros(3)})
        with pytest.raises(error, match="No such file"):
            checkpoint.load({"a": library.ones(2)}, checkpoint_id=tmp_path / "none")
        with pytest.raises(RuntimeError, match="checkpoint_id"):
            checkpoint.load({})


def test_dtypes_are_converted_and_meta_tensors_made(tmp_path: Path) -> None:
    theirs.save({"a": torch.arange(4.0), "b": torch.ones(2)}, checkpoint_id=tmp_path)
    parameter = mindtorch.nn.Parameter(mindtorch.zeros(2))
    target = {"a": mindtorch.zeros(4, dtype=mindtorch.float16), "b": parameter}
    ours.load(target, checkpoint_id=tmp_path)
    assert target["a"].dtype == mindtorch.float16
    assert target["b"] is parameter
    assert parameter.tolist() == [1, 1]
    meta = {"a": mindtorch.empty(4, device="meta"), "b": mindtorch.nn.Parameter(mindtorch.empty(2, device="meta"))}
    ours.load(meta, checkpoint_id=tmp_path)
    assert meta["a"].tolist() == [0, 1, 2, 3]
    assert isinstance(meta["b"], mindtorch.nn.Parameter)


def test_without_a_state_dictionary(tmp_path: Path) -> None:
    theirs.save({"m": {"a": torch.ones(2), "b": {"c": torch.zeros(1)}}, "n": [1, 2]}, checkpoint_id=tmp_path)
    load = names(mindtorch, "state_dict_loader")._load_state_dict_from_keys
    assert plain(load(checkpoint_id=tmp_path)) == plain(
        {"m": {"a": mindtorch.ones(2), "b": {"c": mindtorch.zeros(1)}}, "n": [1, 2]}
    )
    assert plain(load("m.b", checkpoint_id=tmp_path)) == plain({"m": {"b": {"c": mindtorch.zeros(1)}}})
    assert load({"n"}, checkpoint_id=tmp_path) == {"n": [1, 2]}


def test_objects_that_have_a_state(tmp_path: Path) -> None:
    for library, checkpoint in LIBRARIES:
        model = library.nn.Linear(2, 2)
        before = plain(model.state_dict())
        path = tmp_path / library.__name__
        checkpoint.save({"model": model, "loose": 3}, checkpoint_id=path)
        with library.no_grad():
            model.weight.zero_()
        state_dict = {"model": model, "loose": 0}
        checkpoint.load(state_dict, checkpoint_id=path)
        assert (plain(model.state_dict()), state_dict["loose"]) == (before, 3)


# ------------------------------------------------------------------ saving
def test_overwriting(tmp_path: Path) -> None:
    ours.save({"a": mindtorch.ones(2)}, checkpoint_id=tmp_path)
    with pytest.warns(UserWarning, match="Detected an existing checkpoint"):
        ours.save({"a": mindtorch.zeros(2)}, checkpoint_id=tmp_path)
    with pytest.raises(ours.CheckpointException, match="Checkpoint already exists"):
        ours.save({"a": mindtorch.ones(2)}, storage_writer=ours.FileSystemWriter(tmp_path, overwrite=False))
    target = {"a": torch.ones(2)}
    theirs.load(target, checkpoint_id=tmp_path)
    assert target["a"].tolist() == [0, 0]


@pytest.mark.parametrize("own_writer", [False, True])
def test_in_the_background(tmp_path: Path, own_writer: bool) -> None:
    """The copy is made at once: what training does afterwards is not in the checkpoint."""
    go = threading.Event()

    class Planner(ours.DefaultSavePlanner):
        def resolve_data(self, write_item: Any) -> Any:
            go.wait(20)
            return super().resolve_data(write_item)

    tensor = mindtorch.ones(3)
    content = {"a": tensor, "n": {"b": [tensor[1:], 4]}}
    writer = ours.FileSystemWriter(tmp_path, cache_staged_state_dict=True) if own_writer else None
    future = ours.async_save(content, checkpoint_id=tmp_path, storage_writer=writer, planner=Planner())
    tensor.zero_()
    assert not future.done()
    go.set()
    assert isinstance(future.result(20), ours.Metadata)
    target = {"a": torch.zeros(3), "n": {"b": [torch.zeros(2), 0]}}
    theirs.load(target, checkpoint_id=tmp_path)
    assert plain(target) == plain({"a": torch.ones(3), "n": {"b": [torch.ones(2), 4]}})


def test_background_errors_arrive(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    future = ours.async_save({"a": mindtorch.ones(1)}, storage_writer=ours.FileSystemWriter(tmp_path / "file"))
    with pytest.raises(ours.CheckpointException, match="file"):
        future.result(20)
    saver = names(mindtorch, "state_dict_saver")
    with pytest.raises(NotImplementedError, match="in a process"):
        ours.async_save({}, checkpoint_id=tmp_path, async_checkpointer_type=saver.AsyncCheckpointerType.PROCESS)


def test_extensions(tmp_path: Path) -> None:
    extension = names(mindtorch, "_extension")

    class Packed(extension.StreamTransformExtension):
        @staticmethod
        def registry_name() -> str:
            return "packed"

        @staticmethod
        def from_descriptor(version: str) -> Any:
            return Packed()

        def get_descriptor(self) -> str:
            return "packed/1"

        def transform_to(self, output: Any) -> Any:
            class Writer(io.BytesIO):
                def close(self) -> None:
                    if not self.closed:
                        output.write(zlib.compress(self.getvalue()))
                    super().close()

            return Writer()

        def transform_from(self, input: Any) -> Any:
            return io.BytesIO(zlib.decompress(input.read()))

    content = {"a": mindtorch.ones(10000), "n": 3}
    ours.save(content, storage_writer=ours.FileSystemWriter(tmp_path, _extensions=[Packed()]))
    assert size_of(tmp_path / "__0_0.distcp") < 5000
    registry = extension.ExtensionRegistry()
    target = {"a": mindtorch.zeros(10000), "n": 0}
    with pytest.raises(ours.CheckpointException, match="Unknown extension packed"):
        ours.load(target, storage_reader=ours.FileSystemReader(tmp_path, registry))
    registry.register(Packed)
    ours.load(target, storage_reader=ours.FileSystemReader(tmp_path, registry))
    assert (target["a"].sum().item(), target["n"]) == (10000, 3)


def test_conversion_of_formats(tmp_path: Path) -> None:
    content = {"model": {"w": mindtorch.arange(4.0)}, "n": 3, "list": [mindtorch.ones(1), {"x": mindtorch.zeros(1)}]}
    mindtorch.save(content, tmp_path / "a.pt")
    for library, _ in LIBRARIES:
        convert = names(library, "format_utils")
        directory, file = tmp_path / library.__name__, tmp_path / f"{library.__name__}.pt"
        convert.torch_save_to_dcp(tmp_path / "a.pt", directory)
        other = names(mindtorch if library is torch else torch, "format_utils")
        other.dcp_to_torch_save(directory, file)
        assert plain(mindtorch.load(file)) == plain(content)


# ------------------------------------------------------------------ shards
@pytest.fixture
def group() -> Iterator[None]:
    for library, _ in LIBRARIES:
        dist = library.distributed
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    for library, _ in LIBRARIES:
        library.distributed.destroy_process_group()


def sharded(lib: Any, value: Any) -> Any:
    module = importlib.import_module(f"{lib.__name__}.distributed._shard.sharded_tensor")
    shards = [module.Shard.from_tensor_and_offsets(value[i : i + 2].clone(), [i, 0], 0) for i in (0, 2)]
    return module.init_from_local_shards(shards, *value.shape)


def test_sharded_tensors(tmp_path: Path, group: None) -> None:
    for library, checkpoint in LIBRARIES:
        path = tmp_path / library.__name__
        checkpoint.save({"x": sharded(library, library.arange(12.0).reshape(4, 3))}, checkpoint_id=path)
        for reader, other in LIBRARIES:
            target = {"x": sharded(reader, reader.zeros(4, 3))}
            other.load(target, checkpoint_id=path)
            parts = [shard.tensor.tolist() for shard in target["x"].local_shards()]
            assert parts == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
            whole = {"x": reader.zeros(4, 3)}
            other.load(whole, checkpoint_id=path)
            assert whole["x"].tolist() == [part for half in parts for part in half]


def test_a_sharded_tensor_is_no_tensor_for_operators(group: None) -> None:
    tensor = sharded(mindtorch, mindtorch.arange(12.0).reshape(4, 3))
    assert isinstance(tensor, mindtorch.Tensor)
    assert (tensor.shape, tensor.dtype, tensor.device.type, tensor.dim()) == ((4, 3), mindtorch.float32, "cpu", 2)
    for use in (lambda: tensor + 1, lambda: mindtorch.add(tensor, tensor), tensor.sum, tensor.numpy, tensor.stride):
        with pytest.raises(RuntimeError, match="not supported for ShardedTensor"):
            use()
    out = mindtorch.zeros(4, 3)
    tensor.gather(0, out)
    assert out.tolist() == mindtorch.arange(12.0).reshape(4, 3).tolist()
    copy = tensor.clone()
    copy.local_shards()[0].tensor.zero_()
    assert tensor.local_shards()[0].tensor.sum() == 15
    assert dataclasses.asdict(tensor.metadata())["size"] == (4, 3)
    with pytest.raises(NotImplementedError, match="single local shard"):
        tensor.local_tensor()


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ([([0, 0], 2), ([1, 0], 2)], "overlap"), ([([0, 0], 2)], "do not cover the entire tensor"),
        ([([0, 0], 2), ([3, 0], 2)], ".*"),
    ],
)  # fmt: skip
def test_shards_that_do_not_fit(group: None, shards: list[Any], message: str) -> None:
    for library, _ in LIBRARIES:
        module = importlib.import_module(f"{library.__name__}.distributed._shard.sharded_tensor")
        parts = [module.Shard.from_tensor_and_offsets(library.ones(rows, 3), at, 0) for at, rows in shards]
        with pytest.raises(ValueError, match=message):
            module.init_from_local_shards(parts, 4, 3)
