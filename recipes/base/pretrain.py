"""Pretrains the small Italian base model from nothing but generated text.

Writes model.safetensors (bf16), config.json, generation_config.json, the tokenizer's files and
pretraining.json, the record of the run, to a folder:

    python -m recipes.base.pretrain OUT --tokens 300e6 --seed 1 --time-limit 420
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from recipes.base.batches import Batch, Schedule, Shapes, fresh_batches
from recipes.base.corpus import Item, held_out
from recipes.base.tokenizer import BOS, EOS, PAD, save_tokenizer, train_tokenizer
from stages.common.command import argument_parser, run

if TYPE_CHECKING:
    import torch

    from recipes.base.forward import Forward

PROBED, PROBE_SECONDS = 48, 60
"""Held-out items of each family that are answered while training, and how often."""
TARGETS = 0.4
"""Largest share of a batch's tokens, padding included, that are learnt; more are left out."""


@dataclass(frozen=True)
class Settings:
    """What decides a pretraining run.

    Attributes:
        tokens: training tokens, padding not counted, at which the schedule ends.
        seed: seed of texts, tokenizer, weights and evaluation items.
        time_limit: seconds from the start at which the schedule ends at the latest; 0 for none.
        batch_rows: batch size in units of 1,024 tokens.
        first_lesson: tokens at the start that only repeat short texts. Copying forms there: in
            5.6 M tokens of the whole mix alone none did.
        second_lesson: tokens after these that only compare what is short.
        workers: processes that make batches; 0 makes them in the training process.
        learning_rate: peak of the cosine schedule.
        warm_up: share of the schedule in which the learning rate rises.
        weight_decay: of AdamW, on matrices only.
        initial: standard deviation of the weights at first.
        hidden: width of the model.
        layers: number of layers.
        heads: attention heads.
        intermediate: width of the feed-forward layers.
        pieces: size of the vocabulary.
        tokenizer_texts: texts that the tokenizer learns from.
        evaluation_items: held-out items per family.
        compiled: whether PyTorch compiles the forward and backward pass.
        device: `cuda`, `cpu` or empty for whichever there is.
    """

    tokens: int = 300_000_000
    seed: int = 1
    time_limit: float = 0.0
    batch_rows: int = 128
    first_lesson: int = 20_000_000
    second_lesson: int = 120_000_000
    workers: int = 0
    learning_rate: float = 1.5e-3
    warm_up: float = 0.03
    weight_decay: float = 0.1
    initial: float = 0.04
    hidden: int = 192
    layers: int = 5
    heads: int = 6
    intermediate: int = 512
    pieces: int = 5120
    tokenizer_texts: int = 16_000
    evaluation_items: int = 40
    compiled: bool = False
    device: str = ""


