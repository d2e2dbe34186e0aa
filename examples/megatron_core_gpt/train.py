"""Train a tiny GPT of megatron.core: local layer spec, Megatron's DDP, optimizer and schedules.

Runs as it is under PyTorch, and under MindSpore after ms-convert has rewritten its imports. It starts from stored
weights and reads stored batches, so that the losses can be compared number by number.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

# Asks mindtorch to serve CUDA's names on a host without an NPU; PyTorch does not read it.
os.environ.setdefault("MINDTORCH_CUDA_ALIAS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from configs import (
    ADAM_BETAS,
    CLIP_GRAD,
    CONFIGS,
    GLOBAL_BATCH_SIZE,
    ITERATIONS,
    MAX_LR,
    MICRO_BATCH_SIZE,
    MICRO_BATCHES,
    MIN_LR,
    PADDED_VOCABULARY,
    SEED,
    SEQUENCE_LENGTH,
    WARMUP_ITERATIONS,
    WEIGHT_DECAY,
    Config,
)

if not torch.cuda.is_available():
    import cpu_host

    cpu_host.install()

from megatron.core import parallel_state, tensor_parallel
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig, finalize_model_grads
from megatron.core.enums import ModelType
from megatron.core.models.gpt import GPTModel
from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
from megatron.core.num_microbatches_calculator import init_num_microbatches_calculator
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler
from megatron.core.pipeline_parallel.schedules import get_forward_backward_func
from megatron.core.rerun_state_machine import initialize_rerun_state_machine
from megatron.core.transformer import TransformerConfig

Batch = dict[str, torch.Tensor]


def start_distributed() -> None:
    """One process, without a launcher."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MASTER_PORT", "29655")
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    parallel_state.initialize_model_parallel()
    torch.manual_seed(SEED)
    tensor_parallel.model_parallel_cuda_manual_seed(SEED)
    initialize_rerun_state_machine()
    init_num_microbatches_calculator(0, None, GLOBAL_BATCH_SIZE, MICRO_BATCH_SIZE, 1)


def transformer_config(config: Config, recompute: bool) -> TransformerConfig:
    """Two layers of 64; fused kernels, which need CUDA, are off."""
    recomputation: dict[str, Any] = {}
    if recompute:
        recomputation = {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1}
    return TransformerConfig(
        num_layers=2,
        hidden_size=64,
        num_attention_heads=4,
        num_query_groups=config.query_groups,
        ffn_hidden_size=config.ffn_hidden_size,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        normalization=config.normalization,
        add_bias_linear=config.bias,
        gated_linear_unit=config.swiglu,
        activation_func=F.silu if config.swiglu else F.gelu,
        use_cpu_initialization=True,
        params_dtype=torch.float32,
        pipeline_dtype=torch.float32,
        bias_activation_fusion=False,
        masked_softmax_fusion=False,
        bias_dropout_fusion=False,
        gradient_accumulation_fusion=False,
        persist_layer_norm=False,
        apply_rope_fusion=False,
        **recomputation,
    )


def build_model(config: Config, transformer: TransformerConfig, weights: Path) -> GPTModel:
    """The GPT with the stored weights, on the device."""
    model = GPTModel(
        transformer,
        get_gpt_layer_local_spec(normalization=config.normalization),
        vocab_size=PADDED_VOCABULARY,
        max_sequence_length=SEQUENCE_LENGTH,
        position_embedding_type=config.position_embedding,
        share_embeddings_and_output_weights=config.share_embeddings,
    )
    model.model_type = ModelType.encoder_or_decoder
    stored = np.load(weights)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            tensor_parallel.set_defaults_if_not_set_tensor_model_parallel_attributes(parameter)
            parameter.copy_(torch.from_numpy(stored[name]))
    return model.cuda()


def build_optimizer(model: DistributedDataParallel) -> tuple[Any, OptimizerParamScheduler]:
    """Megatron's Adam, and a cosine schedule that counts samples."""
    optimizer = get_megatron_optimizer(
        OptimizerConfig(
            optimizer="adam",
            lr=MAX_LR,
            min_lr=MIN_LR,
            weight_decay=WEIGHT_DECAY,
            adam_beta1=ADAM_BETAS[0],
            adam_beta2=ADAM_BETAS[1],
            clip_grad=CLIP_GRAD,
        ),
        [model],
    )
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=MAX_LR,
        min_lr=MIN_LR,
        lr_warmup_steps=WARMUP_ITERATIONS * GLOBAL_BATCH_SIZE,
        lr_decay_steps=ITERATIONS * GLOBAL_BATCH_SIZE,
        lr_decay_style="cosine",
        start_wd=WEIGHT_DECAY,
        end_wd=WEIGHT_DECAY,
        wd_incr_steps=ITERATIONS * GLOBAL_BATCH_SIZE,
        wd_incr_style="constant",
        use_checkpoint_opt_param_scheduler=False,
        override_opt_param_scheduler=False,
    )
    return optimizer, scheduler


