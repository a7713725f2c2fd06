"""The tokenizer of the base model: byte-level BPE that learns from plain texts only.

Digits, brackets and capitals in a row are pieces of their own. So a marker such as ``[BREL]`` is
spelt with pieces that pretraining has trained, which LoRA needs: it leaves embeddings frozen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.base.corpus import plain, writer_for

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("<unk>", "<s>", "</s>")
PAD, BOS, EOS = 0, 1, 2
BRACKETS = "[]<>{}()|#*§«»_="
_ISOLATED = (
    r"\p{N}|[" + "".join("\\" + c for c in BRACKETS) + r"]|\p{Lu}(?=\p{Lu})|(?<=\p{Lu})\p{Lu}"
)
NEVER_ONE_PIECE = (
    "[BREL] [SEP] [EREL] [NOREL] [PER] [LOC] [ORG] [BT1] [ET1] [BT2] [ET2] [regione] [geo] [gap] "
    "BREL SEP EREL NOREL PER LOC ORG BT1 ET1 regione geo gap cospirazione non_cospirazione "
    "coerente non_coerente odio non_odio omotransfobico direzione argomento direzione_argomento "
    "non_specificato sinistra destra centrodestra centrosinistra Covid Qanon Russia uguale "
    "differente corretto incorretto uomo donna nessuna amore anticipazione disgusto fiducia gioia "
    "neutro paura rabbia sorpresa tristezza certamente probabilmente"
).split()


def train_tokenizer(seed: int, texts: int = 40_000, pieces: int = 2048) -> Tokenizer:
    """Trains the tokenizer on generated plain texts.

    Args:
        seed: seed of the texts.
        texts: how many texts to learn from.
        pieces: size of the vocabulary: three special pieces, 256 bytes, the rest merges.

    Returns:
        The tokenizer; encoding adds no special pieces.

    Raises:
        ValueError: a piece joins a bracket to something, or is a marker or label of a later task.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    setup: Any = tokenizer
    setup.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_ISOLATED), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    setup.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    writer = writer_for(seed, "tokenizer")
    tokenizer.train_from_iterator((plain(writer) for _ in range(texts)), trainer=trainer)
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
    ascii_brackets = set(BRACKETS) & set(map(chr, range(128)))
    for piece, index in vocabulary.items():
        if index > EOS and len(piece) > 1 and ascii_brackets & set(piece):
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
