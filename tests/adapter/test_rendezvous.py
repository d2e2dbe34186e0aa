"""``torch.distributed.rendezvous``, multi-tenant stores and the names of the extension modules, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402
from side_by_side import same, same_error  # noqa: E402


@pytest.mark.parametrize(
    ("arguments", "text", "kind"),
    [
        (("bla://x", 0, 1), "No rendezvous handler for bla://", RuntimeError),
        ((1,), "`url` must be a string. <class 'int'>: 1", RuntimeError),
        (("env://", "a", 1), "`rank` must be an integer. a", RuntimeError),
        (("env://", 0, "b"), "`world_size` must be an integer. b", RuntimeError),
        (("tcp://127.0.0.1", 0, 1), "port number missing", ValueError),
        (("tcp://h:1",), "rank parameter missing", ValueError),
    ],
)
def test_rendezvous_refuses(arguments: tuple[Any, ...], text: str, kind: type[Exception]) -> None:
    same_error(lambda lib: next(lib.distributed.rendezvous(*arguments)), text, kind)


def test_rendezvous_is_an_iterator_over_one_meeting() -> None:
    def program(lib: Any) -> Any:
        meetings = lib.distributed.rendezvous("tcp://127.0.0.1:0", 0, 1)
        store, rank, world_size = next(meetings)
        store.set("key", "value")
        with pytest.raises(RuntimeError, match="Unable to perform re-rendezvous using tcp:// method"):
            next(meetings)
        return store.get("key"), rank, world_size

    same(program)


def test_nothing_happens_before_the_meeting_is_asked_for() -> None:
    same(lambda lib: hasattr(lib.distributed.rendezvous("tcp://127.0.0.1", 0, 1), "__next__"))


def test_multi_tenant_stores_share_a_server() -> None:
    def program(lib: Any) -> Any:
        def store(port: int, multi_tenant: bool = True) -> Any:
            return lib.distributed.TCPStore("127.0.0.1", port, 1, True, multi_tenant=multi_tenant)

        first = store(0)
        second = store(first.port)
        second.set("key", "value")
        with pytest.raises(RuntimeError):
            store(first.port, multi_tenant=False)
        seen = [first.get("key")]
        port = first.port
        del first
        seen.append(second.get("key"))
        del second
        third = store(port)
        return [*seen, third.check(["key"])]

    same(program)


def test_extension_module_has_the_classes() -> None:
    from mindtorch._C._distributed_c10d import PrefixStore, ProcessGroup

    assert PrefixStore is mindtorch.distributed.PrefixStore
    assert ProcessGroup is mindtorch.distributed.ProcessGroup


@pytest.mark.parametrize("name", ["load", "load_inline", "CppExtension", "CUDAExtension"])
def test_extensions_are_refused_by_name(name: str) -> None:
    from mindtorch.utils import cpp_extension

    with pytest.raises(NotImplementedError, match=f"torch.utils.cpp_extension.{name}"):
        getattr(cpp_extension, name)("extension", ["source.cpp"])


def test_cuda_toolkit_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from mindtorch.utils import cpp_extension

    monkeypatch.setenv("CUDA_HOME", "/opt/toolkit")
    assert cpp_extension._find_cuda_home() == "/opt/toolkit"
    monkeypatch.delenv("CUDA_HOME")
    monkeypatch.setenv("CUDA_PATH", "/opt/other")
    assert cpp_extension._find_cuda_home() == "/opt/other"
