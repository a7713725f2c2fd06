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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from recipes.base.batches import ANSWER, PLAIN, Batch, Shapes, fresh_batches
from recipes.base.corpus import Item, held_out
from recipes.base.tokenizer import BOS, EOS, PAD, save_tokenizer, train_tokenizer
from stages.common.command import argument_parser, run

if TYPE_CHECKING:
    import torch


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
        workers: processes that make batches; 0 makes them in the training process.
        learning_rate: peak of the cosine schedule.
        warm_up: share of the schedule in which the learning rate rises.
        weight_decay: of AdamW, on matrices only.
        plain_weight: weight of the tokens of plain texts in the loss; answers have 1, prompts 0.
        hidden: width of the model.
        layers: number of layers.
        heads: attention heads.
        intermediate: width of the feed-forward layers.
        pieces: size of the vocabulary.
        tokenizer_texts: texts that the tokenizer learns from.
        evaluation_items: held-out items per family.
        device: `cuda`, `cpu` or empty for whichever there is.
    """

    tokens: int = 300_000_000
    seed: int = 1
    time_limit: float = 0.0
    batch_rows: int = 128
    first_lesson: int = 4_000_000
    workers: int = 0
    learning_rate: float = 3.0e-3
    warm_up: float = 0.03
    weight_decay: float = 0.1
    plain_weight: float = 0.3
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    intermediate: int = 512
    pieces: int = 2048
    tokenizer_texts: int = 40_000
    evaluation_items: int = 40
    device: str = ""


PLAINLY_CAUSAL = "plainly_causal"


def _causal_attention(
    module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, **_: Any
) -> tuple[Any, None]:
    """Attention to all tokens before, whatever the mask: rows are padded at their ends only."""
    from torch.nn.functional import scaled_dot_product_attention

    out = scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
    return out.transpose(1, 2).contiguous(), None


def build_model(settings: Settings) -> Any:
    """Returns a LLaMA model with random weights."""
    import torch
    from transformers import (
        AttentionInterface,
        AttentionMaskInterface,
        LlamaConfig,
        LlamaForCausalLM,
    )

    # Making a mask would wait for the device, which cannot be recorded in a CUDA graph.
    AttentionInterface.register(PLAINLY_CAUSAL, _causal_attention)
    AttentionMaskInterface.register(PLAINLY_CAUSAL, lambda *_, **__: None)

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=settings.pieces,
        hidden_size=settings.hidden,
        intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=2048,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        attn_implementation=PLAINLY_CAUSAL,
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
        A record: steps, tokens, seconds, tokens per second, final loss and answer loss.
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
    weights = [0.0] * 4
    weights[ANSWER], weights[PLAIN] = 1.0, settings.plain_weight
    size = settings.batch_rows * 1024
    source = fresh_batches(
        tokenizer, settings.seed, size, settings.workers, settings.first_lesson // size
    )
    gradients = (Replayed if device == "cuda" else Gradients)(model, weights, device)
    model.train()
    tokens, steps = 0, 0
    sums = torch.zeros(4, device=device)
    shown: dict[str, float] = {"loss": math.nan, "answer_loss": math.nan}
    begun = since = time.monotonic()
    since_tokens, waited = 0, 0.0
    while True:
        asked = time.monotonic()
        batch = next(source)
        now = time.monotonic()
        waited += now - asked
        progress = tokens / settings.tokens
        if settings.time_limit:
            progress = max(progress, (now - start) / settings.time_limit)
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
            weighted, weight, answer, answers = sums.tolist()
            sums.zero_()
            if weight:
                shown = {"loss": weighted / weight, "answer_loss": answer / max(answers, 1)}
            now = time.monotonic()
            print(
                f"{now - start:6.0f} s  step {steps}  {tokens / 1e6:.1f} M tokens  "
                f"loss {shown['loss']:.4f}  answer loss {shown['answer_loss']:.4f}  "
                f"{(tokens - since_tokens) / max(now - since, 1e-9):,.0f} tokens/s  "
                f"waited for data {waited:.1f} s  {100 * min(progress, 1):.0f}%",
                flush=True,
            )
            since, since_tokens, waited = now, tokens, 0.0
        if progress >= 1:
            break
    seconds = time.monotonic() - begun
    source.close()
    return {
        "steps": steps,
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds),
        **{name: round(value, 4) for name, value in shown.items()},
    }


class Gradients:
    """Computes the gradients of one batch; replaces those of the batch before."""

    def __init__(self, model: Any, weights: list[float], device: str) -> None:
        import torch

        self.device = device
        self._model = model
        self._weights = torch.tensor(weights, device=device)

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Works on a batch.

        Returns:
            The weighted loss, its weight, the unweighted loss of the answers, their tokens (sums).
        """
        import torch

        ids, kinds = (torch.from_numpy(array.astype("int64")) for array in (batch.ids, batch.kinds))
        return self.work(batch.shapes, ids.to(self.device), kinds.to(self.device))

    def work(self, shapes: Shapes, ids: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """Works on flat tensors on the device, without waiting for it."""
        import torch
        from torch.nn import functional

        for parameter in self._model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        starts = torch.zeros_like(kinds, dtype=torch.bool)  # a row's first token is no target
        sums = torch.zeros(4, device=self.device)
        at = 0
        for rows, width in shapes:
            starts[at : at + rows * width : width] = True
            at += rows * width
        total = self._weights[kinds].masked_fill(starts, 0.0).sum().clamp(min=1.0)
        at = 0
        for rows, width in shapes:
            part = ids[at : at + rows * width].view(rows, width)
            kind = kinds[at : at + rows * width].view(rows, width)[:, 1:]
            at += rows * width
            with torch.autocast(self.device, dtype=torch.bfloat16, cache_enabled=False):
                logits = self._model(input_ids=part, use_cache=False).logits[:, :-1]
            losses = functional.cross_entropy(
                logits.flatten(0, 1).float(), part[:, 1:].flatten(), reduction="none"
            ).view_as(kind)
            weights = self._weights[kind]
            loss = (losses * weights).sum()
            scaled: Any = loss / total
            scaled.backward()
            answers = kind == ANSWER
            sums += torch.stack(
                [loss.detach(), weights.sum(), (losses.detach() * answers).sum(), answers.sum()]
            )
        return sums


class Replayed(Gradients):
    """The same on a GPU, as one CUDA graph for each kind of batch.

    So small a model is bound by the launches of its kernels: each batch is some 3,000 of them.
    """

    def __init__(self, model: Any, weights: list[float], device: str) -> None:
        super().__init__(model, weights, device)
        self._graphs: dict[tuple[tuple[int, int], ...], tuple[Any, ...]] = {}

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Works on a batch; the result is overwritten by the next call."""
        import torch

        key = tuple(batch.shapes)
        given = [torch.from_numpy(array.astype("int64")) for array in (batch.ids, batch.kinds)]
        if key not in self._graphs:
            held = [array.to(self.device) for array in given]
            beside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):  # warms up what must not happen while recording
                for _ in range(3):
                    self.work(batch.shapes, *held)
            torch.cuda.current_stream().wait_stream(beside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                sums = self.work(batch.shapes, *held)
            self._graphs[key] = (graph, held, sums)
        graph, held, result = self._graphs[key]
        for place, array in zip(held, given, strict=True):
            place.copy_(array.pin_memory(), non_blocking=True)
        graph.replay()
        return cast("torch.Tensor", result)


def answers_of(model: Any, tokenizer: Any, items: list[Item], batch_size: int = 128) -> list[str]:
    """Returns the model's greedy answers.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        items: the items to answer, in any order.
        batch_size: items answered at a time.

    Returns:
        The answers in the order of the items.
    """
    import torch

    order = sorted(range(len(items)), key=lambda k: len(items[k].answer))
    out = [""] * len(items)
    for at in range(0, len(order), batch_size):
        chosen = order[at : at + batch_size]
        prompts = [
            [BOS, *tokenizer.encode(items[k].prompt, add_special_tokens=False)] for k in chosen
        ]
        gold = tokenizer([items[k].answer for k in chosen], add_special_tokens=False)["input_ids"]
        width = max(map(len, prompts))
        ids = torch.tensor([[PAD] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        with torch.inference_mode():
            made = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max(map(len, gold)) + 8,
                do_sample=False,
            )
        for k, row in zip(chosen, made[:, width:].tolist(), strict=True):
            ended = row[: row.index(EOS)] if EOS in row else row
            out[k] = tokenizer.decode(ended, skip_special_tokens=True)
    return out


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
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.to(device).eval()
    families = held_out(settings.seed, settings.evaluation_items)
    items = [item for family in families.values() for item in family]
    made = answers_of(model, tokenizer, items)
    right: dict[str, list[bool]] = {}
    for item, answer in zip(items, made, strict=True):
        right.setdefault(item.family, []).append(answer == item.answer)
    out = {family: round(sum(hits) / len(hits), 4) for family, hits in right.items()}
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


def pretrain(out: Path, settings: Settings) -> dict[str, Any]:
    """Trains the tokenizer and the model, saves them, evaluates them and writes the record.

    Args:
        out: folder to write to; made if it is not there.
        settings: the run's settings.

    Returns:
        The record that pretraining.json holds.
    """
    import tokenizers
    import torch
    import transformers

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
    record: dict[str, Any] = {
        "parameters": parameters,
        "training": training,
        "settings": asdict(settings),
        "exact_match": {},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
    }
    path = out / "pretraining.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if settings.evaluation_items:
        record["exact_match"] = evaluate(out, settings, device)
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
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
    parser.add_argument("--seed", type=int, default=1)
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
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--evaluation-items", type=int, default=40, help="per family; 0 for none")
    parser.add_argument("--device", default="", choices=("", "cuda", "cpu"))
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    del given["debug"]
    given["tokens"], given["first_lesson"] = int(given["tokens"]), int(given["first_lesson"])
    pretrain(out, Settings(**given))


if __name__ == "__main__":
    run(main)
