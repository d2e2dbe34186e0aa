"""Random calls of every collective, run by either library, and what NumPy says they give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

POINT_TO_POINT = ("send_recv", "isend_irecv", "batch_isend_irecv")
REDUCTIONS = ("all_reduce", "reduce", "reduce_scatter", "reduce_scatter_tensor")
COPIES = (
    "broadcast", "all_gather", "all_gather_into_tensor", "gather", "scatter", "all_to_all", "all_to_all_single",
    "all_to_all_uneven", *POINT_TO_POINT,
)  # fmt: skip
DTYPES = (
    "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "bool",
)  # fmt: skip
OPS = ("SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR", "PREMUL_SUM")
BITWISE = ("BAND", "BOR", "BXOR")
LINEAR = ("SUM", "AVG", "PREMUL_SUM")
FACTOR = 3.0


@dataclass(frozen=True)
class Case:
    """One call. ``ranks`` is the group, ``root`` a group rank."""

    seed: int
    collective: str
    dtype: str
    op: str
    shape: tuple[int, ...]
    strided: bool
    asynchronous: bool
    ranks: tuple[int, ...]
    root: int

    def __str__(self) -> str:
        kind = f"{self.op} " if self.collective in REDUCTIONS else ""
        how = f"{' strided' * self.strided}{' async' * self.asynchronous}"
        return f"{self.seed}: {kind}{self.collective} of {self.dtype}{list(self.shape)}{how}, group {self.ranks}"

    @property
    def size(self) -> int:
        return len(self.ranks)


def defined(op: str, dtype: str) -> bool:
    """Whether a reduction of a dtype has a meaning."""
    if dtype == "bool":
        return op not in ("AVG", "PREMUL_SUM")
    if dtype == "complex64":
        return op in LINEAR
    return op not in BITWISE or "int" in dtype


def groups_of(size: int) -> list[tuple[int, ...]]:
    """The world and some of its parts."""
    world = tuple(range(size))
    return [world, (0, size - 1), world[1:], (size - 1,)]


def cases(size: int, each: int = 5) -> list[Case]:
    """The calls for a world of ``size``: every collective and every reduction of every dtype at least once."""
    rng = np.random.default_rng(size)
    wanted = [(c, dtype, "SUM") for c in COPIES for dtype in rng.permutation(DTYPES)[:each]]
    for op in OPS:
        for dtype in DTYPES:
            if defined(op, dtype):
                wanted.append((str(rng.choice(REDUCTIONS)), dtype, op))
    found = []
    for seed, (collective, dtype, op) in enumerate(wanted):
        groups = groups_of(size)
        ranks = groups[rng.choice(len(groups), p=[0.55, 0.2, 0.15, 0.1])]
        if len(ranks) < 2 and collective in POINT_TO_POINT:
            ranks = groups[0]
        # Rows first: collectives that split do so along the first dimension.
        shape = (int(rng.integers(0, 4)) * len(ranks), *map(int, rng.integers(1, 5, int(rng.integers(0, 3)))))
        root = int(rng.integers(0, len(ranks)))
        strided, asynchronous = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
        found.append(Case(seed, collective, str(dtype), op, shape, strided, asynchronous, ranks, root))
    return found


# ------------------------------------------------------------------ data
def splits(case: Case, sender: int) -> list[int]:
    """How many rows ``sender`` sends to each rank in an uneven exchange."""
    return np.random.default_rng([case.seed, sender, 99]).integers(0, 4, case.size).tolist()


def rows(case: Case, rank: int) -> int:
    """How many rows a rank's input has."""
    return sum(splits(case, rank)) if case.collective == "all_to_all_uneven" else case.shape[0]