def read_batches(path: Path) -> Iterator[Batch]:
    """The stored micro-batches, in order."""
    stored = np.load(path)
    for i in range(stored["tokens"].shape[0]):
        yield {name: torch.from_numpy(stored[name][i]).cuda() for name in stored.files}


def masked_loss(loss_mask: torch.Tensor, losses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """The sum over the tokens that count, their number, and both for the log."""
    mask = loss_mask.view(-1).float()
    total = (losses.float().view(-1) * mask).sum()
    return total, mask.sum().to(torch.int), {"lm loss": (total.detach().clone(), mask.sum())}


def forward_step(
    attention_mask: torch.Tensor, batches: Iterator[Batch], model: Any
) -> tuple[torch.Tensor, Callable[..., Any]]:
    """One micro-batch, as Megatron's schedules want it."""
    batch = next(batches)
    mask = attention_mask.expand(batch["tokens"].size(0), 1, SEQUENCE_LENGTH, SEQUENCE_LENGTH)
    losses = model(batch["tokens"], batch["position_ids"], mask, labels=batch["labels"])
    return losses, partial(masked_loss, batch["loss_mask"])


def train(config: Config, data: Path, iterations: int, recompute: bool) -> dict[str, list[float]]:
    """Losses, gradient norms and seconds of each iteration."""
    start_distributed()
    transformer = transformer_config(config, recompute)
    model = DistributedDataParallel(
        transformer,
        DistributedDataParallelConfig(overlap_grad_reduce=False, use_distributed_optimizer=False),
        build_model(config, transformer, data / "weights" / f"{config.weights}.npz"),
    )
    optimizer, scheduler = build_optimizer(model)
    transformer.finalize_model_grads_func = finalize_model_grads
    transformer.grad_scale_func = optimizer.scale_loss
    batches = read_batches(data / "batches" / f"{config.batches}.npz")
    causal = (torch.tril(torch.ones(1, 1, SEQUENCE_LENGTH, SEQUENCE_LENGTH)) < 0.5).cuda()
    run: dict[str, list[float]] = {"losses": [], "grad_norms": [], "seconds": []}
    for iteration in range(1, iterations + 1):
        started = time.perf_counter()
        model.zero_grad_buffer()
        optimizer.zero_grad()
        reduced = get_forward_backward_func()(
            forward_step_func=partial(forward_step, causal),
            data_iterator=batches,
            model=[model],
            num_microbatches=MICRO_BATCHES,
            seq_length=SEQUENCE_LENGTH,
            micro_batch_size=MICRO_BATCH_SIZE,
            decoder_seq_length=SEQUENCE_LENGTH,
            forward_only=False,
        )
        _, grad_norm, _ = optimizer.step()
        scheduler.step(increment=GLOBAL_BATCH_SIZE)
        total = sum(x["lm loss"][0] for x in reduced)
        count = sum(x["lm loss"][1] for x in reduced)
        run["losses"].append(float(total / count))
        run["grad_norms"].append(float(grad_norm))
        run["seconds"].append(time.perf_counter() - started)
        print(
            f"iteration {iteration:3d}   loss {run['losses'][-1]:.6f}   grad norm {run['grad_norms'][-1]:.6f}   "
            f"{run['seconds'][-1]:.2f} s",
            flush=True,
        )
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=CONFIGS, default="llama", help="the model (default: llama)")
    parser.add_argument("--data", type=Path, required=True, help="directory with weights/ and batches/")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help=f"at most {ITERATIONS}, the default")
    parser.add_argument("--recompute", action="store_true", help="recompute all activations in the backward")
    parser.add_argument("--output", type=Path, help="write losses, gradient norms and seconds to this JSON file")
    args = parser.parse_args()
    if not 1 <= args.iterations <= ITERATIONS:
        parser.error(f"--iterations must be 1 to {ITERATIONS}: the stored batches last that long")
    run: dict[str, Any] = dict(train(CONFIGS[args.config], args.data, args.iterations, args.recompute))
    if hasattr(torch.backends, "kernel_report"):
        run["kernels"] = torch.backends.kernel_report()
    if args.output:
        args.output.write_text(json.dumps({"config": args.config, **run}, indent=1))


if __name__ == "__main__":
    main()
