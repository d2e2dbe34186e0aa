"""Save or load a tiny GPT of megatron.core and its optimizer in the torch_dist format. Run as it is, or converted.

    megatron_program.py save|load CHECKPOINT DUMP --tensor-parallel N [--rank R --store FILE]

``save`` fills parameters and Adam's moments with numbers that follow from their names, ``load`` with zeros before it
reads the checkpoint; both write what they then hold, in this rank's shards, to DUMP (npz).
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import sys
import zlib
from typing import Any

os.environ.setdefault("MINDTORCH_CUDA_ALIAS", "1")
# The same layers and optimizer under both libraries: those for hosts without TransformerEngine and apex.
for package in ("transformer_engine", "apex"):
    for module in (package, f"mindtorch_shims.{package}"):
        sys.modules[module] = None  # type: ignore[assignment]

import numpy as np
import torch
from packaging.version import Version

if not torch.cuda.is_available():
    import cpu_host

    cpu_host.install()
    torch.cuda.synchronize = lambda device=None: None

import megatron.core.dist_checkpointing.strategies.filesystem_async as filesystem_async
import megatron.core.utils
from megatron.core import dist_checkpointing, parallel_state, tensor_parallel
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig
from megatron.core.models.gpt import GPTModel
from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.transformer import TransformerConfig
from torch.distributed.checkpoint.filesystem import SerializationFormat, _write_item

# Loading asks for TransformerEngine's version, which is not there.
megatron.core.utils._te_version = Version("0.0.0")
# PyTorch since 2.7 wants one argument more than megatron-core 0.12.1 gives.
filesystem_async._write_item = lambda *args: _write_item(*args, SerializationFormat.TORCH_SAVE)


def build(tensor_parallel_size: int) -> Any:
    transformer = TransformerConfig(
        num_layers=2,
        hidden_size=16,
        num_attention_heads=4,
        num_query_groups=2,
        ffn_hidden_size=24,
        normalization="RMSNorm",
        add_bias_linear=False,
        gated_linear_unit=True,
        activation_func=torch.nn.functional.silu,
        use_cpu_initialization=True,
        tensor_model_parallel_size=tensor_parallel_size,
        bias_activation_fusion=False,
        masked_softmax_fusion=False,
        bias_dropout_fusion=False,
        gradient_accumulation_fusion=False,
        persist_layer_norm=False,
        apply_rope_fusion=False,
    )
    model = GPTModel(
        transformer,
        get_gpt_layer_local_spec(normalization="RMSNorm"),
        vocab_size=64,
        max_sequence_length=16,
        position_embedding_type="rope",
        share_embeddings_and_output_weights=False,
    )
    return DistributedDataParallel(transformer, DistributedDataParallelConfig(), model.cuda())


def numbers(name: str, shape: Any, rank: int) -> torch.Tensor:
    """Values that depend on what they are for; those that all ranks have must not depend on the rank."""
    seed = zlib.crc32(f"{name}/{0 if 'layernorm' in name else rank}".encode())
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(tuple(shape)).astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["save", "load"])
    parser.add_argument("checkpoint")
    parser.add_argument("dump")
    parser.add_argument("--tensor-parallel", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--store")
    args = parser.parse_args()
    size = args.tensor_parallel
    if size == 1:
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    elif args.store:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{args.store}", rank=args.rank, world_size=size
        )
    else:
        torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=size)
    tensor_parallel.model_parallel_cuda_manual_seed(1)
    model = build(size)
    config = OptimizerConfig(optimizer="adam", lr=1e-3 if args.action == "save" else 0.5, weight_decay=0.01)
    optimizer = get_megatron_optimizer(config, [model])
    model = model.module
    saving = args.action == "save"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.grad = torch.zeros_like(parameter)
            parameter.copy_(numbers(name, parameter.shape, rank)) if saving else parameter.zero_()
    inner = getattr(optimizer, "chained_optimizers", [optimizer])[0].optimizer
    if saving:
        for group in inner.param_groups:
            group["lr"], group["weight_decay"] = 0.0, 0.0
        inner.step()
        names = {parameter: name for name, parameter in model.named_parameters()}
        for parameter, state in inner.state.items():
            for key in ("exp_avg", "exp_avg_sq"):
                state[key].copy_(numbers(f"{key}.{names[parameter]}", parameter.shape, rank))
            state["step"].fill_(3)
    sharded: dict[str, Any] = {"model": model.sharded_state_dict()}
    sharded["optimizer"] = optimizer.sharded_state_dict(sharded["model"], is_loading=not saving)
    if saving:
        sharded["iteration"] = 12
        dist_checkpointing.save(sharded, args.checkpoint)
        iteration = 12
    else:
        loaded = dist_checkpointing.load(sharded, args.checkpoint)
        model.load_state_dict(loaded["model"])
        optimizer.load_state_dict(loaded["optimizer"])
        iteration = loaded["iteration"]
    torch.distributed.barrier()
    held = {name: parameter.detach().cpu().numpy() for name, parameter in model.named_parameters()}
    names = {parameter: name for name, parameter in model.named_parameters()}
    for parameter, state in inner.state.items():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            held[f"{key}.{names[parameter]}"] = state[key].detach().cpu().numpy()
    np.savez(f"{args.dump}.{rank}.npz", iteration=iteration, lr=inner.param_groups[0]["lr"], **held)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
