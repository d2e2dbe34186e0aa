"""``torch.return_types``, and the modules that PyTorch's distributions are in."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import mindtorch  # noqa: E402

TYPES = [name for name in dir(torch.return_types) if isinstance(getattr(torch.return_types, name), type)]
PUBLIC = [name for name in TYPES if name in vars(mindtorch.return_types)]


def outcome(lib: Any, name: str, *args: Any) -> Any:
    try:
        made = getattr(lib.return_types, name)(*args)
    except TypeError as error:
        return str(error)
    return tuple(made), repr(made)


def test_all_public_types_are_there() -> None:
    wanted = {t.__name__.rpartition(".")[2] for t in torch.return_types.all_return_types}
    # out= has no types of its own.
    public = {name for name in wanted if not (name.startswith("_") or name.endswith("_out"))}
    assert public
    assert public <= vars(mindtorch.return_types).keys()


@pytest.mark.parametrize("name", PUBLIC)
def test_types_are_made_from_sequences(name: str) -> None:
    theirs, ours = getattr(torch.return_types, name), getattr(mindtorch.return_types, name)
    n = theirs.n_fields
    assert ours.n_fields == n
    parts = tuple(range(n))
    for args in ((parts,), (list(parts),), (parts[1:],), ((*parts, 9),)):
        assert outcome(mindtorch, name, *args) == outcome(torch, name, *args)
    fields = [next(f for f in dir(theirs) if isinstance(p := getattr(theirs(parts), f), int) and p == i
                   and f not in ("n_fields", "n_sequence_fields", "n_unnamed_fields")) for i in parts]  # fmt: skip
    assert [getattr(ours(parts), f) for f in fields] == list(parts)


def test_copies_and_pickles() -> None:
    for lib in (torch, mindtorch):
        found = lib.tensor([3.0, 1.0, 2.0]).topk(2)
        for again in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert type(again) is lib.return_types.topk
            assert [t.tolist() for t in again] == [[3.0, 2.0], [0, 2]]
    assert mindtorch.return_types.topk((1, 2), {}) == (1, 2)  # as PyTorch's are pickled


def test_distributions_are_where_pytorch_has_them() -> None:
    found = 0
    for info in pkgutil.iter_modules(torch.distributions.__path__):
        module = importlib.import_module(f"torch.distributions.{info.name}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if getattr(torch.distributions, name, None) is not value or not hasattr(mindtorch.distributions, name):
                continue
            ours = importlib.import_module(f"mindtorch.distributions.{info.name}")
            assert getattr(mindtorch.distributions, info.name) is ours
            assert getattr(ours, name) is getattr(mindtorch.distributions, name)
            found += 1
    assert found > 30
