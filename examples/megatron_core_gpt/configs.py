"""The two tiny GPTs: what differs between them, and the hyper-parameters that they share."""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCE_LENGTH = 64
MICRO_BATCH_SIZE = 2
MICRO_BATCHES = 4
GLOBAL_BATCH_SIZE = MICRO_BATCH_SIZE * MICRO_BATCHES
ITERATIONS = 10
PADDED_VOCABULARY = 5120
MAX_LR, MIN_LR, WARMUP_ITERATIONS = 1e-3, 1e-4, 2
WEIGHT_DECAY, CLIP_GRAD, ADAM_BETAS = 0.01, 1.0, (0.9, 0.95)
SEED = 1234


@dataclass(frozen=True)
class Config:
    """One model."""

    weights: str
    batches: str
    position_embedding: str
    normalization: str
    swiglu: bool
    bias: bool
    query_groups: int
    ffn_hidden_size: int
    share_embeddings: bool


CONFIGS = {
    "llama": Config("llama", "llama", "rope", "RMSNorm", True, False, 2, 176, False),
    "dense_abs": Config("abs", "abs", "learned_absolute", "LayerNorm", False, True, 4, 256, True),
}