def build_model(settings: Settings) -> Any:
    """Returns a LLaMA model with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=settings.pieces,
        hidden_size=settings.hidden,
        intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=2048,
        initializer_range=settings.initial,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return LlamaForCausalLM(config)


def learning_rate(settings: Settings, progress: float) -> float:
    """Returns the learning rate after a share of the schedule: linear rise, then half a cosine."""
    if progress < settings.warm_up:
        return settings.learning_rate * max(progress / settings.warm_up, 0.01)
    share = min(1.0, (progress - settings.warm_up) / (1 - settings.warm_up))
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def train(model: Any, tokenizer: Any, settings: Settings, device: str, start: float) -> Any:
    """Trains the model in place.

    Args:
        model: the model, on the device.
        tokenizer: its tokenizer.
        settings: the run's settings.
        device: `cuda` or `cpu`.
        start: `time.monotonic()` at the start of the run, from which the time limit counts.

    Returns:
        A record: steps, tokens, seconds, tokens per second and final loss.
    """
    import torch

    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(0.9, 0.95),
        fused=device == "cuda",
    )
    size = settings.batch_rows * 1024
    schedule = Schedule(settings.first_lesson // size, settings.second_lesson // size)
    source = fresh_batches(tokenizer, settings.seed, size, settings.workers, schedule)
    gradients: Gradients = (Replayed if device == "cuda" else Gradients)(model, device)
    gradients.compiled = settings.compiled and device == "cuda"
    probes = held_out(settings.seed, PROBED) if settings.evaluation_items else {}
    model.train()
    tokens, steps = 0, 0
    sums = torch.zeros(2, device=device)
    shown = math.nan
    begun = since = probed = time.monotonic()
    since_tokens, waited, first = 0, 0.0, 0.0
    while True:
        asked = time.monotonic()
        batch = next(source)
        now = time.monotonic()
        waited += now - asked
        progress = tokens / settings.tokens
        if settings.time_limit and steps:  # the first step, which may compile, does not count
            first = first or now
            left = max(start + settings.time_limit - first, 1e-9)
            progress = max(progress, (now - first) / left)
        if progress < 1:
            rate = learning_rate(settings, progress)
            for group in optimizer.param_groups:
                group["lr"] = rate
            sums += gradients(batch)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tokens += batch.tokens
            steps += 1
        if progress >= 1 or now - since >= 10:
            loss, weight = sums.tolist()
            sums.zero_()
            shown = loss / weight if weight else shown
            now = time.monotonic()
            print(
                f"{now - start:6.0f} s  step {steps}  {tokens / 1e6:.1f} M tokens  "
                f"loss {shown:.4f}  "
                f"{(tokens - since_tokens) / max(now - since, 1e-9):,.0f} tokens/s  "
                f"waited for data {waited:.1f} s  {100 * min(progress, 1):.0f}%",
                flush=True,
            )
            since, since_tokens, waited = now, tokens, 0.0
        if probes and (progress >= 1 or now - probed >= PROBE_SECONDS):
            shares = exact_matches(model, tokenizer, probes, device)
            print("  ".join(f"{name} {100 * share:.0f}" for name, share in shares.items()))
            probed = since = time.monotonic()
        if progress >= 1:
            break
    seconds = time.monotonic() - begun
    source.close()
    return {
        "steps": steps,
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds),
        "loss": round(shown, 4),
    }


class Gradients:
    """Computes the gradients of one batch; replaces those of the batch before."""

    compiled = False

    def __init__(self, model: Any, device: str) -> None:
        self.device = device
        self._model = model
        self._forwards: dict[tuple[tuple[int, int], ...], Forward] = {}

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Works on a batch and returns the weighted loss and its weight (sums)."""
        inputs = [array.to(self.device) for array in self.inputs(batch)]
        return self.work(batch.shapes, *inputs)

    def inputs(self, batch: Batch) -> list[torch.Tensor]:
        """Returns token ids, places of the targets and their weights, as many in every batch."""
        import numpy as np
        import torch

        places = np.flatnonzero(batch.weights)[: int(TARGETS * len(batch.ids))]
        targets = np.ones(int(TARGETS * len(batch.ids)), dtype=np.int64)
        weights = np.zeros(len(targets), dtype=np.float32)
        targets[: len(places)], weights[: len(places)] = places, batch.weights[places]
        return [torch.from_numpy(a) for a in (batch.ids.astype(np.int64), targets, weights)]

    def work(
        self, shapes: Shapes, ids: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Works on tensors on the device, without waiting for it."""
        import torch

        from recipes.base.forward import Forward

        for parameter in self._model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        key = tuple(shapes)
        if key not in self._forwards:
            self._forwards[key] = Forward(self._model, shapes, self.device, compiled=self.compiled)
        loss = (self._forwards[key].losses(ids, targets) * weights).sum()
        total = weights.sum()
        scaled: Any = loss / total.clamp(min=1e-6)
        scaled.backward()
        return torch.stack([loss.detach(), total])


class Replayed(Gradients):
    """The same on a GPU, as one CUDA graph for each kind of batch.

    So small a model is bound by the launches of its kernels.
    """

    def __init__(self, model: Any, device: str) -> None:
        super().__init__(model, device)
        self._graphs: dict[tuple[tuple[int, int], ...], tuple[Any, ...]] = {}

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Works on a batch; the result is overwritten by the next call."""
        import torch

        key = tuple(batch.shapes)
        given = self.inputs(batch)
        if key not in self._graphs:
            held = [array.to(self.device) for array in given]
            try:
                self._warm_up(batch.shapes, held)
            except Exception as error:  # whatever a compiler lacks
                if not self.compiled:
                    raise
                print(f"not compiled: {type(error).__name__}: {str(error)[:300]}", flush=True)
                self.compiled = False
                self._forwards.clear()
                self._warm_up(batch.shapes, held)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                sums = self.work(batch.shapes, *held)
            self._graphs[key] = (graph, held, sums)
        graph, held, result = self._graphs[key]
        for place, array in zip(held, given, strict=True):
            place.copy_(array.pin_memory(), non_blocking=True)
        graph.replay()
        return cast("torch.Tensor", result)

    def _warm_up(self, shapes: Shapes, held: list[torch.Tensor]) -> None:
        """Makes happen what must not happen while a graph is recorded."""
        import torch

        beside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            begun = time.monotonic()
            for _ in range(3):
                self.work(shapes, *held)
            torch.cuda.synchronize()
            if self.compiled:
                print(f"compiled in {time.monotonic() - begun:.0f} s", flush=True)
        torch.cuda.current_stream().wait_stream(beside)


def exact_matches(
    model: Any, tokenizer: Any, families: Mapping[str, list[Item]], device: str
) -> dict[str, float]:
    """Returns the share of items, by family, that a model answers greedily to the letter.

    Given the right beginning of an answer, each next token is compared: the greedy answer is right
    if and only if all are.

    Args:
        model: a `LlamaForCausalLM`.
        tokenizer: its tokenizer.
        families: items by family.
        device: `cuda` or `cpu`.
    """
    import torch

    from recipes.base.forward import Forward

    rows = []
    for family, items in families.items():
        for item in items:
            prompt, answer = (
                tokenizer.encode(text, add_special_tokens=False)
                for text in (item.prompt, item.answer)
            )
            prompt, answer = (getattr(part, "ids", part) for part in (prompt, answer))
            rows.append((family, [BOS, *prompt], [*answer, EOS]))
    rows.sort(key=lambda row: len(row[1]) + len(row[2]))
    hits: dict[str, list[bool]] = {family: [] for family in families}
    for at in range(0, len(rows), 64):
        part = rows[at : at + 64]
        width = max(len(prompt) + len(answer) for _, prompt, answer in part)
        ids = torch.zeros(len(part), width, dtype=torch.long)
        for row, (_, prompt, answer) in enumerate(part):
            ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        ids = ids.to(device)
        with torch.no_grad():
            forward = Forward(model, [(len(part), width)], device)
            best = forward.likeliest(ids.flatten()).view(ids.shape)
        same = (best[:, :-1] == ids[:, 1:]).tolist()
        for (family, prompt, answer), right in zip(part, same, strict=True):
            hits[family].append(all(right[len(prompt) - 1 : len(prompt) + len(answer) - 1]))
    return {family: sum(right) / len(right) for family, right in hits.items()}


def evaluate(folder: Path, settings: Settings, device: str) -> dict[str, float]:
    """Loads the saved model and returns its exact-match accuracy on held-out items.

    Args:
        folder: the saved model.
        settings: the run's settings (seed, items per family).
        device: `cuda` or `cpu`.

    Returns:
        Accuracy from 0 to 1 by family, and their mean as `mean`.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    families = held_out(settings.seed, settings.evaluation_items)
    shares = exact_matches(model.to(device), tokenizer, families, device)
    out = {family: round(share, 4) for family, share in shares.items()}
    return out | {"mean": round(sum(out.values()) / len(out), 4)}


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes the model in bf16 and the tokenizer's files."""
    import torch
    from transformers import GenerationConfig

    model.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.generation_config = GenerationConfig(
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, do_sample=False
    )
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)


