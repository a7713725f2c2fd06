"""Tiny encoders with random weights, and questions for heads of every kind."""

import random
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from stages.common.prompts import Prompts
from stages.forms.forms import Fields, Forms, Number, Pairs, Spans, Words, one_label
from stages.model.heads import HeadRow
from stages.model.loading import load_tokenizer
from stages.model.settings import Model
from stages.model.text import InputEncoder
from stages.training.head_examples import head_row
from tests.helpers import tiny
from tests.helpers.models import model_settings

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 130,
}
LOCAL = {
    "local_attention": 8,
    "global_attn_every_n_layers": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
}
ENCODERS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "BERT": ("bert", SIZES, ("query", "value")),
    "RoBERTa": ("roberta", SIZES, ("query", "key", "value", "dense")),
    "XLM-R": ("xlm-roberta", SIZES, ("query", "value")),
    "ModernBERT": ("modernbert", SIZES | LOCAL, ("Wqkv", "Wo")),
    "ELECTRA": ("electra", SIZES | {"embedding_size": 32}, ("query", "value")),
    "DistilBERT": (
        "distilbert",
        {"dim": 64, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 130},
        ("q_lin", "v_lin"),
    ),
}
"""Type, options and targets of an adapter, by the name that people know."""

FORMS: Forms = {
    "classes": one_label(["sì", "no", "forse"]),
    "numbers": Fields(
        template="{x} {y}",
        numbers=dict.fromkeys("xy", Number(low=-100.0, high=100.0, decimals=2)),
    ),
    "place": Fields(
        template="[r] {r} [geo] {x}",
        labels={"r": ["Lazio", "Puglia"]},
        numbers={"x": Number(low=0.0, high=90.0, decimals=3)},
    ),
    "spans": Spans(
        labels=["PER", "LOC"],
        entry="[{label}] {mention}",
        joint=" ",
        none="nessuna",
        markers=["PER", "LOC"],
        unit="token",
        whole=True,
    ),
    "links": Pairs(
        labels=("result", "test"),
        entry="[B] {result} [S] {test} [E]",
        joint=" ",
        none="[N]",
        markers=["B", "S", "E", "N"],
        unit="word",
    ),
    "words": Words(words=["a", "b", "c"], none="nessuna"),
}


def save(name: str, folder: Path, *, headed: bool = True) -> Path:
    """Writes an encoder with random weights, as it is pretrained or bare, and a tokenizer."""
    kind, options, _ = ENCODERS[name]
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = AutoConfig.for_model(kind, vocab_size=400, **options | ids)
    torch.manual_seed(7)
    model = (AutoModelForMaskedLM if headed else AutoModel).from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() >= 2:
                weight.normal_(std=0.1)
    model.save_pretrained(str(folder))
    tiny.tokenizer(folder)
    return folder


def bare(name: str, folder: Path) -> Any:
    """Such an encoder by transformers alone, without the pooling layer that no head reads."""
    pooled = {"add_pooling_layer": False} if name in ("BERT", "RoBERTa", "XLM-R") else {}
    return AutoModel.from_pretrained(folder, **pooled).eval()


def settings(folder: Path, **changes: Any) -> Model:
    """The settings of such a base."""
    return model_settings(folder, **{"family": "encoder-only"} | changes)


def input_encoder(folder: Path) -> InputEncoder:
    """What turns inputs into ids."""
    given = settings(folder)
    prompts = Prompts(template="{input}", header="", instructions=dict.fromkeys(FORMS, "x"))
    return InputEncoder(given, load_tokenizer(given), prompts)


def question(subtask: str, draw: random.Random) -> tuple[str, Any]:
    """A text, and the value of the answer, which the text shows."""
    words = draw.sample(["casa", "mare", "Ada", "Roma", "pane", "sole", "Hb", "9", "7"], 6)
    text = " ".join(words)
    x, at = text.index("a") / 4, text.index(words[2])
    place = (at, at + len(words[2]))
    if subtask == "classes":
        return text, {"answer": ["sì", "no", "forse"][len(words[0]) % 3]}
    if subtask == "numbers":
        return text, {"x": x, "y": float(len(words[1]))}
    if subtask == "place":
        return text, {"r": ["Lazio", "Puglia"][len(words[0]) % 2], "x": x}
    if subtask == "words":
        return text, [letter for letter in "abc" if letter in text.lower()]
    if subtask == "spans":
        return text, [[*place, draw.choice(["PER", "LOC"])]]
    other = text.index(words[4])
    return text, [[*place, other, other + len(words[4])]]


def rows(folder: Path, count: int, seed: int = 0) -> list[HeadRow]:
    """Rows of all kinds by turns."""
    encoder, draw = input_encoder(folder), random.Random(seed)
    made = []
    for n in range(count):
        subtask = list(FORMS)[n % len(FORMS)]
        made.append(head_row(subtask, *question(subtask, draw), encoder, FORMS))
    return made
