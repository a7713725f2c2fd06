"""A tiny LLaMA with random weights and its tokenizer, made on the spot for tests."""

from pathlib import Path
from typing import Any

HEADS = 4


def tokenizer(folder: Path, texts: list[str] | None = None) -> Any:
    """Saves a byte-level BPE tokenizer: pad 0, bos 1, eos 2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts or ["il paziente presenta glicemia nella norma"], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.save_pretrained(str(folder))
    return fast


def model(
    folder: Path,
    vocabulary: int = 400,
    seed: int = 0,
    *,
    tied: bool = False,
    intermediate: int = 128,
    **save: Any,
) -> Any:
    """Saves a LLaMA of two layers with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=intermediate,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    llama = LlamaForCausalLM(config)
    llama.save_pretrained(str(folder), **save)
    return llama


def causal(key_heads: int, seed: int, spread: float = 0.02) -> Any:
    """A LLaMA of two layers in memory; with a larger spread of its weights answers are lively."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=120,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=key_heads,
        initializer_range=spread,
    )
    return LlamaForCausalLM(config).eval()