def data(case: Case, rank: int, part: int = 0) -> np.ndarray:
    """The ``part``-th input of a group rank: small integers, which every dtype adds and multiplies exactly."""
    rng = np.random.default_rng([case.seed, rank, part])
    shape = (rows(case, rank), *case.shape[1:])
    if case.dtype == "bool":
        return rng.random(shape) < 0.5
    low = 0 if case.dtype == "uint8" else -3
    values = rng.integers(low, 4, shape)
    if case.dtype == "complex64":
        return (values + 1j * rng.integers(-3, 4, shape)).astype(np.complex64)
    kind = {"bfloat16": "float32", "float16": "float32"}.get(case.dtype, case.dtype)
    return values.astype(kind)


def tensor(lib: Any, case: Case, array: np.ndarray) -> Any:
    """A tensor of the case's dtype; ``strided``: every second element of a larger one, transposed."""
    t = lib.from_numpy(array.copy()).to(getattr(lib, case.dtype))
    if not case.strided:
        return t
    wide = lib.zeros((2, *reversed(t.shape)), dtype=t.dtype)
    view = wide.permute(*range(t.dim(), 0, -1), 0)[..., 1]
    view.copy_(t)
    return view


def plain(lib: Any, t: Any) -> np.ndarray:
    """A tensor as an array of a dtype that NumPy has."""
    t = t.detach()
    return (t.double() if t.is_floating_point() else t).numpy().copy()


