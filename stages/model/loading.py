"""Loading the base model, of whichever family, and its tokenizer.

A base is a folder or a hub id at a pinned revision, in safetensors or in (sharded) ``.bin`` files;
the latter go through the restricted unpickler only. No code of a model's repository is ever run.
What a checkpoint holds is used as it is meant (stages/model/checkpoints.py), or refused.
"""

import inspect
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from transformers import (
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
)

from stages.common.command import InputError
from stages.model import processes
from stages.model.adapters import CONFIG
from stages.model.checkpoints import (
    check_finite,
    check_four_bits,
    check_json,
    check_quantization,
    check_report,
    check_size,
    leave_heads_out,
)
from stages.model.device import free_memory
from stages.model.family import with_family
from stages.model.head import use_full_precision_head
from stages.model.limits import LAYERS
from stages.model.pieces import check_pieces
from stages.model.reading import reading
from stages.model.settings import Model
from stages.model.text import OFFSET

log = logging.getLogger(__name__)

ROOM = 16 * 2**30  # bytes of GPU memory for the work on a base that is kept in 16 bits

LOADERS = {
    "decoder-only": AutoModelForCausalLM,
    "encoder-decoder": AutoModelForSeq2SeqLM,
    "encoder-only": AutoModel,  # whose heads are ours
}
"""What loads a base, by its family."""


# --- Base -----------------------------------------------------------------------------------------


def load_config(settings: Model) -> Any:
    """Loads the base's configuration alone.

    Raises:
        InputError: if it cannot be found or read.
    """
    check_json(Path(settings.base))
    with reading(f"model.base {settings.base!r}"):
        config = AutoConfig.from_pretrained(
            settings.base, revision=settings.revision or "main", trust_remote_code=False
        )
        text_config = config.get_text_config()
        names = ("num_hidden_layers", "num_decoder_layers", "decoder_layers")
        layers = max(int(getattr(text_config, name, None) or 0) for name in names)
        # These may name kernels that transformers would fetch from the hub and run. What computes
        # is found at run time.
        config._attn_implementation = None
        config._experts_implementation = None
        _drop_nothing(config)
    if layers > LAYERS:
        raise InputError(
            f"model.base {settings.base!r}: config.json says {layers} layers, expected at most"
            f" {LAYERS}"
        )
    return config


def _drop_nothing(config: Any) -> None:
    """Sets all probabilities of dropout to 0, for a frozen base computes as in evaluation."""
    for part in {id(part): part for part in (config, config.get_text_config())}.values():
        for key, value in vars(part).items():
            if isinstance(value, float) and ("drop" in key or "jitter" in key):
                setattr(part, key, 0.0)


def settled(settings: Model) -> Model:
    """Returns settings that name the base's family, and agree with its configuration.

    Raises:
        InputError: if they do not agree, or the base cannot be found or read.
    """
    return with_family(settings, load_config(settings).to_dict())


def load_base(settings: Model, device: torch.device, dtype: torch.dtype) -> Any:
    """Loads the base, quantised if the settings say so, with all its parameters frozen.

    Args:
        settings: which base, and its quantization.
        device: where to.
        dtype: number type of what is not quantised, and of the computation.

    Returns:
        A model of transformers: a causal or a sequence-to-sequence language model, or an encoder
        without a head.

    Raises:
        InputError: if it cannot be found or read, or lacks weights.
    """
    sharded = processes.here().sharded
    if sharded and settings.quantization == "int8":
        raise InputError("model.quantization: int8 cannot be sharded (FSDP); expected nf4 or none")
    if (Path(settings.base) / CONFIG).is_file():
        raise InputError(f"model.base: {settings.base} holds an adapter, not a base model")
    log.info(
        "load base %s, quantization %s, %s on %s",
        settings.base,
        settings.quantization,
        dtype,
        device,
    )
    config = load_config(settings)
    settings = with_family(settings, config.to_dict())
    is_saved_so = check_quantization(settings, config)
    with reading(f"model.base {settings.base!r}"):
        check_size(settings, config, LOADERS[settings.family])
        base, report = LOADERS[settings.family].from_pretrained(
            settings.base,
            config=config,
            revision=settings.revision or "main",
            quantization_config=None if is_saved_so else _quantization(settings, dtype, sharded),
            dtype=dtype,
            device_map={"": device},
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
            **_without_pooling(settings, config),
        )
    if settings.family == "encoder-only":
        leave_heads_out(base, report)
    check_report(settings, report)
    check_finite(f"model.base {settings.base!r}", _numbers(base))
    _state_ids(base, settings)
    base.requires_grad_(False)
    four_bit = four_bit_layers(base).values()
    for layer in four_bit:
        layer.compute_dtype = dtype  # a checkpoint may say otherwise
    check_four_bits(four_bit, device)
    if settings.quantization == "nf4" and not sharded and dequantized_fits(base):
        log.info("memory allows it: the 4-bit values are kept in %s", dtype)
        dequantize(base, dtype)
    if settings.family != "encoder-only":
        use_full_precision_head(base)
    return base


