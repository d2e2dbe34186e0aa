"""Run Megatron-LM's own ``pretrain_gpt.py``, converted, and compare its losses with a run under PyTorch.

    ms-convert --repo Megatron-LM --rules rules/llm.yaml
    python tools/compare_pretrain.py Megatron-LM llama.json --weights llama.npz

``llama.json`` is ``{"argv": [...], "losses": [...], "grad_norms": [...]}`` of the run under PyTorch: the arguments of
``pretrain_gpt.py``, and a number for each iteration. ``--weights`` are initial parameters by global name, unsharded,
with ``linear_fc1`` of swiglu as gate above up; without it the model starts from upstream's own ``--seed``. The script
itself is run as it is; its log function and its model builder are wrapped to read the numbers and to set the weights.

For several processes start it with ``mindtorchrun --nproc_per_node 2 tools/compare_pretrain.py ...``: weights are cut
for tensor parallelism, and the last rank compares. Exit code 0: equal within the tolerances.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def parameters_by_global_name(model: list[Any]) -> Iterator[tuple[str, Any]]:
    """Parameters of all chunks of a model, layers counted over pipeline stages and experts over expert ranks."""
    from megatron.core import mpu
    from megatron.core.transformer.transformer_layer import TransformerLayer

    for chunk in model:
        while hasattr(chunk, "module"):
            chunk = chunk.module
        modules = dict(chunk.named_modules())
        for name, parameter in chunk.named_parameters():
            parts = name.split(".")
            layer = modules.get(".".join(parts[:3]))
            if isinstance(layer, TransformerLayer):
                parts[2] = str(layer.layer_number - 1)
            if "local_experts" in parts:
                at = parts.index("local_experts") + 1
                here = len(modules[".".join(name.split(".")[:at])])
                parts[at] = str(int(parts[at]) + mpu.get_expert_model_parallel_rank() * here)
            yield ".".join(parts), parameter


def shard(full: np.ndarray, name: str, parameter: Any, swiglu: bool) -> np.ndarray:
    """This rank's part of a weight under tensor parallelism."""
    from megatron.core import mpu

    if full.shape == tuple(parameter.shape):
        return full
    if ".experts." in name:
        ranks, rank = mpu.get_expert_tensor_parallel_world_size(), mpu.get_expert_tensor_parallel_rank()
    else:
        ranks, rank = mpu.get_tensor_model_parallel_world_size(), mpu.get_tensor_model_parallel_rank()
    axis = next(i for i, (a, b) in enumerate(zip(full.shape, parameter.shape, strict=True)) if a != b)
    if swiglu and axis == 0 and "linear_fc1" in name:
        return np.concatenate([np.split(half, ranks)[rank] for half in np.split(full, 2)])
    return np.split(full, ranks, axis)[rank]


def load_weights(model: list[Any], file: Path, args: Any) -> None:
    """Set every parameter; KeyError names one that the file lacks."""
    import mindtorch

    weights = np.load(file)
    with mindtorch.no_grad():
        for name, parameter in parameters_by_global_name(model):
            tied = name == "output_layer.weight" and not args.untie_embeddings_and_output_weights
            full = weights["embedding.word_embeddings.weight" if tied and name not in weights else name]
            part = np.ascontiguousarray(shard(full, name, parameter, args.swiglu))
            parameter.data.copy_(mindtorch.from_numpy(part))


class Recorder:
    """Wraps upstream's functions: what each iteration logged, and how long it took."""

    def __init__(self, weights: Path | None) -> None:
        self.weights = weights
        self.losses: list[float] = []
        self.grad_norms: list[float] = []
        self.seconds: list[float] = []

    def install(self) -> None:
        """Put the wrappers into ``megatron.training.training``, where upstream's ``pretrain`` looks them up."""
        import megatron.training.training as training

        get_model, training_log, train_step = training.get_model, training.training_log, training.train_step

        @functools.wraps(get_model)
        def with_weights(*args: Any, **kwargs: Any) -> Any:
            model = get_model(*args, **kwargs)
            if self.weights is not None:
                load_weights(model, self.weights, training.get_args())
            return model

        @functools.wraps(training_log)
        def recorded(loss_dict: dict[str, Any], *args: Any) -> Any:
            self.losses.append(float(loss_dict["lm loss"]) if "lm loss" in loss_dict else float("nan"))
            self.grad_norms.append(float("nan") if args[7] is None else float(args[7]))
            return training_log(loss_dict, *args)

        @functools.wraps(train_step)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = train_step(*args, **kwargs)
            self.seconds.append(time.perf_counter() - started)
            return result

        training.get_model, training.training_log, training.train_step = with_weights, recorded, timed


def difference(ours: list[float], theirs: list[float]) -> float:
    """The largest absolute difference; inf when one is longer."""
    if len(ours) != len(theirs) or not ours:
        return float("inf")
    return float(np.max(np.abs(np.subtract(ours, theirs))))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, help="the converted Megatron-LM")
    parser.add_argument("reference", type=Path, help="JSON of the run under PyTorch")
    parser.add_argument("--weights", type=Path, help="initial parameters by global name (.npz)")
    parser.add_argument("--loss", type=float, default=1e-5, help="tolerance of the losses (1e-5)")
    parser.add_argument("--grad-norm", type=float, default=1e-4, help="tolerance of the gradient norms (1e-4)")
    parser.add_argument("--out", type=Path, help="write losses, gradient norms and differences here (JSON)")
    parser.add_argument("--without", action="append", default=[], metavar="PACKAGE",
                        help="run as if this package were not there, as where the reference was made")  # fmt: skip
    parser.add_argument("--directory", type=Path, help="where to run: relative paths of the arguments begin here")
    options = parser.parse_args()

    reference = json.loads(options.reference.read_text())
    repository = options.repository.resolve()
    recorder = Recorder(options.weights and options.weights.resolve())
    out = options.out and options.out.resolve()
    # As torchrun sets them for one process; several are started by mindtorchrun, which has set them.
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511",
             "MINDTORCH_CUDA_ALIAS": "1", "CUDA_DEVICE_MAX_CONNECTIONS": "1"}  # fmt: skip
    for name, value in alone.items():
        os.environ.setdefault(name, value)
    if options.directory:
        os.chdir(options.directory)
    sys.path.insert(0, str(repository))
    for package in options.without:
        sys.modules[package] = None  # type: ignore[assignment]  # importing it raises ImportError
    recorder.install()
    sys.argv = [str(repository / "pretrain_gpt.py"), *reference["argv"]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:  # --exit-interval
        if end.code:
            raise
    if int(os.environ["RANK"]) != int(os.environ["WORLD_SIZE"]) - 1:
        return 0
    loss = difference(recorder.losses, reference["losses"])
    norm = difference(recorder.grad_norms, reference["grad_norms"])
    equal = loss <= options.loss and norm <= options.grad_norm
    if out:
        result = {"losses": recorder.losses, "grad_norms": recorder.grad_norms, "loss_difference": loss,
                  "grad_norm_difference": norm, "equal": equal, "seconds": recorder.seconds}  # fmt: skip
        out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{options.reference.stem}: {len(recorder.losses)} iterations, largest difference in loss {loss:.1e} "
          f"(allowed {options.loss:.0e}), in grad norm {norm:.1e} (allowed {options.grad_norm:.0e}): "
          f"{'equal' if equal else 'DIFFERENT'}")  # fmt: skip
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
