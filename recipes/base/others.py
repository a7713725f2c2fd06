"""Pretrains small bases of the two other families from the same generated text.

The encoder-decoder (a T5) learns to answer the instruction items that the small LLaMA learns from,
in the same order of lessons; the encoder (a BERT) to restore masked tokens of their inputs and of
plain texts. Both have the small LLaMA's tokenizer, the encoder one piece more, for what is masked.
Writes the model in bf16, the tokenizer's files and pretraining.json, the record of the run, to a
folder:

    python -m recipes.base.others encoder-decoder OUT --seed 1 --time-limit 370 --workers 15
    python -m recipes.base.others encoder-only OUT --seed 1 --time-limit 370 --workers 15

When the time is up, whatever has been learnt by then is saved, and then evaluated.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.base import pretrain as pretrain_llama
from recipes.base.batches import Schedule
from recipes.base.corpus import (
    COMPARING_FIRST,
    EVERYTHING,
    REPEATING,
    Item,
    block,
    held_out,
    plain,
    writer_for,
)
from recipes.base.pretrain import Settings as Pretraining
from recipes.base.pretrain import learning_rate, record_of, write_record
from recipes.base.tokenizer import BOS, EOS, PAD, save_tokenizer, train_tokenizer
from recipes.base.workers import made_in_order
from stages.common.command import argument_parser, run

if TYPE_CHECKING:
    import numpy as np
    import torch
    from tokenizers import Tokenizer

PAIR, ALONE = "encoder-decoder", "encoder-only"
SIZES = {PAIR: {"layers": 3, "intermediate": 384}, ALONE: {"layers": 4, "intermediate": 512}}
"""Sizes with which neither model takes 8 MB, tokenizer included, with up to 5,120 pieces."""
MASK = "<mask>"
LONGEST = 510  # tokens of a text, without those around it
JOINED = 0.2  # share of an encoder's texts that several documents make up, for far positions
MASKED = 0.2  # share of tokens to be restored
IGNORED = -100  # label of a token that no loss is computed on

Shape = tuple[int, int, int]
"""Rows of a group, tokens that are read and tokens that are to be computed."""

SHARES: dict[int, dict[tuple[int, int], float]] = {
    REPEATING: {(48, 32): 0.6, (96, 32): 0.18, (96, 96): 0.18, (192, 192): 0.04},
    COMPARING_FIRST: {(64, 8): 0.38, (64, 32): 0.12, (96, 8): 0.3, (96, 32): 0.1}
    | {(96, 96): 0.07, (192, 192): 0.03},
    EVERYTHING: {(96, 8): 0.43, (96, 32): 0.12, (160, 8): 0.18, (160, 32): 0.12}
    | {(160, 96): 0.08, (256, 256): 0.06, (512, 256): 0.01},
}
"""Share of a batch's items of each lesson in rows for so long prompts and answers."""
MASKED_SHARES = {(n, n): share for n, share in {32: 0.3, 64: 0.42, 96: 0.14}.items()}
MASKED_SHARES |= {(192, 192): 0.1, (512, 512): 0.04}
"""The same for texts with masked tokens."""
FILLED = 0.96  # share of a batch's rows that have something at least; the others stay empty
PARTS = 40  # blocks of documents after which a batch stays as it is
BLOCKS = 100_000  # between the first of one batch and of the next


@dataclass(frozen=True)
class Settings:
    """What decides a pretraining run.

    Attributes:
        family: encoder-decoder or encoder-only.
        tokens: training tokens at which the schedule ends.
        seed: of texts, tokenizer, weights and masks.
        time_limit: seconds from the start at which the schedule ends at the latest, after one step
            at least; 0 for none.
        batch: tokens of a batch, read and computed, padding included.
        first_lesson: tokens at the start in which an encoder-decoder only repeats short texts, as
            the small LLaMA does.
        second_lesson: tokens after them in which it mostly compares short texts and looks things
            up.
        workers: processes that make batches; 0 makes them in the training process.
        learning_rate: peak of the cosine schedule.
        hidden: width of the model.
        layers: of the encoder, and as many of a decoder.
        heads: attention heads.
        intermediate: width of the feed-forward layers.
        pieces: size of the vocabulary.
        tokenizer_texts: texts that the tokenizer learns from.
        evaluation_items: held-out items per family of instructions.
        device: `cuda`, `cpu` or empty for whichever there is.
    """

    family: str
    tokens: int = 4_000_000_000
    seed: int = 1
    time_limit: float = 0.0
    batch: int = 49_152
    first_lesson: int = Pretraining.first_lesson
    second_lesson: int = Pretraining.second_lesson
    workers: int = 0
    learning_rate: float = 2.0e-3
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    intermediate: int = 512
    pieces: int = Pretraining.pieces
    tokenizer_texts: int = Pretraining.tokenizer_texts
    evaluation_items: int = 50
    device: str = ""