def record_of(
    parameters: int, training: Any, settings: Any, evaluation: str, device: str
) -> dict[str, Any]:
    """Returns the record of a run, of any family.

    Args:
        parameters: of the model.
        training: what the training says of itself.
        settings: the run's, a dataclass.
        evaluation: the key of what is evaluated later.
        device: `cuda` or `cpu`.
    """
    import tokenizers
    import torch
    import transformers

    return {
        "parameters": parameters,
        "training": training,
        "settings": asdict(settings),
        evaluation: {},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
    }


def write_record(out: Path, record: dict[str, Any]) -> None:
    """Writes pretraining.json."""
    text = json.dumps(record, indent=2) + "\n"
    (out / "pretraining.json").write_text(text, encoding="utf-8")


def pretrain(out: Path, settings: Settings) -> dict[str, Any]:
    """Trains the tokenizer and the model, saves them, evaluates them and writes the record.

    Args:
        out: folder to write to; made if it is not there.
        settings: the run's settings.

    Returns:
        The record that pretraining.json holds.
    """
    import torch

    start = time.monotonic()
    device = settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(settings.seed, settings.tokenizer_texts, settings.pieces)
    print(f"{time.monotonic() - start:6.0f} s  tokenizer of {tokenizer.get_vocab_size()} pieces")
    model = build_model(settings).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{time.monotonic() - start:6.0f} s  model of {parameters:,} parameters on {device}")
    training = train(model, tokenizer, settings, device, start)
    save(model, tokenizer, out)
    record = record_of(parameters, training, settings, "exact_match", device)
    write_record(out, record)
    if settings.evaluation_items:
        record["exact_match"] = evaluate(out, settings, device)
        write_record(out, record)
        print(f"\nexact match on {settings.evaluation_items} held-out items per family")
        for family, share in record["exact_match"].items():
            print(f"  {family:<16} {share:.3f}")
    print(f"{time.monotonic() - start:6.0f} s  written to {out}")
    return record


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and pretrains."""
    parser = argument_parser("Pretrain the small Italian base model.")
    parser.add_argument("out", type=Path, help="folder to write the model to")
    parser.add_argument("--tokens", type=float, default=300e6, help="training tokens")
    parser.add_argument(
        "--time-limit", type=float, default=0, help="seconds; evaluation takes about 60 more"
    )
    parser.add_argument("--batch-rows", type=int, default=128, help="batch in 1,024 tokens")
    parser.add_argument(
        "--first-lesson", type=float, default=4e6, help="tokens of short texts to repeat at first"
    )
    parser.add_argument(
        "--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2), help="data processes"
    )
    parser.add_argument(
        "--second-lesson", type=float, default=8e6, help="tokens of short comparisons after these"
    )
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=192, help="a multiple of 32")
    parser.add_argument("--intermediate", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluation-items", type=int, default=40, help="per family; 0 for none")
    parser.add_argument("--compiled", action="store_true", help="compile the passes")
    parser.add_argument("--device", default="", choices=("", "cuda", "cpu"))
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    del given["debug"]
    for name in ("tokens", "first_lesson", "second_lesson"):
        given[name] = int(given[name])
    given["heads"] = given["hidden"] // 32
    pretrain(out, Settings(**given))


if __name__ == "__main__":
    run(main)
