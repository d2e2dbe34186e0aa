"""From text to a training: JSONL, tokens, .bin and .idx, blended samples, 20 iterations, evaluation, TensorBoard.

Runs under PyTorch as it is and, converted, under mindtorch. Arguments: a directory for everything that is written, and
one with Megatron's compiled dataset helpers. Writes ``run.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train import causal_mask, forward_backward  # first: it serves CUDA's names on hosts without such a device

# isort: split
import megatron.core.datasets
import numpy as np
import torch
from configs import CONFIGS, MICRO_BATCH_SIZE
from megatron.core.datasets.megatron_tokenizer import MegatronTokenizer
from model import build_model, build_optimizer, transformer_config
from parallel import start
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

ITERATIONS, EVALUATIONS = 20, 2
CONFIG = CONFIGS["llama"]


class Characters(MegatronTokenizer):
    """One token for each character of a vocabulary file, the last token ends documents."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._numbers: dict[str, int] = json.loads(path.read_text())

    vocab = property(lambda self: self._numbers)
    inv_vocab = property(lambda self: {number: text for text, number in self._numbers.items()})
    vocab_size = property(lambda self: len(self._numbers) + 1)
    eod = property(lambda self: len(self._numbers))

    def tokenize(self, text: str) -> list[int]:
        return [self._numbers[c] for c in text]

    def detokenize(self, ids: Any) -> str:
        return "".join(self.inv_vocab[int(i)] for i in ids)


def prepare(text: Path, prefix: Path, tokenizer: Characters) -> None:
    """An indexed data set of a JSONL file: a document of each line, a sequence of each sentence."""
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

    builder = IndexedDatasetBuilder(f"{prefix}.bin", DType.optimal_dtype(tokenizer.vocab_size))
    for line in text.read_text().splitlines():
        sentences = [tokenizer.tokenize(s) for s in json.loads(line)["text"].split(". ")]
        sentences[-1].append(tokenizer.eod)
        builder.add_document([token for s in sentences for token in s], [len(s) for s in sentences])
    for sentence in ("one more. ", "the end"):  # and one sentence by sentence
        builder.add_item(torch.IntTensor(tokenizer.tokenize(sentence)))
    builder.end_document()
    builder.finalize(f"{prefix}.idx")


def samples(prefixes: list[Path], tokenizer: Characters, cache: Path) -> list[Any]:
    """The blended data sets for training, evaluation and testing."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    config = GPTDatasetConfig(
        random_seed=1234, sequence_length=CONFIG.sequence_length, blend=([str(p) for p in prefixes], [0.7, 0.3]),
        split="80,15,5", path_to_cache=str(cache), tokenizer=tokenizer, reset_position_ids=True,
        reset_attention_mask=False, eod_mask_loss=True, create_attention_mask=False,
    )  # fmt: skip
    counts = [ITERATIONS * CONFIG.global_batch_size, EVALUATIONS * CONFIG.global_batch_size, 4]
    return BlendedMegatronDatasetBuilder(GPTDataset, counts, lambda: True, config).build()


def batches(samples: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Micro-batches on the device."""
    for batch in DataLoader(samples, MICRO_BATCH_SIZE, num_workers=2, pin_memory=True, drop_last=True):
        yield {name: t.cuda(non_blocking=True) for name, t in batch.items()}


def main() -> None:
    directory, helpers = map(Path, sys.argv[1:])
    megatron.core.datasets.__path__.append(str(helpers))
    start(CONFIG.layout, CONFIG.global_batch_size)
    tokenizer = Characters(directory / "vocabulary.json")
    prefixes = [directory / name for name in ("fables", "recipes")]
    for prefix in prefixes:
        prepare(prefix.with_suffix(".jsonl"), prefix, tokenizer)
    built = samples(prefixes, tokenizer, directory / "cache")
    again = samples(prefixes, tokenizer, directory / "cache")  # from the cache
    for a, b in zip(built, again, strict=True):
        for i in range(len(a)):
            np.testing.assert_equal(*[{name: np.asarray(value) for name, value in d[i].items()} for d in (a, b)])
    transformer = transformer_config(CONFIG, CONFIG.layout, recompute=False)
    model = build_model(CONFIG, CONFIG.layout, transformer, None)
    optimizer, scheduler = build_optimizer(model, CONFIG, CONFIG.layout, transformer)
    causal = causal_mask(CONFIG.sequence_length)
    train, evaluation = ([batches(d)] for d in built[:2])
    writer = SummaryWriter(log_dir=str(directory / "tensorboard"), max_queue=1000)
    run: dict[str, Any] = {"losses": [], "grad_norms": [], "library": torch.__name__}
    for iteration in range(1, ITERATIONS + 1):
        model[0].zero_grad_buffer()
        optimizer.zero_grad()
        run["losses"].append(forward_backward(CONFIG, causal, train, model))
        _, norm, _ = optimizer.step()
        scheduler.step(increment=CONFIG.global_batch_size)
        run["grad_norms"].append(float(norm))
        writer.add_scalar("lm loss", run["losses"][-1], iteration)
        writer.add_scalar("learning-rate", scheduler.optimizer.param_groups[0]["lr"], iteration)
    model[0].eval()
    with torch.no_grad():
        run["evaluation"] = [
            forward_backward(CONFIG, causal, evaluation, model, forward_only=True) for _ in range(EVALUATIONS)
        ]
    writer.add_scalar("lm loss validation", float(np.mean(run["evaluation"])), ITERATIONS)
    writer.add_text("sample", tokenizer.detokenize([t for t in built[0][0]["tokens"].tolist() if t != tokenizer.eod]))
    writer.close()
    run["first"] = built[0][0]["tokens"].tolist()
    (directory / "run.json").write_text(json.dumps(run))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