Pair = tuple[list[int], list[int]]
"""What the encoder reads, and what is to be computed of it: an answer, or the masked tokens."""


# --- Batches --------------------------------------------------------------------------------------


def pair_of(item: Item, tokenizer: Tokenizer) -> Pair:
    """Returns prompt and answer of an item."""
    encoded = tokenizer.encode_batch([item.prompt, item.answer], add_special_tokens=False)
    return [BOS, *encoded[0].ids, EOS], [*encoded[1].ids, EOS]


def masked(ids: list[int], mask: int, pieces: int, rng: random.Random) -> Pair:
    """Masks tokens of a text as BERT does: 8 of 10 by the mask, one by any piece, one not at all.

    Returns:
        What the encoder reads, and of each position the token to restore, or `IGNORED`.
    """
    seen, labels = [BOS], [IGNORED]
    for token in ids:
        if rng.random() >= MASKED:
            seen.append(token)
            labels.append(IGNORED)
            continue
        fate = rng.random()
        other = rng.randrange(EOS + 1, pieces)
        seen.append(mask if fate < 0.8 else other if fate < 0.9 else token)
        labels.append(token)
    return [*seen, EOS], [*labels, IGNORED]


def mask_of(tokenizer: Tokenizer) -> int:
    """Returns the id of what stands for a masked token."""
    return int(tokenizer.get_vocab()[MASK])


def shares_of(settings: Settings, lesson: int) -> dict[tuple[int, int], float]:
    """Returns the shares of a batch's groups of rows."""
    return SHARES[lesson] if settings.family == PAIR else MASKED_SHARES


def shapes_of(settings: Settings, lesson: int) -> list[Shape]:
    """Returns the groups of rows of a batch."""
    shares = shares_of(settings, lesson)
    items = settings.batch / sum((sum(size) * share for size, share in shares.items()), 0.0)
    return [(max(1, round(items * share)), *size) for size, share in shares.items()]


def pairs_of(
    tokenizer: Tokenizer, items: list[Item], settings: Settings, rng: random.Random
) -> Iterator[Pair]:
    """Yields what there is to learn from documents."""
    if settings.family == PAIR:
        yield from (pair_of(item, tokenizer) for item in items if item.draft)
        return
    texts = [item.draft.input if item.draft else item.answer for item in items]
    mask = mask_of(tokenizer)
    while texts:
        joined = rng.randrange(2, 6) if rng.random() < JOINED else 1
        text, texts = " ".join(texts[:joined]), texts[joined:]
        ids = tokenizer.encode(text, add_special_tokens=False).ids[:LONGEST]
        yield masked(ids, mask, settings.pieces, rng)


@dataclass(frozen=True)
class Batch:
    """One optimiser step's documents, in groups of rows of one size.

    Attributes:
        shapes: the groups.
        arrays: of each group, what is read and what is to be computed, the first filled up with
            `PAD` and the second with `IGNORED`.
        tokens: read and computed ones, without padding.
    """

    shapes: list[Shape]
    arrays: list[np.ndarray]
    tokens: int