# ------------------------------------------------------------------ run
def run(lib: Any, case: Case, group: Any) -> list[np.ndarray]:
    """Carry the call out on this rank, which is in ``group``; its outputs."""
    dist = lib.distributed
    me = dist.get_rank(group)
    call = getattr(dist, case.collective.replace("_uneven", "_single"), None)
    root = case.ranks[case.root]
    options: dict[str, Any] = {"group": group, "async_op": case.asynchronous}
    if case.collective in REDUCTIONS:
        premul = case.op == "PREMUL_SUM"
        options["op"] = dist._make_nccl_premul_sum(FACTOR) if premul else getattr(dist.ReduceOp, case.op)

    def new(array: np.ndarray) -> Any:
        return tensor(lib, case, array)

    x = new(data(case, me))
    empty = new(np.zeros_like(data(case, me)))
    part = new(np.zeros_like(data(case, me)[: case.shape[0] // case.size]))
    several = [new(data(case, me, i)) for i in range(case.size)]
    outputs = [new(np.zeros_like(data(case, me))) for _ in range(case.size)]
    work = None
    if case.collective in POINT_TO_POINT:
        return [plain(lib, t) for t in exchange(dist, case, group, me, x, empty)]
    if case.collective == "all_reduce":
        work, results = call(x, **options), [x]
    elif case.collective == "reduce":
        work, results = call(x, root, **options), [x] if me == case.root else []
    elif case.collective == "broadcast":
        work, results = call(x, root, **options), [x]
    elif case.collective == "all_gather":
        work, results = call(outputs, x, **options), outputs
    elif case.collective == "all_gather_into_tensor":
        whole = lib.zeros((case.size * x.shape[0], *x.shape[1:]), dtype=x.dtype)
        work, results = call(whole, x.contiguous(), **options), [whole]
    elif case.collective == "reduce_scatter":
        work, results = call(empty, several, **options), [empty]
    elif case.collective == "reduce_scatter_tensor":
        part = part.contiguous()
        work, results = call(part, x.contiguous(), **options), [part]
    elif case.collective == "gather":
        at_root = me == case.root
        work, results = call(x, outputs if at_root else None, root, **options), outputs if at_root else []
    elif case.collective == "scatter":
        work, results = call(empty, several if me == case.root else None, root, **options), [empty]
    elif case.collective == "all_to_all":
        work, results = call(outputs, several, **options), outputs
    elif case.collective == "all_to_all_single":
        out = empty.contiguous()
        work, results = call(out, x.contiguous(), **options), [out]
    else:
        incoming = [splits(case, sender)[me] for sender in range(case.size)]
        out = lib.zeros((sum(incoming), *case.shape[1:]), dtype=x.dtype)
        work, results = call(out, x.contiguous(), incoming, splits(case, me), **options), [out]
    if case.asynchronous:
        work.wait()
        # Gloo never says so of its reduce_scatter.
        assert lib.__name__ == "torch" or work.is_completed()
    else:
        assert work is None
    return [plain(lib, t) for t in results]


def exchange(dist: Any, case: Case, group: Any, me: int, x: Any, out: Any) -> list[Any]:
    """To the next rank and from the one before."""
    right, left = case.ranks[(me + 1) % case.size], case.ranks[(me - 1) % case.size]
    if case.collective == "send_recv":
        if me == 0:
            dist.send(x, right, group)
            dist.recv(out, left, group)
        else:
            dist.recv(out, left, group)
            dist.send(x, right, group)
    elif case.collective == "isend_irecv":
        # Two messages whose tags, not their order, say which is which; the second is not looked at.
        other = out.clone()
        works = [dist.isend(x + x, right, group, tag=7), dist.isend(x, right, group, tag=3)]
        works += [dist.irecv(out, left, group, tag=3), dist.irecv(other, left, group, tag=7)]
        for work in works:
            work.wait()
        return [out, other]
    else:
        operations = [dist.P2POp(dist.isend, x, right, group), dist.P2POp(dist.irecv, out, left, group)]
        for work in dist.batch_isend_irecv(operations):
            work.wait()
    return [out]


# ------------------------------------------------------------------ what NumPy says
def reduced(case: Case, arrays: list[np.ndarray]) -> np.ndarray:
    """The reduction of everybody's arrays."""
    if case.dtype == "bool":
        function: Any = {
            "SUM": np.logical_or, "MAX": np.logical_or, "BOR": np.logical_or, "PRODUCT": np.logical_and,
            "MIN": np.logical_and, "BAND": np.logical_and, "BXOR": np.logical_xor,
        }[case.op]  # fmt: skip
        return reduce(function, arrays)
    function = {
        "PRODUCT": np.multiply, "MIN": np.minimum, "MAX": np.maximum, "BAND": np.bitwise_and, "BOR": np.bitwise_or,
        "BXOR": np.bitwise_xor,
    }.get(case.op, np.add)  # fmt: skip
    total = reduce(function, arrays)
    if case.op == "PREMUL_SUM":
        return (total * FACTOR).astype(total.dtype)
    if case.op == "AVG":
        return np.trunc(total / len(arrays)).astype(total.dtype) if "int" in case.dtype else total / len(arrays)
    return total


def expected(case: Case, me: int) -> list[np.ndarray]:
    """The outputs of a group rank."""
    inputs = [data(case, rank) for rank in range(case.size)]
    if case.collective in ("all_reduce", "reduce"):
        return [reduced(case, inputs)] if case.collective == "all_reduce" or me == case.root else []
    if case.collective == "broadcast":
        return [inputs[case.root]]
    if case.collective == "all_gather":
        return inputs
    if case.collective == "all_gather_into_tensor":
        return [np.concatenate(inputs)]
    if case.collective == "reduce_scatter":
        return [reduced(case, [data(case, rank, me) for rank in range(case.size)])]
    if case.collective == "reduce_scatter_tensor":
        return [np.split(reduced(case, inputs), case.size)[me]]
    if case.collective == "gather":
        return inputs if me == case.root else []
    if case.collective == "scatter":
        return [data(case, case.root, me)]
    if case.collective == "all_to_all":
        return [data(case, rank, me) for rank in range(case.size)]
    if case.collective == "all_to_all_single":
        return [np.concatenate([np.split(x, case.size)[me] for x in inputs])]
    if case.collective == "all_to_all_uneven":
        parts = [np.split(x, np.cumsum(splits(case, rank))[:-1])[me] for rank, x in enumerate(inputs)]
        return [np.concatenate(parts)]
    left = inputs[(me - 1) % case.size]
    return [left, left + left] if case.collective == "isend_irecv" else [left]
