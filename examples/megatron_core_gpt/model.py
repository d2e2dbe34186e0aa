"""The model of megatron.core that a rank trains, with its optimizer and learning rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import weights
from configs import (
    ADAM_BETAS,
    AUX_LOSS,
    CLIP_GRAD,
    ITERATIONS,
    MAX_LR,
    MIN_LR,
    PADDED_VOCABULARY,
    WARMUP_ITERATIONS,
    WEIGHT_DECAY,
    Config,
    Layout,
)
from megatron.core import parallel_state, tensor_parallel
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig, finalize_model_grads
from megatron.core.enums import ModelType
from megatron.core.models.gpt import GPTModel
from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler
from megatron.core.transformer import TransformerConfig
from megatron.core.transformer.transformer_block import get_num_layers_to_build
from without_fused_kernels import allow_distributed_optimizer, with_norm


def transformer_config(config: Config, layout: Layout, recompute: bool) -> TransformerConfig:
    """A few layers; fused kernels, which need CUDA, are off."""
    optional: dict[str, Any] = {}
    if recompute:
        optional |= {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1}
    if config.experts:
        optional |= {
            "num_moe_experts": config.experts,
            "moe_ffn_hidden_size": config.ffn_hidden_size,
            "moe_router_topk": 2,
            "moe_router_load_balancing_type": "aux_loss",
            "moe_aux_loss_coeff": AUX_LOSS,
            "moe_token_dispatcher_type": config.dispatcher,
        }
    return TransformerConfig(
        num_layers=config.layers,
        hidden_size=config.hidden_size,
        num_attention_heads=config.heads,
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
        tensor_model_parallel_size=layout.tensor,
        pipeline_model_parallel_size=layout.pipeline,
        virtual_pipeline_model_parallel_size=layout.virtual_pipeline,
        expert_model_parallel_size=layout.expert,
        sequence_parallel=layout.sequence_parallel,
        # PyTorch's gloo reads what it sends after an interleaved pipeline has given up its memory.
        deallocate_pipeline_outputs=torch.cuda.is_available(),
        # Two stages send each other several tensors at once when their chunks alternate: one send and one receive at
        # a time keep these apart.
        overlap_p2p_comm=layout.virtual_pipeline is not None,
        batch_p2p_comm=layout.virtual_pipeline is None,
        bias_activation_fusion=False,
        masked_softmax_fusion=False,
        bias_dropout_fusion=False,
        gradient_accumulation_fusion=False,
        persist_layer_norm=False,
        apply_rope_fusion=False,
        **optional,
    )


def bare_chunk(config: Config, transformer: TransformerConfig) -> GPTModel:
    """The layers that the current stage of the pipeline has, with parameters as they are drawn."""
    layer = get_gpt_layer_local_spec(num_experts=config.experts, normalization=config.normalization)
    chunk = GPTModel(
        transformer,
        with_norm(layer, get_num_layers_to_build(transformer)),
        vocab_size=PADDED_VOCABULARY,
        max_sequence_length=config.sequence_length,
        pre_process=parallel_state.is_pipeline_first_stage(),
        post_process=parallel_state.is_pipeline_last_stage(),
        position_embedding_type=config.position_embedding,
        share_embeddings_and_output_weights=config.share_embeddings,
    )
    chunk.model_type = ModelType.encoder_or_decoder
    for parameter in chunk.parameters():
        tensor_parallel.set_defaults_if_not_set_tensor_model_parallel_attributes(parameter)
    return chunk


def build_model(
    config: Config, layout: Layout, transformer: TransformerConfig, stored: Path | None
) -> list[DistributedDataParallel]:
    """This rank's chunks of the model, on its device: one, or with a virtual pipeline several.

    Args:
        stored: weights of the whole model to start from; None leaves what was drawn.
    """
    chunks = []
    for i in range(layout.virtual_pipeline or 1):
        if layout.virtual_pipeline:
            parallel_state.set_virtual_pipeline_model_parallel_rank(i)
        chunk = bare_chunk(config, transformer)
        if stored is not None:
            weights.load(chunk, stored, config.swiglu)
        chunks.append(chunk.cuda())
    ddp = DistributedDataParallelConfig(
        overlap_grad_reduce=layout.overlap_grad_reduce, use_distributed_optimizer=layout.distributed_optimizer
    )
    # Later chunks need no buckets: their gradients are ready, and reduced, while earlier chunks still compute.
    return [DistributedDataParallel(transformer, ddp, c, disable_bucketing=i > 0) for i, c in enumerate(chunks)]


def build_optimizer(
    model: list[DistributedDataParallel], config: Config, layout: Layout, transformer: TransformerConfig
) -> tuple[Any, OptimizerParamScheduler]:
    """Megatron's Adam, and a cosine schedule that counts samples; the schedules' hooks into both."""
    if layout.distributed_optimizer:
        allow_distributed_optimizer()
    optimizer = get_megatron_optimizer(
        OptimizerConfig(
            optimizer="adam",
            lr=MAX_LR,
            min_lr=MIN_LR,
            weight_decay=WEIGHT_DECAY,
            adam_beta1=ADAM_BETAS[0],
            adam_beta2=ADAM_BETAS[1],
            clip_grad=CLIP_GRAD,
            use_distributed_optimizer=layout.distributed_optimizer,
        ),
        model,
        use_gloo_process_groups=False,
    )
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=MAX_LR,
        min_lr=MIN_LR,
        lr_warmup_steps=WARMUP_ITERATIONS * config.global_batch_size,
        lr_decay_steps=ITERATIONS * config.global_batch_size,
        lr_decay_style="cosine",
        start_wd=WEIGHT_DECAY,
        end_wd=WEIGHT_DECAY,
        wd_incr_steps=ITERATIONS * config.global_batch_size,
        wd_incr_style="constant",
        use_checkpoint_opt_param_scheduler=False,
        override_opt_param_scheduler=False,
    )
    transformer.finalize_model_grads_func = finalize_model_grads
    transformer.grad_scale_func = optimizer.scale_loss
    if layout.overlap_grad_reduce:
        no_sync = [chunk.no_sync for chunk in model]
        transformer.no_sync_func = no_sync if len(model) > 1 else no_sync[0]
    return optimizer, scheduler