def make_batch(tokenizer: Tokenizer, index: int, settings: Settings) -> Batch:
    """Makes one batch.

    Args:
        tokenizer: the model's.
        index: number of the batch; it decides its documents.
        settings: of the run.

    Returns:
        The batch. Documents that no longer fit are left out.
    """
    import numpy as np

    first, second = (n // settings.batch for n in (settings.first_lesson, settings.second_lesson))
    lesson = Schedule(first, second).lesson(index) if settings.family == PAIR else EVERYTHING
    rng = random.Random(f"{settings.seed}/batch/{index}")
    shapes = shapes_of(settings, lesson)
    groups: list[list[Pair]] = [[] for _ in shapes]
    wanted = FILLED * sum(rows for rows, _, _ in shapes)
    for part in range(PARTS):
        items = block(settings.seed, index * BLOCKS + part, lesson=lesson)
        for pair in pairs_of(tokenizer, items, settings, rng):
            for group, (rows, read, written) in zip(groups, shapes, strict=True):
                if len(pair[0]) <= read and len(pair[1]) <= written and len(group) < rows:
                    group.append(pair)
                    break
        if sum(map(len, groups)) >= wanted:
            break
    arrays = []
    for group, (rows, read, written) in zip(groups, shapes, strict=True):
        seen = np.full((rows, read), PAD, dtype=np.int16)
        labels = np.full((rows, written), IGNORED, dtype=np.int16)
        for row, pair in enumerate(group):
            seen[row, : len(pair[0])], labels[row, : len(pair[1])] = pair
        arrays += [seen, labels]
    tokens = sum(len(ids) for group in groups for pair in group for ids in pair)
    return Batch(shapes, arrays, tokens)


# --- Models ---------------------------------------------------------------------------------------


def build_model(settings: Settings, vocabulary: int) -> Any:
    """Returns a T5 or a BERT with random weights and without dropout."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, T5Config, T5ForConditionalGeneration

    torch.manual_seed(settings.seed)
    ids = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
    if settings.family == PAIR:
        return T5ForConditionalGeneration(
            T5Config(
                vocab_size=vocabulary,
                d_model=settings.hidden,
                d_kv=settings.hidden // settings.heads,
                d_ff=settings.intermediate,
                num_layers=settings.layers,
                num_heads=settings.heads,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                decoder_start_token_id=PAD,
                **ids,
            )
        )
    return BertForMaskedLM(
        BertConfig(
            vocab_size=vocabulary,
            hidden_size=settings.hidden,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=settings.intermediate,
            max_position_embeddings=LONGEST + 2,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **ids,
        )
    )


class Gradients(pretrain_llama.Gradients):
    """Computes the gradients of one batch; replaces those of the batch before."""

    def inputs(self, batch: Any) -> list[torch.Tensor]:
        """Returns the arrays of all groups."""
        import torch

        return [torch.from_numpy(array.astype("int64")) for array in batch.arrays]

    def work(self, shapes: Any, *arrays: torch.Tensor) -> torch.Tensor:
        """Works on tensors on the device, without waiting for it."""
        import torch

        for parameter in self._model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        sums = torch.zeros(2, device=self.device)
        for ids, labels in zip(arrays[::2], arrays[1::2], strict=True):
            sums = sums + loss_and_weight(self._model, ids, labels)
        scaled: Any = sums[0] / sums[1].clamp(min=1e-6)
        scaled.backward()
        return sums.detach()


class Replayed(Gradients, pretrain_llama.Replayed):
    """The same on a GPU, as one CUDA graph for each kind of batch."""


def loss_and_weight(model: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Returns the weighted loss of rows and its weight, in a tensor of shape (2,).

    A written answer of n tokens weighs as much as the root of n tokens, as the small LLaMA's
    answers do (recipes/base/batches.py).

    Args:
        model: a T5 or a BERT.
        ids: what it reads, filled up with `PAD`.
        labels: what it is to compute, filled up with `IGNORED`.
    """
    import torch
    from torch.nn.functional import cross_entropy

    weights = (labels != IGNORED).float()
    mask = (ids != PAD).long()
    mask[:, 0] = 1  # of an empty row, too, something must be seen
    more: dict[str, Any] = {}
    if model.config.is_encoder_decoder:
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1.0).sqrt()
        before = torch.where(labels == IGNORED, PAD, labels)[:, :-1]
        start = torch.full_like(labels[:, :1], model.config.decoder_start_token_id)
        more = {"decoder_input_ids": torch.cat((start, before), dim=1), "use_cache": False}
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, cache_enabled=False):
        logits = model(input_ids=ids, attention_mask=mask, **more).logits
    losses = cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return torch.stack([(losses.view_as(weights) * weights).sum(), weights.sum()])


def train(model: Any, tokenizer: Tokenizer, settings: Settings, device: str, start: float) -> Any:
    """Trains the model in place.

    Returns:
        A record: steps, tokens, seconds, tokens per second and the last shown loss.
    """
    import torch

    rates = Pretraining(learning_rate=settings.learning_rate)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=device == "cuda")
    gradients: Any = (Replayed if device == "cuda" else Gradients)(model, device)
    model.train()
    tokens = steps = 0
    shown, loss = 0.0, math.nan
    sums = torch.zeros(2, device=device)
    make = partial(make_batch, settings=settings)
    with closing(made_in_order(make, tokenizer, settings.workers, held=6)) as source:
        batch = next(source)  # the schedule begins when there is something to learn from
        begun = time.monotonic()
        left = max(start + settings.time_limit - begun, 1e-9) if settings.time_limit else math.inf
        while True:
            now = time.monotonic()
            progress = max(tokens / settings.tokens, (now - begun) / left)
            is_over = progress >= 1 and steps > 0
            if steps and (is_over or now - shown > 10):
                shown = now
                loss = float(sums[0] / sums[1])
                sums.zero_()
                print(
                    f"{now - start:6.0f} s  step {steps}  {tokens / 1e6:.1f} M tokens  "
                    f"loss {loss:.4f}  {tokens / max(now - begun, 1):,.0f} tokens/s  "
                    f"{100 * progress:.0f}%",
                    flush=True,
                )
            if is_over:
                break
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(rates, progress)
            sums += gradients(batch)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tokens += batch.tokens
            steps += 1
            batch = next(source)
    seconds = time.monotonic() - begun
    return {
        "steps": steps,
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / max(seconds, 1e-9)),
        "loss": round(loss, 4),
    }


