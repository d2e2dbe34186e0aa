"""The GPTs, all but one of them tiny; how several processes share one; hyper-parameters that all of them have."""

from __future__ import annotations

from dataclasses import dataclass, replace

MICRO_BATCH_SIZE = 2
ITERATIONS = 10
PADDED_VOCABULARY = 5120
MAX_LR, MIN_LR, WARMUP_ITERATIONS = 1e-3, 1e-4, 2
WEIGHT_DECAY, CLIP_GRAD, ADAM_BETAS = 0.01, 1.0, (0.9, 0.95)
AUX_LOSS = 1e-2
SEED = 1234


@dataclass(frozen=True)
class Layout:
    """How the processes share a model: tensor * pipeline * data of them."""

    tensor: int = 1
    pipeline: int = 1
    virtual_pipeline: int | None = None  # chunks of layers that each rank of the pipeline has
    data: int | None = None  # None: as many as the processes make
    expert: int = 1
    sequence_parallel: bool = False
    distributed_optimizer: bool = False
    overlap_grad_reduce: bool = False


@dataclass(frozen=True)
class Config:
    """One model, and how it is shared unless flags say otherwise.

    ``weights`` and ``batches`` are files of the data directory; without them, the seed draws both.
    """

    weights: str | None
    batches: str | None
    position_embedding: str
    normalization: str
    swiglu: bool
    bias: bool
    query_groups: int
    ffn_hidden_size: int
    share_embeddings: bool
    layers: int = 2
    hidden_size: int = 64
    heads: int = 4
    sequence_length: int = 64
    micro_batches: int = 4  # an iteration, of all data-parallel ranks together
    experts: int | None = None
    dispatcher: str = "allgather"
    layout: Layout = Layout()

    @property
    def global_batch_size(self) -> int:
        return MICRO_BATCH_SIZE * self.micro_batches


_LLAMA = Config("llama", "llama", "rope", "RMSNorm", True, False, 2, 176, False)
_LLAMA4 = replace(_LLAMA, weights="llama4", layers=4)
_MEDIUM = replace(
    _LLAMA4, weights=None, batches=None, query_groups=8, ffn_hidden_size=1408, hidden_size=512, heads=8,
    sequence_length=512, micro_batches=1,
)  # fmt: skip


def _moe(dispatcher: str, layout: Layout = Layout()) -> Config:
    return replace(_LLAMA, weights="moe", ffn_hidden_size=96, experts=4, dispatcher=dispatcher, layout=layout)


CONFIGS = {
    "llama": _LLAMA,
    "dense_abs": Config("abs", "abs", "learned_absolute", "LayerNorm", False, True, 4, 256, True),
    "llama4": _LLAMA4,
    "medium": _MEDIUM,
    "moe_allgather": _moe("allgather"),
    "moe_alltoall": _moe("alltoall"),
    "dp2": replace(_LLAMA, layout=Layout(data=2)),
    "dp2_overlap_grad_reduce": replace(_LLAMA, layout=Layout(data=2, overlap_grad_reduce=True)),
    "dp2_distopt": replace(_LLAMA, layout=Layout(data=2, distributed_optimizer=True)),
    "tp2": replace(_LLAMA, layout=Layout(tensor=2)),
    "tp2_sp": replace(_LLAMA, layout=Layout(tensor=2, sequence_parallel=True)),
    "pp2": replace(_LLAMA4, layout=Layout(pipeline=2)),
    "pp2_interleaved": replace(_LLAMA4, layout=Layout(pipeline=2, virtual_pipeline=2)),
    "moe_allgather_ep2": _moe("allgather", Layout(data=2, expert=2)),
    "moe_alltoall_ep2": _moe("alltoall", Layout(data=2, expert=2)),
    "tp2_pp2": replace(_LLAMA4, layout=Layout(tensor=2, pipeline=2)),
    "tp2_dp2": replace(_LLAMA, layout=Layout(tensor=2, data=2)),
}
