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

import json
import math
import os
import platform
import random
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.base.batches import Schedule
from recipes.base.corpus import EVERYTHING, Item, block, held_out, plain, writer_for
from recipes.base.pretrain import Settings as Pretraining
from recipes.base.pretrain import learning_rate
from recipes.base.tokenizer import BOS, EOS, PAD, save_tokenizer, train_tokenizer
from recipes.base.workers import made_in_order
from stages.common.command import argument_parser, run

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAIR, ALONE = "encoder-decoder", "encoder-only"
SIZES = {PAIR: {"layers": 3, "intermediate": 384}, ALONE: {"layers": 4, "intermediate": 512}}
"""Sizes with which neither model takes 8 MB, tokenizer included, with up to 5,120 pieces."""
MASK = "<mask>"
POOL = 40  # blocks of documents that are sorted by length together
LONGEST = 510  # tokens of a text, without those around it
JOINED = 0.2  # share of an encoder's texts that several documents make up, for far positions
MASKED = 0.2  # share of tokens to be restored
IGNORED = -100  # label of a token that no loss is computed on


@dataclass(frozen=True)
class Settings:
    """What decides a pretraining run.

    Attributes:
        family: encoder-decoder or encoder-only.
        tokens: training tokens at which the schedule ends.
        seed: of texts, tokenizer, weights and masks.
        time_limit: seconds from the start at which the schedule ends at the latest, after one step
            at least; 0 for none.
        batch: tokens of a batch, padding included.
        first_pools: pools at the start in which an encoder-decoder only repeats short texts, as the
            small LLaMA does.
        second_pools: pools after them in which it mostly compares short texts and looks things up.
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
    first_pools: int = 200
    second_pools: int = 600
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


def documents(settings: Settings, number: int) -> list[Item]:
    """Returns the documents of a pool; those of an encoder-decoder are of one lesson."""
    lessons = Schedule(settings.first_pools, settings.second_pools)
    lesson = lessons.lesson(number) if settings.family == PAIR else EVERYTHING
    blocks = range(number * POOL, (number + 1) * POOL)
    return [item for n in blocks for item in block(settings.seed, n, lesson=lesson)]


def pool(tokenizer: Tokenizer, index: int, settings: Settings) -> list[list[Pair]]:
    """Makes batches of documents that were sorted by length together.

    Args:
        tokenizer: the model's.
        index: number of the pool; it decides its documents.
        settings: of the run.

    Returns:
        Batches in a random order.
    """
    rng = random.Random(f"{settings.seed}/pool/{index}")
    items = documents(settings, index)
    pairs: list[Pair] = []
    if settings.family == PAIR:
        pairs = [pair_of(item, tokenizer) for item in items if item.draft]
    else:
        texts = [item.draft.input if item.draft else item.answer for item in items]
        mask = mask_of(tokenizer)
        while texts:
            joined = rng.randrange(2, 6) if rng.random() < JOINED else 1
            text, texts = " ".join(texts[:joined]), texts[joined:]
            ids = tokenizer.encode(text, add_special_tokens=False).ids[:LONGEST]
            pairs.append(masked(ids, mask, settings.pieces, rng))
    pairs = [pair for pair in pairs if max(map(len, pair)) <= LONGEST + 2]
    pairs.sort(key=lambda pair: (len(pair[0]), len(pair[1])))
    batches: list[list[Pair]] = [[]]
    for pair in pairs:
        if (len(batches[-1]) + 1) * len(pair[0]) > settings.batch:
            batches.append([])
        batches[-1].append(pair)
    rng.shuffle(batches)
    return batches


def batches(tokenizer: Tokenizer, settings: Settings) -> Generator[list[Pair], None, None]:
    """Yields batches without end, the same for any number of workers.

    Raises:
        RuntimeError: a worker process has ended.
    """
    make = partial(pool, settings=settings)
    with closing(made_in_order(make, tokenizer, settings.workers, held=2)) as pools:
        for made in pools:
            yield from made


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


def loss_of(model: Any, pairs: list[Pair], family: str, device: str) -> Any:
    """Returns the mean loss of a batch.

    A written answer of n tokens weighs as much as the root of n tokens, as the small LLaMA's
    answers do (recipes/base/batches.py).
    """
    import torch
    from torch.nn.functional import cross_entropy

    def matrix(rows: list[list[int]], filler: int) -> torch.Tensor:
        width = max(map(len, rows))
        padded = [row + [filler] * (width - len(row)) for row in rows]
        return torch.tensor(padded).to(device)

    ids = matrix([pair[0] for pair in pairs], PAD)
    labels = matrix([pair[1] for pair in pairs], IGNORED)
    lengths = torch.tensor([len(pair[0]) for pair in pairs], device=device)
    mask = (torch.arange(ids.shape[1], device=device) < lengths[:, None]).long()
    with torch.autocast(device, dtype=torch.bfloat16):
        logits = model(input_ids=ids, attention_mask=mask, labels=labels).logits
    losses = cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
    )
    weights = (labels != IGNORED).float()
    if family == PAIR:
        weights = weights / weights.sum(dim=1, keepdim=True).sqrt()
    return (losses.view_as(labels) * weights).sum() / weights.sum()


def train(model: Any, tokenizer: Tokenizer, settings: Settings, device: str, start: float) -> Any:
    """Trains the model in place.

    Returns:
        A record: steps, tokens, seconds, tokens per second and the final loss.
    """
    import torch

    schedule = Pretraining(learning_rate=settings.learning_rate)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=device == "cuda")
    model.train()
    tokens = steps = 0
    shown = 0.0
    source = batches(tokenizer, settings)
    pairs = next(source)  # the schedule begins when there is something to learn from
    begun = time.monotonic()
    left = max(start + settings.time_limit - begun, 1e-9) if settings.time_limit else math.inf
    while True:
        now = time.monotonic()
        progress = max(tokens / settings.tokens, (now - begun) / left)
        if progress >= 1 and steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(schedule, progress)
        optimizer.zero_grad(set_to_none=True)
        found = loss_of(model, pairs, settings.family, device)
        found.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += sum(len(pair[0]) for pair in pairs)
        steps += 1
        if now - shown > 10:
            shown = now
            print(
                f"{now - start:6.0f} s  step {steps}  {tokens / 1e6:.1f} M tokens  "
                f"loss {float(found.detach()):.4f}  {tokens / max(now - begun, 1):,.0f} tokens/s  "
                f"{100 * progress:.0f}%",
                flush=True,
            )
        pairs = next(source)
    source.close()
    seconds = time.monotonic() - begun
    return {
        "steps": steps,
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / max(seconds, 1e-9)),
        "loss": round(float(found.detach()), 4),
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
    import tokenizers
    import torch
    import transformers

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
    record = {
        "parameters": parameters,
        "training": training,
        "settings": asdict(settings),
        "evaluation": {},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
    }
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


def write_record(out: Path, record: dict[str, Any]) -> None:
    """Writes pretraining.json."""
    text = json.dumps(record, indent=2) + "\n"
    (out / "pretraining.json").write_text(text, encoding="utf-8")


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
    parser.add_argument("--first-pools", type=int, default=200, help="that only repeat short texts")
    parser.add_argument("--second-pools", type=int, default=600, help="that compare short texts")
    parser.add_argument("--evaluation-items", type=int, default=50, help="per family; 0 for none")
    parser.add_argument("--device", default="", choices=("", "cuda", "cpu"))
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    del given["debug"]
    given |= {"tokens": int(given["tokens"]), **SIZES[given["family"]]}
    pretrain(out, Settings(**given))


if __name__ == "__main__":
    run(main)