# --- Evaluation -----------------------------------------------------------------------------------


def exact_match(model: Any, tokenizer: Tokenizer, settings: Settings) -> dict[str, float]:
    """Returns the share of held-out items that a T5 answers exactly, by family of instructions."""
    import torch

    found: dict[str, float] = {}
    for family, items in held_out(settings.seed, settings.evaluation_items).items():
        pairs = [pair_of(item, tokenizer) for item in items]
        width = max(len(pair[0]) for pair in pairs)
        ids = torch.tensor([pair[0] + [PAD] * (width - len(pair[0])) for pair in pairs])
        mask = torch.tensor([[1] * len(p[0]) + [0] * (width - len(p[0])) for p in pairs])
        with torch.inference_mode():
            made = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max(len(pair[1]) for pair in pairs) + 8,
                do_sample=False,
            )[:, 1:].tolist()
        ended = [row[: row.index(EOS) + 1] if EOS in row else row for row in made]
        right = [row == pair[1] for row, pair in zip(ended, pairs, strict=True)]
        found[family] = round(sum(right) / len(right), 4)
    return found | {"mean": round(sum(found.values()) / len(found), 4)}


def restored(model: Any, tokenizer: Tokenizer, settings: Settings) -> dict[str, float]:
    """Returns the share of masked tokens of held-out plain texts that a BERT restores."""
    import torch

    writer, rng = writer_for(settings.seed, "held-out/masked"), random.Random(settings.seed)
    mask = mask_of(tokenizer)
    right = total = 0
    for _ in range(settings.evaluation_items):
        ids = tokenizer.encode(plain(writer), add_special_tokens=False).ids[:LONGEST]
        seen, labels = masked(ids, mask, settings.pieces, rng)
        with torch.inference_mode():
            best = model(input_ids=torch.tensor([seen], device=model.device)).logits[0].argmax(-1)
        hits = [b == label for b, label in zip(best.tolist(), labels, strict=True) if label >= 0]
        right, total = right + sum(hits), total + len(hits)
    return {"restored": round(right / max(total, 1), 4)}


def pretrain(out: Path, settings: Settings) -> dict[str, Any]:
    """Trains tokenizer and model, saves them, evaluates them and writes the record.

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
    if settings.family == ALONE:
        tokenizer.add_special_tokens([MASK])
    model = build_model(settings, tokenizer.get_vocab_size()).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{time.monotonic() - start:6.0f} s  {parameters:,} parameters on {device}", flush=True)
    training = train(model, tokenizer, settings, device, start)
    record = record_of(parameters, training, settings, "evaluation", device)
    model.eval().to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.save_pretrained(out)
    save_tokenizer(tokenizer, out)
    write_record(out, record)
    print(f"{time.monotonic() - start:6.0f} s  written to {out}", flush=True)
    if settings.evaluation_items:
        if device == "cpu":
            model.float()
        evaluate = exact_match if settings.family == PAIR else restored
        record["evaluation"] = evaluate(model, tokenizer, settings)
        write_record(out, record)
        print(f"{time.monotonic() - start:6.0f} s  {record['evaluation']}", flush=True)
    return record


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and pretrains."""
    parser = argument_parser("Pretrain a small base of another family.")
    parser.add_argument("family", choices=(PAIR, ALONE))
    parser.add_argument("out", type=Path, help="folder to write the model to")
    parser.add_argument("--tokens", type=float, default=4e9, help="training tokens")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=0, help="seconds")
    parser.add_argument("--batch", type=int, default=49_152, help="tokens of a batch")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    for lesson in ("first_lesson", "second_lesson"):
        name, most = f"--{lesson.replace('_', '-')}", getattr(Settings, lesson)
        parser.add_argument(name, type=float, default=most, help="tokens")
    parser.add_argument("--evaluation-items", type=int, default=50, help="per family; 0 for none")
    parser.add_argument("--device", default="", choices=("", "cuda", "cpu"))
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    del given["debug"]
    given |= {name: int(given[name]) for name in ("tokens", "first_lesson", "second_lesson")}
    given |= SIZES[given["family"]]
    pretrain(out, Settings(**given))


if __name__ == "__main__":
    run(main)