def _quantization(settings: Model, dtype: torch.dtype, sharded: bool) -> BitsAndBytesConfig | None:
    if settings.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    if settings.quantization == "nf4":
        # Unless stated, bitsandbytes takes fp4 and computes in fp32. Bytes could not be sharded.
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if sharded else "uint8",
        )
    return None


def _without_pooling(settings: Model, config: Any) -> dict[str, bool]:
    """Keeps an encoder from having a pooling layer, which not all checkpoints have."""
    if settings.family != "encoder-only":
        return {}
    parameters = inspect.signature(MODEL_MAPPING[type(config)].__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def _state_ids(base: Any, settings: Model) -> None:
    """Puts the stated ids in the place of the base's own, and of its habits of generation."""
    vocabulary = base.config.get_text_config().vocab_size
    for name, token in settings.stated_ids.items():
        if token >= vocabulary:
            raise InputError(
                f"model.{name}: token id {token}, but the base has {vocabulary} tokens"
            )
    own = getattr(base.config, "pad_token_id", None)  # some types of models have none
    if base.config.model_type in OFFSET and own != settings.pad_id:
        raise InputError(
            f"model.pad_id: {settings.pad_id}, but positions of a {base.config.model_type} begin"
            f" after its own, {own}; expected {own}"
        )
    ids = {"pad_token_id": settings.pad_id, "bos_token_id": settings.bos_id}
    base.config.update(ids | {"eos_token_id": settings.eos_id})
    if settings.family == "encoder-decoder":
        ids["decoder_start_token_id"] = settings.start_id
        base.config.update({"decoder_start_token_id": settings.start_id})
    if settings.family != "encoder-only":  # answers say for themselves what ends them
        base.generation_config = GenerationConfig(**ids)


def _numbers(base: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields the weights of a base by name; of quantised ones, which are codes, the scales."""
    for name, weight in (*base.named_parameters(), *base.named_buffers()):
        if isinstance(weight, Params4bit):
            state = weight.quant_state
            yield name, state.absmax if state.offset is None else state.offset
        else:
            scales = getattr(weight, "SCB", None)  # of bitsandbytes' 8-bit weights
            yield name, weight if scales is None else scales


def four_bit_layers(base: Any) -> dict[str, Any]:
    """Returns the layers that bitsandbytes has quantised to 4 bits, by name."""
    return {name: module for name, module in base.named_modules() if isinstance(module, Linear4bit)}


def dequantized_fits(base: Any) -> bool:
    """Says whether a GPU has room for 4-bit layers in 16 bits, and for the work on them."""
    if base.device.type != "cuda":
        return False
    layers = four_bit_layers(base).values()
    needed: int = 2 * sum(layer.in_features * layer.out_features for layer in layers)
    return free_memory(base.device) > needed + ROOM


def dequantize(base: Any, dtype: torch.dtype) -> None:
    """Replaces 4-bit layers, which every step would unpack, by plain ones of the same values.

    Args:
        base: the model.
        dtype: number type of the values.
    """
    for name, layer in four_bit_layers(base).items():
        values = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(values, requires_grad=False)
        plain.bias = layer.bias
        base.set_submodule(name, plain)


# --- Tokenizer ------------------------------------------------------------------------------------


def load_tokenizer(settings: Model) -> Any:
    """Loads the tokenizer, the base's own or another one.

    Raises:
        InputError: if it cannot be found or read, or cannot write its own pieces.
    """
    place, revision = settings.base, settings.revision
    if settings.tokenizer:
        place, revision = settings.tokenizer, settings.tokenizer_revision
        check_json(Path(place))
    else:
        load_config(settings)  # its defects would be told as the tokenizer's
    with reading(f"the tokenizer {place!r}"):
        tokenizer = AutoTokenizer.from_pretrained(
            place,
            revision=revision or "main",
            trust_remote_code=False,
            split_special_tokens=True,  # a text that spells a special token, such as </s>, is text
        )
    check_pieces(tokenizer, place)
    _check_ids(settings, tokenizer)
    return tokenizer


def _check_ids(settings: Model, tokenizer: Any) -> None:
    """Makes sure that stated ids are no ordinary pieces of the tokenizer."""
    own = own_ids(tokenizer)
    added = tokenizer.added_tokens_decoder
    special = {*tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
    for name, token in settings.stated_ids.items():
        if token < len(tokenizer) and token not in special:
            piece = tokenizer.convert_ids_to_tokens(token)
            raise InputError(
                f"model.{name}: {token} is an ordinary piece of the tokenizer, {piece!r}; its own"
                f" ids are bos {own[0]}, eos {own[1]}, pad {tokenizer.pad_token_id} (make base"
                f" B={settings.base} states them)"
            )
    if own[1] not in settings.end_ids or settings.bos_id not in (own[0], None):
        log.warning(
            "the tokenizer's own bos and eos ids are %s and %s; params.yaml's %s and %s are used",
            *own,
            settings.bos_id,
            settings.eos_id,
        )


def own_ids(tokenizer: Any) -> tuple[int | None, int | None]:
    """Returns the tokens that a tokenizer puts before and after a text; BERT has other names."""
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    return (
        tokenizer.cls_token_id if begin is None else begin,
        tokenizer.sep_token_id if end is None else end,
    )
