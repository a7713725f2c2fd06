"""The tokenizer of the base model: byte-level BPE that learns from generated texts only.

A word has the same pieces wherever it stands: each begins with a blank, and where the text has
none, a joiner before the blank says so. Without that a word between quotes, at the start of a line
or of an answer has other pieces than within a sentence, and a small model does not learn to find
it there. Digits, brackets and capitals in a row are pieces of their own. So a marker such as
``[BREL]`` is spelt with pieces that pretraining has trained, which LoRA needs: it leaves
embeddings frozen.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.base.corpus import framed, plain, writer_for
from recipes.base.lexicon import NAMES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("<unk>", "<s>", "</s>")
PAD, BOS, EOS = 0, 1, 2
JOINER = "\u2040"
"""Stands before the blank of a word that follows no blank, as in ``(⁀ word)``."""
BRACKETS = "[]<>{}()|#*§«»_="
_BRACKET = "[" + "".join("\\" + c for c in BRACKETS) + "]"
_BEFORE_WORDS = "\n'\"«([{<|#@/-_=*§’“"
"""What words follow without a blank, besides the start of a text."""
_PIECES = "|".join(
    (
        r" ?\p{Lu}(?=\p{Lu})|(?<=\p{Lu})\p{Lu}(?!\p{Ll})",  # a capital of several in a row
        r" ?\p{L}[\p{L}\p{M}]*?(?=\p{Lu}|[^\p{L}\p{M}]|$)",  # a word
        r"\p{N}",
        rf"###{JOINER}?",  # of the frame
        rf"{_BRACKET}{JOINER}?",
        rf"\n+{JOINER}?",
        rf"[^\s\p{{L}}\p{{N}}{JOINER}]+?{JOINER}?(?={_BRACKET}|[\s\p{{L}}\p{{N}}]|$)",
    )
)
NEVER_ONE_PIECE = (
    "[BREL] [SEP] [EREL] [NOREL] [PER] [LOC] [ORG] [BT1] [ET1] [BT2] [ET2] [regione] [geo] [gap] "
    "BREL SEP EREL NOREL PER LOC ORG BT1 ET1 regione geo gap cospirazione non_cospirazione "
    "coerente non_coerente odio non_odio omotransfobico direzione argomento direzione_argomento "
    "non_specificato sinistra destra centrodestra centrosinistra Covid Qanon Russia uguale "
    "differente corretto incorretto uomo donna nessuna amore anticipazione disgusto fiducia gioia "
    "neutro paura rabbia sorpresa tristezza certamente probabilmente"
).split()


def untrained() -> Tokenizer:
    """Returns a tokenizer that knows how to cut a text into words, but has no vocabulary yet."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.BPE())
    setup: Any = tokenizer
    setup.normalizer = normalizers.Sequence(
        [
            normalizers.Prepend(JOINER),
            normalizers.Replace(Regex(rf"\A{JOINER} "), f"{JOINER}{JOINER}  "),  # a blank at first
            normalizers.Replace(Regex(JOINER + r"(?=\p{L})"), JOINER + " "),
        ]
        + [
            normalizers.Replace(Regex(rf"{re.escape(c)}(?=\p{{L}})"), c + JOINER + " ")
            for c in _BEFORE_WORDS
        ]
    )
    setup.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    setup.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace(JOINER + " ", ""), decoders.Replace(JOINER, "")]
    )
    return tokenizer


def train_tokenizer(seed: int, texts: int = 40_000, pieces: int = 4096) -> Tokenizer:
    """Trains the tokenizer on generated texts and instructions, without their answers.

    Args:
        seed: seed of the texts.
        texts: how many texts to learn from.
        pieces: size of the vocabulary: three special pieces, 256 bytes, the rest merges.

    Returns:
        The tokenizer; encoding adds no special pieces.

    Raises:
        ValueError: a piece joins a bracket to something, or is a marker or label of a later task.
    """
    from tokenizers import pre_tokenizers, trainers

    tokenizer = untrained()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    writer = writer_for(seed, "tokenizer")

    def learnt_from() -> Any:
        for number in range(texts):
            yield plain(writer) if number % 2 else framed(writer)
        for _ in range(200):  # names are pieces, however rare
            yield " ".join(NAMES)

    tokenizer.train_from_iterator(learnt_from(), trainer=trainer)
    check_pieces(tokenizer)
    return tokenizer


def check_pieces(tokenizer: Tokenizer) -> None:
    """Checks that no piece gives away or swallows what the later tasks write.

    Args:
        tokenizer: the trained tokenizer.

    Raises:
        ValueError: a piece joins a bracket to something, or is a marker or label of a later task.
    """
    vocabulary = tokenizer.get_vocab()
    ids = [vocabulary.get(piece) for piece in SPECIAL]
    if ids != [PAD, BOS, EOS]:
        raise ValueError(f"the special pieces {SPECIAL} have the ids {ids}, expected 0, 1, 2")
    joiner = "".join(tokenizer.pre_tokenizer.pre_tokenize_str(JOINER)[0][0])
    ascii_brackets = set(BRACKETS) & set(map(chr, range(128)))
    for piece, index in vocabulary.items():
        bare = piece.removesuffix(joiner).removesuffix(joiner[:2]).removesuffix(joiner[:1])
        if index > EOS and len(bare) > 1 and ascii_brackets & set(bare) and set(bare) != {"#"}:
            raise ValueError(f"the piece {piece!r} joins a bracket to something")
    for word in NEVER_ONE_PIECE:
        if word in vocabulary or "Ġ" + word in vocabulary:
            raise ValueError(f"{word!r}, of a later task, is a single piece; change the seed")


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the files that `AutoTokenizer.from_pretrained` reads.

    Args:
        tokenizer: the trained tokenizer.
        folder: where to write; it exists.
    """
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=SPECIAL[PAD],
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOS],
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        padding_side="left",
    )
    fast.save_pretrained(folder)
